"""Judges moves of units between shards as each batch is applied: none is lost, doubled or left on the way."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey
from travio_inventory.protocol.rows import number
from travio_inventory.stock.entry import ShardMove
from travio_inventory.stock.records.shards import WHY
from travio_inventory.stock.records.stock_rows import STOCK, number_of_shard, read_entry, shard_of
from travio_inventory.store.memory import Change


def is_internal(key: RowKey, row: Row) -> bool:
    """Whether it is a movement from one shard of an entry to another."""
    return key.kind is Kind.MOVEMENT and row.get("reason") == WHY


class ShardJudge:
    """Knows how many units every entry should have in all of its shards together."""

    def __init__(self) -> None:
        self._came: defaultdict[Partition, int] = defaultdict(int)
        self.moves = 0

    def applied(
        self, at: Partition, changes: Sequence[Change], rows: Mapping[Partition, Mapping[RowKey, Row]]
    ) -> Iterator[str]:
        """What is wrong since a batch was applied."""
        home = home_of(at)
        for key, before, after in changes:
            if key.kind is Kind.MOVEMENT and not before:
                self.moves += is_internal(key, after)
                self._came[home] += 0 if is_internal(key, after) else number(after, "quantity")
        if not any(key == STOCK for key, *_ in changes):
            return
        stands = [rows[each][STOCK] for each in shards_of(home, rows)]
        there = sum(number(row, "available") + number(row, "reserved") for row in stands)
        if there + (moving := on_the_way(home, rows)) != self._came[home]:
            yield f"S7 {home} has {there} and {moving} on the way, of {self._came[home]}"

    @staticmethod
    def leftovers(rows: Mapping[Partition, Mapping[RowKey, Row]]) -> Iterator[str]:
        """After a night nothing is on the way."""
        for at in rows:
            if STOCK in rows[at] and (move := _move_of(at, rows)) is not None:
                yield f"L2 {at} has {move}, which nobody goes on with"


def home_of(at: Partition) -> Partition:
    """Where the first row is of the entry that has one there."""
    return shard_of(at, -number_of_shard(at))


def shards_of(home: Partition, rows: Mapping[Partition, Mapping[RowKey, Row]]) -> Iterator[Partition]:
    """Where the entry has rows."""
    return (at for at in rows if STOCK in rows[at] and home_of(at) == home)


def on_the_way(home: Partition, rows: Mapping[Partition, Mapping[RowKey, Row]]) -> int:
    """How many units have left a row of the entry and not arrived in another one."""
    moves = ((at, _move_of(at, rows)) for at in shards_of(home, rows))
    return sum(move.units for at, move in moves if move is not None and not _has_arrived(at, move, rows))


def _move_of(at: Partition, rows: Mapping[Partition, Mapping[RowKey, Row]]) -> ShardMove | None:
    sharing = read_entry(at, rows[at][STOCK]).sharing
    return None if sharing is None else sharing.move


def _has_arrived(at: Partition, move: ShardMove, rows: Mapping[Partition, Mapping[RowKey, Row]]) -> bool:
    giver = number_of_shard(at)
    cause = RowKey(Kind.CAUSE, f"shard {giver} {move.number}")
    return cause in rows.get(shard_of(at, move.to - giver), {})
