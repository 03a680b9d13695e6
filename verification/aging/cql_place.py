"""An aged store on Cassandra: a keyspace, in which an hour's retention takes a second."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from travio_inventory.protocol.batches import FOR_EVER, Batches, Outcome, Table
from travio_inventory.protocol.retention import Retention
from verification.aging.places import SkippingClock, longest_s
from verification.kit.passing import Batch, Passing, Send
from verification.kit.stores import scylla_options, scylla_store
from verification.servers.cassandra import Cassandra

FASTER = 3_600
"""By so much less is everything kept: the servers' clocks cannot be set ahead."""


class BriefBatches(Passing):
    """Keeps what has an end for a small part of its time, a second at least."""

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        writes = [write._replace(keep_s=_brief(write.keep_s)) if write.keep_s else write for write in batch.writes]
        entries = [entry._replace(keep_s=_brief(entry.keep_s)) for entry in batch.entries]
        return await send(batch._replace(writes=writes, entries=entries))


def _brief(keep_s: int) -> int:
    return FOR_EVER if keep_s == FOR_EVER else max(keep_s // FASTER, 1)


class CqlPlace:
    """A Place: a keyspace of one node that takes commands. The time for which servers keep tombstones is shortened like
    everything else. `pass_retention` waits for the end of both, and compacts.
    """

    def __init__(self, nodes: Cassandra, keyspace: str) -> None:
        self.clock = SkippingClock()
        self._nodes = nodes
        self._keyspace = keyspace
        self._grace_s = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Batches]:
        """See Place."""
        async with scylla_store(scylla_options(self._nodes, self._keyspace)) as store:
            if not self._grace_s:
                self._grace_s = await asyncio.to_thread(shorten_graces, self._nodes, self._keyspace)
            yield BriefBatches(store)

    async def pass_retention(self, retention: Retention) -> None:
        """See Place."""
        await asyncio.sleep(longest_s(retention) / FASTER + self._grace_s + 1)
        await asyncio.to_thread(compact, self._nodes, self._keyspace)

    def bytes(self) -> int:
        """See Place."""
        for node in self._nodes.nodes:
            node.nodetool("flush", self._keyspace)
        return bytes_on_disk(self._nodes, self._keyspace)


def shorten_graces(nodes: Cassandra, keyspace: str) -> int:
    """Keep tombstones for as much less as everything else, in seconds; returns the longest time."""
    longest = 0
    with nodes.session() as session:
        asked = "SELECT table_name, gc_grace_seconds FROM system_schema.tables WHERE keyspace_name = %s"
        for table, grace_s in session.execute(asked, (keyspace,)):
            short_s = max(grace_s // FASTER, 1)
            session.execute(f"ALTER TABLE {keyspace}.{table} WITH gc_grace_seconds = {short_s}")
            longest = max(longest, short_s)
    return longest


def set_grace(nodes: Cassandra, keyspace: str, grace_s: int) -> None:
    """Keep tombstones of conditional tables for this time."""
    with nodes.session() as session:
        for table in Table:
            session.execute(f"ALTER TABLE {keyspace}.{table} WITH gc_grace_seconds = {grace_s}")


def compact(nodes: Cassandra, keyspace: str, tables: Sequence[str] = ()) -> None:
    """Write what is in memory to disk, and compact the tables, all of them by default."""
    for node in nodes.nodes:
        node.nodetool("flush", keyspace, *tables)
        node.nodetool("compact", keyspace, *tables)


def bytes_on_disk(nodes: Cassandra, keyspace: str, table: str = "*") -> int:
    """The size of the rows of the tables in files."""
    folders = [node.process.folder / "data" / keyspace for node in nodes.nodes]
    return sum(file.stat().st_size for folder in folders for file in folder.glob(f"{table}-*/*-Data.db"))
