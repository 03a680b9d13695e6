"""The coordinator of a partition: all processes must agree on it, without communication."""

from collections import Counter
from random import Random
from uuid import UUID

from cassandra.connection import DefaultEndPoint
from cassandra.policies import SimpleConvictionPolicy
from cassandra.pool import Host

from travio_inventory.protocol.batches import Partition, Table
from travio_inventory.store.scylla.affinity import in_order
from travio_inventory.store.scylla.statements import place_of

NODES = [
    Host(DefaultEndPoint(f"10.0.0.{number}"), SimpleConvictionPolicy, host_id=UUID(int=number)) for number in range(6)
]


def key_of(name: str) -> bytes:
    """A partition's routing key."""
    return place_of(Partition(Table.SEAT_GROUPS, "org", name)).routing_key


def test_the_order_is_the_same_however_the_hosts_come() -> None:
    random, replicas = Random(1), {node.host_id for node in NODES[:3]}
    for name in map(str, range(50)):
        orders = {tuple(in_order(random.sample(NODES, 6), replicas, key_of(name))) for _ in range(10)}
        assert len(orders) == 1
        assert set(orders.pop()[:3]) == set(NODES[:3])


def test_the_order_of_one_partition_is_written_down_here() -> None:
    """A release with another order would, while it is rolled out, contend with the previous one."""
    order = in_order(NODES, set(), key_of("trip-1"))
    assert [node.host_id.int for node in order] == [2, 3, 5, 4, 0, 1]


def test_partitions_are_spread_over_all_replicas() -> None:
    replicas = {node.host_id for node in NODES[:3]}
    firsts = Counter(in_order(NODES, replicas, key_of(str(number)))[0] for number in range(600))
    assert set(firsts) == set(NODES[:3])
    assert min(firsts.values()) > 150


def test_when_the_first_is_unavailable_the_others_keep_their_order() -> None:
    order = in_order(NODES, set(), key_of("trip-1"))
    assert in_order(order[1:], set(), key_of("trip-1")) == order[1:]


def test_a_routing_key_is_as_the_servers_make_it() -> None:
    """A composite key: each part with its length before it and a zero behind it."""
    assert key_of("t") == b"\0\x03org\0\0\x01t\0\0\x04\0\0\0\0\0"
