"""Publishes events to a topic of Kafka: idempotent, acknowledged by all in-sync replicas, in order per key."""

import asyncio
import time
from asyncio import Future
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, TypeAlias

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidMessageError,
    InvalidTimestampError,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    UnknownError,
    UnknownTopicOrPartitionError,
    UnsupportedForMessageFormatError,
)

from travio_inventory.events.brokers.aiokafka_internals import abandon
from travio_inventory.events.brokers.kafka import connection_options
from travio_inventory.events.shapes import SHAPES
from travio_inventory.events.shapes.message import Message
from travio_inventory.events.sinks.waves import Shaped, shaped
from travio_inventory.events.targets.kafka import Compression, KafkaTopic
from travio_inventory.kernel.error_words import error_in_words
from travio_inventory.kernel.events import Event, PublishFailed, PublishRefused, SinkDown

CLIENT = "travio-inventory"
BATCH_BYTES = 131_072
HEADERS_BYTES_MAX = 65_536
"""Beside the body; a message's headers are of ids and names, which have their own limits."""
UNACKNOWLEDGED_MAX = 10_000
STUCK_CALLS = 3
"""A producer that acknowledged nothing in the time of so many calls makes room for a new one."""
ABOUT_MESSAGES = (
    InvalidMessageError,
    InvalidTimestampError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    UnknownError,
    UnsupportedForMessageFormatError,
)
"""What the broker has against a batch: against one of its messages, and all of them fail with it."""

_Sent: TypeAlias = dict[str, list[Future[Any]]]
"""By the id of an event, the messages that carry it."""


class _DownError(Exception):
    """The broker takes nothing for now."""


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
        """Publish the events, in order, and wait until they are acknowledged. Raises PublishRefused, SinkDown, and
        PublishFailed where the broker refused a batch for one of its messages.
        """
        made, refused = shaped(events, self._messages, bytes_max=self._target.message_bytes_max)
        sent: _Sent = {}
        try:
            if made:
                await self._deliver(made, sent)
        except ABOUT_MESSAGES as failed:
            why = f"{self._target.topic}: {error_in_words(failed)}"
            if len(made) > 1:
                raise PublishFailed(why, _acknowledged(sent)) from failed
            refused[made[0].event.id] = why
        except _DownError as failed:
            raise SinkDown(str(failed), _acknowledged(sent)) from failed
        if refused:
            raise PublishRefused(refused, {event.id for event in events} - refused.keys())

    async def _deliver(self, events: Sequence[Shaped], sent: "_Sent") -> None:
        """Hand them to the producer and wait until all are acknowledged. Raises _DownError, ABOUT_MESSAGES."""
        seconds_max = self._target.publish_seconds_max
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(seconds_max):
                producer = await self._connected()
                for event, messages in events:
                    sent[event.id] = [await self._send(producer, message) for message in messages]
                await _all_settled([future for futures in sent.values() for future in futures])
        except TimeoutError:
            if time.monotonic() - self._well_at > STUCK_CALLS * seconds_max:
                await self._give_up(producer)
            raise _DownError(f"not acknowledged in {seconds_max} s") from None
        except UnknownTopicOrPartitionError as failed:
            raise _DownError(f"no topic {self._target.topic}: create it") from failed
        except (KafkaError, OSError) as failed:
            # After one batch failed, the broker would refuse all later ones of this producer as out of order.
            await self._give_up(producer)
            if isinstance(failed, ABOUT_MESSAGES):
                raise
            raise _DownError(error_in_words(failed)) from failed

    async def _send(self, producer: AIOKafkaProducer, message: Message) -> Future[Any]:
        """Hand the message to the producer, unless it has it; the future says that it was acknowledged. Raises
        KafkaError, and _DownError if too much waits already.
        """
        if message.id in self._unacknowledged:
            return self._unacknowledged[message.id]
        if len(self._unacknowledged) >= UNACKNOWLEDGED_MAX:
            raise _DownError(f"{UNACKNOWLEDGED_MAX} messages are not acknowledged yet")
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
        return {
            **connection_options(target),
            "acks": "all",
            "enable_idempotence": True,
            "compression_type": None if target.compression is Compression.NONE else target.compression.value,
            "max_batch_size": BATCH_BYTES,
            "max_request_size": target.message_bytes_max + HEADERS_BYTES_MAX,
            "request_timeout_ms": target.publish_seconds_max * 500,
        }


async def _all_settled(sent: Sequence[Future[Any]]) -> None:
    """Raises what failed, and of several failures one that is about messages."""
    if sent:
        await asyncio.wait(sent)
    failed = [error for future in sent if (error := future.exception())]
    if failed:
        raise next((error for error in failed if isinstance(error, ABOUT_MESSAGES)), failed[0])


def _acknowledged(sent: _Sent) -> list[str]:
    """The ids of the events of which the broker has every message."""
    return [name for name, futures in sent.items() if all(map(_is_acknowledged, futures))]


def _is_acknowledged(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None
