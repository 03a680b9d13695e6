"""A hold, the request for one, and the states it goes through."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.refusals import HoldNotFound
from travio_inventory.seats.trip import Journey, Trip, TripKey

LATE_SUFFIX = "~late"
DIGEST_CHARS = 32
NEVER_MS = 2**53 - 1
"""The expiry of a hold by the house: it has none."""


class HoldId(NamedTuple):
    """A hold's id in parts: its trip, its home seat group, and whether it is the late booking of an expired hold."""

    trip: str
    home: int
    digest: str
    is_late: bool

    def __str__(self) -> str:
        return f"{self.trip}~{self.home}~{self.digest}{LATE_SUFFIX if self.is_late else ''}"


def parse_hold_id(text: str) -> HoldId:
    """Read a hold id. Raises HoldNotFound if no hold can have that id."""
    base = text.removesuffix(LATE_SUFFIX)
    trip, home, digest = ([*base.rsplit("~", 2), "", ""])[:3]
    known = trip and home.isascii() and home.isdigit() and len(home) <= 6 and str(int(home)) == home
    if not known or len(digest) != DIGEST_CHARS:
        raise HoldNotFound
    return HoldId(trip, int(home), digest, base != text)


def late_id(hold_id: str) -> str:
    """The id under which an expired hold can still be booked."""
    return hold_id + LATE_SUFFIX


def base_id(hold_id: str) -> str:
    """The id of the hold that a late booking replaces; for any other hold its own id."""
    return hold_id.removesuffix(LATE_SUFFIX)


def keyed_digest(actor: Actor, key: str, generation: int) -> str:
    """The digest in the id of the hold of this idempotency key, in this generation of the key."""
    return _digest(actor.organization, actor.user, key, str(generation))


def claimant_of(actor: Actor, key: str | None, attempt: str = "") -> str:
    """Distinguishes a key's own retry from every other attempt, without the holder's name. An attempt without a key has
    no retries, so its claimant comes from `attempt` alone.
    """
    own = _digest("key", key) if key is not None else _digest("attempt", attempt)
    return f"{_digest(actor.organization, actor.user)[:16]}-{own[:16]}"


def is_same_holder(claimant: str, other: str) -> bool:
    """Whether two claimants are the same holder's; an unknown one ("") matches none."""
    return bool(claimant) and claimant.partition("-")[0] == other.partition("-")[0]


def _digest(*parts: str) -> str:
    """Different for every list of parts: each is written with its length."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return blake2b(text.encode(), digest_size=DIGEST_CHARS // 2).hexdigest()


@dataclass(frozen=True)
class HoldRequest:
    """Seats of one journey for one holder; every cell or none. Seats are in layout order. `asked_s` is the time that
    the caller requested, 0 for the default, and `ttl_ms` the time granted. `attempt` distinguishes requests without a
    key.
    """

    actor: Actor
    trip: Trip
    journey: Journey
    seats: tuple[str, ...]
    ttl_ms: int
    key: str | None
    asked_s: int = 0
    attempt: str = ""

    @cached_property
    def claimant(self) -> str:
        """The digest of the caller and the key, or of the attempt without one."""
        return claimant_of(self.actor, self.key, self.attempt)

    def new_id(self, digest: str) -> str:
        """The id of a hold of these seats: its home is the seat group of the first."""
        return str(HoldId(self.trip.key.trip, self.trip.group_of(self.seats[0]), digest, is_late=False))

    def hold(self, hold_id: str, now_ms: int) -> "Hold":
        """The requested hold, begun now."""
        return Hold(
            hold_id,
            self.trip.key,
            self.actor.user,
            self.seats,
            tuple(map(self.trip.group_of, self.seats)),
            self.journey,
            now_ms,
            self.claimant,
            Held(now_ms + self.ttl_ms),
        )

    @property
    def fingerprint(self) -> str:
        """A digest that is equal for two requests exactly if they request the same, whatever the settings are now."""
        return _digest(self.trip.key.trip, *self.seats, *map(str, self.journey), str(self.asked_s))


@dataclass(frozen=True, slots=True)
class Held:
    """Kept for its holder until `expires_at_ms`, in Unix milliseconds."""

    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class Passenger:
    """Who sits where; `national_id` is the number of an identity document. Only the seat is ever printed."""

    seat: str
    name: str = field(default="", repr=False)
    national_id: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A booking of that order, for these passengers where they were named: for its holder's eyes only."""

    order: str
    passengers: tuple[Passenger, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Released:
    """Released by its holder."""


@dataclass(frozen=True, slots=True)
class Expired:
    """Its time ran out."""

    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A cancelled booking."""

    order: str


@dataclass(frozen=True, slots=True)
class Aborted:
    """The attempt never took effect. `refused` is a final refusal; `retry` and `abandoned` mean that a retry may
    succeed.
    """

    reason: str


HoldState: TypeAlias = Held | Confirmed | Released | Expired | Cancelled | Aborted


class Recorded(NamedTuple):
    """Where a step's event is stored: the epoch of the journal, and the step's time in Unix milliseconds."""

    epoch: int
    at_ms: int


@dataclass(frozen=True)
class Hold:
    """Seats of one journey kept for one holder. `seat groups` gives each seat's seat group, in the order of `seats`;
    `claimant` identifies the attempt (`claimant_of`), `extensions` counts how often the hold was extended; `reason` is
    why the house blocks the seats.
    """

    id: str
    trip: TripKey
    holder: str
    seats: tuple[str, ...]
    groups: tuple[int, ...]
    journey: Journey
    created_at_ms: int
    claimant: str
    state: HoldState
    extensions: int = 0
    reason: str = ""
    recorded: Recorded = field(default=Recorded(0, 0), compare=False)
    """Where its last event is."""

    def with_state(self, state: HoldState) -> "Hold":
        """The same hold in another state."""
        return replace(self, state=state)

    def extended(self, until_ms: int) -> "Hold":
        """The same hold, extended once more until then."""
        return replace(self, state=Held(until_ms), extensions=self.extensions + 1)

    def booked_late(self, state: HoldState) -> "Hold":
        """The late booking of the same seats."""
        return replace(self, id=late_id(self.id), state=state, extensions=self.extensions + 1)

    @property
    def organization(self) -> str:
        """The tenant whose trip it is."""
        return self.trip.organization

    @cached_property
    def home(self) -> int:
        """The seat group whose row decides the hold: that of its first seat in layout order, or of the first seat that
        was blocked together with it.
        """
        return parse_hold_id(self.id).home

    @cached_property
    def seats_elsewhere(self) -> dict[int, list[str]]:
        """The hold's seats in other seat groups than its home seat group, seat group by seat group."""
        return {group: seats for group, seats in self.seats_by_group.items() if group != self.home}

    @cached_property
    def seats_by_group(self) -> dict[int, list[str]]:
        """The hold's seats, seat group by seat group."""
        split: dict[int, list[str]] = {}
        for seat, group in zip(self.seats, self.groups, strict=True):
            split.setdefault(group, []).append(seat)
        return split

    @property
    def is_live(self) -> bool:
        """Whether the hold has its seats."""
        return isinstance(self.state, Held | Confirmed)


class HoldPage(NamedTuple):
    """Some of a holder's holds, and the position of the next page ("" if there is none)."""

    holds: Sequence[Hold]
    next: str
