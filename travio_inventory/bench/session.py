"""What a bench works with: a service, its own or a given one, the no-op for comparison, and connections to both."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import TypeAlias

from travio_inventory.bench.lean_channel import ChannelPool
from travio_inventory.bench.measuring import channels_for
from travio_inventory.bench.own_server import OwnServer, cores_apart, pin
from travio_inventory.client.client import InventoryClient
from travio_inventory.kernel.addresses import Address
from travio_inventory.seats.trip import Trip
from travio_inventory.settings import BARE_NAMES, PREFIX
from travio_inventory.settings.words import masked

Command: TypeAlias = tuple[str, ...]
"""The words that start a service (`OwnServer.of_command`)."""

OPEN_SECONDS_MAX = 60.0
NOOPS = {"no-op, grpclib": "grpclib", "no-op, our server": "guarded"}


@dataclass(frozen=True, slots=True)
class Service:
    """A server under measurement; `pid` is None if it is not the bench's own."""

    host: str
    port: int
    pid: int | None
    channels: ChannelPool
    beside: Mapping[str, int] = field(default_factory=dict)
    """Processes that it uses, by what they are called."""


@dataclass(frozen=True, slots=True)
class Session:
    """The service, and the no-op where the bench compares with it and runs a service of its own: by what it is
    called, behind grpclib's server as it is and behind the service's own. `own` is the process of the bench's own
    service.
    """

    service: Service
    own: OwnServer | None
    noops: Mapping[str, Service]
    server_core: int | None
    client_core: int | None
    tls: SSLContext | None = None

    async def open(self, trip: Trip) -> None:
        """Open a trip for sale; raises as `InventoryClient.open_trip` does."""
        target = str(Address(self.service.host, self.service.port))
        async with InventoryClient(
            target, organization=trip.key.organization, deadline_s=OPEN_SECONDS_MAX, tls=self.tls
        ) as client:
            await client.open_trip(trip)

    def as_plain(self) -> dict[str, object]:
        """For a report: who was measured, and on which cores server and client were kept."""
        return {
            "target": str(Address(self.service.host, self.service.port)),
            "own": self.service.pid is not None,
            "core": self.server_core,
            "client_core": self.client_core,
            "settings": settings_given(),
        }


@asynccontextmanager
async def session(
    place: Address | Command | None,
    *,
    tls: SSLContext | None = None,
    workers: int,
    with_noops: bool = False,
    with_http: bool = False,
    watching_calls_max: int = 0,
) -> AsyncIterator[Session]:
    """Connections for so many workers: to the service at the address, to one that the command starts, or to one of this
    release. What is started lives as long as the block and speaks plaintext.

    Raises OSError where nobody listens, ServerFailed where what is started does not answer.
    """
    affinity = os.sched_getaffinity(0)
    async with AsyncExitStack() as stack:
        server_core, client_core = (None, None) if isinstance(place, Address) else cores_apart()
        noops: dict[str, Service] = {}
        server: OwnServer | None = None
        if not isinstance(place, Address):
            own = OwnServer.of_command(place, core=server_core) if place else OwnServer.of_inventory(core=server_core)
            if with_http:
                own.serve_http()
            if watching_calls_max:
                own.allow_watching_calls(watching_calls_max)
            server = await stack.enter_async_context(own)
            service = await _connect(server.host, server.port, server.pid, workers)
            for name, code in NOOPS.items() if with_noops else ():
                no_op = await stack.enter_async_context(OwnServer.of_yardstick(code, core=server_core))
                noops[name] = await _connect(no_op.host, no_op.port, no_op.pid, workers)
                stack.callback(noops[name].channels.close)
        else:
            service = await _connect(*place, None, workers, tls)
        stack.callback(service.channels.close)
        if client_core is not None:
            pin(0, client_core)
            stack.callback(os.sched_setaffinity, 0, affinity)
        yield Session(service, server, noops, server_core, client_core, tls)
        await asyncio.sleep(0)  # let the connections close before the loop does


def settings_given() -> dict[str, str]:
    """What the environment sets for a server; passwords are masked."""
    return {
        name: "***" if name.endswith("_PASSWORD") else masked(value)
        for name, value in os.environ.items()
        if name.startswith(PREFIX) or name in BARE_NAMES
    }


async def _connect(host: str, port: int, pid: int | None, workers: int, tls: SSLContext | None = None) -> Service:
    return Service(host, port, pid, await ChannelPool.connect(host, port, channels_for(workers), tls=tls))
