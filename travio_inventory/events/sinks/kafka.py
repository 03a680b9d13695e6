"""Publishes events to a topic of Kafka: idempotent, acknowledged by all in-sync replicas, in order per key."""

import asyncio
import time
from asyncio import Future
from collections.abc import Sequence
from secrets import SystemRandom
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, UnknownTopicOrPartitionError

from travio_inventory.events.shapes import SHAPES
from travio_inventory.events.shapes.message import Message
from travio_inventory.events.sinks.aiokafka_internals import abandon
from travio_inventory.events.targets.kafka import Compression, KafkaTopic
from travio_inventory.kernel.events import Event, PublishFailed

CLIENT = "travio-inventory"
BATCH_BYTES = 131_072
HEADERS_BYTES_MAX = 65_536
"""Beside the body; a message's headers are of ids and names, which have their own limits."""
UNACKNOWLEDGED_MAX = 10_000
STUCK_CALLS = 3
"""A producer that acknowledged nothing in the time of so many calls makes room for a new one."""


class Kafka:
    """Sink. It connects with the first event; a broker that is away fails the call.

    What was not acknowledged in time stays with the producer, which goes on trying: the same event handed over again
    waits for that, so nothing piles up while a broker is away. What a producer had when it failed is published again by
    the next one: a repeat. The first copy of each event of a key arrives in order.
    """

    def __init__(self, target: KafkaTopic) -> None:
        """Raises OSError if a file of the login or of TLS cannot be read."""
        self._target = target
        self._messages = SHAPES[target.shape]
        self._options()
        self._producer: AIOKafkaProducer | None = None
        self._unacknowledged: dict[str, Future[Any]] = {}
        """By message id, what the producer has and goes on trying to deliver."""
        self._well_at = time.monotonic()
        """When something was last acknowledged, or the producer was new."""
        self._connecting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._give_up(self._producer)

    async def publish(self, events: Sequence[Event]) -> None:
        """Publish the events, in order, and wait until they are acknowledged. Raises PublishFailed."""
        messages = [message for event in events for message in self._shaped(event)]
        if not messages:
            return
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(self._target.publish_seconds_max):
                producer = await self._connected()
                await self._deliver(producer, messages)
        except TimeoutError:
            if time.monotonic() - self._well_at > STUCK_CALLS * self._target.publish_seconds_max:
                await self._give_up(producer)
            raise PublishFailed(f"not acknowledged in {self._target.publish_seconds_max} s") from None
        except UnknownTopicOrPartitionError as failed:
            raise PublishFailed(f"no topic {self._target.topic}: create it") from failed
        except (KafkaError, OSError) as failed:
            # After one batch failed, the broker would refuse all later ones of this producer as out of order.
            await self._give_up(producer)
            raise PublishFailed(f"{type(failed).__name__}: {failed}") from failed

    def _shaped(self, event: Event) -> Sequence[Message]:
        """What the topic gets of the event. Raises PublishFailed."""
        try:
            messages = self._messages(event)
        except ValueError as unknown:
            raise PublishFailed(str(unknown)) from unknown
        for message in messages:
            if len(message.body) > self._target.message_bytes_max:
                raise PublishFailed(
                    f"{message.id} has {len(message.body)} bytes: allowed are {self._target.message_bytes_max}"
                )
        return messages

    async def _deliver(self, producer: AIOKafkaProducer, messages: Sequence[Message]) -> None:
        """Raises KafkaError, and PublishFailed if too much waits already."""
        waiting = []
        for message in messages:
            future = self._unacknowledged.get(message.id)
            if future is None:
                if len(self._unacknowledged) >= UNACKNOWLEDGED_MAX:
                    raise PublishFailed(f"{UNACKNOWLEDGED_MAX} messages are not acknowledged yet")
                future = await self._send(producer, message)
            waiting.append(future)
        await asyncio.wait(waiting)
        for future in waiting:
            future.result()

    async def _send(self, producer: AIOKafkaProducer, message: Message) -> Future[Any]:
        """Hand the message to the producer; the future says that it was acknowledged."""
        headers = {"content-type": message.content_type, **message.all_headers(prefix="ce_")}
        future: Future[Any] = await producer.send(
            self._target.topic,
            message.body,
            key=message.key.encode(),
            headers=[(name, value.encode()) for name, value in headers.items()],
        )
        self._unacknowledged[message.id] = future
        future.add_done_callback(lambda done: self._settled(message.id, done))
        return future

    def _settled(self, name: str, future: Future[Any]) -> None:
        if self._unacknowledged.get(name) is future:
            del self._unacknowledged[name]
        if not future.cancelled() and future.exception() is None:
            self._well_at = time.monotonic()

    async def _connected(self) -> AIOKafkaProducer:
        """The producer, with a connection that was there when it was new. Raises KafkaError, OSError."""
        async with self._connecting:
            if self._producer is None:
                producer = AIOKafkaProducer(**self._options())
                try:
                    await producer.start()
                except BaseException:
                    await abandon(producer)
                    raise
                self._producer, self._well_at = producer, time.monotonic()
            return self._producer

    async def _give_up(self, producer: AIOKafkaProducer | None) -> None:
        """The next event gets a new producer, which reads the servers' names and the files again."""
        if producer is None or producer is not self._producer:
            return
        self._producer = None
        lost, self._unacknowledged = self._unacknowledged, {}
        await abandon(producer)
        for future in lost.values():
            if not future.done():
                future.set_exception(KafkaConnectionError("the producer was given up"))

    def _options(self) -> dict[str, Any]:
        """What a producer is made with, from the files as they are now. Raises OSError."""
        target = self._target
        servers = [str(server) for server in target.servers]
        SystemRandom().shuffle(servers)  # they are tried one by one, and the first may hang each time
        transport = "PLAINTEXT" if target.tls is None else "SSL"
        made: dict[str, Any] = {
            "bootstrap_servers": servers,
            "client_id": CLIENT,
            "acks": "all",
            "enable_idempotence": True,
            "compression_type": None if target.compression is Compression.NONE else target.compression.value,
            "max_batch_size": BATCH_BYTES,
            "max_request_size": target.message_bytes_max + HEADERS_BYTES_MAX,
            "request_timeout_ms": target.publish_seconds_max * 500,
            "security_protocol": transport if target.login is None else f"SASL_{transport}",
            "ssl_context": target.tls.context() if target.tls else None,
        }
        if target.login:
            made |= {"sasl_mechanism": target.sasl.upper(), "sasl_plain_username": target.login.user}
            made["sasl_plain_password"] = target.login.secret()
        return made
