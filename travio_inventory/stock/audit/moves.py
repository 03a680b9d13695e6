"""Compares the shards of an entry with each other: each move between them left one and came to one, once.

The moves that a shard gave away are numbered, and its movements keep their order; so the movement of each number is
known, and the one in another shard that names it. That is looked at where all movements are kept and read.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Partition, Row
from travio_inventory.protocol.index_entries import LANDS_WITHIN_MS
from travio_inventory.stock import sharing
from travio_inventory.stock.audit.findings import StockFault, StockFinding
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.records.shards import WHY, cause_of_move, move_of_cause


class Seen(NamedTuple):
    """A shard as it was looked at, and what moved from it and to it, in order; `is_whole` if that is all ever."""

    at: Partition
    entry: InventoryEntry
    movements: Sequence[Row]
    is_whole: bool


class Move(NamedTuple):
    """A move: by which shard, and the number that it has there."""

    giver: int
    number: int


class Balance(NamedTuple):
    """How many units left, how many came, and when it left, 0 where it is not known that any did."""

    left: int
    came: int
    at_ms: int


def is_between(movement: Row) -> bool:
    """Whether it is from one shard to another."""
    return movement.get("reason") == WHY


def balances(seen: Sequence[Seen]) -> dict[Move, Balance]:
    """Of every move that is known."""
    left, came, at_ms = Counter[Move](), Counter[Move](), dict[Move, int]()
    for shard in seen:
        number = sharing.number_of(shard.entry)
        given = [each for each in shard.movements if move_of_cause(rows.text(each, "cause")) is None]
        moves = shard.entry.sharing.moves if shard.entry.sharing is not None else 0
        for ordinal, movement in enumerate(given, moves - len(given) + 1):
            left[Move(number, ordinal)] = -rows.number(movement, "quantity")
            at_ms[Move(number, ordinal)] = rows.number(movement, "at_ms")
        for movement in shard.movements:
            if (named := move_of_cause(rows.text(movement, "cause"))) is not None:
                came[Move(*named)] += rows.number(movement, "quantity")
    return {move: Balance(left[move], came[move], at_ms.get(move, 0)) for move in sorted({*left, *came})}


def findings(seen: Sequence[Seen], now_ms: int, late_ms: int) -> Iterator[StockFinding]:
    """What is wrong between these shards, which are all of an entry, the first one first."""
    if not seen or seen[0].entry.sharing is None:
        return
    home, found = seen[0].at, balances(seen)
    under_way = set[Move]()
    for shard in seen:
        number = sharing.number_of(shard.entry)
        move = shard.entry.sharing.move if shard.entry.sharing is not None else None
        if move is not None:
            named = Move(number, move.number)
            under_way.add(named)
            if now_ms - found.get(named, Balance(0, 0, 0)).at_ms >= late_ms:
                yield StockFinding(StockFault.UNFINISHED_MOVE, home, cause_of_move(*named), f"{move.units} units")
    if all(shard.is_whole for shard in seen):
        for named, (left, came, at_ms) in found.items():
            is_open = named in under_way and came in (0, left)
            if left != came and not is_open and now_ms - at_ms >= max(late_ms, LANDS_WITHIN_MS):
                fault = StockFault.LOST_IN_MOVE if came < left else StockFault.DOUBLED_BY_MOVE
                yield StockFinding(fault, home, cause_of_move(*named), f"{left} left, {came} came", f"{left} {came}")
    if not under_way:
        yield from _untold(home, seen)


def _untold(home: Partition, seen: Sequence[Seen]) -> Iterator[StockFinding]:
    whole = sharing.summed((seen[0].entry, [shard.entry for shard in seen[1:]]))
    marked = sharing.marked(whole)
    if marked is not None and not whole.is_deleted:
        said = f"{whole.quantities.available} available"
        yield StockFinding(StockFault.UNTOLD, home, "", said, marked.marks)
