"""Changes an entry: one conditional batch that brings its row, its movement, the movement's cause and its events.

The row is written IF it is at the version that was seen, and versions never begin again. So of two batches that were
computed from one version at most one takes effect, however late each arrives; and a batch whose version is past never
will. The row of the cause is written IF there is none: the same cause never moves anything twice.

A batch without an answer is looked for by its cause. A refusal is said only of a version that the batch cannot take
effect on any more, after its cause was looked for once more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import (
    BackendUnavailable,
    IdempotencyKeyReused,
    OutcomeUnknown,
    Overloaded,
    Refusal,
)
from travio_inventory.protocol import index_entries, rows
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    IndexEntry,
    Kind,
    NotDone,
    Partition,
    Refused,
    Row,
    RowKey,
    Rows,
    StoreUnavailable,
    Unknown,
    Write,
)
from travio_inventory.protocol.hold import Recorded
from travio_inventory.protocol.sending import Sender
from travio_inventory.stock import events
from travio_inventory.stock.approval import Approval
from travio_inventory.stock.entry import NOWHERE, InventoryEntry
from travio_inventory.stock.movement import Movement, MovementType
from travio_inventory.stock.records import movement_days, stock_rows
from travio_inventory.stock.records.stock_rows import STOCK
from travio_inventory.stock.refusals import StockNotFound

TRIES_MAX = 24
"""Others may change the entry as often meanwhile."""


class Beside(NamedTuple):
    """Other rows of the partition, seen at the same moment, and written in the same batch. `make` says what becomes of
    them, and of the entry as the change made it; from those that are there, that entry, and the moment.
    """

    keys: Sequence[RowKey]
    make: Callable[[Rows, InventoryEntry, int], tuple[InventoryEntry, Sequence[Write]]]


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an entry. `cause` makes a repetition the same one; `make` makes the entry that it leads to;
    `said` is told beside it; the cause is kept as long as keys, or `kept_s`; `beside` is written with it.
    """

    actor: Actor
    make: Callable[[InventoryEntry | None, int], InventoryEntry]
    cause: RowKey
    fingerprint: str
    type: MovementType = MovementType.ADJUSTMENT
    reason: str = ""
    reference: str = ""
    listed: Sequence[IndexEntry] = ()
    said: events.Said | None = None
    kept_s: int | None = None
    beside: Beside | None = None
    is_internal: bool = False
    """Units only go from one row of an entry to another one: nobody is told."""

    @property
    def depends_on(self) -> Sequence[RowKey]:
        """The rows that say what the change does."""
        return [STOCK, self.cause, *(() if self.beside is None else self.beside.keys)]


@dataclass(frozen=True, slots=True)
class Changed:
    """The entry as it is now, or was when the change was first made; the movement, if its total changed; what waits, if
    another person has to approve it.
    """

    entry: InventoryEntry
    movement: Movement | None
    waits: Approval | None = None
    is_repeated: bool = False
    """Whether another call had made it before."""


