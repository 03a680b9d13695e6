"""One connection to one Redis server, shared by all tasks: commands of the same moment are sent in one write."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeAlias

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoPermissionError, ReadOnlyError, RedisError, ResponseError

from travio_inventory.edge.answers import Answers, Reply
from travio_inventory.edge.breaker import Breaker
from travio_inventory.edge.redis_options import RIGHTS, RedisOptions
from travio_inventory.edge.scripts import packed
from travio_inventory.kernel.error_words import answered_within, error_in_words
from travio_inventory.telemetry.outages import Outages

Answered: TypeAlias = Callable[[Reply | Exception], None]
Packed: TypeAlias = Callable[[], bytes]
"""Gives a command in the wire format."""

COMMANDS_PER_WRITE_MAX = 256
COMPLAINT_SECONDS = 60

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
        self._waiting: deque[tuple[Packed, Answered]] = deque()
        self._sent: deque[Answered] = deque()
        self._reply_s = options.reply_ms_max / 1_000
        self._answers: Answers | None = None
        self._demoted: ReadOnlyError | None = None
        self._is_busy = False
        self._task: asyncio.Task[None] | None = None
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
        if self._answers is not None:
            self._answers.forget()
        for task in (self._task, self._prober):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        self._fail_all("closed")
        with suppress(RedisError, OSError):
            await self._connection.disconnect()

    def ask(self, command: Packed) -> asyncio.Future[Reply]:
        """The answer. Raises RedisDown, redis.ResponseError if the server refuses it, and what packing it does."""
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.send(command, partial(_hand_over, reply))
        return reply

    def send(self, command: Packed, answered: Answered) -> None:
        """`answered` is called with the answer, or with such an error. Raises RedisDown if the command is not sent at
        all. It is packed when it is sent: until then it may grow.
        """
        if self._breaker.is_open:
            self._outages.missed()
            self.unanswered += 1
            raise RedisDown(f"redis {self._name}: down, not asked")
        if len(self._waiting) >= self._options.waiting_max:
            self.unanswered += 1
            raise RedisDown(f"redis {self._name}: too many commands wait")
        self._waiting.append((command, answered))
        if not self._is_busy:
            self._is_busy = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def complain(self, refused: ResponseError) -> None:
        """Log that the server refuses a command, at most once a minute."""
        now = asyncio.get_running_loop().time()
        if now >= self._complain_at:
            self._complain_at = now + COMPLAINT_SECONDS
            needed = f"; the user needs {RIGHTS}" if isinstance(refused, NoPermissionError) else ""
            _log.error("redis %s refuses a command: %s%s", self._name, error_in_words(refused), needed)

    def _go_on(self) -> None:
        if self._answers is None:
            self._task = asyncio.create_task(self._connect())
        else:
            self._exchange(self._answers, asyncio.get_running_loop().time())

    async def _connect(self) -> None:
        """Connect, and send what waits."""
        since = asyncio.get_running_loop().time()
        try:
            async with answered_within(self._reply_s):
                await connect(self._connection)
            self._answers = Answers(self._connection, self._got, self._ended, within_s=self._reply_s)
        except Exception as failed:  # noqa: BLE001 - whoever waits must be told, whatever it was
            await self._fail(failed)
        else:
            self._exchange(self._answers, since)

    def _exchange(self, answers: Answers, since: float) -> None:
        """Send what waits, since that time of the loop, in one write."""
        commands: list[bytes] = []
        while self._waiting and len(commands) < COMMANDS_PER_WRITE_MAX:
            command, answered = self._waiting.popleft()
            try:
                commands.append(command())
            except Exception as error:  # noqa: BLE001 - it has no form on the wire, which the others have
                answered(error)
            else:
                self._sent.append(answered)
        if commands:
            answers.ask(commands, since=since)
        else:
            self._is_busy = False

    def _got(self, answer: Reply) -> None:
        """Hand over the answer. A server that has become a replica is left: a new connection may lead to the master."""
        if isinstance(answer, ReadOnlyError):
            self._demoted = answer
        self._sent.popleft()(answer)

    def _ended(self, why: Exception | None) -> None:
        demoted, self._demoted = self._demoted, None
        failed = why or demoted
        if failed is not None:
            self._answers = None
            self._task = asyncio.create_task(self._fail(failed))
            return
        self._breaker.succeeded()
        if self._answers is not None:
            self._exchange(self._answers, asyncio.get_running_loop().time())

    async def _fail(self, failed: Exception) -> None:
        with suppress(Exception):  # no error may prevent the answers below
            await self._connection.disconnect(nowait=True)
        self._breaker.failed()
        self._fail_all(error_in_words(failed))
        self._is_busy = False
        if self._breaker.is_open:
            self._went_down(failed)

    def _fail_all(self, why: str) -> None:
        answered = [*self._sent, *(each for _, each in self._waiting)]
        self.unanswered += len(answered)
        self._sent.clear()
        self._waiting.clear()
        for each in answered:
            each(RedisDown(f"redis {self._name}: {why}"))

    def _went_down(self, failed: Exception) -> None:
        self._outages.went(error_in_words(failed))
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
            async with answered_within(self._options.connect_ms_max / 1_000):
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
