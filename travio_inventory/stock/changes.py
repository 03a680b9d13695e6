"""What a change makes of an entry, or why it is refused: pure rules."""

from dataclasses import replace

from travio_inventory.stock.approval import NeedsApproval
from travio_inventory.stock.commands import AddEntry, AdjustStock, ChangeEntry, DeleteEntry, SetStock
from travio_inventory.stock.entry import QUANTITY_MAX, InventoryEntry, Quantities, inventory_id
from travio_inventory.stock.refusals import (
    BelowReserved,
    InsufficientStock,
    StockExists,
    StockFull,
    StockLeft,
    StockSharded,
    VersionConflict,
)
from travio_inventory.stock.sharing import alone, shared


def added(standing: InventoryEntry | None, organization: str, command: AddEntry, now_ms: int) -> InventoryEntry:
    """The new entry, or a deleted one that begins again, with versions that go on. Raises StockExists."""
    if standing is not None and not standing.is_deleted:
        raise StockExists
    return InventoryEntry(
        inventory_id(organization, command.sku, command.warehouse_id),
        organization,
        command.sku,
        command.warehouse_id,
        command.product_id,
        command.variant_id,
        Quantities(command.quantity, 0),
        command.reorder_point,
        command.reorder_quantity,
        1 if standing is None else standing.version + 1,
        now_ms if standing is None else standing.created_at_ms,
        now_ms,
        sharing=None if standing is None else standing.sharing,
    )


def adjusted(entry: InventoryEntry, command: AdjustStock, now_ms: int, *, alone_at: int = 0) -> InventoryEntry:
    """The entry with so many more or fewer: what is reserved stays. `alone_at` as in `counted`, where a version was
    seen. Raises InsufficientStock, StockFull, VersionConflict, StockSharded.
    """
    if command.version:
        _check_version(entry, command.version)
        entry = _alone(entry, alone_at)
    available, reserved = entry.quantities
    if available + command.quantity < 0:
        raise _few(entry, -command.quantity, "")
    return _changed(entry, Quantities(available + command.quantity, reserved), now_ms)


def noted(entry: InventoryEntry, now_ms: int) -> InventoryEntry:
    """The entry with the same quantities, of which something else is told."""
    return _changed(entry, entry.quantities, now_ms)


def moved(entry: InventoryEntry, quantity: int, now_ms: int) -> InventoryEntry:
    """The entry with so many that came, or went, by a transfer. Raises InsufficientStock, StockFull."""
    available, reserved = entry.quantities
    if available + quantity < 0:
        raise _few(entry, -quantity, entry.sku)
    return _changed(entry, Quantities(available + quantity, reserved), now_ms)


def counted(
    entry: InventoryEntry, command: SetStock, now_ms: int, most: int | None = None, *, alone_at: int = 0
) -> InventoryEntry:
    """The entry with as many as were counted, at most so many more or fewer. `alone_at` is the version at which nothing
    lay in other shards. Raises VersionConflict, BelowReserved, NeedsApproval, StockSharded.
    """
    _check_version(entry, command.version)
    entry = _alone(entry, alone_at)
    reserved = entry.quantities.reserved
    difference = command.total - entry.quantities.total
    if most is not None and abs(difference) > most:
        raise NeedsApproval(difference)
    if command.total < reserved:
        raise BelowReserved(reserved)
    return _changed(entry, Quantities(command.total - reserved, reserved), now_ms)


def redefined(entry: InventoryEntry, command: ChangeEntry, now_ms: int) -> InventoryEntry:
    """The entry with other reorder points. Raises VersionConflict."""
    _check_version(entry, command.version)
    point = entry.reorder_point if command.reorder_point is None else command.reorder_point
    quantity = entry.reorder_quantity if command.reorder_quantity is None else command.reorder_quantity
    sharing = entry.sharing if command.shards is None else shared(entry, command.shards)
    changed = replace(entry, reorder_point=point, reorder_quantity=quantity, sharing=sharing)
    return _changed(changed, entry.quantities, now_ms)


def is_redefined(entry: InventoryEntry, command: ChangeEntry) -> bool:
    """Whether it is as an earlier attempt at the command left it."""
    wanted = (command.reorder_point, command.reorder_quantity, command.shards)
    stands = (entry.reorder_point, entry.reorder_quantity, entry.shards)
    said = [(want, there) for want, there in zip(wanted, stands, strict=True) if want is not None]
    is_so = bool(said) and all(want == there for want, there in said)
    return is_so and not entry.is_deleted and entry.version == command.version + 1


def deleted(entry: InventoryEntry, command: DeleteEntry, now_ms: int, *, alone_at: int = 0) -> InventoryEntry:
    """The entry, kept no more. `alone_at` as in `counted`. Raises VersionConflict, StockLeft, StockSharded."""
    _check_version(entry, command.version)
    entry = _alone(entry, alone_at)
    if entry.quantities.total:
        raise StockLeft(entry.quantities.total)
    return _changed(replace(entry, is_deleted=True), entry.quantities, now_ms)


def _check_version(entry: InventoryEntry, version: int) -> None:
    if entry.version != version:
        raise VersionConflict(entry.version)


def _alone(entry: InventoryEntry, alone_at: int) -> InventoryEntry:
    """What compares a total needs all of it in one row."""
    if entry.sharing is not None and entry.version != alone_at:
        raise StockSharded(entry.sharing.shards)
    return alone(entry)


def _few(entry: InventoryEntry, wanted: int, sku: str) -> InsufficientStock:
    """Of an entry in several shards it is said how many the first one should have."""
    return InsufficientStock(entry.quantities.available, sku, wanted=0 if entry.sharing is None else wanted)


def _changed(entry: InventoryEntry, quantities: Quantities, now_ms: int) -> InventoryEntry:
    """The next version, within the limit of a total if it has more than before. Raises StockFull."""
    more, elsewhere = quantities.total - entry.quantities.total, 0 if entry.sharing is None else entry.sharing.elsewhere
    if more > 0 and quantities.total + elsewhere > QUANTITY_MAX:
        room = max(QUANTITY_MAX - entry.quantities.total - elsewhere, 0)
        raise StockFull(room, wanted=more if elsewhere else 0)
    return replace(entry, quantities=quantities, version=entry.version + 1, updated_at_ms=now_ms)
