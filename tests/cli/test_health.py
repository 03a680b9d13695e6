"""What the command says about a ready service, a live one that is not ready, and no service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio.from_thread import BlockingPortal
from grpclib.health.check import ServiceStatus
from grpclib.server import Server

from tests.typed import Type
from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.api.grpc.service import InventoryService, services
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.app.service import open_inventory
from travio_inventory.bench.free_ports import free_port
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.seats.map_signals import MapSignals
from verification.kit.in_process import settings_of
from verification.kit.service_process import ServiceProcess


@asynccontextmanager
async def serving(readiness: ServiceStatus) -> AsyncIterator[int]:
    """A service with this readiness; its port."""
    async with open_inventory(settings_of()) as inventory:
        service = InventoryService(
            inventory,
            Feeds(inventory.follow_maps, MapSignals(), SystemClock()),
            authentication=AuthenticationOff(),
            refusals="status",
            clock=SystemClock(),
        )
        server = Server(services(service, readiness=readiness))
        port = free_port()
        await server.start("127.0.0.1", port)
        try:
            yield port
        finally:
            server.close()
            await server.wait_closed()


def test_a_service_that_serves_is_alive_and_ready(typed: Type, server: ServiceProcess) -> None:
    target = server.target
    assert typed("health", "--target", target) == (0, "alive, ready\n", "")
    assert typed("health", "--target", target, "--json").plain == {"alive": True, "ready": True}


def test_a_service_without_its_store_is_alive_but_not_ready(typed: Type, portal: BlockingPortal) -> None:
    readiness = ServiceStatus()
    readiness.set(False)
    with portal.wrap_async_context_manager(serving(readiness)) as port:
        assert typed("health", "--target", f"127.0.0.1:{port}") == (1, "alive, not ready\n", "")
        assert typed("health", "--target", f"127.0.0.1:{port}", "--json").plain == {"alive": True, "ready": False}


def test_without_a_service_nothing_is_known(typed: Type) -> None:
    answer = typed("health", "--target", f"127.0.0.1:{free_port()}")
    assert (answer.status, answer.out) == (4, "")
