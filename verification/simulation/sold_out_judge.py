"""Judges refusals of stock: nobody is told that it is sold out while what they want is there all the time.

What is there is counted place by place, at its least while the order was asked for: so no order of reads excuses a
refusal. What a process may remember for a moment (decision 92) is the only allowance.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from travio_inventory.protocol.batches import Partition
from travio_inventory.stock.reservation import Item

ALLOWED_S = 0.250
"""For so long what another process brings back may be unknown: as the rule says, whatever the code remembers."""


@dataclass(slots=True)
class Told:
    """A call and its result: an answer, a refusal's name, or nothing ("unknown")."""

    what: str
    order: str
    key: str
    items: tuple[Item, ...] = ()
    is_split: bool = True
    begun_s: float = 0.0
    ended_s: float = 0.0
    answer: str = "unknown"
    reservation_id: str = ""


class Shelves:
    """What was available in each place, since when."""

    def __init__(self) -> None:
        self._since: defaultdict[Partition, list[tuple[float, int]]] = defaultdict(list)

    def noted(self, now_s: float, at: Partition, available: int) -> None:
        """So many are there from now on."""
        self._since[at].append((now_s, available))

    def least(self, item: Item, begin_s: float, end_s: float) -> list[int]:
        """The fewest of the item that each place had at any moment from `begin_s` to `end_s`."""
        return [self.least_at(at, begin_s, end_s) for at in self._since if at.name == item.sku]

    def least_at(self, at: Partition, begin_s: float, end_s: float) -> int:
        """The fewest that one place had."""
        return max(0, min(self._counts(self._since[at], begin_s, end_s)))

    @staticmethod
    def _counts(known: Sequence[tuple[float, int]], begin_s: float, end_s: float) -> Iterator[int]:
        first = bisect_right(known, begin_s, key=lambda each: each[0])
        yield known[first - 1][1] if first else 0
        for at_s, count in known[first:]:
            if at_s > end_s:
                return
            yield count


def judged_refusals(calls: Sequence[Told], shelves: Shelves) -> Iterator[str]:
    """What is wrong with refusals. An order that is asked for again may be told what it was told before."""
    begun: dict[tuple[str, str], float] = {}
    for call in calls:
        if call.what == "reserve":
            asked = (call.order, call.key)
            begun[asked] = min(begun.get(asked, call.begun_s), call.begun_s)
    for call in calls:
        if call.what != "reserve" or call.answer != "InsufficientStock":
            continue
        begin_s = begun[call.order, call.key] - ALLOWED_S
        there = {item: shelves.least(item, begin_s, call.ended_s) for item in call.items if not item.warehouse_id}
        if (
            there
            and len(there) == len(call.items)
            and all(
                item.quantity <= (sum(counts) if call.is_split else max(counts, default=0))
                for item, counts in there.items()
            )
        ):
            yield f"S5 {call.order} was told that it is sold out, and there were {there} all the time"
