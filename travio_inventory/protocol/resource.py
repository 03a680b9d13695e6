"""What is reserved, as the protocol sees it: a resource defines the rows of a claim, and how it is judged.

The protocol reserves claims on a resource for a holder until a moment: all or none, over one or several partitions. It
knows when a claim may be tried, who decides, and how abandoned claims end; it does not know what is claimed. A
`Resource` defines that:

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

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, Self, TypeVar

from travio_inventory.kernel.actor import Actor, ActorKind
from travio_inventory.kernel.quick import quick
from travio_inventory.kernel.refusals import FinalRefusal, Refusal, RetryableRefusal
from travio_inventory.protocol.batches import Batches, IndexEntry, Kind, Partition, Row, RowKey, Rows, Table, Write
from travio_inventory.protocol.hold import Confirmed, HoldState, Recorded, is_id_at, parse_hold_id

if TYPE_CHECKING:
    from travio_inventory.protocol.books import Books


class Hold(Protocol):
    """What the protocol needs of a hold; only the resource knows its claims."""

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
        """Its holder: the tenant's user, "" for the house."""
        ...

    @property
    def created_at_ms(self) -> int:
        """When it was created, in Unix milliseconds."""
        ...

    @property
    def claimant(self) -> str:
        """Identifies the attempt that made it (`claimant_of`)."""
        ...

    @property
    def state(self) -> HoldState:
        """Its state."""
        ...

    @property
    def extensions(self) -> int:
        """How often it was extended."""
        ...

    @property
    def recorded(self) -> Recorded:
        """Where its last event is."""
        ...

    @property
    def moves(self) -> int:
        """How many attempts to move it took effect, or were fenced: its claims may have titles up to this one."""
        ...

    @property
    def parts(self) -> Sequence[str]:
        """What it can be divided into, by name."""
        ...

    @property
    def given_up(self) -> Sequence[str]:
        """Parts that it had once."""
        ...

    @property
    def given_back(self) -> Sequence[str]:
        """Those of them for which it got no others."""
        ...

    def with_state(self, state: HoldState) -> Self:
        """The same hold in another state."""
        ...

    def stepped_at(self, at_ms: int) -> Self:
        """The same hold after a step at that moment."""
        ...

    def extended(self, until_ms: int) -> Self:
        """The same hold, kept until then by one more extension."""
        ...

    def booked_late(self, late: str, state: HoldState) -> Self:
        """The late booking of the same claims, under that id."""
        ...

    def keeping(self, parts: Collection[str], state: HoldState) -> Self:
        """The same hold in that state, with these parts alone: by one more extension if it is in that state."""
        ...

    def unnamed(self) -> Self:
        """The same booking by one more extension, without the names in it."""
        ...

    def never_had(self, parts: Collection[str]) -> Refusal:
        """The refusal for parts that it never had."""
        ...


H = TypeVar("H", bound=Hold)
H_co = TypeVar("H_co", bound=Hold, covariant=True)
H_contra = TypeVar("H_contra", bound=Hold, contravariant=True)


class Request(Protocol[H_co]):
    """A request for a hold: every claim of it or none."""

    @property
    def actor(self) -> Actor:
        """On whose behalf."""
        ...

    @property
    def key(self) -> str | None:
        """The idempotency key, if the request may be repeated."""
        ...

    @property
    def fingerprint(self) -> str:
        """Equal for two requests exactly if they request the same."""
        ...

    @property
    def claimant(self) -> str:
        """Identifies the attempt (`claimant_of`)."""
        ...

    def new_id(self, digest: str) -> str:
        """The id of the requested hold, which names its home."""
        ...

    def hold(self, hold_id: str, now_ms: int) -> H_co:
        """The hold that it asks for, begun now."""
        ...


class Stake(NamedTuple):
    """What a move takes in one partition: the title under which, which rows, and what its home row must still say."""

    owner: str
    keys: Sequence[RowKey]
    expected: Row


