"""The private parts of the CQL driver that we use exist and do what we rely on."""

from uuid import UUID

from cassandra.cluster import ResponseFuture
from cassandra.metadata import Metadata, Murmur3Token
from cassandra.query import SimpleStatement
from cassandra.tablets import Tablet

from travio_inventory.store.scylla.connecting import ScyllaOptions
from travio_inventory.store.scylla.connecting import session as scylla_session
from travio_inventory.store.scylla.driver_internals import tablet_replicas, was_sent

ONE, OTHER = UUID(int=1), UUID(int=2)


class OfTable(SimpleStatement):  # type: ignore[misc]    # the driver ships no types
    """A statement that knows which table it goes to."""

    keyspace, table = "k", "t"


def test_the_replicas_of_a_tablet_are_known_once_it_was_learnt() -> None:
    metadata, statement = Metadata(), OfTable("SELECT")
    assert tablet_replicas(metadata, statement, Murmur3Token(5)) is None
    metadata._tablets.add_tablet("k", "t", Tablet(0, 10, [(ONE, 0), (OTHER, 3)]))
    assert tablet_replicas(metadata, statement, Murmur3Token(5)) == {ONE, OTHER}
    assert tablet_replicas(metadata, statement, Murmur3Token(11)) is None


def test_a_request_has_a_list_of_servers_that_it_went_to() -> None:
    assert hasattr(ResponseFuture, "attempted_hosts")


async def test_a_request_that_was_answered_was_sent(scylla: ScyllaOptions) -> None:
    with scylla_session(scylla) as session:
        response = session.execute_async("SELECT key FROM system.local")
        assert response.result().one() is not None
        assert was_sent(response)
