"""Transfers: the row of one is in the partition of its source, so all but an arrival is one batch there.

An arrival changes two partitions, by three batches: the source announces a receipt; the destination takes it, its cause
written IF there is none; the source settles it. Whoever meets an announced receipt goes on with it. A destination that
refuses has the cause written as one that moved nothing, so that no later copy takes it; then the source drops it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.json_text import encode
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
    IndexEntry,
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
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.events import Said, StockEvent
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.records import movement_days, stock_rows
from travio_inventory.stock.records.changing import TRIES_MAX, Change, Changing
from travio_inventory.stock.records.stock_rows import STOCK
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
    settled,
    shipped,
    transfer_id,
)
from travio_inventory.stock.warehouse import Warehouse

KEPT_S: Final = stock_rows.MOVEMENTS_KEPT_S
"""From the last step."""


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

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._changing = Changing(sender)

    async def draft(self, actor: Actor, command: DraftTransfer, source: Warehouse, target: Warehouse) -> Transfer:
        """See TransfersStock."""
        organization = actor.organization
        named = transfer_id(organization, command.key or self._sender.new_digest())
        now_ms = self._sender.clock.now_ms()
        made = Transfer(
            named, organization, command.sku, source.id, target.id, source.number, target.number, command.quantity,
            command.reason, actor.user, Counts(), False, None, {}, 0, 1, now_ms, now_ms,
        )  # fmt: skip
        write = Write(_key(named), ABSENT, _row(made))
        standing = await until_known(self._sender.batches, _source(made), [write], _listed(made))
        if standing is None:
            return made
        found = read_transfer(organization, _key(named), standing[_key(named)])
        if not command.is_of(found):
            raise IdempotencyKeyReused
        return found

    async def ship(self, actor: Actor, named: str) -> Transfer:
        """See TransfersStock."""

        def make(transfer: Transfer) -> Next | None:
            if transfer.counts.shipped:
                return None
            return Next(shipped(transfer), -transfer.quantity, "shipped", _said(StockEvent.TRANSFER_SHIPPED, transfer))

        return await self._step(actor, named, make)

    async def receive(self, actor: Actor, command: ReceiveTransfer) -> Transfer:
        """See TransfersStock."""
        key = command.key or self._sender.new_digest()

        def make(transfer: Transfer) -> Next | None:
            if key in transfer.receipts:
                if transfer.receipts[key] != command.fingerprint:
                    raise IdempotencyKeyReused
                return None
            return Next(announced(transfer, command, key, actor.user))

        announcing = await self._step(actor, command.transfer_id, make)
        return await self._gone_on(actor, announcing, key)

    async def cancel(self, actor: Actor, command: CancelTransfer) -> Transfer:
        """See TransfersStock."""

        def make(transfer: Transfer) -> Next | None:
            choice = command.on_the_way
            if transfer.is_cancelled:
                return None
            back = transfer.counts.in_transit if choice is OnTheWay.BACK else 0
            return Next(cancelled(transfer, choice), back, "cancelled on the way")

        return await self._step(actor, command.transfer_id, make)

    async def find(self, actor: Actor, named: str) -> Transfer:
        """As it is once a receipt that was announced is gone on with. Raises StockNotFound, BackendUnavailable."""
        found, _ = await self._read(await self._place(actor.organization, named), named)
        return found if found.pending is None else await self._gone_on(actor, found)

    async def page(self, actor: Actor, query: TransfersQuery) -> TransferPage:
        """Raises BackendUnavailable."""
        bucket = _bucket(actor.organization, query.sku)
        try:
            named = await self._sender.batches.read_index(Index.STOCK, bucket, after=query.after, most=query.page_size)
        except StoreUnavailable:
            raise BackendUnavailable from None
        found = [await self._listed(actor, each) for each in named]
        return TransferPage([each for each in found if each], named[-1] if len(named) == query.page_size else "")

    async def _listed(self, actor: Actor, entry: str) -> Transfer | None:
        """None for one that was never drafted, or is listed by a repetition too."""
        created_at_ms, _, named = entry.partition(rows.SEPARATOR)
        try:
            found = await self.find(actor, named)
        except StockNotFound:
            return None
        return found if found.created_at_ms == int(created_at_ms) else None

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
        keep_s = KEPT_S if after.is_over else None
        write = Write(_key(after.id), {"version": transfer.version}, _row(after), keep_s)
        writes, entries = [write], [*_listed(after)]
        if next_.quantity:
            entry = _moved(before, now.at_ms, quantity=next_.quantity)
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
        keep_s = KEPT_S if after.is_over else None
        write = Write(_key(after.id), {"version": transfer.version}, _row(after), keep_s)
        standing = await until_known(self._sender.batches, _source(after), [write])
        if standing is not None:  # another one went on with it, or an earlier try of this batch
            after = read_transfer(after.organization, _key(after.id), standing[_key(after.id)])
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
        make = partial(_moved, quantity=receipt.received)
        change = Change(
            actor, make, cause, "", MovementType.TRANSFER, "received", transfer.id, said=said, kept_s=KEPT_S
        )  # fmt: skip
        refusal: StockFull | StockNotFound
        try:
            changed = await self._changing.change(at, change)
        except (StockFull, StockNotFound) as refused:
            refusal = refused
        else:
            return None if changed.movement is not None else StockNotFound("entry at the destination")
        never: Row = {"movement": 0, "fingerprint": ""}
        standing = await until_known(self._sender.batches, at, [Write(cause, ABSENT, never, KEPT_S)])
        took = standing is not None and rows.number(standing[cause], "movement")
        return None if took else refusal

    async def _read(self, at: Partition, named: str) -> tuple[Transfer, InventoryEntry | None]:
        """The transfer and the entry of its source, as one moment saw them. Raises StockNotFound,
        BackendUnavailable.
        """
        key = _key(named)
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
        sku, _, number = found[0].rpartition(rows.SEPARATOR)
        return stock_rows.place(organization, sku, int(number))


def _moved(entry: InventoryEntry | None, now_ms: int, *, quantity: int) -> InventoryEntry:
    if entry is None or entry.is_deleted:
        raise StockNotFound
    return changes.moved(entry, quantity, now_ms)


def _said(kind: StockEvent, transfer: Transfer, received: int | None = None) -> Said:
    data: dict[str, int | str] = {
        "transferId": transfer.id,
        "fromWarehouseId": transfer.from_warehouse_id,
        "toWarehouseId": transfer.to_warehouse_id,
        "quantity": transfer.quantity if received is None else received,
    }
    return kind, data


def _key(named: str) -> RowKey:
    return RowKey(Kind.TRANSFER, named)


def _source(transfer: Transfer) -> Partition:
    return stock_rows.place(transfer.organization, transfer.sku, transfer.from_number)


def _bucket(organization: str, sku: str) -> str:
    return rows.SEPARATOR.join((organization, "transfers", sku))


def _listed(transfer: Transfer) -> Sequence[IndexEntry]:
    named = rows.SEPARATOR.join((f"{transfer.created_at_ms:016d}", transfer.id))
    place = rows.SEPARATOR.join((transfer.sku, str(transfer.from_number)))
    by_id = rows.SEPARATOR.join((transfer.organization, "transfer", transfer.id))
    return [
        IndexEntry(Index.STOCK, by_id, place, KEPT_S),
        *(IndexEntry(Index.STOCK, _bucket(transfer.organization, sku), named, KEPT_S) for sku in ("", transfer.sku)),
    ]


def _row(transfer: Transfer) -> Row:
    said = {
        "sku": transfer.sku,
        "from": [transfer.from_warehouse_id, transfer.from_number],
        "to": [transfer.to_warehouse_id, transfer.to_number],
        "quantity": transfer.quantity,
        "reason": transfer.reason,
        "requestedBy": transfer.requested_by,
        "counts": list(transfer.counts),
        "pending": None if transfer.pending is None else list(transfer.pending),
        "receipts": dict(transfer.receipts),
        "numbered": transfer.numbered,
    }
    return {
        "status": transfer.status.lower(),
        "definition": encode(said),
        "version": transfer.version,
        "created_at_ms": transfer.created_at_ms,
        "updated_at_ms": transfer.updated_at_ms,
    }


def read_transfer(organization: str, key: RowKey, row: Row) -> Transfer:
    """The transfer that the row says."""
    said = json.loads(rows.text(row, "definition"))
    return Transfer(
        key.id,
        organization,
        said["sku"],
        said["from"][0],
        said["to"][0],
        said["from"][1],
        said["to"][1],
        said["quantity"],
        said["reason"],
        said["requestedBy"],
        Counts(*said["counts"]),
        row["status"] == "cancelled",
        None if said["pending"] is None else Receipt(*said["pending"]),
        said["receipts"],
        said["numbered"],
        rows.number(row, "version"),
        rows.number(row, "created_at_ms"),
        rows.number(row, "updated_at_ms"),
    )
