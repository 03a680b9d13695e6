"""The servers of a process, gRPC, HTTP or both: they listen together, and drain together."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

import anyio
from grpclib.health.check import ServiceStatus

from travio_inventory.api.auth.port import Authentication
from travio_inventory.api.grpc.event_methods import EventMethods
from travio_inventory.api.grpc.service import SERVICE, STOCK_SERVICE, InventoryService, Servable, services
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.api.reservations import Reservations
from travio_inventory.api.seat_versions import SeatVersions
from travio_inventory.app.backends import OwnCertificate
from travio_inventory.app.listening import STREAMS, grpc_listening
from travio_inventory.app.readiness import Readiness
from travio_inventory.grpc_server.server import GuardedServer
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.seats.use_cases.turn_away import RefusesAtOnce
from travio_inventory.settings import Settings
from travio_inventory.telemetry.families import GRPC_CONNECTIONS, GRPC_OPEN
from travio_inventory.telemetry.grpc_calls import GrpcCalls
from travio_inventory.telemetry.meters import Meters

if TYPE_CHECKING:
    from travio_inventory.http_server.server import HttpServer
    from travio_inventory.stock.use_cases import Stock
    from travio_inventory.telemetry.tracing import Tracing

SERVICES = (SERVICE, STOCK_SERVICE)
"""Those whose calls have spans."""
SHARE_OF_DEADLINE = 0.7
"""In which many changes are begun: an answer that says what is left is better than none."""
Face: TypeAlias = Literal["grpc", "http"]
"""What a process may serve alone."""


@dataclass(frozen=True, slots=True)
class Served:
    """What the servers have in common; `ready` and `at_work` are for the health service of gRPC."""

    inventory: Inventory
    feeds: Feeds
    authentication: Authentication
    readiness: Readiness
    meters: Meters
    ready: ServiceStatus
    at_work: ServiceStatus | None
    tracing: "Tracing | None" = None
    versions: SeatVersions = field(default_factory=lambda: SeatVersions(SystemClock()))
    """As told by every face."""
    stock: "Stock | None" = None
    turn_away: RefusesAtOnce | None = None
    """What refuses a hold at once, where that is known."""


class Ports(NamedTuple):
    """Where the servers listen, 0 = nowhere."""

    grpc: int
    http: int


@asynccontextmanager
async def serving(
    settings: Settings, served: Served, certificate: OwnCertificate | None, *, only: Face | None
) -> AsyncIterator[Ports]:
    """Both servers, or only that one; HTTP if it is on. On leaving, they take no new calls and finish the running
    ones. Raises StartFailed.
    """
    contract = _contract(settings, served)
    async with AsyncExitStack() as listening:
        grpc = http = None
        if only != "http":
            grpc = await listening.enter_async_context(_grpc(settings, served, contract, certificate))
        if only != "grpc" and settings.http.is_on:
            await asyncio.to_thread(_import_web)
            http = await listening.enter_async_context(_http(settings, served, contract, certificate))
        try:
            yield Ports(grpc.port or 0 if grpc else 0, http.port or 0 if http else 0)
        finally:
            with anyio.CancelScope(shield=True):
                await _drain(grpc, http)


class _Drained(Protocol):
    """A server that stops without losing a call, within its bounds."""

    async def drain(self) -> None: ...


async def _drain(*servers: _Drained | None) -> None:
    async with anyio.create_task_group() as draining:
        for server in servers:
            if server is not None:
                draining.start_soon(server.drain)


def _contract(settings: Settings, served: Served) -> InventoryService:
    """The calls of the wire contract, which gRPC serves, and HTTP too."""
    reservations = Reservations(served.inventory, served.versions, SystemClock())
    events = EventMethods(reservations, organization=settings.server.default_organization, readiness=served.ready)
    return InventoryService(
        served.inventory,
        served.feeds,
        events,
        authentication=served.authentication,
        refusals=settings.server.refusals,
        clock=SystemClock(),
        turn_away=served.turn_away,
    )


@asynccontextmanager
async def _grpc(
    settings: Settings, served: Served, contract: InventoryService, certificate: OwnCertificate | None
) -> AsyncIterator[GuardedServer]:
    """The gRPC server, listening. Raises StartFailed."""
    handlers = services(contract, *_stock(settings, served), readiness=served.ready, background=served.at_work)
    if served.tracing is not None:
        for name in SERVICES:
            handlers = served.tracing.services(handlers, only=name)
    calls, tls = GrpcCalls(services=SERVICES, streams=STREAMS), certificate.grpc if certificate else None
    at_once = contract.at_once() if served.tracing is None else served.tracing.at_once(contract.at_once())
    async with grpc_listening(
        settings.server, settings.limits, handlers, tls, ended=calls.ended, at_once=at_once
    ) as server:
        calls.tell(served.meters)
        served.meters.read_one(GRPC_OPEN, lambda: server.calls_open)
        served.meters.read_one(GRPC_CONNECTIONS, lambda: len(server.connections))
        yield server


def _stock(settings: Settings, served: Served) -> Iterator[Servable]:
    """The service of stock, where it is kept."""
    if served.stock is not None:
        from travio_inventory.api.grpc.stock_service import StockService  # noqa: PLC0415 - only where it is kept

        bulk_s = settings.limits.deadline_seconds * SHARE_OF_DEADLINE
        yield StockService(served.stock, authentication=served.authentication, clock=SystemClock(), bulk_s=bulk_s)


def _import_web() -> None:
    """In a thread: it takes a third of a second, and gRPC answers already. gRPC alone pays for no web framework."""
    import travio_inventory.app.web  # noqa: F401, PLC0415 - see above


def _http(
    settings: Settings, served: Served, contract: InventoryService, certificate: OwnCertificate | None
) -> AbstractAsyncContextManager["HttpServer"]:
    """The HTTP server, listening. Raises StartFailed."""
    from travio_inventory.app.web import Web, http_listening  # noqa: PLC0415 - see _import_web

    web = Web(
        served.inventory,
        served.feeds,
        served.readiness,
        served.authentication,
        SystemClock(),
        settings,
        served.versions,
        contract,
        served.meters,
        served.tracing,
        served.stock,
    )
    return http_listening(web, certificate.http if certificate else None)
