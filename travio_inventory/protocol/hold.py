"""A hold's id, its claimant, and the states it goes through, whatever it claims."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.refusals import HoldNotFound

LATE_SUFFIX = "~late"
MOVED = "+"
"""Between a hold's id and the number of the move, in a title."""
DIGEST_CHARS = 32
IDS_CACHED = 4_096
NEVER_MS = 2**53 - 1
"""The expiry of a hold by the house: it has none."""


class HoldId(NamedTuple):
    """A hold's id in parts: its home by name and number, and whether it is the late booking of an expired hold."""

    name: str
    home: int
    digest: str
    is_late: bool

    def __str__(self) -> str:
        return hold_id_of(self.name, self.home, self.digest) + (LATE_SUFFIX if self.is_late else "")


def hold_id_of(name: str, home: int, digest: str) -> str:
    """The id of a hold that is no late booking."""
    return f"{name}~{home}~{digest}"


def is_id_at(hold_id: str, name: str, home: int) -> bool:
    """Whether it is the id of a hold whose home that is, as is seen at once of one that is no late booking."""
    begin = f"{name}~{home}~"
    return len(hold_id) == len(begin) + DIGEST_CHARS and hold_id.startswith(begin) and "~" not in hold_id[len(begin) :]


@lru_cache(maxsize=IDS_CACHED)
def parse_hold_id(text: str) -> HoldId:
    """Read a hold id. Raises HoldNotFound if no hold can have that id."""
    base = base_id(text) if text.endswith(LATE_SUFFIX) else text
    name, home, digest = ([*base.rsplit("~", 2), "", ""])[:3]
    known = name and home.isascii() and home.isdigit() and len(home) <= 6 and str(int(home)) == home
    if not known or len(digest) != DIGEST_CHARS:
        raise HoldNotFound
    return HoldId(name, int(home), digest, base != text)


def late_id(hold_id: str) -> str:
    """The id under which an expired hold can still be booked; the next one, of such an id that was given up."""
    return hold_id + LATE_SUFFIX


def base_id(hold_id: str) -> str:
    """The id of the hold that a late booking replaces; for any other hold its own id."""
    while hold_id.endswith(LATE_SUFFIX):
        hold_id = hold_id.removesuffix(LATE_SUFFIX)
    return hold_id


def earlier_late_ids(last: str) -> Sequence[str]:
    """The late ids of a hold before this one."""
    ids = []
    while (last := last.removesuffix(LATE_SUFFIX)).endswith(LATE_SUFFIX):
        ids.append(last)
    return ids


class Title(NamedTuple):
    """Under what a hold has a claim: since it was made (move 0), or by its n-th move. A row of claims says it as owner.

    So what one move left behind is told apart from what a later one took: a batch that frees what is a title's frees
    nothing else, however late it lands.
    """

    hold_id: str
    move: int = 0

    def __str__(self) -> str:
        return f"{self.hold_id}{MOVED}{self.move}" if self.move else self.hold_id


def read_title(owner: str) -> Title:
    """The title that an owner says. A hold's id has no digits alone behind its last mark: its digest follows a `~`."""
    hold_id, mark, number = owner.rpartition(MOVED)
    return Title(hold_id, int(number)) if mark and number.isascii() and number.isdigit() else Title(owner)


def claimant_of(actor: Actor, key: str | None, attempt: str = "") -> str:
    """Distinguishes a key's own retry from every other attempt, without the holder's name. An attempt without a key has
    no retries, so its claimant comes from `attempt` alone.
    """
    own = digest_of("key", key) if key is not None else digest_of("attempt", attempt)
    return f"{holder_of(actor)}-{own[:16]}"


def holder_of(actor: Actor) -> str:
    """What all claimants of a holder begin with."""
    return digest_of(actor.organization, actor.user)[:16]


def is_same_holder(claimant: str, other: str) -> bool:
    """Whether two claimants are the same holder's; an unknown one ("") matches none."""
    return bool(claimant) and claimant.partition("-")[0] == other.partition("-")[0]


def digest_of(*parts: str) -> str:
    """Different for every list of parts: each is written with its length."""
    text = "".join([f"{len(part)}:{part}" for part in parts])
    return blake2b(text.encode(), digest_size=DIGEST_CHARS // 2).hexdigest()


@dataclass(frozen=True, slots=True)
class Held:
    """Kept for its holder until `expires_at_ms`, in Unix milliseconds."""

    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A booking of that order, for the named passengers: only its holder and the organization may read them, and only
    the resource interprets them.
    """

    order: str
    named: tuple[object, ...] = field(default=(), compare=False, repr=False)


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


@dataclass(frozen=True, slots=True)
class Forgotten:
    """It lived until what it claimed was closed for good; nobody is told of it any more."""


HoldState: TypeAlias = Held | Confirmed | Released | Expired | Cancelled | Aborted | Forgotten


class Recorded(NamedTuple):
    """Where a step's event is stored: the epoch of the journal, and the step's time in Unix milliseconds."""

    epoch: int
    at_ms: int
