"""An entry that lies in several rows, its shards: what a move of units makes of them, and what all are together."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple, TypeAlias

from travio_inventory.stock.entry import NOWHERE, InventoryEntry, Quantities, ShardMove, Sharing
from travio_inventory.stock.events import Said, StockEvent
from travio_inventory.stock.refusals import StockContended

WORTH_MOVING: Final = 8
"""Fewer units are sold where they are."""

Rows: TypeAlias = tuple[InventoryEntry, Sequence[InventoryEntry | None]]
"""The first row, and the others by their numbers from 1: None for one that never had a unit."""
LOW, OUT = MARKS = ("low", "out")
"""What is told of the sum of all rows, once per crossing."""


class Marked(NamedTuple):
    """What will have been told of an entry, and what is told now, if anything."""

    marks: str
    said: Said | None


Make: TypeAlias = Callable[[InventoryEntry | None, int], InventoryEntry]


def number_of(row: InventoryEntry) -> int:
    """Which row of its entry it is, 0 for the first one."""
    return int(row.id.partition(".")[2] or 0)


def shared(entry: InventoryEntry, shards: int) -> Sharing | None:
    """What the first row of an entry says of which so many rows take orders from now on."""
    if entry.sharing is not None:
        return replace(entry.sharing, shards=shards, rows=max(entry.sharing.rows, shards))
    marks = [mark for mark, is_so in zip(MARKS, (entry.is_low, not entry.quantities.available), strict=True) if is_so]
    return None if shards == 1 else Sharing(shards, shards, marks=" ".join(marks))


def given(row: InventoryEntry | None, now_ms: int, *, to: int, units: int) -> InventoryEntry:
    """The row without so many of its available units, or all: they are on the way to another one. Raises StockContended
    where it has none, or others are on their way.
    """
    if row is None or row.sharing is None or row.sharing.move is not None or row.quantities.available <= 0:
        raise StockContended
    available, reserved = row.quantities
    count = min(units, available)
    move = ShardMove(to, count, row.sharing.moves + 1)
    elsewhere = row.sharing.elsewhere + (count if number_of(row) == 0 else 0)
    return replace(
        row,
        quantities=Quantities(available - count, reserved),
        version=row.version + 1,
        updated_at_ms=now_ms,
        sharing=replace(row.sharing, moves=move.number, move=move, elsewhere=elsewhere),
    )


def taken(row: InventoryEntry | None, now_ms: int, *, giver: InventoryEntry, to: int, units: int) -> InventoryEntry:
    """The row with so many more; it begins with the first ones. No limit is in their way: they were there before. Where
    it took them already, and their cause was forgotten since, they do not come again.
    """
    if row is None:
        named = giver.id.partition(".")[0]
        begun = replace(giver, id=f"{named}.{to}", version=0, created_at_ms=now_ms, events=0, recorded=NOWHERE)
        row = replace(begun, quantities=Quantities(0, 0), sharing=Sharing())
    (available, reserved), had = row.quantities, row.sharing or Sharing()
    number, move = number_of(giver), giver.sharing.move.number if giver.sharing and giver.sharing.move else 0
    units = 0 if has_come(row, giver) else units
    took = {**dict(had.took), number: max(move, dict(had.took).get(number, 0))}
    return replace(
        row,
        quantities=Quantities(available + units, reserved),
        version=row.version + 1,
        updated_at_ms=now_ms,
        sharing=replace(had, elsewhere=max(had.elsewhere - units, 0), took=tuple(sorted(took.items()))),
    )


def has_come(row: InventoryEntry | None, giver: InventoryEntry) -> bool:
    """Whether the row has taken what the giver announces to it."""
    if row is None or row.sharing is None or giver.sharing is None or giver.sharing.move is None:
        return False
    return dict(row.sharing.took).get(number_of(giver), 0) >= giver.sharing.move.number


def put_right(row: InventoryEntry | None, now_ms: int, *, units: int) -> InventoryEntry:
    """The row with so many more, or fewer. Raises StockContended where so many are not available."""
    if row is None or row.sharing is None or row.quantities.available + units < 0:
        raise StockContended
    available, reserved = row.quantities
    quantities = Quantities(available + units, reserved)
    return replace(row, quantities=quantities, version=row.version + 1, updated_at_ms=now_ms)


def reckoned(row: InventoryEntry | None, now_ms: int, *, whole: InventoryEntry) -> InventoryEntry:
    """The first row, which knows how many lie in others. Raises StockContended where it is not as it was seen."""
    if row is None or row.sharing is None or row.version != whole.version:
        raise StockContended
    elsewhere = whole.quantities.total - whole.first_total
    return replace(
        row, version=row.version + 1, updated_at_ms=now_ms, sharing=replace(row.sharing, elsewhere=elsewhere)
    )


def alone(row: InventoryEntry) -> InventoryEntry:
    """The first row, with nothing in others."""
    return row if row.sharing is None else replace(row, sharing=replace(row.sharing, elsewhere=0))


def summed(rows: Rows) -> InventoryEntry:
    """The entry of which these are all rows."""
    first, others = rows
    there = [Quantities(0, 0) if row is None else row.quantities for row in (first, *others)]
    return replace(
        first,
        quantities=Quantities(sum(each.available for each in there), sum(each.reserved for each in there)),
        by_shard=tuple(each.available for each in there),
        first_total=there[0].total,
    )


def moving(rows: Rows) -> Sequence[InventoryEntry]:
    """Those that announce a move."""
    first, others = rows
    return [row for row in (first, *others) if row is not None and row.sharing is not None and row.sharing.move]


def versions(rows: Rows) -> Sequence[int]:
    """Of each row, 0 of one that is not there yet."""
    first, others = rows
    return [0 if row is None else row.version for row in (first, *others)]


def moves(rows: Rows) -> Sequence[int]:
    """How many moves each row ever gave away."""
    first, others = rows
    return [0 if row is None or row.sharing is None else row.sharing.moves for row in (first, *others)]


def available(rows: Rows) -> Sequence[int]:
    """How many each row can give."""
    return [max(each, 0) for each in summed(rows).by_shard]


def marked(whole: InventoryEntry) -> Marked | None:
    """What is to be told next of the sum of all rows; None if all is told."""
    told = whole.sharing.marks if whole.sharing is not None else ""
    available = max(whole.quantities.available, 0)
    holds = [mark for mark, is_so in zip(MARKS, (whole.is_low, not available), strict=True) if is_so]
    for mark in holds:
        if mark not in told.split():
            if mark == LOW:
                said: Said = StockEvent.LOW_STOCK, {"currentStock": available, "reorderPoint": whole.reorder_point}
            else:
                said = StockEvent.OUT_OF_STOCK, {"currentStock": 0}
            return Marked(" ".join([*told.split(), mark]), said)
    now = " ".join(mark for mark in told.split() if mark in holds)
    return None if now == told else Marked(now, None)


def with_marks(row: InventoryEntry | None, now_ms: int, *, seen: InventoryEntry, marks: str) -> InventoryEntry:
    """The first row, with what is told now. Raises StockContended where something was told, or is to be told of
    otherwise, since it was seen.
    """
    if row is None or row.sharing is None or _told_by(row) != _told_by(seen):
        raise StockContended
    return replace(row, version=row.version + 1, updated_at_ms=now_ms, sharing=replace(row.sharing, marks=marks))


def _told_by(row: InventoryEntry) -> tuple[object, ...]:
    """What says whether something is to be told of its entry. Reservations change nothing of it."""
    marks = "" if row.sharing is None else row.sharing.marks
    return row.events, marks, row.reorder_point, row.is_deleted


def chosen(entry: InventoryEntry, own: int, count: int) -> int | None:
    """The row that serves so many: the one of one's own, else the fullest; None if none has enough."""
    first = own % entry.shards
    if entry.by_shard[first] >= count:
        return first
    fullest = max(range(len(entry.by_shard)), key=entry.by_shard.__getitem__)
    return fullest if entry.by_shard[fullest] >= count else None


def worth_moving(fullest: int, own: int) -> int:
    """How many units of the fullest row go to one that has so few."""
    half = (fullest - max(own, 0)) // 2
    return half if half >= WORTH_MOVING else 0
