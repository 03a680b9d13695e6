"""Spans of calls, requests, store, edge and sinks, by OpenTelemetry. Imported only where traces are on."""

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from time import time_ns
from typing import Any, Final, Protocol, TypeVar, cast

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    Span,
    SpanKind,
    Status,
    StatusCode,
)
from opentelemetry.util.types import AttributeValue

from travio_inventory.kernel.events import Event, Sink
from travio_inventory.kernel.trace_context import CURRENT, TraceParent
from travio_inventory.seats.use_cases.turn_away import RefusesAtOnce
from travio_inventory.telemetry.http_requests import METHODS, OTHER, Application, Message, Receive, Scope, Send
from travio_inventory.telemetry.sampling import Sampling
from travio_inventory.telemetry.span_exports import exporter_to
from travio_inventory.telemetry.trace_parents import (
    TRACEPARENT,
    context_of,
    links_to,
    parent_in_headers,
    parent_in_metadata,
)

SHUTDOWN_SECONDS_MAX: Final = 2.0
OK, CANCELLED, INTERNAL = 0, 1, 13
FAULTS: Final = frozenset({2, 4, 12, 13, 14, 15})
"""Status codes of gRPC that are the server's fault, as the semantic conventions have it."""
HTTP_FAULT: Final = 500
NO_METHOD: Final = "HTTP"
"""In the name of a span, for a method that is none of the standard."""
NOT_FOLLOWED: Final = ("holds",)
"""Ports whose calls are made of calls of the store."""

T = TypeVar("T")
M = TypeVar("M")
R = TypeVar("R", bound=Callable[..., Any])
_Step = Callable[..., Awaitable[Any]]
_RECORDED: Final[ContextVar[TraceParent | None]] = ContextVar("recorded", default=None)
"""The span that the work of the moment is within, as long as that is the trace of the moment."""


class Handled(Protocol):
    """A service of gRPC: its methods by their paths, each with its `func`, as grpclib has them."""

    def __mapping__(self) -> Mapping[str, Any]: ...


class Watches(Protocol):
    """What wraps ports, use cases and sinks; see `app.assemble`."""

    def port(self, name: str, port: T) -> T: ...

    def use_case(self, name: str, use_case: T) -> T: ...

    def sink(self, name: str, sink: Sink) -> Sink: ...

    def at_once(self, name: str, refuses: RefusesAtOnce) -> RefusesAtOnce: ...


@asynccontextmanager
async def open_tracing(
    sampling: Sampling, *, endpoint: str, service: str, systems: Mapping[str, str]
) -> AsyncIterator["Tracing"]:
    """Record traces, and send them to the collector at that base address. All else is as the variables of OpenTelemetry
    say (OTEL_RESOURCE_ATTRIBUTES, OTEL_EXPORTER_OTLP_*, OTEL_BSP_*). `systems` are the databases behind the ports,
    and the brokers by the names of their spans.
    """
    resource = Resource.create({"service.name": service})
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter_to(endpoint)))
    try:
        yield Tracing(provider, sampling, systems)
    finally:
        await _shut_down(provider)


async def _shut_down(provider: TracerProvider) -> None:
    """Send what is left, within a bound: what a collector that is away or slow does not take is lost."""
    stopping = threading.Thread(target=provider.shutdown, daemon=True)
    stopping.start()
    await asyncio.to_thread(stopping.join, SHUTDOWN_SECONDS_MAX)


