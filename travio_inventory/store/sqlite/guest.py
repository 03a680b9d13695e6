"""Writes to the embedded record beside the process that has it: single batches of tables that no answer rests on.

The process that has the folder keeps nothing of these tables and indexes in memory, and its next group waits until the
guest's commit is on disk. So a guest may note what that process is to do, and what an operator did, and no more.
"""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from travio_inventory.protocol.batches import (
    ANY_TIME,
    Applied,
    Index,
    IndexEntry,
    NotDone,
    Outcome,
    Partition,
    Table,
    Unknown,
    Write,
)
from travio_inventory.store.sqlite.database import open_guest
from travio_inventory.store.sqlite.group import Batch, try_group
from travio_inventory.store.sqlite.statements import partition_text
from travio_inventory.store.sqlite.view import SqliteView

WAIT_S_MAX = 5.0
TABLES = frozenset({Table.DEAD_LETTERS})
INDEXES = frozenset({Index.DEAD_LETTERS, Index.DEEDS})


class SqliteGuest(SqliteView):
    """Batches on TABLES and entries of INDEXES, one commit each; of others none is ever done."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._path = path

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        """See Batches."""
        if (writes and partition.table not in TABLES) or not INDEXES.issuperset(entry.of for entry in entries):
            return NotDone("a guest does not write there")
        if asyncio.get_running_loop().time() > send_by:
            return NotDone("its time to be sent is over")
        batch = Batch(partition.table, partition_text(partition), writes, entries)
        return await asyncio.to_thread(self._apply, batch)

    def _apply(self, batch: Batch) -> Outcome:
        try:
            with closing(open_guest(self._path, wait_s_max=WAIT_S_MAX)) as connection:
                try:
                    tried = try_group(connection, [batch], time.time())
                except sqlite3.Error as failed:
                    return NotDone(str(failed))
                try:
                    connection.commit()
                except sqlite3.Error as failed:
                    return Unknown(str(failed))
        except sqlite3.Error as failed:
            return NotDone(str(failed))
        [answer] = tried.answers
        if isinstance(answer, Exception):
            raise answer
        return Applied() if isinstance(answer, Applied) else answer
