"""Reads for what is only shown: the same row of neighbours, asked for in one turn of the loop, is one request.

Neighbours are partitions of one name with different numbers, as those of a stock keeping unit in several warehouses.
Nobody waits for a read that began before: it might not see what was answered since.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from travio_inventory.protocol.batches import Partition, RowKey, Rows, Table
from travio_inventory.store.scylla.answers import rows_of
from travio_inventory.store.scylla.connecting import ResultRows
from travio_inventory.store.scylla.data_path import Request
from travio_inventory.store.scylla.levels import Levels
from travio_inventory.store.scylla.row_reads import Ask, RowReads
from travio_inventory.store.scylla.statements import neighbours_of, place_of

NEIGHBOURS_MAX: Final = 32
"""In one request: one server answers for all of them."""


class Views(RowReads):
    """Row reads by a majority."""

    def __init__(self, keyspace: str, levels: Levels, ask: Ask, *, page: int) -> None:
        super().__init__(keyspace, levels, ask, page=page)
        self._asked: dict[tuple[Partition, RowKey], dict[int, asyncio.Future[Rows]]] = {}
        """By the first neighbour there could be, and the row: who asked in this turn."""
        self._reading: set[asyncio.Task[None]] = set()

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        """See Reads."""
        if partition.table is not Table.STOCK or len(keys) != 1:
            return await super().get(partition, keys)
        return await asyncio.shield(self._answer(partition, keys[0]))

    def _answer(self, partition: Partition, key: RowKey) -> "asyncio.Future[Rows]":
        """The answer to come, to all who ask the same in this turn."""
        of = partition._replace(number=0), key
        if of not in self._asked:
            self._asked[of] = {}
            reading = asyncio.create_task(self._read_together(of))
            self._reading.add(reading)
            reading.add_done_callback(self._reading.discard)
        asked = self._asked[of]
        if partition.number not in asked:
            asked[partition.number] = asyncio.get_running_loop().create_future()
        return asked[partition.number]

    async def _read_together(self, of: tuple[Partition, RowKey]) -> None:
        """Read what was asked for until now, and tell everybody."""
        asked, (first, key) = self._asked.pop(of), of
        try:
            found = await self._neighbours(first, list(asked), key)
        except Exception as failed:  # noqa: BLE001 - it is told to those who wait
            for answer in asked.values():
                answer.set_exception(failed)
                answer.exception()  # if nobody waits any more, nobody misses it
        else:
            for number, answer in asked.items():
                answer.set_result(found.get(number, {}))

    async def _neighbours(self, first: Partition, numbers: Sequence[int], key: RowKey) -> Mapping[int, Rows]:
        """The row of each that has one. Raises StoreUnavailable."""
        if len(numbers) == 1:
            return {numbers[0]: await super().get(first._replace(number=numbers[0]), [key])}
        found: dict[int, Rows] = {}
        for start in range(0, len(numbers), NEIGHBOURS_MAX):
            some = numbers[start : start + NEIGHBOURS_MAX]
            one = first._replace(number=some[0])
            request = Request([neighbours_of(self._keyspace, one, some, key)], self._levels, place_of(one))
            found |= _by_number(await self._ask(request, one))
        return found


def _by_number(answer: ResultRows) -> Mapping[int, Rows]:
    """The rows of each partition, whose number comes first in each."""
    records = defaultdict(list)
    for record in answer.rows:
        records[record[0]].append(record)
    return {number: rows_of(ResultRows(answer.names, some)) for number, some in records.items()}
