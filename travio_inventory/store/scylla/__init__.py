"""The distributed record: lightweight transactions on ScyllaDB, or on Apache Cassandra."""

from travio_inventory.store.scylla.batches import Counts, ScyllaBatches
from travio_inventory.store.scylla.connecting import ScyllaOptions

__all__ = ["Counts", "ScyllaBatches", "ScyllaOptions"]
