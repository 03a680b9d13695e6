"""One connection to the service, made when it is needed and made again when it is lost."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Coroutine
from functools import cache
from importlib.resources import files
from time import monotonic
from types import TracebackType
from typing import Any, Protocol, TypeVar, cast

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpclib.const import Cardinality, Status
from grpclib.events import SendRequest, listen

from travio_inventory.client.grpclib_internals import HeardChannel, with_keepalive
from travio_inventory.client.refusals import FAILURES, ClientError, refusal_from
from travio_inventory.client.retries import Retries
from travio_inventory.client.tokens import Token, as_header
from travio_inventory.client.unreachable import unreachable
from travio_inventory.kernel.addresses import parse_address
from travio_inventory.kernel.refusals import OutcomeUnknown
from travio_inventory.wire.inventory.v1 import InventoryServiceStub

PORT_DEFAULT = 9083
KEEPALIVE_S_MIN = 1.0
SERVICE = "inventory.v1.InventoryService"

_Request = TypeVar("_Request")
_Request_contra = TypeVar("_Request_contra", contravariant=True)
_Reply = TypeVar("_Reply")
_Reply_co = TypeVar("_Reply_co", covariant=True)


class Rpc(Protocol[_Request_contra, _Reply_co]):
    """A method of the stub."""

    def __call__(self, message: _Request_contra, *, timeout: float | None) -> Coroutine[Any, Any, _Reply_co]:
        """Send one request within `timeout` seconds."""
        ...


DEADLINE_S_DEFAULT = 5.0
WHOLE_TRIP_S_DEFAULT = 60.0
"""Of a call about all seats of a trip: the longest that a service allows unless it is set otherwise."""


class Connection:
    """Sends calls over one HTTP/2 connection to HOST:PORT, each within its deadline and with its retries. Raises
    ValueError for a wrong target, and a token that no header can have.

    A call has `deadline_s` seconds; where that is None, the default, or the longer one of a `whole_trip`. It connects
    with the first call, and again with the first call after a loss. Pings detect a dead connection, which
    is dropped after about two deadlines.
    """

    def __init__(
        self, target: str, *, tls: ssl.SSLContext | None, token: Token, deadline_s: float | None, attempts_max: int
    ) -> None:
        self.retries = Retries(attempts_max, DEADLINE_S_DEFAULT if deadline_s is None else deadline_s)
        self._whole_trip = Retries(attempts_max, WHOLE_TRIP_S_DEFAULT) if deadline_s is None else self.retries
        try:
            self._address = parse_address(target, port_default=PORT_DEFAULT)
        except ValueError:
            raise ValueError(f"{target!r} is not an address: write HOST:PORT") from None
        self._tls = tls
        self._token = as_header(token) if token and isinstance(token, str) else token
        self._channel: HeardChannel | None = None

    async def __aenter__(self) -> "Connection":
        keepalive_s = max(self.retries.deadline_s, KEEPALIVE_S_MIN)
        self._channel = HeardChannel(*self._address, ssl=self._tls, config=with_keepalive(keepalive_s))
        if self._token:
            listen(self._channel, SendRequest, self._show_token)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        channel, self._channel = self.channel, None
        await channel.closed()

    @property
    def channel(self) -> HeardChannel:
        """The channel itself. Raises RuntimeError outside `async with`."""
        if self._channel is None:
            raise RuntimeError("the client is not open: use it inside `async with`")
        return self._channel

    @property
    def renews_token(self) -> bool:
        """Whether each call asks for its token anew."""
        return callable(self._token)

    @property
    def stub(self) -> InventoryServiceStub:
        """The generated stub: no deadline, no retries, and GRPCError for every refusal."""
        return InventoryServiceStub(self.channel)

    async def read(self, rpc: Rpc[_Request, _Reply], request: _Request, *, whole_trip: bool = False) -> _Reply:
        """Send a read; raises BackendUnavailable without an answer."""
        return await self._call(rpc, request, writes=False, whole_trip=whole_trip)

    async def write(
        self,
        rpc: Rpc[_Request, _Reply],
        request: _Request,
        *,
        whole_trip: bool = False,
        on_unknown: Callable[[], None] | None = None,
    ) -> _Reply:
        """Send a step that is safe to repeat; raises OutcomeUnknown without an answer. `on_unknown` is called each time
        that the outcome of an attempt is unknown, before the next one.
        """
        return await self._call(rpc, request, writes=True, whole_trip=whole_trip, on_unknown=on_unknown)

    async def read_large(
        self, method: str, request: object, reply: type[_Reply], *, whole_trip: bool = False
    ) -> _Reply:
        """Like `read`, for an answer with a trip's seats in it: decoded in C, 200 times faster."""
        kind = _decoded_in_c(reply)

        async def rpc(message: object, *, timeout: float | None) -> _Reply:  # noqa: ASYNC109 - the stub's signature
            async with self.channel.request(
                f"/{SERVICE}/{method}", Cardinality.UNARY_UNARY, type(message), kind, timeout=timeout
            ) as stream:
                await stream.send_message(message, end=True)
                answer: _Reply | None = await stream.recv_message()
            if answer is None:
                raise ClientError(Status.UNKNOWN, f"{method} answered OK without a message")
            return answer

        return await self.read(rpc, request, whole_trip=whole_trip)

    async def stream(
        self, method: str, request: object, reply: type[_Reply], *, silent_s_max: float
    ) -> AsyncGenerator[_Reply]:
        """The answers of a call that has many; it ends with the call. Raises one of FAILURES, NoService, NoTls; and
        TimeoutError if none comes for so long.
        """
        opened = self.channel
        await self._reach(self.retries.deadline_s)
        kind = _decoded_in_c(reply)
        path, kinds = f"/{SERVICE}/{method}", Cardinality.UNARY_STREAM
        async with opened.request(path, kinds, type(request), kind) as stream:
            await _in_its_own_task(stream.send_message(request, end=True))
            while True:
                async with asyncio.timeout(silent_s_max):
                    answer: _Reply | None = await _in_its_own_task(stream.recv_message())
                if answer is None:
                    return
                yield answer

    async def _show_token(self, call: SendRequest) -> None:
        """Every call shows it, whichever method makes it. Raises ValueError for what no header can have."""
        token = self._token() if callable(self._token) else self._token
        if not isinstance(token, str):
            token = await token
        call.metadata["authorization"] = f"Bearer {as_header(token)}"

    async def _reach(self, left_s: float) -> None:
        """Connect if needed, in that time. Raises NoService, NoTls."""
        channel = self.channel
        try:
            async with asyncio.timeout(left_s):
                await channel.__connect__()
        except OSError as failure:
            raise unreachable(failure, self._address, is_there=channel.is_there) from failure

    async def _call(
        self,
        rpc: Rpc[_Request, _Reply],
        request: _Request,
        *,
        writes: bool,
        whole_trip: bool,
        on_unknown: Callable[[], None] | None = None,
    ) -> _Reply:
        opened = self.channel

        async def attempt(left_s: float) -> _Reply:
            if self._channel is not opened:  # closed in the meantime: another attempt would open it again
                raise RuntimeError("the client was closed")
            ends_at = monotonic() + left_s
            await self._reach(min(left_s, self.retries.deadline_s))
            try:
                return await _in_its_own_task(rpc(request, timeout=ends_at - monotonic()))
            except FAILURES as failure:
                refusal = refusal_from(failure, writes=writes)
                if isinstance(refusal, OutcomeUnknown) and on_unknown is not None:
                    on_unknown()
                raise refusal from failure

        return await (self._whole_trip if whole_trip else self.retries).run(attempt)


async def _in_its_own_task(call: Coroutine[Any, Any, _Reply]) -> _Reply:
    """Its answer. Grpclib wakes a waiting call by cancelling its task and never takes that back, which would turn a
    later `asyncio.timeout` of the caller into a cancellation.
    """
    return await asyncio.create_task(call)


@cache
def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    descriptors = files("travio_inventory.wire").joinpath("descriptors.binpb").read_bytes()
    for file in FileDescriptorSet.FromString(descriptors).file:
        pool.Add(file)
    return pool


def _decoded_in_c(reply: type[_Reply]) -> type[_Reply]:
    """The same message with the same fields, as google's protobuf knows it; enums come as plain numbers."""
    return cast(type[_Reply], GetMessageClass(_pool().FindMessageTypeByName(f"inventory.v1.{reply.__name__}")))