@quick
@dataclass(frozen=True, slots=True)
class Claim(Generic[H]):
    """What these holds, which have one home, are to take in one partition, with the rows `beside` in the same batch.

    `is_intent`: their home is elsewhere, and decides. It began `at_ms`: after the grace period no batch is tried any
    more, since others may treat the attempt as abandoned. `until_ms` is when the sweeper checks it, None if it need
    not. What it writes is recorded at `now`.
    """

    partition: Partition
    holds: Sequence[H]
    at_ms: int
    until_ms: int | None
    is_intent: bool
    beside: Sequence[Write] = ()
    entries: Sequence[IndexEntry] = ()
    stake: Stake | None = None
    """What is taken, if that is not all that the holds have there: its one hold is moved."""
    now: Recorded | None = None


class OwnShare(Enum):
    """How much of a claim is taken already."""

    ALL = auto()
    SOME = auto()
    """The rest was returned: another attempt fenced this one."""
    NONE = auto()


class Obstacle(NamedTuple):
    """A row that somebody has, by the title in `owner`, since that moment by the clock of its process."""

    key: RowKey
    owner: str
    since_ms: int


class InTheWay(NamedTuple):
    """What a refused batch met. `rows` are the present ones; it may cover more than the batch named."""

    own: OwnShare
    is_made: bool
    """Whether all rows for claims exist."""
    obstacles: Sequence[Obstacle]
    rows: Rows


class Taken(NamedTuple):
    """A live claim: the row, the hold that has it, and the home row that proves it."""

    key: RowKey
    owner: str
    home: Row


@dataclass(slots=True)
class Findings(Generic[H]):
    """One read of what refused a claim: who was met lives, is an attempt, has returned it, or was not answered for."""

    claim: Claim[H]
    met: InTheWay
    taken: list[Taken] = field(default_factory=list)
    contended: list[RowKey] = field(default_factory=list)
    were_freed: bool = False
    errors: int = 0


class Decision(Enum):
    """The answer to a claim that met obstacles."""

    LOST = auto()
    CONTENDED = auto()
    TRY_AGAIN = auto()