class Tracing:
    """Wraps what is to have spans. Work that is not sampled costs a look at its headers and a draw."""

    def __init__(self, provider: TracerProvider, sampling: Sampling, systems: Mapping[str, str]) -> None:
        self._tracer = provider.get_tracer("travio_inventory")
        self._sampling = sampling
        self._systems = systems

    def services(self, services: Collection[Handled], *, only: str) -> list[Handled]:
        """The same services; the calls of the one with that name have spans."""
        return [_TracedService(service, self._handler, f"/{only}/") for service in services]

    def _handler(self, path: str, handler: Any) -> Any:  # noqa: ANN401 - grpclib's
        func, attributes = handler.func, _of_method(path)

        def traced_func(stream: Any) -> Awaitable[None]:  # noqa: ANN401 - grpclib's
            parent = parent_in_metadata(stream.metadata)
            if self._sampling.is_sampled(parent):
                return recorded_func(parent, stream)
            return func(stream) if parent is None else _unrecorded(parent, func, stream)

        async def recorded_func(parent: TraceParent | None, stream: Any) -> None:  # noqa: ANN401 - grpclib's
            with self._span(path[1:], SpanKind.SERVER, parent, attributes) as span:
                status = CANCELLED
                try:
                    await func(stream)
                    status = OK
                except Exception as error:
                    said = getattr(error, "status", None)
                    status = int(said.value) if said is not None else INTERNAL
                    raise
                finally:
                    span.set_attribute("rpc.grpc.status_code", status)
                    if status in FAULTS:
                        span.set_status(Status(StatusCode.ERROR))

        return handler._replace(func=traced_func)

    def at_once(self, refusing: Mapping[str, R]) -> dict[str, R]:
        """The same that refuse calls of these paths before a handler is started; what they refuse has a span as of a
        handler. A call that they do not refuse is its handler's, which draws for itself.
        """
        return {path: self._refusing(path, refuses) for path, refuses in refusing.items()}

    def _refusing(self, path: str, refuses: R) -> R:
        attributes, draw, ratio = _of_method(path), self._sampling.draw, self._sampling.ratio

        def traced_refusal(peer: Any, metadata: Any, data: bytes) -> Any:  # noqa: ANN401 - grpclib's
            began_ns = time_ns()
            refusal = refuses(peer, metadata, data)
            if refusal is None:
                return None
            if TRACEPARENT not in metadata:
                is_sampled, parent = draw() < ratio, None
            else:
                parent = parent_in_metadata(metadata)
                is_sampled = self._sampling.is_sampled(parent)
            if is_sampled:
                told = {**attributes, "rpc.grpc.status_code": int(refusal.status.value)}
                context = context_of(parent)
                self._tracer.start_span(path[1:], context, SpanKind.SERVER, told, start_time=began_ns).end()
            return refusal

        return cast(R, traced_refusal)

    def application(self, application: Application) -> Application:
        """The same ASGI application; its requests have spans."""

        async def traced_application(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await application(scope, receive, send)
                return
            parent = parent_in_headers(scope["headers"])
            if not self._sampling.is_sampled(parent):
                request = (scope, receive, send)
                await (application(*request) if parent is None else _unrecorded(parent, application, *request))
                return
            method, attributes = scope["method"], {"url.scheme": scope["scheme"], "url.path": scope["path"]}
            if method not in METHODS:  # callers send what they like, and names of spans are few
                method, attributes["http.request.method_original"] = NO_METHOD, method
            attributes["http.request.method"] = OTHER if method == NO_METHOD else method
            with self._span(method, SpanKind.SERVER, parent, attributes) as span:
                await application(scope, receive, _noting_status(span, send))
                if route := getattr(scope.get("route"), "path", ""):
                    span.update_name(f"{method} {route}")
                    span.set_attribute("http.route", route)

        return traced_application

    def watch(self, watch: Watches) -> Watches:
        """The same watch; calls of ports within a span have spans too, and sinks have their own."""
        return _TracedWatch(watch, self)

    def step(self, port: str, method: str, call: _Step) -> _Step:
        """The method of a port; it has a span within a span."""
        system = self._systems.get(port, "")
        attributes: dict[str, AttributeValue] = {"travio.port": port, "db.operation.name": method}
        if system:
            attributes["db.system.name"] = system
        kind, name = SpanKind.CLIENT if system else SpanKind.INTERNAL, f"{port}.{method}"

        def traced_call(*args: object, **kwargs: object) -> Awaitable[Any]:
            here = CURRENT.get()
            if here is None or here is not _RECORDED.get():
                return call(*args, **kwargs)
            return recorded_call(here, *args, **kwargs)

        async def recorded_call(here: TraceParent, *args: object, **kwargs: object) -> Any:  # noqa: ANN401 - whatever the port gives
            with self._span(name, kind, here, attributes) as span:
                result = await call(*args, **kwargs)
                if method in {"apply", "enter"}:
                    span.set_attribute("travio.answer", type(result).__name__)
                return result

        return traced_call

    def publishing(self, name: str, sink: Sink) -> Sink:
        """The sink; handing events over has a span, which begins a trace, and is linked to the recorded ones that the
        events are of: it is recorded with them.
        """
        tracing = self
        span, said = self._messages("send", name)

        class TracedSink:
            async def publish(self, events: Sequence[Event]) -> None:
                links = links_to(events, tracing._sampling)
                if not (links or tracing._sampling.is_sampled(None)):
                    await sink.publish(events)
                    return
                attributes = {**said, "messaging.batch.message_count": len(events)}
                with tracing._span(span, SpanKind.PRODUCER, None, attributes, links):
                    await sink.publish(events)

        return TracedSink()

    def receiving(self, name: str, see_through: Callable[[M], Awaitable[None]]) -> Callable[[M], Awaitable[None]]:
        """What sees messages of that source through; each has a span, whose parent its sender names."""
        span, said = self._messages("process", name)

        async def traced_message(message: M) -> None:
            parent = CURRENT.get()
            if not self._sampling.is_sampled(parent):
                await see_through(message)
                return
            with self._span(span, SpanKind.CONSUMER, parent, said):
                await see_through(message)

        return traced_message

    def _messages(self, operation: str, name: str) -> tuple[str, dict[str, AttributeValue]]:
        """The name of the spans of a sink or a source, and what they say of it."""
        span = f"{operation} {name}"
        return span, {
            "messaging.system": self._systems.get(span, ""),
            "messaging.operation.name": operation,
            "messaging.operation.type": operation,
            "messaging.destination.name": name,
        }

    @contextmanager
    def _span(
        self,
        name: str,
        kind: SpanKind,
        parent: TraceParent | None,
        attributes: Mapping[str, AttributeValue],
        links: Sequence[Link] = (),
    ) -> Iterator[Span]:
        """A span, which the work within belongs to."""
        span = self._tracer.start_span(name, context_of(parent), kind, attributes, links)
        found = span.get_span_context()
        state = "" if parent is None else parent.state
        here = TraceParent(f"{found.trace_id:032x}", f"{found.span_id:016x}", is_sampled=True, state=state)
        current, recorded = CURRENT.set(here), _RECORDED.set(here)
        try:
            yield span
        except Exception as error:
            if getattr(error, "status", None) is None:  # no answer of gRPC
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(Status(StatusCode.ERROR))
            raise
        finally:
            _RECORDED.reset(recorded)
            CURRENT.reset(current)
            span.end()


def _of_method(path: str) -> dict[str, AttributeValue]:
    _, service, method = path.split("/")
    return {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}


async def _unrecorded(parent: TraceParent, call: _Step, *args: object) -> None:
    """The caller's trace is not recorded here; the log and what is sent on name it nevertheless."""
    token = CURRENT.set(parent)
    try:
        await call(*args)
    finally:
        CURRENT.reset(token)


def _noting_status(span: Span, send: Send) -> Send:
    async def send_noting(message: Message) -> None:
        if message["type"] == "http.response.start":
            span.set_attribute("http.response.status_code", message["status"])
            if message["status"] >= HTTP_FAULT:
                span.set_attribute("error.type", str(message["status"]))
                span.set_status(Status(StatusCode.ERROR))
        await send(message)

    return send_noting


class _TracedService:
    def __init__(self, service: Handled, traced: Callable[[str, Any], Any], prefix: str) -> None:
        self._service = service
        self._traced = traced
        self._prefix = prefix

    def __mapping__(self) -> Mapping[str, Any]:
        return {
            path: self._traced(path, handler) if path.startswith(self._prefix) else handler
            for path, handler in self._service.__mapping__().items()
        }


class _TracedWatch:
    def __init__(self, watch: Watches, tracing: Tracing) -> None:
        self._watch = watch
        self._tracing = tracing

    def port(self, name: str, port: T) -> T:
        """See Watch."""
        watched = self._watch.port(name, port)
        if name not in NOT_FOLLOWED:
            for method, call in inspect.getmembers(watched, inspect.iscoroutinefunction):
                if not method.startswith("_"):
                    setattr(watched, method, self._tracing.step(name, method, call))
        return watched

    def use_case(self, name: str, use_case: T) -> T:
        """See Watch."""
        return self._watch.use_case(name, use_case)

    def sink(self, name: str, sink: Sink) -> Sink:
        """See Watch."""
        return self._watch.sink(name, self._tracing.publishing(name, sink))

    def at_once(self, name: str, refuses: RefusesAtOnce) -> RefusesAtOnce:
        """See Watch: what is refused at once has its span by `Tracing.at_once`."""
        return self._watch.at_once(name, refuses)
