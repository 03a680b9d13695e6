"""Receives the invalidations of all processes at one server, on a separate connection that waits without a limit."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from travio_inventory.edge.answers import NO_ANSWER, Reply, new_reader
from travio_inventory.edge.keys import INVALIDATIONS
from travio_inventory.edge.pipelined_connection import connect
from travio_inventory.edge.redis_internals import transport_of
from travio_inventory.edge.redis_options import RIGHTS, RedisOptions
from travio_inventory.edge.scripts import packed
from travio_inventory.kernel.error_words import answered_within, error_in_words

_log = logging.getLogger(__name__)
_SUBSCRIBE, _PING = packed(["SUBSCRIBE", INVALIDATIONS]), packed(["PING"])


class Invalidations:
    """Calls `on_change` for each invalidated key, with the seat groups, and `on_silence` when it may have missed one.

    `are_heard`: nothing is missed at present. A server that does not answer probes for twice `probe_interval_ms` counts
    as lost.
    """

    def __init__(
        self,
        new_connection: Callable[[], AbstractConnection],
        options: RedisOptions,
        on_change: Callable[[bytes, Sequence[int]], None],
        on_silence: Callable[[], None],
    ) -> None:
        self._new_connection = new_connection
        self._connect_s_max = options.connect_ms_max / 1_000
        self._ask_every_s = options.probe_interval_ms / 1_000
        self._on_change = on_change
        self._on_silence = on_silence
        self._listening: asyncio.Task[None] | None = None
        self._complained = False
        self.are_heard = False

    def open(self) -> None:
        """Start to listen; reconnect whenever needed."""
        self._listening = asyncio.create_task(self._listen_always())

    def start_over(self) -> None:
        """Listen on a new connection, which may lead to another server."""
        if self.are_heard and self._listening is not None:
            self.are_heard = False
            self._listening.cancel()
            self.open()

    async def close(self) -> None:
        """Stop listening."""
        if self._listening is not None:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening

    async def _listen_always(self) -> None:
        while True:
            try:
                await self._listen_once()
            except ResponseError as refused:
                self._complain(refused)
            except Exception as failed:  # noqa: BLE001 - whatever it was, another connection is tried
                _log.debug("redis sends no invalidations: %s", error_in_words(failed))
            await asyncio.sleep(self._ask_every_s)

    async def _listen_once(self) -> None:
        """Listen on one connection until it ends. Raises what ended it, or the error of connecting or closing."""
        connection = self._new_connection()
        try:
            await self._listen(connection)
        finally:
            self.are_heard = False
            self._on_silence()
            await connection.disconnect(nowait=True)

    async def _listen(self, connection: AbstractConnection) -> None:
        """Never returns. Raises what ends the connection."""
        async with answered_within(self._connect_s_max):
            await connect(connection)
            messages = Messages(connection, self._changed)
            messages.send(_SUBSCRIBE)
            await messages.begun
        self.are_heard, self._complained = True, False
        while (patience_s := 2 * self._ask_every_s - messages.silent_s) > 0:
            messages.send(_PING)
            await asyncio.wait({messages.ended}, timeout=min(patience_s, self._ask_every_s))
            if messages.ended.done():
                raise messages.ended.result()
        raise TimeoutError("the server is silent")

    def _changed(self, text: bytes) -> None:
        key, *groups = text.split(b" ")
        self._on_change(key, list(map(int, groups)))

    def _complain(self, refused: ResponseError) -> None:
        """Log it, once until it has worked again."""
        if not self._complained:
            self._complained = True
            _log.error("redis refuses to send invalidations: %s; the user needs %s", refused, RIGHTS)


class Messages(asyncio.Protocol):
    """Takes over a connection that the library has opened, and calls `on_message` with the text of each message. There
    is no task and no timer for each. `begun` is done when the server has answered, or raises why it never will; `ended`
    is done when the connection ends, with the reason.
    """

    def __init__(self, connection: AbstractConnection, on_message: Callable[[bytes], None]) -> None:
        self._on_message = on_message
        self._loop = asyncio.get_running_loop()
        self.begun: asyncio.Future[None] = self._loop.create_future()
        self.ended: asyncio.Future[Exception] = self._loop.create_future()
        self._heard_at = self._loop.time()
        self._reader = new_reader()
        self._transport = transport_of(connection)
        self._before = self._transport.get_protocol()
        self._transport.set_protocol(self)

    @property
    def silent_s(self) -> float:
        """Since when nothing has come."""
        return self._loop.time() - self._heard_at

    def send(self, command: bytes) -> None:
        """Send it; its answer is a sign of life."""
        self._transport.write(command)

    def _take(self, answer: Reply) -> None:
        """Raises ResponseError if the server refuses."""
        if isinstance(answer, Exception):
            raise answer
        if answer[0] == b"message":
            self._on_message(answer[-1])
        elif not self.begun.done():
            self.begun.set_result(None)

    def _end(self, why: Exception) -> None:
        if not self.begun.done():
            self.begun.set_exception(why)
        if not self.ended.done():
            self.ended.set_result(why)

    # ---- asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._heard_at = self._loop.time()
        self._reader.feed(data)
        try:
            while not self.ended.done() and (answer := self._reader.gets(False)) is not NO_ANSWER:
                self._take(answer)
        except Exception as wrong:  # noqa: BLE001 - whatever came, another connection is tried
            self._end(wrong)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol. The library's own protocol waits for it too."""
        self._before.connection_lost(exc)
        self._end(exc or ConnectionError("the server closed the connection"))
