"""Reports which node the batches of some partitions go to, as a separate process: `python -m ... PORT HOST...`."""

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import suppress

from cassandra.cluster import Session
from cassandra.policies import HostStateListener
from cassandra.pool import Host

from travio_inventory.protocol.batches import ABSENT, Kind, Partition, RowKey, StoreUnavailable, Table, Write
from travio_inventory.store.scylla import ScyllaBatches, ScyllaOptions
from travio_inventory.store.scylla.connecting import session as scylla_session
from verification.servers.cassandra import DATACENTER

KEYSPACE = "store_tests"
PARTITIONS = [Partition(Table.SEAT_GROUPS, "affinity", f"trip-{number}", number % 3) for number in range(40)]
"""So many that each of three nodes has some, whatever ids the nodes have drawn."""
BATCHES = 4
POLL_S = 0.05


class Asked:
    """Where the requests of a store went, in order."""

    def __init__(self, batches: ScyllaBatches) -> None:
        self._hosts: list[str] = []
        batches.path.on_request = lambda endpoint: self._hosts.append(endpoint.host)

    def take(self) -> list[str]:
        """The node of each request since the last time."""
        taken, self._hosts = self._hosts, []
        return taken


def options(hosts: Sequence[str], port: int) -> ScyllaOptions:
    """Three nodes with a replica each, and timeouts for a loaded machine."""
    return ScyllaOptions(
        hosts=hosts,
        port=port,
        keyspace=KEYSPACE,
        serial="home",
        datacenter=DATACENTER,
        user="",
        password="",
        tls=None,
        replication_min=len(hosts),
        rules={},
        clock_bound_ms=1_000,
        request_ms_max=10_000,
        wait_ms_max=10_000,
    )


class Falls(HostStateListener):  # type: ignore[misc]  # the driver ships no types
    """Counts how often the driver considered a node dead."""

    def __init__(self) -> None:
        self.count = 0

    def on_up(self, host: Host) -> None:
        """Nothing to count."""

    def on_down(self, host: Host) -> None:
        """One more."""
        self.count += 1

    def on_add(self, host: Host) -> None:
        """Nothing to count."""

    def on_remove(self, host: Host) -> None:
        """One more."""
        self.count += 1


async def coordinators(hosts: Sequence[str], port: int) -> list[list[str]]:
    """Where the batches of each partition went, all of them tried at once."""
    falls, chosen = Falls(), options(hosts, port)
    with scylla_session(chosen) as session:
        session.cluster.register_listener(falls)
        batches = ScyllaBatches(session, chosen)
        asked = Asked(batches)
        await batches.path.open()

        async def went(partition: Partition) -> list[str]:
            """If no node was lost meanwhile: on a loaded machine the driver sometimes considers one dead, and rightly
            uses the next one.
            """
            write = Write(RowKey(Kind.HOLD, "h"), ABSENT, {"status": "held"})
            while True:
                fell = falls.count
                while _connected(session) < len(hosts):  # noqa: ASYNC110 - the driver's threads tell no event loop
                    await asyncio.sleep(POLL_S)
                asked.take()
                await asyncio.gather(*(batches.apply(partition, [write]) for _ in range(BATCHES)))
                with suppress(StoreUnavailable):  # the node counts, not the answer
                    await batches.get(partition, [write.key])
                if falls.count == fell and _connected(session) == len(hosts):
                    return asked.take()

        try:
            return [await went(partition) for partition in PARTITIONS]
        finally:
            batches.path.close()


def _connected(session: Session) -> int:
    """To how many nodes there are connections."""
    return sum(state["open_count"] > 0 for state in session.get_pool_state().values())


if __name__ == "__main__":
    print(json.dumps(asyncio.run(coordinators(sys.argv[2:], int(sys.argv[1])))))  # noqa: T201 - its output
