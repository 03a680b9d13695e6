"""Broken designs of a shop: of transfers, approvals, events of orders, and of what is written beside a quantity."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from travio_inventory.protocol.batches import ABSENT, Applied, Kind, Outcome, Partition, Table, Write
from travio_inventory.protocol.hold import Recorded
from travio_inventory.protocol.inbox import Noted
from travio_inventory.stock.approval import Approval, ApprovalLimits, DecideAdjustment, decide
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.records import approvals, transfers
from travio_inventory.stock.records.changing import Change, Changed, Changing
from travio_inventory.stock.records.order_notes import Note, OrderNotes
from travio_inventory.stock.records.transfers import Next, Transfers
from travio_inventory.stock.transfer import Transfer
from travio_inventory.stock.use_cases import settle_order
from travio_inventory.store.memory import MemoryBatches
from verification.kit.passing import Batch, Send
from verification.simulation.broken import send_through
from verification.simulation.broken_units import BrokenUnits
from verification.simulation.plan import Plan

SHOP_DAY = Plan(0, seats=24, seats_per_group=8, holders=3, faults=0.3, kills=0.2)
CALM_SHOP = Plan(0, seats=24, seats_per_group=8, holders=3, faults=0.0, kills=0.0)
SMALL_SHOP = Plan(0, seats=9, seats_per_group=3, holders=3, faults=0.15, kills=0.1, twins=1.0, changes=0.5)


def _received_by_each(patch: pytest.MonkeyPatch) -> None:
    """A receipt that was announced is taken by everybody who goes on with it."""
    change = Changing.change

    async def anew(self: Changing, at: Partition, wanted: Change) -> Changed:
        is_receipt = wanted.type is MovementType.TRANSFER and wanted.reason == "received"
        return await change(self, at, replace(wanted, cause=self.cause_of("")) if is_receipt else wanted)

    patch.setattr(Changing, "change", anew)


class _Untaken(Next):
    """What is shipped stays where it is, too."""

    def __new__(cls, transfer: Transfer, quantity: int = 0, why: str = "", said: Any = None) -> "_Untaken":  # noqa: ANN401 - as Next
        return super().__new__(cls, transfer, 0 if why == "shipped" else quantity, why, said)


def _shipped_and_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(transfers, "Next", _Untaken)


def _nobody_goes_on(patch: pytest.MonkeyPatch) -> None:
    """No sweeper finds a receipt whose announcer died."""

    async def nothing(_self: Transfers, _at: Partition) -> None:
        pass

    patch.setattr(Transfers, "sweep", nothing)


def _reserved_by_each(patch: pytest.MonkeyPatch) -> None:
    """An event that comes again is not known, and reserves under a key of its own."""
    patch.setattr(Noted, "outcome", "")
    patch.setattr(settle_order, "digest_of", lambda *_: uuid4().hex)


def _not_noted(patch: pytest.MonkeyPatch) -> None:
    """What is told of an order that has not come yet is forgotten."""

    async def nothing(_self: OrderNotes, _organization: str, _order: str) -> Note:
        return Note.NONE

    patch.setattr(OrderNotes, "of", nothing)


def _by_oneself(patch: pytest.MonkeyPatch) -> None:
    """Whoever asked for an adjustment may approve it."""

    def anybody(approval: Approval, command: DecideAdjustment, user: str, now_ms: int, *, version: int) -> Approval:
        decided = decide(replace(approval, requested_by="somebody else"), command, user, now_ms, version=version)
        return replace(decided, requested_by=approval.requested_by)

    patch.setattr(approvals, "decide", anybody)


def _nobody_is_asked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ApprovalLimits, "need", lambda *_: False)


def _written_off_alone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(transfers, "check_written_off", lambda *_: None)


def _written_without(patch: pytest.MonkeyPatch, kind: Kind) -> None:
    """What is transferred is written without its movement, or without its events."""
    writes = Changing.writes

    def untold(
        self: Changing, change: Change, before: InventoryEntry | None, after: InventoryEntry, now: Recorded
    ) -> tuple[Changed, list[Write]]:
        changed, made = writes(self, change, before, after, now)
        is_transfer = change.type is MovementType.TRANSFER
        return changed, [write for write in made if not (is_transfer and write.key.kind is kind)]

    patch.setattr(Changing, "writes", untold)


def _without_movement(patch: pytest.MonkeyPatch) -> None:
    _written_without(patch, Kind.MOVEMENT)


def _without_event(patch: pytest.MonkeyPatch) -> None:
    _written_without(patch, Kind.EVENT)


def _torn(patch: pytest.MonkeyPatch) -> None:
    """Lines elsewhere than at home are taken for reserved as soon as they are sent."""

    async def believed(_store: MemoryBatches, batch: Batch, send: Send) -> Outcome:
        return Applied() if _is_elsewhere(batch.partition, batch.writes) else await send(batch)

    send_through(patch, MemoryBatches, believed)


def _is_elsewhere(at: Partition, writes: Sequence[Write]) -> bool:
    """A batch with a new line of a reservation whose home is another place."""
    home = f"{at.name}~{at.number}~"
    return at.table is Table.STOCK and any(
        key.kind is Kind.LINE and condition is ABSENT and not key.id.startswith(home) for key, condition, *_ in writes
    )


BROKEN_SHOP = {
    "a transfer received twice": BrokenUnits("T1", SHOP_DAY, _received_by_each),
    "shipped units not taken from the source": BrokenUnits("T1", CALM_SHOP, _shipped_and_kept),
    "a receipt that nobody goes on with": BrokenUnits("L2", SHOP_DAY.with_seed(1), _nobody_goes_on),
    "a repeat of an order event reserves again": BrokenUnits("O2", CALM_SHOP, _reserved_by_each),
    "what comes before its order is forgotten": BrokenUnits("O4", CALM_SHOP, _not_noted),
    "approval by oneself": BrokenUnits("A1", CALM_SHOP, _by_oneself),
    "above the limit nobody is asked": BrokenUnits("A2", CALM_SHOP, _nobody_is_asked),
    "units written off by who sent them": BrokenUnits("T4", CALM_SHOP, _written_off_alone),
    "event without movement": BrokenUnits("S3", CALM_SHOP, _without_movement),
    "movement without event": BrokenUnits("S3", CALM_SHOP, _without_event),
    "reservation of several lines torn": BrokenUnits("I2", CALM_SHOP, _torn),
}