class Changing:
    """Changes entries."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def cause_of(self, cause: str) -> RowKey:
        """The row of the cause that a caller names, or of one that nothing else has."""
        return RowKey(Kind.CAUSE, f"named {cause}" if cause else f"own {self._sender.new_digest()}")

    async def change(self, at: Partition, change: Change) -> Changed:
        """Raises what `change.make` raises, IdempotencyKeyReused, Overloaded, BackendUnavailable, OutcomeUnknown."""
        was_sent, lost = False, 0
        for _ in range(TRIES_MAX):
            try:
                standing = await self._sender.batches.get(at, change.depends_on)
            except StoreUnavailable:
                raise (OutcomeUnknown if was_sent else BackendUnavailable) from None
            if change.cause in standing:
                return replace(await self._before(at, change, standing), is_repeated=not was_sent)
            match await self._try(at, change, standing, was_sent=was_sent):
                case Changed() as changed:
                    return changed
                case Unknown():
                    was_sent = True
                case NotDone():
                    lost += 1
                case Refused():
                    pass
            await self._sender.pause()
        if was_sent:
            raise OutcomeUnknown
        raise BackendUnavailable if lost == TRIES_MAX else Overloaded

    async def _try(
        self, at: Partition, change: Change, standing: Rows, *, was_sent: bool
    ) -> Changed | Refused | Unknown | NotDone:
        now = await self._now(was_sent=was_sent)
        before = stock_rows.read_entry(at, standing[STOCK]) if STOCK in standing else None
        try:
            after = change.make(before, now.at_ms)
            more: Sequence[Write] = ()
            if change.beside is not None:
                after, more = change.beside.make(standing, after, now.at_ms)
        except Refusal:
            if was_sent and (found := await self._found(at, change)) is not None:
                return found
            raise
        changed, writes = self.writes(change, before, after, now)
        entries = [index_entries.recorded(at, now.epoch, self._sender.rules.retention), *change.listed]
        if changed.movement is not None:
            entries.append(movement_days.listed(at, changed.movement))
        outcome = await self._sender.apply(at, [*writes, *more], entries, at_ms=now.at_ms)
        return changed if isinstance(outcome, Applied) else outcome

    async def _now(self, *, was_sent: bool) -> Recorded:
        try:
            return await self._sender.now()
        except BackendUnavailable:
            if was_sent:
                raise OutcomeUnknown from None
            raise

    def writes(
        self, change: Change, before: InventoryEntry | None, after: InventoryEntry, now: Recorded
    ) -> tuple[Changed, list[Write]]:
        """The whole batch, and what it makes."""
        moved = after.quantities.total - (0 if before is None else before.quantities.total)
        had = NOWHERE if before is None else before.recorded
        after = replace(after, events=0 if before is None else before.events, recorded=had)
        told, writes = 0, []
        steps = events.told(before, after, change.actor.kind, change.said, is_internal=change.is_internal)
        for told, step in enumerate(steps, 1):
            event = stock_rows.event_write(after, step, now, now if told > 1 else had)
            writes.append(self._sender.kept(event))
        if told:
            after = replace(after, events=after.events + told, recorded=now)
        movement = None
        if moved:
            movement = Movement(
                after.id, after.version, change.type, moved, after.quantities.total, change.reason, change.reference,
                change.actor.user, now.at_ms,
            )  # fmt: skip
            row = stock_rows.movement_row(movement, change.cause.id)
            key = stock_rows.movement_key(after.version)
            writes.append(Write(key, ABSENT, row, stock_rows.MOVEMENTS_KEPT_S))
        cause: Row = {"movement": after.version, "fingerprint": change.fingerprint}
        writes.append(Write(change.cause, ABSENT, cause, change.kept_s or self._sender.rules.retention.keys_s))
        condition = ABSENT if before is None else {"version": before.version}
        return Changed(after, movement), [Write(STOCK, condition, stock_rows.entry_row(after)), *writes]

    async def _found(self, at: Partition, change: Change) -> Changed | None:
        """What an earlier batch of this call did. Raises OutcomeUnknown."""
        try:
            standing = await self._sender.batches.get(at, [STOCK, change.cause])
        except StoreUnavailable:
            raise OutcomeUnknown from None
        return await self._before(at, change, standing) if change.cause in standing else None

    async def _before(self, at: Partition, change: Change, standing: Rows) -> Changed:
        """What the cause led to before."""
        cause = standing[change.cause]
        if cause.get("fingerprint") != change.fingerprint:
            raise IdempotencyKeyReused
        if STOCK not in standing:  # what moved nothing, where there is nothing
            raise StockNotFound
        entry = stock_rows.read_entry(at, standing[STOCK])
        key = stock_rows.movement_key(rows.number(cause, "movement"))
        try:
            found = await self._sender.batches.get(at, [key])
        except StoreUnavailable:
            raise OutcomeUnknown from None
        return Changed(entry, stock_rows.read_movement(entry.id, key, found[key]) if key in found else None)
