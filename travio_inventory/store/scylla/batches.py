"""Conditional batches as lightweight transactions: one batch is one request, to its partition's own coordinator."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from cassandra.cluster import Session
from cassandra.query import BatchStatement, BoundStatement, PreparedStatement
from cassandra.query import Statement as DriverStatement

from travio_inventory.store.batches import (
    ABSENT,
    Applied,
    Hint,
    Index,
    Kind,
    NotDone,
    Outcome,
    Partition,
    Refused,
    Row,
    RowKey,
    Rows,
    StoreUnavailable,
    Unknown,
    Write,
)
from travio_inventory.store.scylla import schema
from travio_inventory.store.scylla.answers import is_applied, rows_of
from travio_inventory.store.scylla.bridge import Bridge, Reply
from travio_inventory.store.scylla.connecting import BATCH, SERIAL, Answer, ScyllaOptions, connect
from travio_inventory.store.scylla.failures import Failure, cause, outcome_of, raise_ours, unread
from travio_inventory.store.scylla.prepared import Prepared
from travio_inventory.store.scylla.statements import (
    Place,
    Statement,
    batch_of,
    hint_of,
    hinted_of,
    place_of,
    read_of,
    reads_of,
)
from travio_inventory.store.scylla.turns import NoTurn, Turns

_APPLIED = Applied()


@dataclass(slots=True)
class Counts:
    """What was asked of the servers since the store was opened: batches by outcome, reads of rows, hints written."""

    applied: int = 0
    refused: int = 0
    unknown: int = 0
    not_done: int = 0
    reads: int = 0
    hints: int = 0


class ScyllaBatches:
    """Conditional batches on ScyllaDB or Apache Cassandra.

    A batch waits at most `wait_ms_max` for its turn on its partition and in all (then NotDone), and
    `request_ms_max` for an answer (then Unknown). Hints are written before it is sent. A caller that is cancelled
    does not undo its batch. Raises ValueError and the like for a batch that no store can take, and the driver's
    errors for requests that are wrong or not allowed.
    """

    def __init__(self, session: Session, options: ScyllaOptions) -> None:
        self.counts = Counts()
        self._keyspace = options.keyspace
        self._bridge = Bridge(session)
        self._prepared = Prepared(session)
        self._turns = Turns(
            limit=options.calls_max,
            per_partition=options.calls_per_partition_max,
            wait_s=options.wait_ms_max / 1000,
        )
        self._closed = False

    @classmethod
    @asynccontextmanager
    async def connect(cls, options: ScyllaOptions) -> AsyncIterator["ScyllaBatches"]:
        """The store on these servers, whose schema must be there. Connects after every fork, once per process.

        Raises StoreUnavailable where no server takes us, and what `schema.check` does.
        """
        session = await asyncio.to_thread(connect, options)
        try:
            await asyncio.to_thread(
                schema.check, session, options.keyspace, replication_min=options.replication_min
            )
            batches = cls(session, options)
            try:
                yield batches
            finally:
                batches._closed = True
                await batches._prepared.close()
        finally:
            await asyncio.to_thread(session.cluster.shutdown)

    async def apply(self, partition: Partition, writes: Sequence[Write], hints: Sequence[Hint] = ()) -> Outcome:
        place = place_of(partition)
        statements = batch_of(self._keyspace, place, writes)
        hinting = [hint_of(self._keyspace, *hint) for hint in hints]
        outcome = await self._apply(partition, place, statements, hinting)
        if outcome is None:
            outcome = await self._refusal(partition, place, writes)
        self._count(outcome)
        return outcome
