"""The rows of an entry, written and read: the only place that knows the meaning of their columns."""

import json

from travio_inventory.kernel.events import Step
from travio_inventory.kernel.json_text import encode
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey, Table, Write
from travio_inventory.protocol.event_rows import event_row
from travio_inventory.protocol.hold import Recorded
from travio_inventory.stock.entry import QUANTITY_MAX, InventoryEntry, Quantities, ShardMove, Sharing, inventory_id
from travio_inventory.stock.movement import Movement, MovementType
from travio_inventory.stock.warehouse import SHARDS_MAX

STOCK = RowKey(Kind.STOCK, "")
VERSIONS_MAX = 10**13
"""Of one row. A movement's version says the number of its row, so many times, and the version of that."""
MOVEMENTS_KEPT_S = 400 * 86_400


def place(organization: str, sku: str, warehouse_number: int) -> Partition:
    """The partition of what lies of it in that warehouse: its first shard, which says what the entry is."""
    return Partition(Table.STOCK, organization, sku, warehouse_number * SHARDS_MAX)


def shard_of(place: Partition, number: int) -> Partition:
    """The partition of that row of the entry whose first row is there."""
    return place._replace(number=place.number + number)


def number_of_shard(at: Partition) -> int:
    """Which row of its entry is there: 0 for the first."""
    return at.number % SHARDS_MAX


def movement_key(version: int) -> RowKey:
    """The row of the movement that led to that version."""
    return RowKey(Kind.MOVEMENT, f"{version:016d}")


def read_entry(at: Partition, row: Row) -> InventoryEntry:
    """The entry that the row says."""
    warehouse, shard = rows.text(row, "warehouse"), number_of_shard(at)
    named = inventory_id(at.organization, at.name, warehouse)
    return InventoryEntry(
        f"{named}.{shard}" if shard else named,
        at.organization,
        at.name,
        warehouse,
        rows.text(row, "product"),
        rows.text(row, "variant"),
        Quantities(rows.number(row, "available"), rows.number(row, "reserved")),
        rows.number(row, "reorder_point"),
        rows.number(row, "reorder_quantity"),
        rows.number(row, "version"),
        rows.number(row, "created_at_ms"),
        rows.number(row, "updated_at_ms"),
        row["status"] == "deleted",
        rows.number(row, "events"),
        Recorded(rows.number(row, "event_epoch"), rows.number(row, "event_at_ms")),
        read_sharing(rows.text(row, "definition")),
    )


def read_sharing(text: str) -> Sharing | None:
    """How the units of an entry lie in several rows; None for one that never had several."""
    if not text:
        return None
    said = json.loads(text)
    move = None if said["move"] is None else ShardMove(*said["move"])
    elsewhere = said.get("elsewhere", QUANTITY_MAX)  # not said by rows of before: it may be as many as there can be
    took = tuple((giver, number) for giver, number in said.get("took", ()))
    return Sharing(said["shards"], said["rows"], said["moves"], move, said["marks"], elsewhere, took)


def _sharing_row(sharing: Sharing | None) -> Row:
    """Nothing for an entry that never had several rows."""
    if sharing is None:
        return {}
    said = {
        "shards": sharing.shards,
        "rows": sharing.rows,
        "moves": sharing.moves,
        "marks": sharing.marks,
        "elsewhere": sharing.elsewhere,
        "took": sharing.took,
        "move": None if sharing.move is None else list(sharing.move),
    }
    return {"definition": encode(said)}


def entry_row(entry: InventoryEntry) -> Row:
    """What the row of an entry says."""
    return {
        **_sharing_row(entry.sharing),
        "status": "deleted" if entry.is_deleted else "active",
        "warehouse": entry.warehouse_id,
        "product": entry.product_id,
        "variant": entry.variant_id or None,
        "available": entry.quantities.available,
        "reserved": entry.quantities.reserved,
        "reorder_point": entry.reorder_point,
        "reorder_quantity": entry.reorder_quantity,
        "version": entry.version,
        "created_at_ms": entry.created_at_ms,
        "updated_at_ms": entry.updated_at_ms,
        "events": entry.events,
        "event_epoch": entry.recorded.epoch,
        "event_at_ms": entry.recorded.at_ms,
    }


def changed_row(before: InventoryEntry, after: InventoryEntry) -> Row:
    """What the row of an entry says otherwise than before; and how it lies in shards, where it does."""
    was = entry_row(before)
    return {name: value for name, value in entry_row(after).items() if name == "definition" or was.get(name) != value}


def movement_row(movement: Movement, cause: str) -> Row:
    """What the row of a movement says."""
    return {
        "type": movement.type.value,
        "quantity": movement.quantity,
        "balance": movement.balance_after,
        "reason": movement.reason,
        "reference": movement.reference or None,
        "performed_by": movement.performed_by or None,
        "cause": cause,
        "at_ms": movement.created_at_ms,
    }


def read_movement(inventory: str, key: RowKey, row: Row, shard: int = 0) -> Movement:
    """The movement that the row says, in that row of its entry."""
    return Movement(
        inventory,
        shard * VERSIONS_MAX + int(key.id),
        MovementType(rows.text(row, "type")),
        rows.number(row, "quantity"),
        rows.number(row, "balance"),
        rows.text(row, "reason"),
        rows.text(row, "reference"),
        rows.text(row, "performed_by"),
        rows.number(row, "at_ms"),
    )


def event_write(entry: InventoryEntry, step: Step, at: Recorded, before: Recorded) -> Write:
    """The row of an event of the entry, whose event before it is there."""
    return event_row(entry.id, step, at, before)
