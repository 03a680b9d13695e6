"""Receives the invalidations of all processes at one server, on a separate connection that waits without a limit."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from travio_inventory.edge.keys import INVALIDATIONS
from travio_inventory.edge.pipelined_connection import connect
from travio_inventory.edge.redis_options import RIGHTS, RedisOptions

_log = logging.getLogger(__name__)


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
                _log.debug("redis sends no invalidations: %s: %s", type(failed).__name__, failed)
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
        async with asyncio.timeout(self._connect_s_max) as patience:
            await connect(connection)
            await connection.send_command("SUBSCRIBE", INVALIDATIONS, check_health=False)
            await connection.read_response(disable_decoding=True)
            self.are_heard, self._complained = True, False
            asking = asyncio.create_task(self._ask_for_signs(connection))
            try:
                while True:
                    patience.reschedule(asyncio.get_running_loop().time() + 2 * self._ask_every_s)
                    kind, *_, text = await connection.read_response(disable_decoding=True)
                    if kind == b"message":
                        key, *groups = text.split(b" ")
                        self._on_change(key, list(map(int, groups)))
            finally:
                asking.cancel()
                with suppress(asyncio.CancelledError):
                    await asking

    def _complain(self, refused: ResponseError) -> None:
        """Log it, once until it has worked again."""
        if not self._complained:
            self._complained = True
            _log.error("redis refuses to send invalidations: %s; the user needs %s", refused, RIGHTS)

    async def _ask_for_signs(self, connection: AbstractConnection) -> None:
        """Probes the server, to distinguish a silent one from a lost one. Ends with the connection."""
        while connection.is_connected:
            await asyncio.sleep(self._ask_every_s)
            with suppress(Exception):  # the listener sees the same
                await connection.send_command("PING", check_health=False)
