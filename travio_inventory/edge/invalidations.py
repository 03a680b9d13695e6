"""Hears what any process invalidates at one server, on a connection of its own that waits as long as it takes."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from travio_inventory.edge.keys import INVALIDATIONS
from travio_inventory.edge.pipelined_connection import connect
from travio_inventory.edge.redis_options import RIGHTS, RedisOptions

_log = logging.getLogger(__name__)


class Invalidations:
    """Calls `on_change` with each key that somebody invalidates, and `on_silence` when it may have missed one.

    `are_heard` is whether nothing is missed now. A server that says nothing for twice `probe_interval_ms`, though it is
    asked, is not heard any more.
    """

    def __init__(
        self,
        new_connection: Callable[[], AbstractConnection],
        options: RedisOptions,
        on_change: Callable[[bytes], None],
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
        """Listen from now on; connect again and again where that is needed."""
        self._listening = asyncio.create_task(self._listen_always())

    def start_over(self) -> None:
        """Listen on another connection, which may lead to another server."""
        if self.are_heard and self._listening is not None:
            self.are_heard = False
            self._listening.cancel()
            self.open()

    async def close(self) -> None:
        """Listen no more."""
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
                _log.debug("redis does not tell of invalidations: %s: %s", type(failed).__name__, failed)
            await asyncio.sleep(self._ask_every_s)

    async def _listen_once(self) -> None:
        """On one connection, until it ends. Raises what ends it, or keeps it from being made or left."""
        connection = self._new_connection()
        try:
            await self._listen(connection)
        finally:
            self.are_heard = False
            self._on_silence()
            await connection.disconnect(nowait=True)

    async def _listen(self, connection: AbstractConnection) -> None:
        """Returns never. Raises what ends the connection."""
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
                        self._on_change(text)
            finally:
                asking.cancel()
                with suppress(asyncio.CancelledError):
                    await asking

    def _complain(self, refused: ResponseError) -> None:
        """Say so in the log, once until it has worked again."""
        if not self._complained:
            self._complained = True
            _log.error("redis refuses to tell of invalidations: %s; the user needs %s", refused, RIGHTS)

    async def _ask_for_signs(self, connection: AbstractConnection) -> None:
        """So that a server that is silent can be told from one that is gone. Ends with the connection."""
        while connection.is_connected:
            await asyncio.sleep(self._ask_every_s)
            with suppress(Exception):  # the listener sees the same
                await connection.send_command("PING", check_health=False)
