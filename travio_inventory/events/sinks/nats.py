"""Publishes events to a stream of NATS JetStream, which acknowledges each and drops what it has had just before."""

import asyncio
import logging
import ssl
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from nats.aio.client import Client
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from travio_inventory.events.shapes import SHAPES
from travio_inventory.events.shapes.message import Message
from travio_inventory.events.sinks.broker import EVENTS_MAX, Broker, LineFailed
from travio_inventory.events.targets.nats import NatsStream
from travio_inventory.kernel.addresses import Address

MESSAGE_ID = "Nats-Msg-Id"
CONTENT_TYPE = "Content-Type"
KEY = "Travio-Key"
ATTRIBUTE_PREFIX = "ce-"
CONNECT_S_MAX = 3
REPLY_S_MAX = 60
REPEATS_DROPPED_S = 120
HEADER_BYTES = 64
"""More than what each message needs beside its own headers."""
TOO_LONG_FOR_THE_STREAM = 10_054

_LOGGER = "nats"


def nats_stream(target: NatsStream, *, reconnect_s: float = 0.5) -> Broker:
    """Sink. What was acknowledged in the last REPEATS_DROPPED_S arrives only once, however often it is published."""
    logging.getLogger(_LOGGER).setLevel(logging.CRITICAL)
    return Broker(
        partial(_connect, target),
        SHAPES[target.shape],
        publish_seconds_max=target.publish_seconds_max,
        message_bytes_max=target.message_bytes_max,
        reconnect_s=reconnect_s,
    )


async def _connect(target: NatsStream) -> "_JetStream":
    """The stream at the first server that admits us. Raises LineFailed with what each said."""
    said = []
    for server in target.servers:
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                return await _connect_to(server, target)
        except TimeoutError:  # also that of the library, which is an Error
            said.append(f"{server}: no answer within {CONNECT_S_MAX} s")
        except (Error, OSError, LineFailed) as failed:
            said.append(f"{server}: {failed}" if str(failed) else f"{server}: {type(failed).__name__}")
    raise LineFailed("; ".join(said))


async def _connect_to(server: Address, target: NatsStream) -> "_JetStream":
    client, has_ended = Client(), asyncio.Event()
    heard: list[Exception] = []
    login, tls = target.login, _Tls(target.tls.context()) if target.tls else None

    async def hear(error: Exception) -> None:
        heard.append(error)

    async def end() -> None:
        has_ended.set()

    def secret() -> str:
        if tls is not None:
            tls.require()
        return login.secret() if login else ""

    try:
        await client.connect(
            f"{'tls' if tls else 'nats'}://{server}",
            name="travio-inventory",
            tls=tls.context if tls else None,
            user=login.user if login else None,
            password=secret if login else None,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=CONNECT_S_MAX,
            pending_size=0,
            error_cb=hear,
            closed_cb=end,
        )
        if tls is not None:
            tls.require()
        stream = client.jetstream(timeout=CONNECT_S_MAX)
        await _ensure(stream, target)
    except BaseException as failed:
        with suppress(Exception):
            await client.close()
        if heard and isinstance(failed, Error):
            raise LineFailed(str(heard[-1]) or type(heard[-1]).__name__) from failed
        raise
    return _JetStream(client, stream, target, has_ended)


class _Tls:
    """A context that knows whether its handshake was completed: the library goes on without one if the server, or
    whoever answers in its place, does not ask for it.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self._is_complete = False
        noted = self

        class Noted(ssl.SSLObject):
            def do_handshake(self) -> None:
                super().do_handshake()
                noted._is_complete = True

        context.sslobject_class = Noted

    def require(self) -> None:
        """Raises LineFailed if nothing is encrypted."""
        if not self._is_complete:
            raise LineFailed("the server offers no TLS")


async def _ensure(stream: JetStreamContext, target: NatsStream) -> None:
    """Create the stream if it is absent and the target says so. Raises LineFailed."""
    try:
        await stream.stream_info(target.stream)
    except NotFoundError as absent:
        if not target.creates:
            raise LineFailed(f"there is no stream {target.stream}: add it, or write create=on") from absent
        try:
            await stream.add_stream(
                StreamConfig(
                    name=target.stream,
                    subjects=[f"{target.subject}.>"],
                    storage=StorageType.FILE,
                    discard=DiscardPolicy.NEW,
                    num_replicas=target.replicas,
                    max_age=target.keep_hours * 3_600,
                    duplicate_window=REPEATS_DROPPED_S,
                )
            )
        except APIError as failed:
            raise LineFailed(f"the stream {target.stream} cannot be created: {failed.description}") from failed


class _JetStream:
    """BrokerLine. A stream that is full, or not there, fails it: nothing else would be accepted either."""

    events_max = EVENTS_MAX
    is_atomic = False
    is_held_up = False

    def __init__(self, client: Client, stream: JetStreamContext, target: NatsStream, has_ended: asyncio.Event) -> None:
        self._client = client
        self._stream = stream
        self._target = target
        self._has_ended = has_ended

    async def hand_over(self, messages: Sequence[Message]) -> Sequence[str | None]:
        """See BrokerLine."""
        publishing = asyncio.gather(*(self._publish(message) for message in messages))
        ending = asyncio.ensure_future(self._has_ended.wait())
        either: list[asyncio.Future[Any]] = [publishing, ending]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not publishing.done():
                raise LineFailed("the server ended the connection")
            return publishing.result()
        finally:
            ending.cancel()
            if publishing.cancel():
                with suppress(asyncio.CancelledError, Exception):
                    await publishing

    async def _publish(self, message: Message) -> str | None:
        subject = f"{self._target.subject}.{message.type}"
        headers = {
            MESSAGE_ID: message.id,
            CONTENT_TYPE: message.content_type,
            KEY: message.key,
            **message.all_headers(prefix=ATTRIBUTE_PREFIX),
        }
        size = (
            len(message.body) + HEADER_BYTES + sum(len(f"{name}{text}".encode()) + 4 for name, text in headers.items())
        )
        if size > self._client.max_payload:
            return f"{message.type} of {size} bytes: the server allows {self._client.max_payload}"
        try:
            await self._stream.publish(
                subject, message.body, timeout=REPLY_S_MAX, stream=self._target.stream, headers=headers
            )
        except NoStreamResponseError as nobody:
            raise LineFailed(f"no stream takes {subject}") from nobody
        except APIError as said:
            if said.err_code == TOO_LONG_FOR_THE_STREAM:
                return f"{message.type} of {size} bytes: {said.description}"
            raise LineFailed(f"{self._target.stream}: {said.description}") from said
        return None

    async def close(self) -> None:
        """See BrokerLine."""
        await self._client.close()
