"""What is reserved, as the protocol sees it: a resource says in which rows a claim on it stands, and how it is judged.

The protocol reserves claims on a resource for a holder until a moment: all or none, over one or several partitions. It
knows when a claim may be tried, who decides and what happens to one that nobody ends; it knows nothing of what is
claimed. That a `Resource` says:

    take        the rows of a claim, with the conditions on which they are free and the values that make them the hold's
    move        the same rows when the hold is settled, or when it gives them back: only ever on condition that they are
                the hold's still
    in_the_way  whose claims a refused batch met
    decide      what it means that some of them live, and others were given back meanwhile
    event       how a step is told

Seats are rows of their own: a cell is taken IF status='available', and whoever has it is in the way. Units of a counter
are a number: it is compared and set as it was seen, with a row beside it for each claim, which makes a repeated batch
harmless and says who has how many. So rows that a batch is computed from (`depends_on`) are read before it, and after a
refusal those that it brought are the next try's. A cell depends on nothing: its batch is sent without a look.

    hold over two partitions            seats                        units
    home      hold row, event           cells IF available           counter IF version=seen, line IF absent
    other     (intents)                 cells IF available           counter IF version=seen, line IF absent

What must hold, or claims are lost or had twice: all that `take` writes carries a condition that no other claim on the
same thing leaves true; what `move` writes is conditional on the claim being that hold's, and not moved yet; a row that
says whose a claim is names the hold's id, and with it the home whose row alone says whether the hold lives.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Generic, NamedTuple, Protocol, Self, TypeVar

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import FinalRefusal, RetryableRefusal
from travio_inventory.protocol.batches import Batches, IndexEntry, Kind, Partition, Row, RowKey, Rows, Table, Write
from travio_inventory.protocol.hold import Confirmed, HoldState, Recorded, parse_hold_id


class Hold(Protocol):
    """What the protocol asks of a hold; what its claims are on, the resource knows."""

    @property
    def id(self) -> str:
        """Its name, which also names its home."""
        ...

    @property
    def organization(self) -> str:
        """Whose it is: the tenant."""
        ...

    @property
    def holder(self) -> str:
        """Who has it: the tenant's user, "" for the house."""
        ...

    @property
    def created_at_ms(self) -> int:
        """When it came to be, in Unix milliseconds."""
        ...

    @property
    def claimant(self) -> str:
        """Tells who asked for it (`claimant_of`)."""
        ...

    @property
    def state(self) -> HoldState:
        """Where it has come to."""
        ...

    @property
    def extensions(self) -> int:
        """How often it was extended."""
        ...

    @property
    def recorded(self) -> Recorded:
        """Where its last event is."""
        ...

    def with_state(self, state: HoldState) -> Self:
        """The same hold in another state."""
        ...

    def extended(self, until_ms: int) -> Self:
        """The same hold, kept until then by one more extension."""
        ...

    def booked_late(self, state: HoldState) -> Self:
        """The late booking of the same claims."""
        ...


H = TypeVar("H", bound=Hold)
H_co = TypeVar("H_co", bound=Hold, covariant=True)
H_contra = TypeVar("H_contra", bound=Hold, contravariant=True)


class Request(Protocol[H_co]):
    """Asks for a hold: every claim of it or none."""

    @property
    def actor(self) -> Actor:
        """On whose behalf."""
        ...

    @property
    def key(self) -> str | None:
        """The idempotency key, where the request may come again."""
        ...

    @property
    def fingerprint(self) -> str:
        """Two requests share it exactly when they ask for the same."""
        ...

    @property
    def claimant(self) -> str:
        """Tells who asks (`claimant_of`)."""
        ...

    def new_id(self, digest: str) -> str:
        """The id of a hold that it asks for, which names its home."""
        ...

    def hold(self, hold_id: str, now_ms: int) -> H_co:
        """The hold that it asks for, begun now."""
        ...


@dataclass(frozen=True, slots=True)
class Claim(Generic[H]):
    """What these holds, which have one home, are to take in one partition, with the rows `beside` in the same batch.

    `is_intent`: their home is elsewhere, and decides. It began `at_ms`: a grace later no batch is tried any more, for
    others may take the attempt for abandoned. `until_ms` is when to look at it, None where it needs no look.
    """

    partition: Partition
    holds: Sequence[H]
    at_ms: int
    until_ms: int | None
    is_intent: bool
    beside: Sequence[Write] = ()
    entries: Sequence[IndexEntry] = ()


class Own(Enum):
    """How much of a claim stands already."""

    ALL = auto()
    SOME = auto()
    """Somebody gave back the rest: the hold was fenced under this attempt."""
    NONE = auto()


class Obstacle(NamedTuple):
    """A row that another hold has, since that moment by the clock of whoever took it."""

    key: RowKey
    owner: str
    since_ms: int


class InTheWay(NamedTuple):
    """What a refused batch met. `rows` are those that stood; it may be asked for more than the batch named."""

    own: Own
    is_made: bool
    """Whether all rows are there that claims are on."""
    obstacles: Sequence[Obstacle]
    rows: Rows


class Taken(NamedTuple):
    """A claim that lives: the row, whose it is, and the home row that says so."""

    key: RowKey
    owner: str
    home: Row


