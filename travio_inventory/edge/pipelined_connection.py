"""One connection to one Redis server, shared by all tasks: commands of the same moment are sent in one write."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoPermissionError, ReadOnlyError, RedisError, ResponseError

from travio_inventory.edge.breaker import Breaker
from travio_inventory.edge.redis_options import RIGHTS, RedisOptions
from travio_inventory.edge.scripts import packed
from travio_inventory.telemetry.outages import Outages

Reply: TypeAlias = Any
"""int, bytes, None, or a list of replies, depending on the script."""

COMMANDS_PER_WRITE_MAX = 256
COMPLAINT_SECONDS = 60
LATE_S = 0.005

_log = logging.getLogger(__name__)
_PING = packed(["PING"])


class RedisDown(Exception):
    """Redis did not run the command, or not in time; a command that was sent may still run later."""


class PipelinedConnection:
    """Sends commands to one server, in order. Until it is opened, and while the server is down, commands fail at once.

    Every wait is bounded by `reply_ms_max` from the command on: if an answer is late, all commands behind it fail too.
    `on_down` is called each time that the breaker opens.
    """

    def __init__(
        self, name: str, connection: AbstractConnection, options: RedisOptions, on_down: Callable[[], None]
    ) -> None:
        self._name = name
        self._connection = connection
        self._options = options
        self._on_down = on_down
        self.unanswered = 0
        """How many commands had no answer, or were not sent."""
        self._breaker = Breaker(failures_max=options.failures_max)
        self._breaker.trip()
        self._waiting: deque[tuple[bytes, asyncio.Future[Reply]]] = deque()
        self._sent: deque[asyncio.Future[Reply]] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._prober: asyncio.Task[None] | None = None
        self._complain_at = 0.0
        self._outages = Outages(_log, f"redis {name}")

    @property
    def is_down(self) -> bool:
        """Whether the breaker is open."""
        return self._breaker.is_open

    async def open(self) -> None:
        """Connect, within `connect_ms_max`; if that fails, retry in the background."""
        try:
            await self._probe()
        except Exception as failed:  # noqa: BLE001 - whatever it was, the edge does without Redis
            self._went_down(failed)

    async def close(self) -> None:
        """Close the connection; waiting and later commands fail with RedisDown."""
        self._breaker.trip()
        for task in (self._sender, self._prober):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        self._fail_all("closed")
        with suppress(RedisError, OSError):
            await self._connection.disconnect()

    async def ask(self, command: bytes) -> Reply:
        """The answer. Raises RedisDown, or redis.ResponseError if the server refuses the command."""
        return await self.send(command)

    def send(self, command: bytes) -> asyncio.Future[Reply]:
        """The future answer, which may be such an error. Raises RedisDown if the command is not sent at all."""
        if self._breaker.is_open:
            self._outages.missed()
            self.unanswered += 1
            raise RedisDown(f"redis {self._name}: down, not asked")
        if len(self._waiting) >= self._options.waiting_max:
            self.unanswered += 1
            raise RedisDown(f"redis {self._name}: too many commands wait")
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, reply))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_waiting())
        return reply

    def complain(self, refused: ResponseError) -> None:
        """Log that the server refuses a command, at most once a minute."""
        now = asyncio.get_running_loop().time()
        if now >= self._complain_at:
            self._complain_at = now + COMPLAINT_SECONDS
            index_entry = f"; the user needs {RIGHTS}" if isinstance(refused, NoPermissionError) else ""
            _log.error("redis %s refuses a command: %s: %s%s", self._name, type(refused).__name__, refused, index_entry)

    async def _send_waiting(self) -> None:
        try:
            while self._waiting:
                async with _patience(self._options.reply_ms_max / 1_000):
                    await self._exchange()
                self._breaker.succeeded()
        except Exception as failed:  # noqa: BLE001 - whoever waits must be told, whatever it was
            with suppress(Exception):  # no error may prevent the answers below
                await self._connection.disconnect(nowait=True)
            self._breaker.failed()
            self._fail_all(f"{type(failed).__name__}: {failed}")
            if self._breaker.is_open:
                self._went_down(failed)
        finally:
            self._sender = None

    async def _exchange(self) -> None:
        """Send what waits, in one write, and distribute the answers. Raises ReadOnlyError if the server has become a
        replica: a new connection may lead to the new master.
        """
        commands: list[bytes] = []
        demoted: ReadOnlyError | None = None
        while self._waiting and len(commands) < COMMANDS_PER_WRITE_MAX:
            command, reply = self._waiting.popleft()
            commands.append(command)
            self._sent.append(reply)
        if not self._connection.is_connected:
            await connect(self._connection)
        await self._connection.send_packed_command(commands, check_health=False)
        while self._sent:
            answer: Reply | ResponseError
            try:
                answer = await self._connection.read_response(disable_decoding=True)
            except ResponseError as refused:
                answer = refused
                demoted = refused if isinstance(refused, ReadOnlyError) else demoted
            _hand_over(self._sent.popleft(), answer)
        if demoted is not None:
            raise demoted

    def _fail_all(self, why: str) -> None:
        self.unanswered += len(self._sent) + len(self._waiting)
        for reply in (*self._sent, *(reply for _, reply in self._waiting)):
            _hand_over(reply, RedisDown(f"redis {self._name}: {why}"))
        self._sent.clear()
        self._waiting.clear()

    def _went_down(self, failed: Exception) -> None:
        self._outages.went(f"{type(failed).__name__}: {failed}")
        self._prober = asyncio.create_task(self._probe_until_answered())
        self._on_down()

    async def _probe_until_answered(self) -> None:
        while self._breaker.is_open:
            await asyncio.sleep(self._options.probe_interval_ms / 1_000)
            with suppress(Exception):  # still down; the reason was logged when it went down
                await self._probe()
            self._outages.look()
        self._outages.came()

    async def _probe(self) -> None:
        """One probe. Raises whatever goes wrong."""
        try:
            async with asyncio.timeout(self._options.connect_ms_max / 1_000):
                await connect(self._connection)
                await self._connection.send_packed_command(_PING, check_health=False)
                await self._connection.read_response(disable_decoding=True)
        except BaseException:
            await self._connection.disconnect(nowait=True)
            raise
        self._breaker.succeeded()


async def connect(connection: AbstractConnection) -> None:
    """Connect and log in, unless connected. Raises RedisError, OSError."""
    await connection.connect()  # type: ignore[no-untyped-call]  # the library leaves it so


def _hand_over(reply: asyncio.Future[Reply], answer: Reply) -> None:
    """Answer the future unless its caller was cancelled."""
    if reply.done():
        return
    if isinstance(answer, Exception):
        reply.set_exception(answer)
    else:
        reply.set_result(answer)


@asynccontextmanager
async def _patience(seconds: float) -> AsyncIterator[None]:
    """Raises TimeoutError after that time; if this process itself was too busy to read, it reads once more first."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds

    def look() -> None:
        if loop.time() - until > LATE_S and not limit.expired():
            limit.reschedule(loop.time() + seconds)

    # Of two timers that are both overdue, the loop takes the earlier one first.
    looking = loop.call_at(until - LATE_S / 5, look)
    try:
        async with asyncio.timeout_at(until) as limit:
            yield
    finally:
        looking.cancel()
