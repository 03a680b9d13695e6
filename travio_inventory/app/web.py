"""The HTTP listener at its address, within its limits, and what it serves. Only who needs it imports it.

A face is a router: it is made in `routers`, from the use cases and from what `Web` has besides.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.routing import BaseRoute

from travio_inventory.api.auth.port import Authentication
from travio_inventory.api.connect.not_served import not_served
from travio_inventory.api.grpc.service import InventoryService
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.api.live.sockets import LiveSockets
from travio_inventory.api.live.streams import LiveStreams
from travio_inventory.api.reservations import Reservations
from travio_inventory.api.rest.application import WebRules, application
from travio_inventory.api.rest.callers import Callers
from travio_inventory.api.rest.errors import ErrorProblem
from travio_inventory.api.rest.events import EventRoutes
from travio_inventory.api.rest.guard import DEFAULT_HEADERS, SECURE_HEADERS, BodyLimits
from travio_inventory.api.rest.health import health_router
from travio_inventory.api.rest.json_text import written
from travio_inventory.api.rest.native import PROBLEM_FORMS, native_routers
from travio_inventory.api.rest.pages import pages_router
from travio_inventory.api.rest.problems import MEDIA_TYPE, members
from travio_inventory.api.rest.showtime_models import SeatsNotHeld
from travio_inventory.api.rest.showtimes import ShowtimeRoutes
from travio_inventory.api.seat_versions import SeatVersions
from travio_inventory.app.backends import StartFailed
from travio_inventory.app.listening import (
    ADMIN_METHODS,
    HEADER_BYTES_MAX,
    HTTP,
    LINGER_SECONDS_MAX,
    MESSAGE_READ_SECONDS_MAX,
    WRITE_STALLED_SECONDS_MAX,
    listen,
)
from travio_inventory.app.readiness import Readiness
from travio_inventory.http_server.limits import HttpLimits, HttpRefusals, OwnAnswer
from travio_inventory.http_server.server import HttpServer
from travio_inventory.kernel.addresses import Address
from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.refusals import BackendUnavailable, Overloaded
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.settings import HttpSettings, LimitSettings, Settings
from travio_inventory.settings.http import origins_in
from travio_inventory.telemetry.families import HTTP_CONNECTIONS
from travio_inventory.telemetry.http_requests import HttpRequests
from travio_inventory.telemetry.meters import Meters

if TYPE_CHECKING:
    from travio_inventory.stock.use_cases import Stock
    from travio_inventory.telemetry.tracing import Tracing

HEADERS_MAX = 100
READ_BYTES_MAX = 16_384
BODY_WAIT_SECONDS_MAX = 5.0
PIPELINED_MAX = 32
STAYING_OF_CONNECTIONS = 3, 4
"""WebSockets and streams leave a fourth of the connections to requests."""
SOCKET_MESSAGE_BYTES_MAX = 16_384
"""As many as the longest message may have characters, each of four bytes."""
SOCKET_FRAMES_AT_ONCE_MAX, SOCKET_FRAMES_PER_SECOND = 256, 16.0
SOCKET_PING_SECONDS = 20.0


def server_refusals(headers: Sequence[tuple[bytes, bytes]]) -> HttpRefusals:
    """The answers of the server itself, with these headers."""

    def of_server(status: int, said: str, reason: str) -> OwnAnswer:
        return OwnAnswer(status, MEDIA_TYPE.encode(), written(members(status, said, reason=reason)), headers)

    return HttpRefusals(
        not_http=of_server(400, "this is no HTTP request that can be understood", "BAD_REQUEST"),
        no_host=of_server(400, "a request names its host in one Host header", "BAD_REQUEST"),
        other_version=of_server(505, "the versions of HTTP are 1.0 and 1.1 here", "HTTP_VERSION_NOT_SUPPORTED"),
        other_coding=of_server(501, "the only transfer coding is chunked", "NOT_IMPLEMENTED"),
        headers_too_large=of_server(431, "the path or the headers are too large", "REQUEST_HEADER_FIELDS_TOO_LARGE"),
        crowded=of_server(503, "too many connections; retry in a moment", Overloaded.reason),
        stopping=of_server(503, "the service is stopping; retry", BackendUnavailable.reason),
        incomplete=of_server(400, "the request ended before it was whole", "BAD_REQUEST"),
        too_slow=of_server(408, "the request did not arrive in time", "REQUEST_TIMEOUT"),
        failed=of_server(500, "the service failed, which is a bug", "INTERNAL"),
    )


@dataclass(frozen=True, slots=True)
class Web:
    """What the faces are made from."""

    inventory: Inventory
    feeds: Feeds
    readiness: Readiness
    authentication: Authentication
    clock: Clock
    settings: Settings
    versions: SeatVersions
    contract: InventoryService
    """The calls of gRPC, for Connect."""
    meters: Meters
    tracing: "Tracing | None" = None
    stock: "Stock | None" = None


FORMS = (*PROBLEM_FORMS, ErrorProblem, SeatsNotHeld)
"""What answers of some faces are, which no route names by itself."""


def routers(web: Web) -> Iterator[APIRouter]:
    """The faces. A new one is a line here."""
    yield health_router(lambda: web.readiness.problems)
    yield from native_routers(web.inventory, web.clock)
    yield LiveStreams(web.inventory, web.feeds, Random()).router()  # noqa: S311 - spreads waits, guards nothing
    yield LiveSockets(web.inventory, web.feeds).router()
    yield pages_router(with_stock=web.stock is not None)
    reservations = Reservations(web.inventory, web.versions, web.clock)
    yield EventRoutes(web.inventory, reservations, is_ready=lambda: not web.readiness.problems).router()
    yield ShowtimeRoutes(web.inventory).router()
    if web.stock is not None:
        from travio_inventory.api.rest.stock import stock_routers  # noqa: PLC0415 - only where stock is kept

        yield from stock_routers(web.stock, web.clock)


def connect_routes(web: Web, callers: Callers, limits: BodyLimits) -> Iterator[BaseRoute]:
    """The contract's methods over Connect and gRPC-Web, or what says why they are not served. Raises StartFailed if
    they are asked for and their library is not installed.
    """
    settings = web.settings
    if settings.http.connect == "off":
        yield not_served("TRAVIO_CONNECT=off")
        return
    try:
        from travio_inventory.api.connect.application import ConnectMethods  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as missing:
        needed = f"{missing.name}: pip install 'travio-inventory[connect]'"
        if settings.http.connect == "on":
            raise StartFailed(f"TRAVIO_CONNECT=on needs {needed}") from None
        yield not_served(f"the service lacks {needed}")
        return
    methods = ConnectMethods(
        web.contract,
        callers,
        limits,
        large=frozenset(ADMIN_METHODS),
        deadline_s=settings.limits.deadline_seconds,
    )
    yield methods.route()


@asynccontextmanager
async def http_listening(web: Web, tls: ssl.SSLContext | None) -> AsyncIterator[HttpServer]:
    """The HTTP server; it is to be drained before the block is left. Raises StartFailed."""
    http, limits = web.settings.http, web.settings.limits
    bodies = _body_limits(limits)
    rules = WebRules(bodies, limits.deadline_seconds, origins=origins_in(http.cors_origin))
    callers = Callers(web.authentication, default_organization=web.settings.server.default_organization)
    served = await asyncio.to_thread(  # as long as an import
        lambda: application(routers(web), callers, rules, FORMS, connect_routes(web, callers, bodies))
    )
    requests = HttpRequests(served if web.tracing is None else web.tracing.application(served))
    own = DEFAULT_HEADERS if tls is None else SECURE_HEADERS
    server = HttpServer(requests, limits=_http_limits(http, limits), refusals=server_refusals(own))
    address = Address(http.host, int(http.port))
    await listen(server, address, tls, named=HTTP, reuse_port=http.reuse_port)
    requests.tell(web.meters)
    web.meters.read_one(HTTP_CONNECTIONS, lambda: server.connections)
    try:
        yield server
    finally:
        server.close()


def _body_limits(limits: LimitSettings) -> BodyLimits:
    return BodyLimits(
        usual_max=limits.message_bytes_max,
        large_max=limits.admin_message_bytes_max,
        unread_max=limits.unread_bytes_max,
    )


def _http_limits(http: HttpSettings, limits: LimitSettings) -> HttpLimits:
    staying, of = STAYING_OF_CONNECTIONS
    return HttpLimits(
        connections_max=http.connections_max,
        staying_max=max(1, http.connections_max * staying // of),
        header_bytes_max=HEADER_BYTES_MAX,
        headers_max=HEADERS_MAX,
        read_bytes_max=READ_BYTES_MAX,
        body_bytes_max=limits.unread_bytes_max,
        body_wait_seconds_max=BODY_WAIT_SECONDS_MAX,
        pipelined_max=PIPELINED_MAX,
        idle_connection_seconds_max=http.idle_connection_seconds,
        request_read_seconds_max=MESSAGE_READ_SECONDS_MAX,
        write_stalled_seconds_max=WRITE_STALLED_SECONDS_MAX,
        unsent_bytes_max=http.unsent_bytes_max,
        socket_message_bytes_max=SOCKET_MESSAGE_BYTES_MAX,
        socket_frames_at_once_max=SOCKET_FRAMES_AT_ONCE_MAX,
        socket_frames_per_second=SOCKET_FRAMES_PER_SECOND,
        socket_ping_seconds=SOCKET_PING_SECONDS,
        drain_seconds_max=limits.drain_seconds,
        linger_seconds_max=LINGER_SECONDS_MAX,
    )
