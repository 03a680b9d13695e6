"""A hold of seats, and the request for one; its states and its id are those of any hold."""

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.quick import once, quick
from travio_inventory.kernel.refusals import Violation
from travio_inventory.protocol.hold import (
    DIGEST_CHARS,
    LATE_SUFFIX,
    NEVER_MS,
    Aborted,
    Cancelled,
    Confirmed,
    Expired,
    Forgotten,
    Held,
    HoldId,
    HoldState,
    Recorded,
    Released,
    base_id,
    claimant_of,
    digest_of,
    hold_id_of,
    holder_of,
    is_same_holder,
    late_id,
    parse_hold_id,
)
from travio_inventory.seats.refusals import InvalidSeats
from travio_inventory.seats.trip import Journey, Trip, TripKey

__all__ = [
    "DIGEST_CHARS",
    "LATE_SUFFIX",
    "NEVER_MS",
    "Aborted",
    "Cancelled",
    "Confirmed",
    "Expired",
    "Forgotten",
    "Held",
    "Hold",
    "HoldId",
    "HoldPage",
    "HoldRequest",
    "HoldState",
    "Passenger",
    "Recorded",
    "Released",
    "base_id",
    "claimant_of",
    "holder_of",
    "is_same_holder",
    "late_id",
    "parse_hold_id",
]


GIVEN_UP_MAX = 100


@quick
@dataclass(frozen=True)
class HoldRequest:
    """Seats of one journey for one holder; every cell or none. Seats are in layout order. `asked_s` is the time that
    the caller requested, 0 for the default, and `ttl_ms` the time granted. `attempt` distinguishes requests without a
    key. `period` is that of the trip's sale.
    """

    actor: Actor
    trip: Trip
    journey: Journey
    seats: tuple[str, ...]
    ttl_ms: int
    key: str | None
    asked_s: int = 0
    attempt: str = ""
    period: int = 0
    """The period of the trip's sale."""

    @once
    def claimant(self) -> str:
        """The digest of the caller and the key, or of the attempt without one."""
        return claimant_of(self.actor, self.key, self.attempt)

    def new_id(self, digest: str) -> str:
        """The id of a hold of these seats: its home is the seat group of the first."""
        return hold_id_of(self.trip.key.trip, self.trip.group_of(self.seats[0]), digest)

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
            prices=self.trip.prices_of(self.seats),
            currency=self.trip.currency,
            period=self.period,
        )

    @property
    def fingerprint(self) -> str:
        """A digest that is equal for two requests exactly if they request the same, whatever the settings and the
        trip's vehicle are now.
        """
        return digest_of(self.trip.key.trip, *sorted(self.seats), *map(str, self.journey), str(self.asked_s))


@dataclass(frozen=True, slots=True)
class Passenger:
    """Who sits where; `national_id` is the number of an identity document. Only the seat is ever printed."""

    seat: str
    name: str = field(default="", repr=False)
    national_id: str = field(default="", repr=False)


