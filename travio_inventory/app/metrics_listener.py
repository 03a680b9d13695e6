"""The listener of metrics and health: /metrics, /livez and /readyz, of one process or of several.

It is bound at the start, so that a port in use is told of at once, and begins to answer a moment later: what serves
HTTP is slow to import, and nobody is to wait for it. Until then connections wait.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack, asynccontextmanager, closing, suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from travio_inventory.app.backends import StartFailed
from travio_inventory.app.listening import EVERY_ADDRESS, METRICS, cannot_listen
from travio_inventory.kernel.addresses import Address
from travio_inventory.kernel.json_text import encode
from travio_inventory.settings import MetricsSettings
from travio_inventory.telemetry.telling import ProcessTold, telling

if TYPE_CHECKING:
    from travio_inventory.http_server.server import HttpServer

Told: TypeAlias = Callable[[], Awaitable[Mapping[int, ProcessTold | None]]]
"""What each process says of itself, by its number; None for one that does not answer."""

CONNECTIONS_MAX: Final = 64
HEADER_BYTES_MAX: Final = 8_192
UNSENT_BYTES_MAX: Final = 8_388_608
SECONDS_MAX: Final = 10
TEXT, JSON = b"text/plain; charset=utf-8", b"application/json"


@asynccontextmanager
async def telling_metrics(metrics: MetricsSettings, told: Callable[[], ProcessTold]) -> AsyncIterator[int]:
    """Tell this process's metrics to whoever asks, and on its socket to the listener of all; the port of its own
    listener, 0 if there is none. Raises StartFailed.
    """

    async def of_this_one() -> Mapping[int, ProcessTold | None]:
        return {0: told()}

    async with AsyncExitStack() as stack:
        if metrics.socket is not None:
            try:
                await stack.enter_async_context(telling(metrics.socket, told))
            except OSError as failed:
                said = f"socket of metrics {metrics.socket}: {failed.strerror or failed}"
                raise StartFailed(f"{said}: name another path in TRAVIO_METRICS_SOCKET") from failed
        yield await stack.enter_async_context(metrics_listening(metrics, of_this_one))


@asynccontextmanager
async def metrics_listening(metrics: MetricsSettings, told: Told) -> AsyncIterator[int]:
    """The listener, if it is on; its port, 0 if not. Raises StartFailed."""
    if not metrics.is_on:
        yield 0
        return
    address = Address(metrics.host, int(metrics.port))
    with ExitStack() as bound:
        try:
            listener = bound.enter_context(_bound(address))
        except OSError as failed:
            raise StartFailed(cannot_listen(address, failed, named=METRICS)) from failed
        serving = asyncio.ensure_future(_serve(listener, told))
        try:
            yield listener.getsockname()[1]
        finally:
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving


def _bound(address: Address) -> AbstractContextManager[socket.socket]:
    """A socket that listens there; at :: for IPv4 as well. Raises OSError."""
    if address.host == EVERY_ADDRESS and socket.has_dualstack_ipv6():
        return closing(socket.create_server(address, family=socket.AF_INET6, dualstack_ipv6=True))
    (family, *_, found) = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return closing(socket.create_server(found, family=family))


async def _serve(listener: socket.socket, told: Told) -> None:
    """Answer until cancelled."""
    server = await asyncio.to_thread(_server, told)
    try:
        await server.start(sock=listener)
        await asyncio.Event().wait()
    finally:
        server.close()


def _server(told: Told) -> "HttpServer":
    """In a thread: see above."""
    from travio_inventory.http_server.limits import HttpLimits  # noqa: PLC0415 - see above
    from travio_inventory.http_server.server import HttpServer  # noqa: PLC0415 - see above
    from travio_inventory.telemetry.exposition import exposed  # noqa: PLC0415 - see above

    limits = HttpLimits(
        connections_max=CONNECTIONS_MAX,
        staying_max=1,
        header_bytes_max=HEADER_BYTES_MAX,
        headers_max=100,
        read_bytes_max=HEADER_BYTES_MAX,
        body_bytes_max=HEADER_BYTES_MAX,
        body_wait_seconds_max=1,
        pipelined_max=4,
        idle_connection_seconds_max=120,
        request_read_seconds_max=SECONDS_MAX,
        write_stalled_seconds_max=SECONDS_MAX,
        unsent_bytes_max=UNSENT_BYTES_MAX,
        socket_message_bytes_max=HEADER_BYTES_MAX,
        socket_frames_at_once_max=1,
        socket_frames_per_second=1,
        socket_ping_seconds=SECONDS_MAX,
        drain_seconds_max=SECONDS_MAX,
        linger_seconds_max=1,
    )
    return HttpServer(MetricsPages(told, exposed), limits=limits)


class MetricsPages:
    """The ASGI application. `expose` makes text of snapshots, in a thread: it takes long where there are many."""

    def __init__(self, told: Told, expose: Callable[[Mapping[int, Any], str], tuple[bytes, str]]) -> None:
        self._told = told
        self._expose = expose

    async def __call__(
        self, scope: Mapping[str, Any], _receive: object, send: Callable[[Any], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            return
        status, media_type, body = await self._answer(scope)
        headers = [
            (b"content-type", media_type),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Mapping[str, Any]) -> tuple[int, bytes, bytes]:
        """Status, type and body."""
        if scope["method"] not in {"GET", "HEAD"}:
            return 405, TEXT, b"only GET\n"
        match scope["path"]:
            case "/metrics":
                snapshots = {number: said and said.snapshot for number, said in (await self._told()).items()}
                accept = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"accept"), "")
                body, media_type = await asyncio.to_thread(self._expose, snapshots, accept)
                return 200, media_type.encode(), body
            case "/livez":
                return 200, JSON, encode({"status": "alive"}).encode()
            case "/readyz":
                problems = _problems(await self._told())
                status = "not ready" if problems else "ready"
                return 503 if problems else 200, JSON, encode({"status": status, "problems": problems}).encode()
            case _:
                return 404, TEXT, b"here are /metrics, /livez and /readyz\n"


def _problems(told: Mapping[int, ProcessTold | None]) -> Mapping[str, str]:
    """Of all processes; one that does not answer has one too. Of a single one by its parts alone."""
    found = {
        (f"worker {number}: {part}" if len(told) > 1 else part): problem
        for number, said in told.items()
        for part, problem in (said.problems.items() if said else [("process", "no answer")])
    }
    return dict(sorted(found.items()))
