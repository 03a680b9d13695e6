"""Adjustments that wait for another person: the row of one is beside the entry that it is about.

Asked for, approved and rejected: each is one batch with the entry. The cause of the request leads to the row that
waits, so whoever repeats it is told its outcome; the movement has a cause of its own, that of the approval.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple, assert_never

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.json_text import encode
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    ABSENT,
    Index,
    IndexEntry,
    Kind,
    Partition,
    Row,
    RowKey,
    Rows,
    StoreUnavailable,
    Write,
)
from travio_inventory.protocol.sending import Sender
from travio_inventory.stock import changes
from travio_inventory.stock.approval import (
    WAITS_MS,
    Approval,
    ApprovalsQuery,
    ApprovalStatus,
    DecideAdjustment,
    approval_id,
    at_moment,
    decide,
)
from travio_inventory.stock.commands import AdjustStock
from travio_inventory.stock.entry import InventoryEntry, inventory_id
from travio_inventory.stock.events import StockEvent
from travio_inventory.stock.movement import Movement, MovementType
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.records.changing import Beside, Change, Changed, Changing
from travio_inventory.stock.records.shards import Shards
from travio_inventory.stock.records.stock_rows import STOCK
from travio_inventory.stock.refusals import AdjustmentRejected, ApprovalEnded, StockNotFound
from travio_inventory.stock.warehouse import SHARDS_MAX

KEPT_S: Final = stock_rows.MOVEMENTS_KEPT_S
"""From the last step."""
PENDING_LISTED_S: Final = WAITS_MS // 1_000 + 86_400
READS_AT_ONCE: Final = 16


class ApprovalPage(NamedTuple):
    """Some approvals of a list; `after` leads to the next ones, "" if there are none."""

    approvals: Sequence[Approval]
    after: str


class Approvals:
    """The approvals of every organization."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._changing = Changing(sender)
        self._shards = Shards(sender)

    async def ask(self, actor: Actor, at: Partition, command: AdjustStock, fingerprint: str) -> Changed:
        """The entry as it is, and what waits now. Raises what the adjustment would be refused for now, and the like."""
        cause, asked_ms = self._changing.cause_of(command.why.cause), self._sender.clock.now_ms()
        named = approval_id(command.inventory_id, cause.id)

        def make(entry: InventoryEntry | None, now_ms: int) -> InventoryEntry:
            if entry is None or entry.is_deleted:
                raise StockNotFound
            changes.adjusted(entry, command, now_ms, alone_at=entry.version)
            return changes.noted(entry, now_ms)

        def beside(_standing: Rows, entry: InventoryEntry, _now_ms: int) -> tuple[InventoryEntry, Sequence[Write]]:
            asked = Approval(
                named, actor.organization, entry.id, entry.sku, entry.warehouse_id, command.quantity, command.type,
                command.why.reason, command.why.reference, actor.user, asked_ms, ApprovalStatus.PENDING, "", 0, "", 0,
                1,
            )  # fmt: skip
            return entry, [Write(_key(named), ABSENT, _row_of(asked), KEPT_S)]

        said: Mapping[str, int | str] = {
            "approvalId": named, "quantity": command.quantity, "movementType": command.type.value,
            "reason": command.why.reason, "requestedBy": actor.user,
        }  # fmt: skip
        change = Change(
            actor, make, cause, fingerprint, listed=_listed(at, named, asked_ms),
            said=(StockEvent.ADJUSTMENT_REQUESTED, said), beside=Beside([_key(named)], beside),
        )  # fmt: skip
        changed = await self._shards.having(at, lambda: self._changing.change(at, change))
        if changed.movement is not None:  # the cause led to it while the limit was another one
            return changed
        return await self.told(at, changed, await self._read(at, named))

    async def decide(self, actor: Actor, command: DecideAdjustment) -> Approval:
        """See DecidesAdjustments."""
        at = await self._place(actor.organization, command.approval_id)
        found = await self._read(at, command.approval_id)
        if found.status is command.status and found.decided_by == actor.user:
            return found
        decide(found, command, actor.user, self._sender.clock.now_ms(), version=0)

        def make(entry: InventoryEntry | None, now_ms: int) -> InventoryEntry:
            if entry is None or (command.is_approved and entry.is_deleted):
                raise StockNotFound
            return (
                changes.adjusted(entry, found.command, now_ms) if command.is_approved else changes.noted(entry, now_ms)
            )

        key = _key(found.id)

        def beside(standing: Rows, entry: InventoryEntry, now_ms: int) -> tuple[InventoryEntry, Sequence[Write]]:
            if key not in standing:
                raise StockNotFound("approval")
            before = at_moment(read_approval(at, key, standing[key]), now_ms)
            after = decide(before, command, actor.user, now_ms, version=entry.version)
            return entry, [Write(key, {"version": before.version}, _row_of(after), KEPT_S)]

        kind = StockEvent.ADJUSTMENT_APPROVED if command.is_approved else StockEvent.ADJUSTMENT_REJECTED
        said: Mapping[str, int | str] = {
            "approvalId": found.id, "quantity": found.quantity, "requestedBy": found.requested_by,
            "decidedBy": actor.user,
        }  # fmt: skip
        change = Change(
            replace(actor, user=found.requested_by), make, RowKey(Kind.CAUSE, f"decided {found.id}"), "", found.type,
            found.reason, found.reference, said=(kind, said), kept_s=KEPT_S, beside=Beside([key], beside),
        )  # fmt: skip
        await self._shards.having(at, lambda: self._changing.change(at, change))
        after = await self._read(at, found.id)
        if (after.status, after.decided_by) != (command.status, actor.user):
            raise ApprovalEnded(after.status, after.decided_by)
        return after

    async def of_cause(self, at: Partition, inventory: str, cause: str) -> Approval | None:
        """What the cause led to, None where that is no approval. Raises BackendUnavailable."""
        try:
            return await self._read(at, approval_id(inventory, self._changing.cause_of(cause).id))
        except StockNotFound:
            return None

    async def told(self, at: Partition, changed: Changed, approval: Approval) -> Changed:
        """The change with what waits, or the movement that was approved. Raises AdjustmentRejected,
        BackendUnavailable.
        """
        match approval.status:
            case ApprovalStatus.PENDING:
                return replace(changed, waits=approval)
            case ApprovalStatus.REJECTED:
                raise AdjustmentRejected(approval.id, f"{approval.decided_by} rejected it")
            case ApprovalStatus.EXPIRED:
                raise AdjustmentRejected(approval.id, "nobody approved it in time")
            case ApprovalStatus.APPROVED:
                return replace(changed, movement=await self._movement(at, approval))
            case _ as never:
                assert_never(never)

    async def _movement(self, at: Partition, approval: Approval) -> Movement | None:
        key = stock_rows.movement_key(approval.movement_version)
        try:
            found = await self._sender.batches.get(at, [key])
        except StoreUnavailable:
            raise BackendUnavailable from None
        return stock_rows.read_movement(approval.inventory_id, key, found[key]) if key in found else None

    async def find(self, organization: str, named: str) -> Approval:
        """The approval. Raises StockNotFound, BackendUnavailable."""
        return await self._read(await self._place(organization, named), named)

    async def page(self, organization: str, query: ApprovalsQuery) -> ApprovalPage:
        """Raises BackendUnavailable."""
        bucket = _bucket(organization, is_pending=query.is_pending)
        try:
            named = await self._sender.batches.read_index(Index.STOCK, bucket, after=query.after, most=query.page_size)
        except StoreUnavailable:
            raise BackendUnavailable from None
        found: list[Approval | None] = []
        for start in range(0, len(named), READS_AT_ONCE):
            found += await asyncio.gather(
                *(self._listed(organization, each) for each in named[start : start + READS_AT_ONCE])
            )
        approvals = [each for each in found if each and (not query.is_pending or each.status is ApprovalStatus.PENDING)]
        return ApprovalPage(approvals, named[-1] if len(named) == query.page_size else "")

    async def _listed(self, organization: str, entry: str) -> Approval | None:
        """None for one that was refused when it was asked for, or is listed by a repetition too."""
        at_ms, sku, number, named = _read_listed(entry)
        try:
            found = await self._read(stock_rows.place(organization, sku, number), named)
        except StockNotFound:
            return None
        return found if found.requested_at_ms == at_ms else None

    async def _read(self, at: Partition, named: str) -> Approval:
        key = _key(named)
        try:
            found = await self._sender.batches.get(at, [key, STOCK])
        except StoreUnavailable:
            raise BackendUnavailable from None
        if key not in found:
            raise StockNotFound("approval")
        return at_moment(read_approval(at, key, found[key]), self._sender.clock.now_ms())

    async def _place(self, organization: str, named: str) -> Partition:
        """Where the approval of that id is. Raises StockNotFound, BackendUnavailable."""
        bucket = rows.SEPARATOR.join((organization, "approval", named))
        try:
            found = await self._sender.batches.read_index(Index.STOCK, bucket, most=1)
        except StoreUnavailable:
            raise BackendUnavailable from None
        if not found:
            raise StockNotFound("approval")
        sku, _, number = found[0].rpartition(rows.SEPARATOR)
        return stock_rows.place(organization, sku, int(number))


