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
from itertools import chain
from typing import NamedTuple, Protocol, cast

from cassandra.auth import AuthProvider

from travio_inventory.kernel.error_words import answered_within
from travio_inventory.store.scylla import codec
from travio_inventory.store.scylla.codec import HEADER, PROTOCOL, Frame, Message, Shards
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


class Call(Protocol):
    """A request under way: one of the two is called, once."""

    def got(self, message: Message) -> None:
        """The answer is there."""
        ...

    def lost(self, failure: Failure) -> None:
        """It will get no answer that anybody waits for."""
        ...


@dataclass(slots=True, eq=False)
class _Asked:
    """Somebody who waits for an answer."""

    answer: asyncio.Future[Message]

    def got(self, message: Message) -> None:
        if not self.answer.done():
            self.answer.set_result(message)

    def lost(self, failure: Failure) -> None:
        if not self.answer.done():
            self.answer.set_exception(ConnectFailed(str(failure.error)))


class _Sent(NamedTuple):
    call: Call
    at: float


class CqlConnection(asyncio.Protocol):
    """One connection. Once it is open, each request has `request_s` for its answer. `closed` is called once, when it is
    lost.
    """

    def __init__(self, endpoint: Endpoint, closed: Callable[["CqlConnection"], None], *, request_s: float) -> None:
        self.endpoint = endpoint
        self.features = codec.PLAIN
        self.prepared = Prepared(self.ask)
        self._closed = closed
        self._request_s = request_s
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._free = list(range(STREAMS_MAX - 1, -1, -1))
        self._calls: dict[int, _Sent] = {}
        """By stream, in the order of sending."""
        self._late: dict[int, float] = {}
        """Since when those have had no answer whose time is up, by stream: nobody waits for them."""
        self._is_greeted = False
        self._watch: asyncio.TimerHandle | None = None
        """Looks when the time of the oldest request is up, or before."""
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
        """A connection that is ready for requests, from that port of ours or from any. Raises ConnectFailed, and
        PortTaken.
        """
        connection: CqlConnection | None = None
        try:
            async with answered_within(within_s):
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
        return bool(self._free) and self._transport is not None and not self._transport.is_closing()

    @property
    def in_flight(self) -> int:
        """How many requests have no answer yet."""
        return STREAMS_MAX - len(self._free)

    @property
    def silent_s(self) -> float:
        """How long its oldest request has had no answer; 0 where none is under way."""
        oldest = next(chain(self._late.values(), (sent.at for sent in self._calls.values())), None)
        return 0.0 if oldest is None else self._loop.time() - oldest

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

    def send(self, frame: Frame, call: Call) -> None:
        """Send it: `call` is told the answer, or why there is none. Raises IndexError without room."""
        opcode, body = frame
        stream = self._free.pop()
        self._calls[stream] = _Sent(call, self._loop.time())
        if self._watch is None and self._is_greeted:
            self._watch = self._loop.call_later(self._request_s, self._look)
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out += (HEADER.pack(PROTOCOL, 0, stream, opcode, len(body)), body)

    async def ask(self, message: Message) -> Message:
        """The answer. Raises ConnectFailed where there is none, and what `encode` does."""
        if not self.can_send:
            raise ConnectFailed("the connection was closed, or has no room")
        answer: asyncio.Future[Message] = self._loop.create_future()
        self.send(codec.encode(message, self.features), _Asked(answer))
        return await answer

    async def _greet(self, authenticator: object | None) -> None:
        """Say hello, and who we are if the server asks."""
        supported = await self.ask(codec.options())
        if isinstance(supported, codec.SupportedMessage):
            self.features = codec.features_of(supported.options)
        answer = await self.ask(codec.startup(self.features))
        if isinstance(answer, codec.AuthenticateMessage):
            answer = await self._authenticate(cast("codec.Message", authenticator), answer.authenticator)
        if not isinstance(answer, codec.ReadyMessage | codec.AuthSuccessMessage):
            raise ConnectFailed(str(answer))
        self._is_greeted = True

    async def _authenticate(self, authenticator: Message, asked_by: str) -> Message:
        if authenticator is None:
            raise ConnectFailed("the server asks for a user and a password")
        authenticator.server_authenticator_class = asked_by
        answer = await self.ask(codec.auth_response(authenticator.initial_response()))
        while isinstance(answer, codec.AuthChallengeMessage):
            token = authenticator.evaluate_challenge(answer.challenge)
            answer = await self.ask(codec.auth_response(token))
        return answer

    def _look(self) -> None:
        """End those whose time is up. Their streams stay taken until the answers come."""
        now, self._watch = self._loop.time(), None
        over = [stream for stream, sent in self._calls.items() if sent.at + self._request_s <= now]
        for stream in over:
            call, self._late[stream] = self._calls.pop(stream)
            call.lost(Failure(TimeoutError(f"no answer within {self._request_s:g} s"), was_sent=True))
        if len(self._late) > UNANSWERED_MAX:
            self.close()
        for sent in self._calls.values():
            self._watch = self._loop.call_at(sent.at + self._request_s, self._look)
            break

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
        if self._watch is not None:
            self._watch.cancel()
        calls, self._calls = list(self._calls.values()), {}
        for call, _ in calls:
            call.lost(Failure(exc or ConnectionError("the connection was closed"), was_sent=True))
        self._closed(self)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._skipped:
            ahead = min(self._skipped, len(data))
            self._skipped -= ahead
            data = data[ahead:]
        if not self._buffer:
            self._buffer += data[self._read_frames(data) :]
            return
        self._buffer += data
        del self._buffer[: self._read_frames(self._buffer)]

    def _read_frames(self, data: bytes | bytearray) -> int:
        """Read all that are whole; where the next one begins."""
        at, there = 0, len(data)
        while there - at >= HEADER.size:
            _, flags, stream, opcode, length = HEADER.unpack_from(data, at)
            begins = at + HEADER.size
            ends = begins + length
            if length > FRAME_BYTES_MAX:
                self._fail(stream, ValueError(f"an answer of {length} bytes"))
                self._skipped = max(0, ends - there)
                at = min(ends, there)
                continue
            if ends > there:
                break
            if stream >= 0:
                self._read(stream, flags, opcode, bytes(data[begins:ends]))
            at = ends
        return at

    def _read(self, stream: int, flags: int, opcode: int, body: bytes) -> None:
        try:
            message = codec.decode(flags, opcode, body, self.features)
        except Exception as error:  # noqa: BLE001 - the driver raises of all sorts for what it cannot read
            self._fail(stream, error)
            return
        call = self._take(stream)
        if call is not None:
            call.got(message)

    def _fail(self, stream: int, error: Exception) -> None:
        call = self._take(stream)
        if call is not None:
            call.lost(Failure(error, was_sent=True))

    def _take(self, stream: int) -> Call | None:
        """The request that is answered, if anybody waits for it; its stream is free."""
        sent = self._calls.pop(stream, None)
        if sent is not None:
            self._free.append(stream)
            return sent.call
        if self._late.pop(stream, None) is not None:
            self._free.append(stream)
        return None


def _any_address(host: str) -> str:
    """Any address of ours, of the kind that the server has."""
    return "::" if ":" in host else "0.0.0.0"  # noqa: S104 - of a client