@dataclass(slots=True)
class Look(Generic[H]):
    """One look at what refused a claim: what was met, and what became of it. Some live, some are of attempts under way,
    some were given back; of some the store did not say.
    """

    claim: Claim[H]
    met: InTheWay
    taken: list[Taken] = field(default_factory=list)
    contended: list[RowKey] = field(default_factory=list)
    were_freed: bool = False
    errors: int = 0


class Decision(Enum):
    """What a claim is told that met obstacles."""

    LOST = auto()
    CONTENDED = auto()
    TRY_AGAIN = auto()


class Standing(NamedTuple):
    """What a row of claims says of itself. It is never trusted: where to look, and when.

    `lapses` where it is held until a moment; `is_settled` where it says that its hold is a booking.
    """

    owner: str
    since_ms: int
    until_ms: int
    lapses: bool
    is_settled: bool


class Resource(Protocol[H]):
    """What is reserved."""

    @property
    def table(self) -> Table:
        """The table of its partitions."""
        ...

    @property
    def kind(self) -> Kind:
        """The kind of rows that say whose a claim is."""
        ...

    def partitions(self, hold: H) -> Sequence[Partition]:
        """Those in which the hold claims something."""
        ...

    def keys(self, hold: H, partition: Partition) -> Sequence[RowKey]:
        """The rows there that say whose its claims are."""
        ...

    def read(self, organization: str, hold_id: str, row: Row) -> H:
        """The hold that its row says."""
        ...

    def columns(self, hold: H) -> Row:
        """The row of a hold that comes to be."""
        ...

    def booking(self, state: Confirmed) -> Row:
        """What a hold's row says of a booking, beside its order."""
        ...

    def event(self, hold: H, at: Recorded) -> Write:
        """The row that tells the step which brought the hold to its state."""
        ...

    def depends_on(self, partition: Partition, keys: Sequence[RowKey]) -> Sequence[RowKey]:
        """The rows that must be seen before these can be moved, or taken."""
        ...

    def take(self, claim: Claim[H], seen: Rows) -> Sequence[Write] | None:
        """What takes the claim, on conditions that only a free one meets; None where there is nothing to be had."""
        ...

    def extend(self, hold: H, until_ms: int) -> Sequence[Write]:
        """What its home is told of its new end."""
        ...

    def move(
        self, owned: Mapping[str, Sequence[RowKey]], state: HoldState, partition: Partition, seen: Rows
    ) -> Sequence[Write]:
        """What settles these holds' claims, or gives them back: on condition that they are still theirs."""
        ...

    def left(self, hold_id: str, keys: Sequence[RowKey], state: HoldState, standing: Rows) -> Sequence[RowKey]:
        """Those of the hold's claims that are still to be moved, as these rows stand."""
        ...

    async def in_the_way(self, batches: Batches, claim: Claim[H], standing: Rows) -> InTheWay:
        """Whose claims are in the way of this one, by the rows that stand. Raises StoreUnavailable."""
        ...

    def decide(self, look: Look[H], before: Look[H] | None) -> Decision:
        """What the claim is told, as far as its obstacles are known; `before` is the look before this one. Where only
        several obstacles together are in the way, they are found twice: then there was a moment at which all lived.
        """
        ...

    def standing(self, row: Row) -> Standing | None:
        """What a row of claims says; None of one that is nobody's."""
        ...

    def contended(self, keys: Sequence[RowKey]) -> RetryableRefusal:
        """The refusal where attempts are under way on these rows."""
        ...

    def not_made(self) -> RetryableRefusal:
        """The refusal where rows that claims are on are not there yet."""
        ...

    def no(self, taken: Sequence[Taken], claimant: str) -> FinalRefusal:
        """The refusal of the claimant where others have these claims."""
        ...

    def kept(self, taken: Sequence[Taken], claimant: str) -> Row:
        """What a fenced row keeps of a final no, as the claimant may know it for good."""
        ...

    def no_again(self, fenced: Row, claimant: str) -> FinalRefusal:
        """The refusal that a fenced row keeps."""
        ...


class HoldWatch(Protocol[H_contra]):
    """Is told, before anybody is answered, of what a batch decided that was sent at `as_of_ms`."""

    async def changed(self, hold: H_contra, *, as_of_ms: int) -> None:
        """The hold is in `hold.state` now, whoever caused it."""
        ...

    async def refused(self, hold: H_contra, taken: Sequence[Taken], *, as_of_ms: int) -> None:
        """The hold never came to be: others have these of its claims."""
        ...


def home_of(resource: Resource[H], organization: str, hold_id: str) -> Partition:
    """The partition of the row that decides the hold; the id names it. Raises HoldNotFound where no hold has it."""
    parsed = parse_hold_id(hold_id)
    return Partition(resource.table, organization, parsed.name, parsed.home)


def home_and_others(resource: Resource[H], hold: H) -> tuple[Partition, list[Partition]]:
    """The home of a hold, and the other partitions in which it claims something."""
    home = home_of(resource, hold.organization, hold.id)
    return home, [partition for partition in resource.partitions(hold) if partition != home]
