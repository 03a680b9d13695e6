"""Which node coordinates: the same order of a partition's replicas in every process.

Conditional batches of one partition that reach it through two coordinators steal ballots from each other; through
one they queue.
"""

from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b
from uuid import UUID

from cassandra.cluster import Cluster
from cassandra.metadata import Murmur3Token
from cassandra.policies import DCAwareRoundRobinPolicy
from cassandra.pool import Host
from cassandra.query import Statement

from travio_inventory.store.scylla.driver_internals import tablet_replicas


def in_order(hosts: Iterable[Host], replicas: Collection[UUID], routing_key: bytes) -> list[Host]:
    """The hosts, replicas first, each group in an order that depends on the key and on nothing else."""

    def rank(host: Host) -> tuple[bool, bytes]:
        digest = blake2b(routing_key + host.host_id.bytes, digest_size=8)
        return host.host_id not in replicas, digest.digest()

    return sorted(hosts, key=rank)


class SameOrderPolicy(DCAwareRoundRobinPolicy):  # type: ignore[misc]  # the driver ships no types
    """Sends what has a routing key to the first node of its order that is up, the next one taking over while that one
    is down: in this datacenter only, or, where hosts of others are used, the same in all. Statements without a routing
    key go round.
    """

    def populate(self, cluster: Cluster, hosts: Iterable[Host]) -> None:
        """Called by the driver as it connects."""
        self._metadata = cluster.metadata
        super().populate(cluster, hosts)

    def make_query_plan(self, working_keyspace: str | None = None, query: Statement | None = None) -> Iterable[Host]:
        """Called by the driver for each request."""
        hosts = list(super().make_query_plan(working_keyspace, query))
        if len(hosts) < 2 or query is None or query.routing_key is None:
            return hosts
        return in_order(hosts, self._replicas(query), query.routing_key)

    def shards(self, query: Statement) -> Mapping[UUID, int]:
        """The shard that has the partition, of each server that is known to have its tablet."""
        return tablet_replicas(self._metadata, query, Murmur3Token.from_key(query.routing_key)) or {}

    def _replicas(self, query: Statement) -> Collection[UUID]:
        """By tablet where the table has them, else by the token ring. Until the driver has learnt of a tablet any node
        may come first.
        """
        token_map = self._metadata.token_map
        if token_map is None:
            return set()
        token = token_map.token_class.from_key(query.routing_key)
        replicas = tablet_replicas(self._metadata, query, token)
        if replicas is not None:
            return replicas
        return {host.host_id for host in token_map.get_replicas(query.keyspace, token)}
