"""Reads of what is committed, on connections of their own."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

from travio_inventory.protocol.batches import Index, Kind, Partition, RowKey, Rows, StoreUnavailable
from travio_inventory.store.sqlite.database import open_reader
from travio_inventory.store.sqlite.statements import (
    SELECT_ENTRIES,
    keys_json,
    partition_text,
    row_of,
    row_of_kind,
    select_keys_text,
    select_kind_text,
)

RECORDS_AT_ONCE = 256
READERS = 8
_ALL = -1  # as SQLite's LIMIT understands it

T = TypeVar("T")


class Reads:
    """A few connections that read on the event loop, RECORDS_AT_ONCE records at a time (about a millisecond).

    A thread would cost more than the read of a seat group does. A connection is one reader's until it is done: while
    a statement of it is under way, others on the same connection would see no later commits.
    """

    def __init__(self, path: Path, *, wait_ms_max: int) -> None:
        self._idle = [open_reader(path) for _ in range(READERS)]
        self._turns = asyncio.Semaphore(READERS)
        self._wait_s_max = wait_ms_max / 1000

    async def fetch(
        self, text: str, arguments: Sequence[str | int], convert: Callable[[tuple[Any, ...]], T]
    ) -> list[T]:
        """All records of the statement, converted, as one moment saw them. Raises StoreUnavailable."""
        await self._turn()
        connection, found = self._idle.pop(), list[T]()
        try:
            cursor = connection.cursor()
            try:
                cursor.execute(text, arguments)
                while len(part := cursor.fetchmany(RECORDS_AT_ONCE)) == RECORDS_AT_ONCE:
                    found += map(convert, part)
                    await asyncio.sleep(0)
                found += map(convert, part)
            finally:
                cursor.close()
        except sqlite3.Error as error:
            raise StoreUnavailable(str(error)) from error
        finally:
            self._idle.append(connection)
            self._turns.release()
        await asyncio.sleep(0)  # one read after another must not keep the loop from everybody else
        return found

    def close(self) -> None:
        for connection in self._idle:
            connection.close()

    async def _turn(self) -> None:
        if not self._turns.locked():
            await self._turns.acquire()
            return
        try:
            async with asyncio.timeout(self._wait_s_max):
                await self._turns.acquire()
        except TimeoutError:
            raise StoreUnavailable(f"read not begun within {self._wait_s_max} s") from None


class CommittedRows:
    """The reads of `protocol.batches.Batches`."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    def close(self) -> None:
        """Close its connections."""
        self._reads.close()

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        """See Reads."""
        text, arguments = select_keys_text(partition.table), (keys_json(keys), partition_text(partition))
        return dict(await self._reads.fetch(text, arguments, row_of(partition.table)))

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        """See Reads."""
        text, bounds = select_kind_text(partition.table, kind, has_end=bool(end)), (start, end) if end else (start,)
        arguments = (partition_text(partition), *bounds, _ALL if most is None else most)
        return dict(await self._reads.fetch(text, arguments, row_of_kind(kind)))

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        """See Batches."""
        arguments = (bucket, after, _ALL if most is None else most)
        return await self._reads.fetch(SELECT_ENTRIES[index], arguments, itemgetter(0))
