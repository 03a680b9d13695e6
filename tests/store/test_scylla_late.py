"""What an old proposal can still do on real servers once its row was made by another, ended and forgotten: nothing."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import cast

import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, ResponseFuture, Session
from cassandra.query import BoundStatement

from tests.store.driver_batches import batch_statement, values_of
from tests.store.partitions import new_partition
from travio_inventory.protocol.batches import ABSENT, Kind, Partition, Row, RowKey, Write
from travio_inventory.store.scylla.answers import is_applied, rows_of
from travio_inventory.store.scylla.connecting import ResultRows, ScyllaOptions
from travio_inventory.store.scylla.statements import batch_of, place_of, reads_of
from verification.kit.stores import make_tables, scylla_options
from verification.servers.cassandra import Cassandra, Node

KEYSPACE = "late_tests"
HOLD = RowKey(Kind.HOLD, "hold-1")
BEGIN = [Write(HOLD, ABSENT, {"status": "held"})]
END = [Write(HOLD, {"status": "held"}, {"status": "released"}, 1)]
PARTITIONS = 40
PAUSES_AFTER_S = (0.0, 0.005, 0.01, 0.02, 0.04, 0.08) * 2
"""How long the coordinator works on the old batches before it is stopped, until some were half way then."""
HALF_WAY_MIN = 5
FORGOTTEN_S = 3.0
SETTLED_S = 5.0
BEGUN = "SELECT row_key FROM system.paxos"


class Coordinator:
    """One node, through which all goes that is asked here."""

    def __init__(self, node: Node, session: Session) -> None:
        self.node = node
        self._session = session
        self._prepared = cache(session.prepare)
        self._plain = session.execution_profile_clone_update(EXEC_PROFILE_DEFAULT, row_factory=ResultRows)
        self._serial = session.execution_profile_clone_update(self._plain, consistency_level=ConsistencyLevel.SERIAL)
        for writes in (BEGIN, END):
            self.apply(new_partition(), writes)

    def send(self, partition: Partition, writes: Sequence[Write]) -> ResponseFuture:
        """Send the batch."""
        place = place_of(partition)
        statements = batch_of(KEYSPACE, place, writes)
        prepared = [self._prepared(statement.text) for statement in statements]
        batch = batch_statement(KEYSPACE, place, statements, prepared)
        return self._session.execute_async(batch, execution_profile=self._plain)

    def apply(self, partition: Partition, writes: Sequence[Write]) -> bool:
        """Whether the batch was applied."""
        return is_applied(_rows(self.send(partition, writes)))

    def standing(self, partition: Partition) -> Row | None:
        """The hold, as a serial read sees it."""
        (statement,) = reads_of(KEYSPACE, place_of(partition), [HOLD])
        bound = BoundStatement(self._prepared(statement.text))
        bound.values = values_of(statement)
        return rows_of(_rows(self._session.execute_async(bound, execution_profile=self._serial))).get(HOLD)

    def begun(self) -> set[bytes]:
        """The partitions of which this node has promised to take a proposal."""
        return {key for (key,) in _rows(self._session.execute_async(BEGUN, execution_profile=self._plain)).rows}


def _rows(answer: ResponseFuture) -> ResultRows:
    return cast("ResultRows", answer.result().current_rows)


@contextmanager
def stopped(node: Node) -> Iterator[None]:
    """The node stands still, with all that it has begun and all that it was sent."""
    node.pause()
    try:
        yield
    finally:
        node.resume()


def live_and_be_forgotten(later: Coordinator, partition: Partition) -> None:
    """The hold, whoever has begun it, is ended by a later batch."""
    later.apply(partition, BEGIN)
    assert later.apply(partition, END)


@pytest.fixture(scope="module")
def options(cassandra_cluster: Cassandra) -> ScyllaOptions:
    """The cluster with our tables."""
    chosen = scylla_options(cassandra_cluster, KEYSPACE)
    make_tables(chosen)
    return chosen


@pytest.mark.thorough
@pytest.mark.usefixtures("options")
def test_a_proposal_that_was_begun_before_its_row_lived_and_was_forgotten_is_never_done(
    cassandra_cluster: Cassandra,
) -> None:
    """A coordinator is stopped as it decides that holds begin. Others see them begin, end and be forgotten: what
    the old proposals ask is true again when it goes on. But they are older than what was decided since.
    """
    with ExitStack() as stack:
        first, *others = (Coordinator(node, stack.enter_context(node.session())) for node in cassandra_cluster.nodes)
        later = others[0]
        half_way = 0
        for pause_s in PAUSES_AFTER_S:
            if half_way >= HALF_WAY_MIN:
                break
            partitions = [new_partition() for _ in range(PARTITIONS)]
            old = [first.send(partition, BEGIN) for partition in partitions]
            time.sleep(pause_s)
            with stopped(first.node):
                promised = set.union(*(node.begun() for node in others))
                begun = [each for each in partitions if place_of(each).routing_key in promised]
                asked = dict(zip(partitions, old, strict=True))
                half_way += sum(not asked[partition]._event.is_set() for partition in begun)
                for partition in begun:
                    live_and_be_forgotten(later, partition)
                time.sleep(FORGOTTEN_S)
                assert [later.standing(partition) for partition in begun] == [None] * len(begun)
            time.sleep(SETTLED_S)
            for each in (later, first):
                assert [each.standing(partition) for partition in begun] == [None] * len(begun)
    assert half_way >= HALF_WAY_MIN, "hardly a batch was stopped half way: nothing was shown"