def _key(named: str) -> RowKey:
    return RowKey(Kind.APPROVAL, named)


def _bucket(organization: str, *, is_pending: bool) -> str:
    return rows.SEPARATOR.join((organization, "approvals", "pending" if is_pending else ""))


def _listed(at: Partition, named: str, at_ms: int) -> Sequence[IndexEntry]:
    place = rows.SEPARATOR.join((at.name, str(at.number // SHARDS_MAX)))
    entry = rows.SEPARATOR.join((f"{at_ms:016d}", place, named))
    by_id = rows.SEPARATOR.join((at.organization, "approval", named))
    return [
        IndexEntry(Index.STOCK, by_id, place, KEPT_S),
        IndexEntry(Index.STOCK, _bucket(at.organization, is_pending=True), entry, PENDING_LISTED_S),
        IndexEntry(Index.STOCK, _bucket(at.organization, is_pending=False), entry, KEPT_S),
    ]


def _read_listed(entry: str) -> tuple[int, str, int, str]:
    at_ms, sku, number, named = entry.split(rows.SEPARATOR)
    return int(at_ms), sku, int(number), named


def _row_of(approval: Approval) -> Row:
    said = {
        "quantity": approval.quantity,
        "type": approval.type.value,
        "reason": approval.reason,
        "reference": approval.reference,
        "requestedBy": approval.requested_by,
        "decidedBy": approval.decided_by,
        "note": approval.note,
        "warehouse": approval.warehouse_id,
        "movement": approval.movement_version,
    }
    return {
        "status": approval.status.lower(),
        "definition": encode(said),
        "version": approval.version,
        "created_at_ms": approval.requested_at_ms,
        "updated_at_ms": approval.decided_at_ms or approval.requested_at_ms,
    }


def read_approval(at: Partition, key: RowKey, row: Row) -> Approval:
    """The approval that the row says."""
    said = json.loads(rows.text(row, "definition"))
    status = ApprovalStatus(rows.text(row, "status").upper())
    return Approval(
        key.id,
        at.organization,
        inventory_id(at.organization, at.name, said["warehouse"]),
        at.name,
        said["warehouse"],
        said["quantity"],
        MovementType(said["type"]),
        said["reason"],
        said["reference"],
        said["requestedBy"],
        rows.number(row, "created_at_ms"),
        status,
        said["decidedBy"],
        0 if status is ApprovalStatus.PENDING else rows.number(row, "updated_at_ms"),
        said["note"],
        said["movement"],
        rows.number(row, "version"),
    )
