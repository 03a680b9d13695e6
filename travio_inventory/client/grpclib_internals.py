"""What we use of grpclib's client that it does not promise: the only place; its test fails when that changes."""

import asyncio
from contextlib import suppress
from typing import cast

from grpclib.client import Channel, Handler
from grpclib.config import Configuration
from grpclib.protocol import H2Protocol
from h2.settings import SettingCodes

FRAME_BYTES_MAX = 1024 * 1024
"""A seat map of 1,300 seats is 60 to 80 KB; in frames of 16 KiB, HTTP/2's default, it would come in five."""
TYPE_AT, SETTINGS_FRAME = 3, 4
"""Where a frame's type stands, and that of the first one that a server sends (RFC 9113, 3.4)."""
FAREWELL_S_MAX = 0.5


def with_keepalive(seconds: float) -> Configuration:
    """A ping where nothing has come for so long, and as long for its answer, whether a call is under way or not."""
    return Configuration(
        _keepalive_time=seconds,
        _keepalive_timeout=seconds,
        _keepalive_permit_without_calls=True,
        _http2_min_sent_ping_interval_without_data=seconds / 2,
    )


class HeardProtocol(H2Protocol):
    """Tells the service that it may send a map in one frame. `heard` is whether it spoke, once that is known."""

    heard: asyncio.Future[bool]
    lost: asyncio.Future[None]
    _beginning = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        frames = self.connection._connection
        frames.update_settings({SettingCodes.MAX_FRAME_SIZE: FRAME_BYTES_MAX})
        # h2 raises its bound one read after the acknowledgement, which may come together with the first large frame.
        frames.max_inbound_frame_size = FRAME_BYTES_MAX
        self.connection.flush()

    def data_received(self, data: bytes) -> None:
        if not self.heard.done():
            self._beginning += data[: TYPE_AT + 1]
            if len(self._beginning) > TYPE_AT:
                self._note_heard(self._beginning[TYPE_AT] == SETTINGS_FRAME)
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self.lost.set_result(None)
        self._note_heard(False)

    def _note_heard(self, heard: bool) -> None:
        if not self.heard.done():
            self.heard.set_result(heard)


class HeardChannel(Channel):
    """Connected once the other side has sent an HTTP/2 frame: anything sent earlier may reach nobody."""

    is_there = False
    """Whether the last connection was accepted."""

    def _protocol_factory(self) -> H2Protocol:
        protocol = HeardProtocol(Handler(), self._config, self._h2_config)
        protocol.heard, protocol.lost = self._loop.create_future(), self._loop.create_future()
        return protocol

    async def closed(self) -> None:
        """Close, and wait a moment for the other side's closing message, which TLS requires."""
        protocol = cast(HeardProtocol | None, self._protocol)
        self.close()
        if protocol is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_S_MAX):
                    await protocol.lost

    async def _create_connection(self) -> H2Protocol:
        self.is_there = False
        protocol = cast(HeardProtocol, await super()._create_connection())
        self.is_there = True
        try:
            if not await protocol.heard:
                raise ConnectionError("what listens there does not speak HTTP/2")
        except BaseException:
            protocol.processor.close()
            raise
        return protocol
