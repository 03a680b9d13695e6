"""The answers of one Redis server to commands that were sent in one write, read without a task or a turn for each."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse

from travio_inventory.edge.redis_internals import error_of, transport_of

Reply: TypeAlias = Any
"""int, bytes, None, or a list of replies, depending on the script; a redis.ResponseError if the server refuses."""

LATE_S: Final = 0.005
NO_ANSWER: Final = object()
"""What a reader gives while the next answer is not there yet."""


def new_reader() -> hiredis.Reader:
    """Reads what a server sends. Raises InvalidResponse for what is no answer."""
    return hiredis.Reader(protocolError=InvalidResponse, replyError=error_of, notEnoughData=NO_ANSWER)


class Answers(asyncio.Protocol):
    """Takes over a connection that the library has opened. `got` is called for each answer, in order; `ended` when the
    last one is there, or with what went wrong, after which the connection is of no more use.
    """

    def __init__(
        self,
        connection: AbstractConnection,
        got: Callable[[Reply], None],
        ended: Callable[[Exception | None], None],
        *,
        within_s: float,
    ) -> None:
        self._got = got
        self._ended = ended
        self._within_s = within_s
        self._loop = asyncio.get_running_loop()
        self._reader = new_reader()
        self._expected = 0
        self._timer: asyncio.TimerHandle | None = None
        self._lost: Exception | None = None
        self._transport = transport_of(connection)
        self._before = self._transport.get_protocol()
        self._transport.set_protocol(self)

    def ask(self, commands: Sequence[bytes], *, since: float) -> None:
        """Send the commands, for whose answers somebody waits since that time of the loop. The last ones must have
        come.
        """
        self._expected = len(commands)
        if self._lost is not None:
            self._end(self._lost)
            return
        self._wait(since, again=True)
        self._transport.writelines(commands)

    def forget(self) -> None:
        """Nobody waits any more."""
        self._expected = 0
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self, since: float, *, again: bool) -> None:
        until = since + self._within_s
        self._timer = self._loop.call_at(until, self._look, until, again)

    def _look(self, until: float, again: bool) -> None:
        """The time is up. If this process itself was too busy to read, it reads once more first."""
        now = self._loop.time()
        if again and now - until > LATE_S:
            self._wait(now, again=False)
        else:
            self._end(TimeoutError(f"no answer within {self._within_s:g} s"))

    def _end(self, why: Exception | None) -> None:
        self.forget()
        self._ended(why)

    # ---- asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol. What nobody asked for ends the connection."""
        if not self._expected:
            self._transport.abort()
            return
        self._reader.feed(data)
        while self._expected:
            try:
                answer = self._reader.gets(False)
            except InvalidResponse as wrong:
                self._end(wrong)
                return
            if answer is NO_ANSWER:
                return
            if isinstance(answer, RedisConnectionError):
                self._end(answer)
                return
            self._expected -= 1
            self._got(answer)
            if not self._expected:
                self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol. The library's own protocol waits for it too."""
        self._lost = exc or ConnectionError("the server closed the connection")
        self._before.connection_lost(exc)
        if self._expected:
            self._end(self._lost)
