"""The HTTP server: uvicorn's connections on the event loop that runs already, within limits, and a stop that drains."""

import asyncio
import logging
import ssl as tls
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from functools import partial
from socket import socket
from typing import Any, Final, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from travio_inventory.http_server.bodies import Bodies
from travio_inventory.http_server.caller_socket import CallerSocket
from travio_inventory.http_server.connection import BODY, CallerConnection
from travio_inventory.http_server.limits import HttpLimits, HttpRefusals
from travio_inventory.http_server.unsent import Unsent, by_the_piece, keep_little_unsent
from travio_inventory.kernel.portions import in_portions

INSPECTION_SECONDS: Final = 0.5
INSPECTED_PER_TURN: Final = 500
"""Connections, for about a quarter of a millisecond."""
POLL_SECONDS: Final = 0.02

logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
"""It has a line for each request that is no HTTP; whoever sends such requests would fill the log."""


class HttpServer:
    """Serves an ASGI application within `limits`; what the application never sees is answered by `refusals`."""

    def __init__(
        self, application: Callable[..., Any], *, limits: HttpLimits, refusals: HttpRefusals | None = None
    ) -> None:
        self.port: int | None = None
        refusals = refusals or HttpRefusals()
        self._application = application
        self._limits = limits
        self._state = ServerState()
        self._room = _Room(self._state, limits.connections_max, limits.staying_max)
        self._unsent = Unsent(limits.unsent_bytes_max)
        self._bodies = Bodies(limits.body_bytes_max, limits.body_wait_seconds_max)
        self._config = Config(
            self._serve,
            interface="asgi3",
            http=CallerConnection,
            ws=cast(
                Any,
                partial(
                    CallerSocket,
                    limits=limits,
                    refusals=refusals,
                    left=self._room.stays_no_more,
                    unsent=self._unsent,
                ),
            ),
            ws_max_size=limits.socket_message_bytes_max,
            ws_ping_interval=limits.socket_ping_seconds,
            ws_ping_timeout=limits.socket_ping_seconds,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=limits.idle_connection_seconds_max,
        )
        self._config.load()
        self._connection = partial(
            CallerConnection,
            self._config,
            self._state,
            {},
            limits=limits,
            refusals=refusals,
            room=self._room,
            unsent=self._unsent,
            bodies=self._bodies,
        )
        self._listener: asyncio.Server | None = None
        self._inspection: asyncio.TimerHandle | None = None

    @property
    def connections(self) -> int:
        """How many there are, WebSockets included."""
        return len(self._state.connections)

    @property
    def body_bytes(self) -> int:
        """What is kept of bodies whose requests are not answered."""
        return self._bodies.kept

    @property
    def waiting_bodies(self) -> int:
        """How many wait for room."""
        return self._bodies.waiting

    @property
    def stalled(self) -> int:
        """Of how many connections the peers leave unread what they are sent."""
        return self._unsent.stalled

    async def start(
        self,
        host: str | None = None,
        port: int | None = None,
        *,
        sock: socket | None = None,
        ssl: tls.SSLContext | None = None,
        reuse_port: bool | None = None,
    ) -> None:
        """Listen on a host and port, or on a socket that is bound already; raises OSError if it cannot."""
        create: Callable[..., Any] = asyncio.get_running_loop().create_server
        self._listener = await create(self._connection, host, port, sock=sock, ssl=ssl, reuse_port=reuse_port)
        self.port = self._listener.sockets[0].getsockname()[1]
        self._inspect()

    async def drain(self) -> None:
        """Stop without losing a request: no new connections; running requests have `drain_seconds_max`, then those
        without an answer are told that the server stops, and all are cancelled.
        """
        if self._listener is not None:
            self._listener.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        await self._until(lambda: not (self._state.tasks or self._state.connections), self._limits.drain_seconds_max)
        self._room.end_all()
        await self._until(lambda: not self._state.connections, self._limits.linger_seconds_max)
        for connection in list(self._state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)
        self.close()
        await self._until(lambda: not self._state.tasks, self._limits.linger_seconds_max)

    def close(self) -> None:
        """Stop at once: every connection is dropped, and what runs is cancelled."""
        if self._listener is not None:
            self._listener.close()
        if self._inspection is not None:
            self._inspection.cancel()
        for connection in list(self._state.connections):
            connection.transport.abort()
        for task in list(self._state.tasks):
            task.cancel("the server stops")

    async def _until(self, condition: Callable[[], bool], seconds_max: float) -> None:
        """Wait until the condition is true, but only so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds_max):
                while not condition():  # noqa: ASYNC110 - uvicorn tells nobody
                    await asyncio.sleep(POLL_SECONDS)

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - as ASGI has them
        """What is cancelled has been answered by us, or has lost its connection."""
        with suppress(asyncio.CancelledError):
            if (body := scope.get("state", {}).pop(BODY, None)) is not None:
                if not await body.begin():
                    return
                receive = body.received(receive)
            await self._application(scope, receive, by_the_piece(send, self._unsent))

    def _inspect(self) -> None:
        loop = asyncio.get_running_loop()
        self._inspection = loop.call_later(INSPECTION_SECONDS, self._inspect)  # whatever happens now
        self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        self._room.inspect(loop.time())


class _Room:
    """The connections that wait for requests or have one. At `connections_max`, WebSockets included, one without a
    whole request makes room for a new one: the oldest that never had one, or else the longest idle. No more than
    `staying_max` stay.
    """

    def __init__(self, state: ServerState, connections_max: int, staying_max: int) -> None:
        self._state = state
        self._connections_max = connections_max
        self._staying_max = staying_max
        self._staying: set[asyncio.BaseTransport] = set()
        self._connections: set[CallerConnection] = set()
        self._silent: dict[CallerConnection, None] = {}
        """Those that never had a request, the oldest first."""
        self._idle: dict[CallerConnection, None] = {}
        """Those that have none any more, the longest idle first."""

    def add(self, connection: CallerConnection) -> bool:
        self._connections.add(connection)
        if len(self._state.connections) > self._connections_max:
            least_used = next(iter(self._silent or self._idle), None)
            if least_used is None:
                return False
            least_used.transport.abort()
            self.remove(least_used)
        self._silent[connection] = None
        return True

    def remove(self, connection: CallerConnection) -> None:
        self._connections.discard(connection)
        self.became_busy(connection)

    def may_stay(self, transport: asyncio.BaseTransport) -> bool:
        if len(self._staying) >= self._staying_max:
            return False
        self._staying.add(transport)
        keep_little_unsent(transport)
        return True

    def stays(self, transport: asyncio.BaseTransport) -> bool:
        return transport in self._staying

    def stays_no_more(self, transport: asyncio.BaseTransport) -> None:
        self._staying.discard(transport)

    def became_busy(self, connection: CallerConnection) -> None:
        self._silent.pop(connection, None)
        self._idle.pop(connection, None)

    def became_idle(self, connection: CallerConnection) -> None:
        self._idle[connection] = None

    def inspect(self, now: float) -> None:
        def inspect_one(connection: CallerConnection) -> None:
            if connection in self._connections:
                connection.inspect(now)

        in_portions(list(self._connections), inspect_one, INSPECTED_PER_TURN)

    def end_all(self) -> None:
        for connection in list(self._connections):
            connection.end()
