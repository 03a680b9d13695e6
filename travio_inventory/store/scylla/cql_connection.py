"""A connection to one CQL server on the event loop: requests that share it, and answers in any order.

Each request has a stream, a number that its answer repeats. A stream is free again only when its answer has come, never
because nobody waits for it any more: else a late "applied" would answer another request. A connection with too many
answers outstanding is closed, and one that is lost leaves the outcome of every request on it unknown.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from errno import EADDRINUSE, EADDRNOTAVAIL
from functools import partial
from typing import NamedTuple, cast

from cassandra.auth import AuthProvider

from travio_inventory.store.scylla import codec
from travio_inventory.store.scylla.codec import HEADER, Message, Shards
from travio_inventory.store.scylla.failures import Failure
from travio_inventory.store.scylla.prepared import Prepared

STREAMS_MAX = 2_048
UNANSWERED_MAX = 512
"""So many requests whose time is up may still be without their answer."""
FRAME_BYTES_MAX = 64 * 1024 * 1024
"""An answer that is larger is skipped, and fails its own request alone."""


_TAKEN = (EADDRINUSE, EADDRNOTAVAIL)


class ConnectFailed(Exception):
    """No connection, and why, in one line."""


class PortTaken(ConnectFailed):
    """Somebody uses the port that the connection was to come from."""


class Endpoint(NamedTuple):
    """Where a server listens."""

    host: str
    port: int


@dataclass(slots=True, eq=False)
class _Call:
    """A request under way. `got` reads its answer: it may be for more than the caller."""

    got: Callable[[Message], None]
    lost: Callable[[Failure], None]
    sent_at: float
    watch: asyncio.TimerHandle | None = None
    is_late: bool = False

    def end(self, failure: Failure) -> None:
        """It will get no answer that anybody waits for."""
        if not self.is_late:
            self.is_late = True
            self._unwatch()
            self.lost(failure)

    def answer(self, message: Message) -> None:
        """Its answer is there."""
        if not self.is_late:
            self._unwatch()
            self.got(message)

    def _unwatch(self) -> None:
        if self.watch is not None:
            self.watch.cancel()


class CqlConnection(asyncio.Protocol):
    """One connection. `closed` is called once, when it is lost."""

    def __init__(self, endpoint: Endpoint, closed: Callable[["CqlConnection"], None], *, request_s: float) -> None:
        self.endpoint = endpoint
        self.features = codec.PLAIN
        self.prepared = Prepared(partial(self.ask, within_s=request_s))
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._free = list(range(STREAMS_MAX - 1, -1, -1))
        self._calls: dict[int, _Call] = {}
        self._late = 0
        self._out: list[bytes] = []
        self._buffer = bytearray()
        self._skipped = 0
        """Bytes to come of an answer that is skipped."""

    @classmethod
    async def open(
        cls,
        endpoint: Endpoint,
        *,
        tls: ssl.SSLContext | None,
        auth: AuthProvider | None,
        within_s: float,
        request_s: float,
        closed: Callable[["CqlConnection"], None],
        from_port: int | None = None,
    ) -> "CqlConnection":
        """A connection that is ready for requests, from that port of ours or from any. Preparing a statement may take
        `request_s`. Raises ConnectFailed, PortTaken.
        """
        connection: CqlConnection | None = None
        try:
            async with asyncio.timeout(within_s):
                loop = asyncio.get_running_loop()
                _, connection = await loop.create_connection(
                    lambda: cls(endpoint, closed, request_s=request_s),
                    *endpoint,
                    ssl=tls,
                    server_hostname=endpoint.host if tls is not None else None,
                    local_addr=None if from_port is None else (_any_address(endpoint.host), from_port),
                )
                await connection._greet(auth.new_authenticator(endpoint.host) if auth else None)
        except (OSError, TimeoutError, ConnectFailed) as error:
            if connection is not None:
                connection.close()
            why = f"{endpoint.host}:{endpoint.port}: {str(error) or type(error).__name__}"
            if isinstance(error, OSError) and error.errno in _TAKEN:
                raise PortTaken(why) from error
            raise ConnectFailed(why) from error
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        return connection

    @property
    def is_open(self) -> bool:
        """Whether it is there."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def can_send(self) -> bool:
        """Whether it is open, and another request has a stream."""
        return bool(self._free) and self.is_open

    @property
    def in_flight(self) -> int:
        """How many requests have no answer yet."""
        return STREAMS_MAX - len(self._free)

    @property
    def silent_s(self) -> float:
        """How long its oldest request has had no answer; 0 where none is under way."""
        oldest = next(iter(self._calls.values()), None)
        return 0.0 if oldest is None else self._loop.time() - oldest.sent_at

    @property
    def shard(self) -> int:
        """The shard of the server that it goes to; 0 on one without shards."""
        return int(self.features.shard_id)

    def shards(self, *, is_tls: bool) -> Shards | None:
        """The server's shards, where each can be connected to."""
        return codec.shards_of(self.features, is_tls=is_tls)

    def close(self) -> None:
        """End it; what is under way stays without an answer."""
        if self._transport is not None:
            self._transport.abort()

    def send(
        self, message: Message, *, within_s: float, got: Callable[[Message], None], lost: Callable[[Failure], None]
    ) -> None:
        """Send it: either `got` is called with the answer, or `lost` with why there is none. Raises what `encode` does,
        and IndexError without room.
        """
        stream = self._free.pop()
        try:
            frame = codec.encode(message, stream, self.features)
        except BaseException:
            self._free.append(stream)
            raise
        call = self._calls[stream] = _Call(got, lost, self._loop.time())
        call.watch = self._loop.call_later(within_s, self._too_late, call, within_s)
        self._out.append(frame)
        if len(self._out) == 1:
            self._loop.call_soon(self._flush)

    async def ask(self, message: Message, *, within_s: float) -> Message:
        """The answer. Raises ConnectFailed where there is none."""
        answer: asyncio.Future[Message] = self._loop.create_future()

        def lost(failure: Failure) -> None:
            if not answer.done():
                answer.set_exception(ConnectFailed(str(failure.error)))

        def got(message: Message) -> None:
            if not answer.done():
                answer.set_result(message)

        if not self.can_send:
            raise ConnectFailed("the connection was closed, or has no room")
        self.send(message, within_s=within_s, got=got, lost=lost)
        return await answer

    async def _greet(self, authenticator: object | None) -> None:
        """Say hello, and who we are if the server asks."""
        supported = await self.ask(codec.options(), within_s=60)
        if isinstance(supported, codec.SupportedMessage):
            self.features = codec.features_of(supported.options)
        answer = await self.ask(codec.startup(self.features), within_s=60)
        if isinstance(answer, codec.AuthenticateMessage):
            answer = await self._authenticate(cast("codec.Message", authenticator), answer.authenticator)
        if not isinstance(answer, codec.ReadyMessage | codec.AuthSuccessMessage):
            raise ConnectFailed(str(answer))

    async def _authenticate(self, authenticator: Message, asked_by: str) -> Message:
        if authenticator is None:
            raise ConnectFailed("the server asks for a user and a password")
        authenticator.server_authenticator_class = asked_by
        answer = await self.ask(codec.auth_response(authenticator.initial_response()), within_s=60)
        while isinstance(answer, codec.AuthChallengeMessage):
            token = authenticator.evaluate_challenge(answer.challenge)
            answer = await self.ask(codec.auth_response(token), within_s=60)
        return answer

    def _too_late(self, call: _Call, within_s: float) -> None:
        """Its time is up; its stream stays taken until the answer comes."""
        self._late += 1
        call.end(Failure(TimeoutError(f"no answer within {within_s:g} s"), was_sent=True))
        if self._late > UNANSWERED_MAX:
            self.close()

    def _flush(self) -> None:
        frames, self._out = self._out, []
        if self._transport is not None and frames:
            self._transport.write(b"".join(frames))

    # ---- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._transport = None
        calls, self._calls = list(self._calls.values()), {}
        for call in calls:
            call.end(Failure(exc or ConnectionError("the connection was closed"), was_sent=True))
        self._closed(self)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._skipped:
            ahead = min(self._skipped, len(data))
            self._skipped -= ahead
            data = data[ahead:]
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= HEADER.size:
            _, flags, stream, opcode, length = HEADER.unpack_from(buffer, at)
            begins, ends = at + HEADER.size, at + HEADER.size + length
            if length > FRAME_BYTES_MAX:
                self._end(stream, Failure(ValueError(f"an answer of {length} bytes"), was_sent=True))
                self._skipped = max(0, ends - len(buffer))
                at = min(ends, len(buffer))
                continue
            if ends > len(buffer):
                break
            if stream >= 0:
                self._read(stream, flags, opcode, bytes(buffer[begins:ends]))
            at = ends
        del buffer[:at]

    def _read(self, stream: int, flags: int, opcode: int, body: bytes) -> None:
        try:
            message = codec.decode(stream, flags, opcode, body, self.features)
        except Exception as error:  # noqa: BLE001 - the driver raises of all sorts for what it cannot read
            self._end(stream, Failure(error, was_sent=True))
            return
        call = self._take(stream)
        if call is not None:
            call.answer(message)

    def _end(self, stream: int, failure: Failure) -> None:
        call = self._take(stream)
        if call is not None:
            call.end(failure)

    def _take(self, stream: int) -> _Call | None:
        """The request that is answered; its stream is free."""
        call = self._calls.pop(stream, None)
        if call is None:
            return None
        self._free.append(stream)
        self._late -= call.is_late
        return call


def _any_address(host: str) -> str:
    """Any address of ours, of the kind that the server has."""
    return "::" if ":" in host else "0.0.0.0"  # noqa: S104 - of a client
