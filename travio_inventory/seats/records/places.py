"""Which place on a waiting list is whose: exact as it is taken, and counted again now and then."""

import asyncio
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import inf

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Batches, Kind, Partition, Row, RowKey, StoreUnavailable
from travio_inventory.seats.records.list_turns import PLACES_PER_ROW, TAIL

COUNT_EVERY_S = 30.0
JOINED_MAX = 1_000_000
"""A list on which more have joined is not counted: who waits there is told the place that they had when they joined."""
READ_AT_ONCE = 1_000
LISTS_MAX = 64


@dataclass(slots=True)
class _Count:
    """The numbers of those who waited on a list, in order, as far as the tail had come before they were read."""

    counting: asyncio.Lock = field(default_factory=asyncio.Lock)
    at_s: float = -inf
    upto: int = -1
    waiting: "array[int]" = field(default_factory=lambda: array("q"))
    start: str = ""
    """The rows of places before this one are empty for good: nobody joins in front of the last."""

    def position(self, sequence: int) -> float:
        """At most this many wait until that number, itself included: who has joined is only overtaken by nobody."""
        if self.upto < 0:
            return inf
        if sequence <= self.upto:
            return bisect_left(self.waiting, sequence) + 1
        return len(self.waiting) + sequence - self.upto


class Places:
    """Places are upper bounds: who waits moves up as others leave. Keeps the counts of LISTS_MAX lists."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._counts: OrderedDict[Partition, _Count] = OrderedDict()

    def known(self, partition: Partition, entry: Row) -> int:
        """The place of this entry, without another look at the list."""
        count = self._counts.get(partition)
        told = rows.number(entry, "position")
        return told if count is None else int(min(told, count.position(rows.number(entry, "sequence"))))

    async def recent(self, partition: Partition, entry: Row) -> int:
        """The place of this entry as it was less than a minute ago, where the list can be read."""
        count = self._counts.setdefault(partition, _Count())
        self._counts.move_to_end(partition)
        if len(self._counts) > LISTS_MAX:
            self._counts.popitem(last=False)
        async with count.counting:
            if asyncio.get_running_loop().time() - count.at_s >= COUNT_EVERY_S:
                await self._count(partition, count)
        return self.known(partition, entry)

    async def _count(self, partition: Partition, count: _Count) -> None:
        began_s = asyncio.get_running_loop().time()
        try:
            tail = (await self._batches.get(partition, [TAIL])).get(TAIL, {})
            upto = rows.number(tail, "sequence")
            numbers = await self._numbers(partition, count) if upto <= JOINED_MAX else None
        except StoreUnavailable:
            return
        count.at_s = began_s
        if numbers is not None:
            count.upto, count.waiting = upto, array("q", sorted(number for number in numbers if number <= upto))

    async def _numbers(self, partition: Partition, count: _Count) -> Iterable[int]:
        """The numbers of all who wait, read in portions. Raises StoreUnavailable."""
        numbers: list[int] = []
        start = count.start
        while True:
            places = await self._batches.read(partition, Kind.PLACES, start=start, most=READ_AT_ONCE)
            for key, row in sorted(places.items()):
                numbers += _waiting(key, row)
                if not numbers:
                    count.start = key.id
            if len(places) < READ_AT_ONCE:
                return numbers
            start = max(places).id + "\0"


def _waiting(key: RowKey, row: Row) -> Iterator[int]:
    """The numbers of those who wait on the places of this row."""
    first, bits = int(key.id) * PLACES_PER_ROW, rows.number(row, "waiting")
    return (first + place for place in range(PLACES_PER_ROW) if bits >> place & 1)
