"""The private parts of the CQL driver that we use exist and do what we rely on."""

from uuid import UUID

from cassandra.metadata import Metadata, Murmur3Token
from cassandra.query import SimpleStatement
from cassandra.tablets import Tablet

from travio_inventory.store.scylla.driver_internals import tablet_replicas

ONE, OTHER = UUID(int=1), UUID(int=2)


class OfTable(SimpleStatement):  # type: ignore[misc]    # the driver ships no types
    """A statement that knows which table it goes to."""

    keyspace, table = "k", "t"


def test_the_replicas_of_a_tablet_are_known_once_it_was_learnt() -> None:
    metadata, statement = Metadata(), OfTable("SELECT")
    assert tablet_replicas(metadata, statement, Murmur3Token(5)) is None
    metadata._tablets.add_tablet("k", "t", Tablet(0, 10, [(ONE, 0), (OTHER, 3)]))
    assert tablet_replicas(metadata, statement, Murmur3Token(5)) == {ONE: 0, OTHER: 3}
    assert tablet_replicas(metadata, statement, Murmur3Token(11)) is None
