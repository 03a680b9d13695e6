"""Judges what is told of entries in shards: low and out of stock, once per crossing of all shards together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey
from travio_inventory.protocol.rows import number
from travio_inventory.stock.events import StockEvent
from travio_inventory.stock.records.stock_rows import STOCK, read_entry
from travio_inventory.stock.sharing import LOW, OUT
from travio_inventory.store.memory import Change
from verification.simulation.shard_judge import home_of, on_the_way, shards_of

TOLD_BY: Mapping[object, str] = {StockEvent.LOW_STOCK: LOW, StockEvent.OUT_OF_STOCK: OUT}


@dataclass(slots=True)
class _Mark:
    """Since it was last told: whether it was not so at some moment, and was so at a later one."""

    was_over: bool
    is_crossed: bool = False

    def noted(self, *, holds: bool) -> None:
        self.is_crossed = self.is_crossed or (holds and self.was_over)
        self.was_over = self.was_over or not holds


@dataclass(slots=True)
class MarkJudge:
    """Knows the available units of every entry in shards at every moment."""

    tellings: int = 0
    _marks: dict[Partition, dict[str, _Mark]] = field(default_factory=dict)

    def applied(
        self, at: Partition, changes: Sequence[Change], rows: Mapping[Partition, Mapping[RowKey, Row]]
    ) -> Iterator[str]:
        """What is wrong since a batch was applied."""
        home = home_of(at)
        if not rows[home].get(STOCK, {}).get("definition"):
            return
        holding = _holding(home, rows)
        marks = self._marks.setdefault(home, {mark: _Mark(mark not in holding) for mark in (LOW, OUT)})
        for mark, seen in marks.items():
            seen.noted(holds=mark in holding)
        for key, before, after in changes:
            if key.kind is Kind.EVENT and not before and (mark := TOLD_BY.get(after.get("type"), "")):
                self.tellings += 1
                if not marks[mark].is_crossed:
                    yield f"T1 {home} is told to be {mark}, which is not so, or was told before"
                marks[mark] = _Mark(mark not in holding)

    def leftovers(self, rows: Mapping[Partition, Mapping[RowKey, Row]]) -> Iterator[str]:
        """After a night all is told that is so, and what is so no more can be told again. What was so no more for a
        moment only may count as told.
        """
        for home in self._marks:
            said = read_entry(home, rows[home][STOCK]).sharing
            holding, told = _holding(home, rows), set() if said is None else set(said.marks.split())
            if holding != told:
                yield f"T2 {home} is {holding or 'neither low nor out'}, and what is told is {told or 'nothing'}"


def _holding(home: Partition, rows: Mapping[Partition, Mapping[RowKey, Row]]) -> set[str]:
    stands = [number(rows[each][STOCK], "available") for each in shards_of(home, rows)]
    available, first = sum(stands) + on_the_way(home, rows), read_entry(home, rows[home][STOCK])
    return {mark for mark, is_so in ((LOW, available <= first.reorder_point), (OUT, not available)) if is_so}
