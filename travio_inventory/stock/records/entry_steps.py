"""Changes of an entry within a batch of the protocol: its row, and for each its movement and events."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from travio_inventory.kernel.actor import ActorKind
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import ABSENT, Row, Write
from travio_inventory.protocol.hold import Recorded
from travio_inventory.stock import events
from travio_inventory.stock.entry import InventoryEntry, Quantities
from travio_inventory.stock.movement import Movement, MovementType
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.records.stock_rows import STOCK

_WHY = {MovementType.OUTBOUND: "order committed", MovementType.RETURN: "committed order cancelled"}


class EntryStep(NamedTuple):
    """By how many the quantities change; with a type it is a movement, of that line."""

    available: int
    reserved: int
    type: MovementType | None = None
    line: Row | None = None


def entry_writes(
    before: InventoryEntry, steps: Sequence[EntryStep], now: Recorded, events_kept_s: int
) -> Sequence[Write]:
    """The entry after these steps, if it is at the version that was seen; each step is a version of its own."""
    entry, writes = before, list[Write]()
    for step in steps:
        available, reserved = entry.quantities
        after = replace(
            entry,
            quantities=Quantities(available + step.available, reserved + step.reserved),
            version=entry.version + 1,
            updated_at_ms=now.at_ms,
        )
        after, told = with_events(entry, after, now, events_kept_s)
        writes += told
        if step.type is not None:
            writes.append(_movement(after, step, step.type, now))
        entry = after
    return [Write(STOCK, {"version": before.version}, stock_rows.changed_row(before, entry)), *writes]


def with_events(
    before: InventoryEntry, after: InventoryEntry, now: Recorded, kept_s: int
) -> tuple[InventoryEntry, list[Write]]:
    """The entry with the events that tell how it differs, and these."""
    writes = list[Write]()
    for told in events.told(before, after, ActorKind.SERVICE):
        writes.append(stock_rows.event_write(after, told, now, after.recorded)._replace(keep_s=kept_s))
        after = replace(after, events=told.ordinal + 1, recorded=now)
    return after, writes


def _movement(entry: InventoryEntry, step: EntryStep, kind: MovementType, now: Recorded) -> Write:
    line = step.line or {}
    movement = Movement(
        entry.id,
        entry.version,
        kind,
        step.available + step.reserved,
        entry.quantities.total,
        _WHY[kind],
        rows.text(line, "order_id"),
        rows.text(line, "performed_by"),
        now.at_ms,
    )
    row = stock_rows.movement_row(movement, f"{kind.lower()} {rows.text(line, 'owner')}")
    return Write(stock_rows.movement_key(entry.version), ABSENT, row, stock_rows.MOVEMENTS_KEPT_S)
