"""Transfers: the row of one is in the partition of its source, so all but an arrival is one batch there.

An arrival changes two partitions, by three batches: the source announces a receipt; the destination takes it, its cause
written IF there is none; the source settles it. Whoever meets an announced receipt goes on with it. A destination that
refuses has the cause written as one that moved nothing, so that no later copy takes it; then the source drops it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

from travio_inventory.kernel.actor import Actor, house_of
from travio_inventory.kernel.refusals import (
    BackendUnavailable,
    IdempotencyKeyReused,
    OutcomeUnknown,
    Overloaded,
)
from travio_inventory.protocol import index_entries, rows
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Index,
    Kind,
    NotDone,
    Outcome,
    Partition,
    Refused,
    Row,
    RowKey,
    StoreUnavailable,
    Unknown,
    Write,
)
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.until_known import until_known
from travio_inventory.stock import changes
from travio_inventory.stock.approval import ApprovalLimits
from travio_inventory.stock.commands import PAGE_MAX
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.events import Said, StockEvent
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.records import movement_days, stock_rows
from travio_inventory.stock.records.changing import TRIES_MAX, Change, Changing
from travio_inventory.stock.records.shards import Shards
from travio_inventory.stock.records.stock_rows import STOCK
from travio_inventory.stock.records.transfer_rows import (
    KEPT_S,
    MARKS,
    MARKS_END,
    ON_THE_WAY,
    OPEN,
    bucket_of,
    key_of,
    listed,
    marked,
    place_of,
    read_transfer,
    row_of,
    source_of,
    sources_of,
    writes_of,
)
from travio_inventory.stock.refusals import StockFull, StockNotFound
from travio_inventory.stock.transfer import (
    CancelTransfer,
    Counts,
    DraftTransfer,
    OnTheWay,
    Receipt,
    ReceiveTransfer,
    Transfer,
    TransfersQuery,
    announced,
    cancelled,
    check_written_off,
    settled,
    shipped,
    transfer_id,
)
from travio_inventory.stock.warehouse import Warehouse

SWEPT_MAX: Final = 10_000
"""Transfers on the way from one place that are looked at in a round."""
NEXT: Final = "\x1e"
"""Behind an id or a place, which have no such sign."""


class TransferPage(NamedTuple):
    """Some transfers of a list; `after` leads to the next ones, "" if there are none."""

    transfers: Sequence[Transfer]
    after: str


class Next(NamedTuple):
    """What a step makes of a transfer, and by how many the available stock of the source changes with it."""

    transfer: Transfer
    quantity: int = 0
    why: str = ""
    said: Said | None = None


class Transfers:
    """The transfers of every organization."""

    def __init__(self, sender: Sender, limits: ApprovalLimits) -> None:
        self._sender = sender
        self._limits = limits
        self._changing = Changing(sender)
        self._shards = Shards(sender)

    async def draft(self, actor: Actor, command: DraftTransfer, source: Warehouse, target: Warehouse) -> Transfer:
        """See TransfersStock."""
        organization = actor.organization
        named = transfer_id(organization, command.key or self._sender.new_digest())
        now_ms = self._sender.clock.now_ms()
        made = Transfer(
            named, organization, command.sku, source.id, target.id, source.number, target.number, command.quantity,
            command.reason, actor.user, Counts(), False, None, {}, 0, 1, now_ms, now_ms,
        )  # fmt: skip
        write = Write(key_of(named), ABSENT, row_of(made))
        standing = await until_known(self._sender.batches, source_of(made), [write], listed(made))
        if standing is None:
            return made
        found = read_transfer(organization, key_of(named), standing[key_of(named)])
        if not command.is_of(found):
            raise IdempotencyKeyReused
        return found

    async def ship(self, actor: Actor, named: str) -> Transfer:
        """See TransfersStock."""

        def make(transfer: Transfer) -> Next | None:
            if transfer.counts.shipped:
                return None
            return Next(shipped(transfer), -transfer.quantity, "shipped", _said(StockEvent.TRANSFER_SHIPPED, transfer))

        return await self._moving(actor, named, make)

    async def receive(self, actor: Actor, command: ReceiveTransfer) -> Transfer:
        """See TransfersStock."""
        key = command.key or self._sender.new_digest()

        def make(transfer: Transfer) -> Next | None:
            if key in transfer.receipts:
                if transfer.receipts[key] != command.fingerprint:
                    raise IdempotencyKeyReused
                return None
            after = announced(transfer, command, key, actor.user)
            check_written_off(transfer, command.rejected + command.lost, actor, self._limits)
            return Next(after)

        announcing = await self._step(actor, command.transfer_id, make)
        return await self._gone_on(actor, announcing, key)

    async def cancel(self, actor: Actor, command: CancelTransfer) -> Transfer:
        """See TransfersStock."""

        def make(transfer: Transfer) -> Next | None:
            choice = command.on_the_way
            if transfer.is_cancelled and choice in (None, transfer.went):
                return None
            back = transfer.counts.in_transit if choice is OnTheWay.BACK else 0
            after = cancelled(transfer, choice, actor.user)
            check_written_off(transfer, transfer.counts.in_transit - back, actor, self._limits)
            return Next(after, back, "cancelled on the way")

        return await self._moving(actor, command.transfer_id, make)

    async def find(self, actor: Actor, named: str) -> Transfer:
        """As it is once a receipt that was announced is gone on with. Raises StockNotFound, BackendUnavailable."""
        found, _ = await self._read(await self._place(actor.organization, named), named)
        return found if found.pending is None else await self._gone_on(actor, found)

    async def page(self, actor: Actor, query: TransfersQuery) -> TransferPage:
        """Raises BackendUnavailable."""
        bucket = bucket_of(actor.organization, query.sku)
        try:
            named = await self._sender.batches.read_index(Index.STOCK, bucket, after=query.after, most=query.page_size)
        except StoreUnavailable:
            raise BackendUnavailable from None
        found = [await self._listed(actor, each) for each in named]
        return TransferPage([each for each in found if each], named[-1] if len(named) == query.page_size else "")

    async def in_transit(self, organization: str, query: TransfersQuery) -> TransferPage:
        """Those of which something is on the way, by their sources. Raises BackendUnavailable."""
        place, _, named = query.after.partition(NEXT)
        found: list[Transfer] = []
        places = [place] if place else await self._sources(organization, place)
        while places:
            for place in places:
                at = place_of(organization, place)
                if query.sku in ("", at.name):
                    found += await self._on_the_way(at, named, query.page_size - len(found))
                named = ""
                if len(found) == query.page_size:
                    return TransferPage(found, f"{place}{NEXT}{found[-1].id}")
            places = await self._sources(organization, place)
        return TransferPage(found, "")

    async def sweep(self, at: Partition) -> None:
        """Go on with each receipt that was announced there and not finished. Raises BackendUnavailable,
        OutcomeUnknown, Overloaded.
        """
        for transfer in await self._on_the_way(at, most=SWEPT_MAX):
            age_ms = self._sender.clock.now_ms() - transfer.updated_at_ms
            if transfer.pending is not None and age_ms >= self._sender.rules.grace_ms:
                await self._gone_on(house_of(at.organization), transfer)

    async def _on_the_way(self, at: Partition, after: str = "", most: int = PAGE_MAX) -> Sequence[Transfer]:
        """So many of those that left there and are on the way, in the order of their ids."""
        found: list[Transfer] = []
        start = f"{MARKS}{after}{NEXT}" if after else MARKS
        while True:
            try:
                marks = await self._sender.batches.read(at, Kind.TRANSFER, start=start, end=MARKS_END, most=most)
                keys = [key_of(marked(key)) for key, row in marks.items() if row.get("status") == OPEN]
                standing = await self._sender.batches.get(at, keys) if keys else {}
            except StoreUnavailable:
                raise BackendUnavailable from None
            transfers = [read_transfer(at.organization, key, standing[key]) for key in keys if key in standing]
            found += [each for each in transfers if each.status in ON_THE_WAY]
            if len(marks) < most or len(found) >= most:
                return found[:most]
            start = f"{list(marks)[-1].id}{NEXT}"

    async def _sources(self, organization: str, after: str) -> Sequence[str]:
        try:
            return await self._sender.batches.read_index(
                Index.STOCK, sources_of(organization), after=after, most=PAGE_MAX
            )
        except StoreUnavailable:
            raise BackendUnavailable from None

    async def _listed(self, actor: Actor, entry: str) -> Transfer | None:
        """None for one that was never drafted, or is listed by a repetition too."""
        created_at_ms, _, named = entry.partition(rows.SEPARATOR)
        try:
            found = await self.find(actor, named)
        except StockNotFound:
            return None
        return found if found.created_at_ms == int(created_at_ms) else None

    async def _moving(self, actor: Actor, named: str, make: Callable[[Transfer], Next | None]) -> Transfer:
        """A step in which stock moves. Raises as `_step`."""
        at = await self._place(actor.organization, named)
        return await self._shards.having(at, lambda: self._step(actor, named, make))

    async def _step(self, actor: Actor, named: str, make: Callable[[Transfer], Next | None]) -> Transfer:
        """The transfer after the step that `make` says; as it is where that is None. The batch needs the versions that
        were seen, of the transfer and, if stock moves, of its source. Raises what `make` raises, and the like.
        """
        at = await self._place(actor.organization, named)
        was_sent, lost = False, 0
        for _ in range(TRIES_MAX):
            try:
                outcome, made = await self._one_step(actor, at, named, make)
            except BackendUnavailable:
                if was_sent:
                    raise OutcomeUnknown from None
                raise
            if isinstance(outcome, Applied):
                return made
            was_sent |= isinstance(outcome, Unknown)
            lost += isinstance(outcome, NotDone)
            await self._sender.pause()
        if was_sent:
            raise OutcomeUnknown
        raise BackendUnavailable if lost == TRIES_MAX else Overloaded

    async def _one_step(
        self, actor: Actor, at: Partition, named: str, make: Callable[[Transfer], Next | None]
    ) -> tuple[Outcome, Transfer]:
        """Applied if nothing is to be done any more."""
        transfer, entry = await self._read(at, named)
        if transfer.pending is not None:
            return Refused({}), await self._gone_on(actor, transfer)
        next_ = make(transfer)
        return (Applied(), transfer) if next_ is None else await self._try(actor, at, transfer, entry, next_)

    async def _try(
        self, actor: Actor, at: Partition, transfer: Transfer, before: InventoryEntry | None, next_: Next
    ) -> tuple[Outcome, Transfer]:
        now = await self._sender.now()
        after = replace(next_.transfer, version=transfer.version + 1, updated_at_ms=now.at_ms)
        writes, entries = writes_of(transfer, after), [*listed(after)]
        if after.pending is not None:
            due_ms = now.at_ms + self._sender.rules.grace_ms
            entries.append(index_entries.due(at, due_ms, self._sender.rules.retention))
        if next_.quantity:
            missing = StockNotFound(f"entry of {transfer.sku} at the source")
            entry = _moved(before, now.at_ms, quantity=next_.quantity, missing=missing)
            cause = RowKey(Kind.CAUSE, f"transfer {after.id} {next_.why}")
            change = Change(
                actor, lambda _, __: entry, cause, "", MovementType.TRANSFER, next_.why, after.id, said=next_.said,
            )  # fmt: skip
            changed, more = self._changing.writes(change, before, entry, now)
            writes += more
            entries.append(index_entries.recorded(at, now.epoch, self._sender.rules.retention))
            if changed.movement is not None:
                entries.append(movement_days.listed(at, changed.movement))
        return await self._sender.apply(at, writes, entries, at_ms=now.at_ms), after

    async def _gone_on(self, actor: Actor, transfer: Transfer, key: str = "") -> Transfer:
        """With the receipt that is announced. A receipt of that key that the destination refuses is raised."""
        receipt = transfer.pending
        if receipt is None:
            return transfer
        refusal = await self._arrive(replace(actor, user=receipt.performed_by), transfer, receipt)
        after = settled(transfer, receipt, has_arrived=refusal is None)
        after = replace(after, version=transfer.version + 1, updated_at_ms=self._sender.clock.now_ms())
        key_of_it = key_of(after.id)
        standing = await until_known(self._sender.batches, source_of(after), writes_of(transfer, after))
        if standing is not None:  # another one went on with it, or an earlier try of this batch
            after = read_transfer(after.organization, key_of_it, standing[key_of_it])
        if refusal is not None and receipt.key == key:
            raise refusal
        return after

    async def _arrive(self, actor: Actor, transfer: Transfer, receipt: Receipt) -> StockFull | StockNotFound | None:
        """Have the destination take what was received, once; or the refusal, which is final then."""
        if not receipt.received:
            return None
        at = stock_rows.place(transfer.organization, transfer.sku, transfer.to_number)
        cause = RowKey(Kind.CAUSE, f"transfer {transfer.id} {receipt.number}")
        said = _said(StockEvent.TRANSFER_RECEIVED, transfer, receipt.received)
        missing = StockNotFound(f"entry of {transfer.sku} at the destination")
        make = partial(_moved, quantity=receipt.received, missing=missing)
        change = Change(
            actor, make, cause, "", MovementType.TRANSFER, "received", transfer.id, said=said, kept_s=KEPT_S
        )  # fmt: skip
        refusal: StockFull | StockNotFound
        try:
            changed = await self._shards.having(at, lambda: self._changing.change(at, change))
        except (StockFull, StockNotFound) as refused:
            refusal = refused
        else:
            return None if changed.movement is not None else missing
        never: Row = {"movement": 0, "fingerprint": ""}
        standing = await until_known(self._sender.batches, at, [Write(cause, ABSENT, never, KEPT_S)])
        took = standing is not None and rows.number(standing[cause], "movement")
        return None if took else refusal

    async def _read(self, at: Partition, named: str) -> tuple[Transfer, InventoryEntry | None]:
        """The transfer and the entry of its source, as one moment saw them. Raises StockNotFound,
        BackendUnavailable.
        """
        key = key_of(named)
        try:
            found = await self._sender.batches.get(at, [key, STOCK])
        except StoreUnavailable:
            raise BackendUnavailable from None
        if key not in found:
            raise StockNotFound("transfer")
        entry = stock_rows.read_entry(at, found[STOCK]) if STOCK in found else None
        return read_transfer(at.organization, key, found[key]), entry

    async def _place(self, organization: str, named: str) -> Partition:
        """Where the transfer of that id is. Raises StockNotFound, BackendUnavailable."""
        bucket = rows.SEPARATOR.join((organization, "transfer", named))
        try:
            found = await self._sender.batches.read_index(Index.STOCK, bucket, most=1)
        except StoreUnavailable:
            raise BackendUnavailable from None
        if not found:
            raise StockNotFound("transfer")
        return place_of(organization, found[0])


def _moved(entry: InventoryEntry | None, now_ms: int, *, quantity: int, missing: StockNotFound) -> InventoryEntry:
    if entry is None or entry.is_deleted:
        raise missing
    return changes.moved(entry, quantity, now_ms)


def _said(kind: StockEvent, transfer: Transfer, received: int | None = None) -> Said:
    data: dict[str, int | str] = {
        "transferId": transfer.id,
        "fromWarehouseId": transfer.from_warehouse_id,
        "toWarehouseId": transfer.to_warehouse_id,
        "quantity": transfer.quantity if received is None else received,
    }
    return kind, data
