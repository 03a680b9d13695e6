"""Tells which node the batches of some partitions go to, as a process of its own: `python -m ... PORT HOST...`."""

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import suppress

from cassandra.cluster import ResponseFuture

from travio_inventory.protocol.batches import ABSENT, Kind, Partition, RowKey, StoreUnavailable, Table, Write
from travio_inventory.store.scylla import ScyllaBatches, ScyllaOptions
from travio_inventory.store.scylla.connecting import session as scylla_session
from verification.servers.cassandra import DATACENTER

KEYSPACE = "store_tests"
PARTITIONS = [Partition(Table.SEAT_GROUPS, "affinity", f"trip-{number}", number % 3) for number in range(12)]
BATCHES = 4


class Asked:
    """The driver's requests, in order."""

    def __init__(self) -> None:
        self._requests: list[ResponseFuture] = []

    def note(self, request: ResponseFuture) -> None:
        """What the driver calls as it begins a request."""
        self._requests.append(request)

    def take(self) -> list[str]:
        """The node that each request since the last time was sent to first."""
        taken, self._requests = self._requests, []
        return [str(request.attempted_hosts[0].address) for request in taken]


def options(hosts: Sequence[str], port: int) -> ScyllaOptions:
    """Three nodes that keep a copy each, with patience for a loaded machine."""
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


async def coordinators(hosts: Sequence[str], port: int) -> list[list[str]]:
    """Where the batches of each partition went, all of them tried at once."""
    asked, chosen = Asked(), options(hosts, port)
    with scylla_session(chosen) as session:
        session.add_request_init_listener(asked.note)
        batches = ScyllaBatches(session, chosen)
        went = []
        for partition in PARTITIONS:
            write = Write(RowKey(Kind.HOLD, "h"), ABSENT, {"status": "held"})
            await asyncio.gather(*(batches.apply(partition, [write]) for _ in range(BATCHES)))
            with suppress(StoreUnavailable):  # where it went counts, not what came back
                await batches.get(partition, [write.key])
            went.append(asked.take())
    return went


if __name__ == "__main__":
    print(json.dumps(asyncio.run(coordinators(sys.argv[2:], int(sys.argv[1])))))  # noqa: T201 - what it is for