@quick
@dataclass(frozen=True)
class Hold:
    """Seats of one journey kept for one holder. `seat groups` gives each seat's seat group, in the order of `seats`;
    `claimant` identifies the attempt (`claimant_of`), `extensions` counts how often the hold was extended; `reason` is
    why the house blocks the seats. `prices` gives each seat's price, in minor units of `currency`, as it was when the
    hold was made; there are none for seats that the house blocks.
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
    prices: tuple[int, ...] = ()
    currency: str = ""
    recorded: Recorded = field(default=Recorded(0, 0), compare=False)
    """Where its last event is."""
    given_up: tuple[str, ...] = ()
    """Seats that it had once: the last GIVEN_UP_MAX."""
    replaced: tuple[tuple[str, str], ...] = ()
    """Those of them for which it got other seats by a move or a swap of the vehicle, each with the other one."""
    moves: int = 0
    before: "Hold | None" = field(default=None, compare=False, repr=False)
    """What it was before the step that takes seats from it; None once that is done."""
    period: int = field(default=0, compare=False)
    """The period of the trip's sale in which it takes its cells; not kept."""
    is_by_house: bool = field(default=False, compare=False)
    """Whether the house does its next step in its holder's place; not kept."""

    def with_state(self, state: HoldState) -> "Hold":
        """The same hold in another state."""
        return self._changed(state=state)

    def stepped_at(self, _at_ms: int) -> "Hold":
        """The same hold: it does not say when."""
        return self

    def extended(self, until_ms: int) -> "Hold":
        """The same hold, extended once more until then."""
        return self._changed(state=Held(until_ms), extensions=self.extensions + 1)

    def booked_late(self, late: str, state: HoldState) -> "Hold":
        """The late booking of the same seats."""
        return self._changed(id=late, state=state, extensions=self.extensions + 1, moves=0)

    def keeping(self, parts: Collection[str], state: HoldState) -> "Hold":
        """The same hold in that state, with these of its seats alone: by one more extension, unless the state is
        another. Of the passengers those of its seats stay.
        """
        kept = [at for at, seat in enumerate(self.seats) if seat in parts]
        given_up = self._given_up({*parts})
        if isinstance(state, Confirmed):
            state = replace(state, named=tuple(each for each in _passengers(state) if each.seat in parts))
        return replace(
            self,
            seats=tuple(self.seats[at] for at in kept),
            groups=tuple(self.groups[at] for at in kept),
            prices=tuple(self.prices[at] for at in kept),
            state=state,
            extensions=self.extensions + (type(state) is type(self.state)),
            given_up=given_up,
            replaced=tuple(each for each in self.replaced if each[0] in given_up),
            before=self,
        )

    def moved(self, onto: Mapping[str, str], trip: Trip, journey: Journey) -> "Hold":
        """The same hold with other seats in place of these, on that journey, by one more move. What stays keeps its
        price, and passengers go where their seats go.
        """
        prices = dict(zip(self.seats, self.prices, strict=True))
        seats = trip.in_layout_order([onto.get(seat, seat) for seat in self.seats])
        costs = tuple(prices[seat] if seat in prices else trip.seat(seat).price_minor for seat in seats)
        return replace(self._seated(seats, trip, onto), prices=costs, journey=journey)

    def reseated(self, seats: Sequence[str], trip: Trip) -> "Hold":
        """The same hold with these seats of another vehicle in place of its own, in their order, by one more move. It
        keeps its prices, and passengers go where their seats go.
        """
        onto = dict(zip(self.seats, seats, strict=True))
        ordered = trip.in_layout_order(seats)
        costs = dict(zip(seats, self.prices, strict=True)) if self.prices else {}
        return replace(self._seated(ordered, trip, onto), prices=tuple(costs[seat] for seat in ordered if costs))

    def _seated(self, seats: tuple[str, ...], trip: Trip, onto: Mapping[str, str]) -> "Hold":
        state = self.state
        if isinstance(state, Confirmed):
            state = replace(state, named=tuple(replace(p, seat=onto.get(p.seat, p.seat)) for p in self.passengers))
        given_up = self._given_up({*seats})
        replaced = {**dict(self.replaced), **onto}
        return replace(
            self,
            seats=seats,
            groups=tuple(map(trip.group_of, seats)),
            state=state,
            extensions=self.extensions + 1,
            moves=self.moves + 1,
            given_up=given_up,
            replaced=tuple((seat, replaced[seat]) for seat in given_up if seat in replaced),
            before=self,
        )

    def _given_up(self, has: Set[str]) -> tuple[str, ...]:
        """The seats that it had until now, or before, without those that it has."""
        had = dict.fromkeys((*self.given_up, *self.seats))
        return tuple(seat for seat in had if seat not in has)[-GIVEN_UP_MAX:]

    def unnamed(self) -> "Hold":
        """The same booking by one more extension, without its passengers."""
        state = replace(self.state, named=()) if isinstance(self.state, Confirmed) else self.state
        return self._changed(state=state, extensions=self.extensions + 1, before=self)

    def never_had(self, parts: Collection[str]) -> InvalidSeats:
        """The refusal for seats that it never had."""
        said = f"the hold has the seats {', '.join(self.seats)}, not {', '.join(sorted(parts))}"
        return InvalidSeats([Violation("seat_ids", said)])

    @property
    def parts(self) -> tuple[str, ...]:
        """Its seats, each of which can be given back by itself."""
        return self.seats

    @property
    def given_back(self) -> tuple[str, ...]:
        """Seats that it had once, and got no others for."""
        replaced = dict(self.replaced)
        return tuple(seat for seat in self.given_up if seat not in replaced)

    def by_house(self) -> "Hold":
        """The same hold, for a step that the house does in its holder's place."""
        return self._changed(is_by_house=True)

    def in_period(self, period: int) -> "Hold":
        """The same hold, to be claimed in that period of the trip's sale."""
        return self._changed(period=period)

    def _changed(self, **values: object) -> "Hold":
        """The same seats with these values; five times as fast as `replace`, and what is known of the seats stays."""
        changed = object.__new__(Hold)
        changed.__dict__.update(self.__dict__, **values)
        return changed

    @property
    def organization(self) -> str:
        """The tenant whose trip it is."""
        return self.trip.organization

    @once
    def home(self) -> int:
        """The seat group whose row decides the hold: that of its first seat in layout order, or of the first seat that
        was blocked together with it.
        """
        return parse_hold_id(self.id).home

    @once
    def seats_elsewhere(self) -> dict[int, list[str]]:
        """The hold's seats in other seat groups than its home seat group, seat group by seat group."""
        return {group: seats for group, seats in self.seats_by_group.items() if group != self.home}

    @once
    def seats_by_group(self) -> dict[int, list[str]]:
        """The hold's seats, seat group by seat group."""
        split: dict[int, list[str]] = {}
        for seat, group in zip(self.seats, self.groups, strict=True):
            split.setdefault(group, []).append(seat)
        return split

    @property
    def price_minor(self) -> int:
        """The price of all seats together."""
        return sum(self.prices)

    def is_unnamed_since(self, before: "Hold") -> bool:
        """Whether it is the same booking, but for the passengers that it named before."""
        is_same = (self.seats, self.journey) == (before.seats, before.journey)
        return is_same and bool(before.passengers) and not self.passengers

    @property
    def passengers(self) -> tuple[Passenger, ...]:
        """Those whom its booking names."""
        return _passengers(self.state) if isinstance(self.state, Confirmed) else ()

    def without_national_ids(self) -> "Hold":
        """The same hold; of its passengers the names alone."""
        if not isinstance(self.state, Confirmed) or not self.passengers:
            return self
        named = tuple(replace(passenger, national_id="") for passenger in self.passengers)
        return self.with_state(replace(self.state, named=named))

    @property
    def is_live(self) -> bool:
        """Whether the hold has its seats."""
        return isinstance(self.state, Held | Confirmed)


def _passengers(state: Confirmed) -> tuple[Passenger, ...]:
    return tuple(each for each in state.named if isinstance(each, Passenger))


class HoldPage(NamedTuple):
    """Some of a holder's holds, and the position of the next page ("" if there is none)."""

    holds: Sequence[Hold]
    next: str
