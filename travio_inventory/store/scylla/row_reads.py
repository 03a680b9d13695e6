"""Reads of rows of a partition, page by page, at one consistency level."""

from collections.abc import Awaitable, Callable, Sequence
from itertools import islice

from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey, Rows
from travio_inventory.store.scylla.answers import rows_of
from travio_inventory.store.scylla.connecting import ResultRows
from travio_inventory.store.scylla.data_path import Request
from travio_inventory.store.scylla.levels import Levels
from travio_inventory.store.scylla.statements import Place, Statement, place_of, read_of, reads_of

Ask = Callable[[Request, Partition], Awaitable[ResultRows]]
"""Asks the servers of the partition. Raises StoreUnavailable."""


class RowReads:
    """Implements `protocol.batches.Reads`; `page` rows at most are in an answer."""

    def __init__(self, keyspace: str, levels: Levels, ask: Ask, *, page: int) -> None:
        self._keyspace = keyspace
        self._levels = levels
        self._ask = ask
        self._page = page

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        """See Reads."""
        place, found = place_of(partition), dict[RowKey, Row]()
        for statement in reads_of(self._keyspace, place, list(dict.fromkeys(keys))):
            found.update(await self._read(partition, place, statement))
        return found

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        """See Reads. Rows beyond a page are read in further requests, each of which sees its own moment."""
        if end and end <= start:
            return {}
        place, found = place_of(partition), dict[RowKey, Row]()
        page = self._page if most is None else min(self._page, most)
        while True:
            rows = await self._read(partition, place, read_of(self._keyspace, place, kind, start, end, page))
            found.update(rows)
            if len(rows) < page or (most is not None and len(found) >= most):
                return dict(islice(found.items(), most))
            start = next(reversed(found)).id  # once more: the page may have ended among its segments

    async def _read(self, partition: Partition, place: Place, statement: Statement) -> Rows:
        return rows_of(await self._ask(Request([statement], self._levels, place), partition))