class Standing(NamedTuple):
    """What a row of claims says about itself; it is never trusted, only where and when to read. `lapses` if it is held
    until a moment; `is_settled` if it says that its hold is a booking.
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

    @property
    def kind(self) -> Kind:
        """The kind of rows that say whose a claim is."""

    @property
    def books(self) -> "Books[H]":
        """What is kept beside the holds."""

    @property
    def refuses_contended_late(self) -> bool:
        """Whether a late booking that met others, or was cut off and given up, is refused for good, not to retry."""

    def partitions(self, hold: H) -> Sequence[Partition]:
        """Those in which the hold claims something."""

    def keys(self, hold: H, partition: Partition) -> Sequence[RowKey]:
        """The rows there that say whose its claims are."""

    def read(self, organization: str, hold_id: str, row: Row, *, by: ActorKind = ActorKind.USER) -> H:
        """The hold that its row says, for a step by its holder, or by the house in its holder's place."""

    def columns(self, hold: H) -> Row:
        """The whole row of a hold, but for where its last event is."""

    def names(self, home: Row, partition: Partition, key: RowKey, move: int) -> bool:
        """Whether the row of a hold that lives says that this claim is its own, which has a title of that move."""

    def changes(self, before: H, after: H) -> Row:
        """What the row of a hold says otherwise after a change of what it claims."""

    def booking(self, state: Confirmed) -> Row:
        """What a hold's row says of a booking, beside its order."""

    def event(self, hold: H, at: Recorded) -> Write:
        """The event row of the step that brought the hold to its state."""

    async def late(self, batches: Batches, booking: H, now_ms: int) -> H | None:
        """The late booking as it may be claimed now, or None for never. Raises StoreUnavailable, RetryableRefusal."""

    def beside(self, hold_id: str) -> Sequence[RowKey]:
        """The rows in its home that a step on that hold is computed from, if the id tells: read with its own."""

    @property
    def depends_on(self) -> Sequence[RowKey]:
        """The rows to see in its partition, with a claim's own, before it can be moved, or taken; none if nothing must
        be seen.
        """

    def remembered(self, partition: Partition) -> Rows | None:
        """Those of `depends_on` as seen last, if that is known: a claim on them is refused if they changed."""

    async def glance(self, home: Partition, hold_id: str) -> Rows | None:
        """The row of the hold in its home and those `beside` it, as they were of late, if that is known, or can be read
        for less than a read that decides: a step that is computed from them is refused if they changed. Raises
        StoreUnavailable.
        """

    def take(self, claim: Claim[H], seen: Rows) -> Sequence[Write] | None:
        """The writes that take the claim, on conditions that only a free one meets; None if nothing is free."""

    def extend(self, owned: Mapping[str, Sequence[RowKey]], until_ms: int) -> Sequence[Write]:
        """What the home of a hold is told of its new end, in the rows that it has there by these titles."""

    def move(
        self, owned: Mapping[str, Sequence[RowKey]], state: HoldState, partition: Partition, seen: Rows, now: Recorded
    ) -> Sequence[Write]:
        """The writes that settle the claims under these titles, or return them, on condition that they still are."""

    def left(self, owner: str, keys: Sequence[RowKey], state: HoldState, standing: Rows) -> Sequence[RowKey]:
        """The claims under this title that are still to be moved, by these rows."""

    async def in_the_way(self, batches: Batches, claim: Claim[H], standing: Rows) -> InTheWay:
        """The owners of claims in the way of this one, by the present rows. Raises StoreUnavailable."""

    def decide(self, findings: Findings[H], before: Findings[H] | None) -> Decision:
        """The answer to the claim, as far as its obstacles are known; `before` is the read before this one. If only
        several obstacles together are in the way, they must be found twice: then there was a moment at which all lived.
        """
        ...

    def standing(self, row: Row) -> Standing | None:
        """What a row of claims says; None if it is free."""

    def contended(self, keys: Sequence[RowKey]) -> RetryableRefusal:
        """The refusal if attempts are running on these rows."""

    def not_made(self) -> RetryableRefusal:
        """The refusal if rows for claims do not exist yet."""

    def no(self, taken: Sequence[Taken], claimant: str) -> FinalRefusal:
        """The refusal for the claimant if others have these claims."""

    def kept(self, taken: Sequence[Taken], refused: H) -> Row:
        """What a fenced row keeps of the final refusal of a hold: what its claimant may see, who asked and for what."""

    def no_again(self, fenced: Row, claimant: str) -> FinalRefusal:
        """The refusal that a fenced row keeps."""


class HoldWatch(Protocol[H_contra]):
    """Is told, before anybody is answered, of what a batch decided that was sent at `as_of_ms`."""

    async def changed(self, hold: H_contra, *, as_of_ms: int) -> None:
        """The hold is in `hold.state` now, whoever caused it."""

    async def refused(self, hold: H_contra, taken: Sequence[Taken], *, as_of_ms: int) -> None:
        """The hold never came to be: others have these of its claims."""


def home_of(resource: Resource[H], organization: str, hold_id: str) -> Partition:
    """The partition of the row that decides the hold; the id names it. Raises HoldNotFound if no hold can have it."""
    parsed = parse_hold_id(hold_id)
    return Partition(resource.table, organization, parsed.name, parsed.home)


def home_and_others(resource: Resource[H], hold: H) -> tuple[Partition, Sequence[Partition]]:
    """The home of a hold, and the other partitions in which it claims something."""
    claimed = resource.partitions(hold)
    if len(claimed) == 1 and is_id_at(hold.id, claimed[0].name, claimed[0].number):
        return claimed[0], ()
    home = home_of(resource, hold.organization, hold.id)
    return home, [partition for partition in claimed if partition != home]
