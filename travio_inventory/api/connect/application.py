"""The methods of the contract over Connect and gRPC-Web: the answers of gRPC, for callers whom HTTP knows."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from typing import Any, Final

from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.request import RequestContext
from connectrpc.server import ConnectASGIApplication, Endpoint
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.routing import Route
from starlette.types import Message as HttpMessage
from starlette.types import Receive, Scope, Send

from travio_inventory.api.auth.identity import Identity
from travio_inventory.api.auth.lasting import while_known
from travio_inventory.api.connect.errors import connect_error
from travio_inventory.api.connect.replies import CODECS, Reply, Unread, read, reply_of
from travio_inventory.api.grpc import descriptors
from travio_inventory.api.grpc.methods import Answers
from travio_inventory.api.grpc.refusals import too_large
from travio_inventory.api.grpc.service import SERVICE, InventoryService
from travio_inventory.api.live.writing import needs_room, never
from travio_inventory.api.rest.callers import Callers
from travio_inventory.api.rest.guard import LARGE_BODY, BodyLimits
from travio_inventory.api.rest.routes import RefusedBody
from travio_inventory.api.rest.single_values import check_single
from travio_inventory.kernel.answer_deadline import AnswerDeadline
from travio_inventory.kernel.refusals import Refusal

log = logging.getLogger(__name__)

PATH: Final = f"/{SERVICE}/{{method}}"
JSON_TYPES: Final = ("application/json", "application/connect+json", "application/grpc-web+json")

_connection: ContextVar[HTTPConnection] = ContextVar("connection")
_caller: ContextVar[Identity] = ContextVar("caller")


class ConnectMethods:
    """Serves the methods at their paths, within the limits of all bodies. An answer begins within `deadline_s`."""

    def __init__(
        self,
        service: InventoryService,
        callers: Callers,
        limits: BodyLimits,
        *,
        large: frozenset[str],
        deadline_s: float,
    ) -> None:
        self._callers = callers
        self._large = large
        self._deadline_s = deadline_s
        answers, streams = service.answers(), service.streams()
        self._grants = {name: grant for name, (grant, _) in {**answers, **streams}.items()}
        endpoints = {
            f"/{SERVICE}/{method.name}": (
                Endpoint.server_stream(_info(method), self._many(method, streams[method.name][1]))
                if method.server_streaming
                else Endpoint.unary(_info(method), self._one(method, answers[method.name][1]))
            )
            for method in descriptors.pool().FindServiceByName(SERVICE).methods
        }
        self._served = _Application(
            service=self,
            endpoints=lambda _: endpoints,
            interceptors=[_Admission(self._admit)],
            read_max_bytes=limits.large_max,
            codecs=CODECS,
        )

    def route(self) -> Route:
        """Where the methods are."""
        return Route(PATH, self, include_in_schema=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[LARGE_BODY] = scope["path_params"]["method"] in self._large
        _connection.set(HTTPConnection(scope))

        async def receive_or_refuse() -> HttpMessage:
            with _told():
                return await receive()

        await self._served(scope, receive_or_refuse, send)

    async def _admit(self, method: str) -> Identity:
        check_single(_connection.get())
        return await self._callers.identify(_connection.get(), self._grants[method])

    def _one(
        self, method: MethodDescriptor, answer: Callable[[Identity, Message], Awaitable[Any]]
    ) -> Callable[[Message | Unread, RequestContext[Any, Any]], Awaitable[Reply]]:
        form = descriptors.message_type(method.output_type.name)
        is_safe = _is_safe(method)

        async def call(request: Message | Unread, context: RequestContext[Any, Any]) -> Reply:
            with _told():
                async with AnswerDeadline(self._deadline_s, is_safe=is_safe):
                    told = await answer(_caller.get(), await read(request))
                return await reply_of(told, form, as_json=_wants_json(context))

        return call

    def _many(
        self, method: MethodDescriptor, answers: Answers
    ) -> Callable[[Message | Unread, RequestContext[Any, Any]], AsyncGenerator[Reply]]:
        form = descriptors.message_type(method.output_type.name)

        async def call(request: Message | Unread, context: RequestContext[Any, Any]) -> AsyncGenerator[Reply]:
            caller, as_json = _caller.get(), _wants_json(context)
            with _told():
                needs_room(_connection.get().scope)
                asked = await read(request)
                async with aclosing(while_known(caller, answers(caller, asked, never))) as replies:
                    async for reply in replies:
                        yield await reply_of(reply, form, as_json=as_json)

        return call


class _Application(ConnectASGIApplication[ConnectMethods]):
    """Connect's application at our paths."""

    @property
    def path(self) -> str:
        return f"/{SERVICE}"


class _Admission:
    """Who calls is known before the body is read."""

    def __init__(self, admit: Callable[[str], Awaitable[Identity]]) -> None:
        self._admit = admit

    async def on_start(self, ctx: RequestContext[Any, Any]) -> None:
        with _told():
            _caller.set(await self._admit(ctx.method.name))

    async def on_end(self, token: None, ctx: RequestContext[Any, Any], error: Exception | None, /) -> None:
        """Nothing is left to do."""


@contextmanager
def _told() -> Iterator[None]:
    """What is raised is told as Connect tells it. A bug of ours is logged, and no more is told of it."""
    try:
        yield
    except (Refusal, GRPCError) as refused:
        raise connect_error(refused) from None
    except RefusedBody as refused:
        raise connect_error(refused.refusal()) from None
    except HTTPException as refused:
        raise connect_error(too_large(refused.detail)) from None
    except ConnectError:
        raise
    except Exception as bug:
        log.exception("a call over Connect failed")
        raise connect_error(GRPCError(Status.INTERNAL, "the service failed, which is a bug")) from bug


def _info(method: MethodDescriptor) -> MethodInfo[Any, Any]:
    return MethodInfo(
        name=method.name,
        service_name=SERVICE,
        input=descriptors.message_type(method.input_type.name),
        output=descriptors.message_type(method.output_type.name),
        idempotency_level=IdempotencyLevel.NO_SIDE_EFFECTS if _is_safe(method) else IdempotencyLevel.UNKNOWN,
        stream_type=StreamType.SERVER_STREAM if method.server_streaming else StreamType.UNARY,
    )


def _is_safe(method: MethodDescriptor) -> bool:
    """Whether it only reads, as the contract says."""
    return method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS


def _wants_json(context: RequestContext[Any, Any]) -> bool:
    if context.http_method == "GET":
        return _connection.get().query_params.get("encoding") == "json"
    return context.request_headers.get("content-type", "").partition(";")[0].strip().lower() in JSON_TYPES
