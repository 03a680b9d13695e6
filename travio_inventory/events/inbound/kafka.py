"""Takes events in from topics of Kafka: what is committed has taken effect, or is among the dead letters.

Each partition has a task of its own, so that one which waits stops no other. Within a partition events of one key are
taken one after the other, others at once; a part of it is committed when all of it is done. A process that ends, or
loses the partition, before that leaves it to the next one, which takes the part again and finds in the inbox what is
done. A record that the library cannot read, and what is behind it in its batch, are dead letters that say where they
are.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence

import anyio
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, CorruptRecordException, IllegalStateError, KafkaError

from travio_inventory.events.brokers.aiokafka_internals import leave
from travio_inventory.events.brokers.kafka import connection_options
from travio_inventory.events.inbound.choice import KafkaSource
from travio_inventory.events.inbound.delivery import Delivery
from travio_inventory.events.inbound.message import Header, Message
from travio_inventory.kernel.error_words import error_in_words
from travio_inventory.telemetry.outages import Outages

PART_MAX = 100
"""Events of a partition that are taken before they are committed."""
AT_ONCE_MAX = 16
"""Of those, keys that are worked at together."""
POLL_MS = 500
PARTITION_BYTES = 1_048_576
"""What is fetched of a partition ahead; a larger event is fetched alone."""
READS_MAX = 3
"""After so many more attempts a record that cannot be read is a dead letter: a packet may have been damaged."""
UNREADABLE = (CorruptRecordException, ValueError, IndexError)
"""What the library raises of such a record: a header whose name is no UTF-8, a batch that is cut."""
PLACE = "travio-place"
AGAIN_S = 1.0
LEAVE_S = 10.0
"""So long a group may take to be left, where a connection is given up."""
LOOK_EVERY_S = 10.0
"""How soon a renewed password or certificate is used."""
NEVER_MS = 2**31 - 1
"""A partition that waits stays ours: heartbeats go on, however long nothing is fetched."""

log = logging.getLogger(__name__)


class _UnreadableError(Exception):
    """The record at the position of the partition, or one soon after it, cannot be read."""


class KafkaConsumer:
    """Runs until cancelled, whatever becomes of the broker."""

    def __init__(self, name: str, source: KafkaSource, delivery: Delivery) -> None:
        self._name = name
        self._source = source
        self._delivery = delivery
        self._outages = Outages(log, f"the source {name}")
        self._workers: dict[TopicPartition, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Take events in until cancelled."""
        while True:
            try:
                await self._once()
            except (KafkaError, OSError) as failed:
                self._outages.went(error_in_words(failed))
                self._outages.look()
            await anyio.sleep(AGAIN_S)

    async def _once(self) -> None:
        """One connection, until something is wrong with it, or a file of it is renewed: the library goes by those that
        it began with, also where it connects again. Raises KafkaError, OSError.
        """
        versions = self._source.versions()
        consumer = AIOKafkaConsumer(
            group_id=self._source.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_partition_fetch_bytes=PARTITION_BYTES,
            max_poll_interval_ms=NEVER_MS,
            **connection_options(self._source),
        )
        assignments = _Assignments(self, consumer)
        try:
            consumer.subscribe(self._source.topics, listener=assignments)
            await consumer.start()
            self._outages.came()
            while not assignments.failed.done() and self._source.versions() == versions:
                await asyncio.wait([assignments.failed], timeout=LOOK_EVERY_S)
            if assignments.failed.done():
                await assignments.failed
            log.info("events of %s: a file of its connection was renewed; connecting again", self._name)
        finally:
            with anyio.CancelScope(shield=True):
                assignments.failed.cancel()
                await self._end(list(self._workers))
                await leave(consumer, within_s=LEAVE_S)

    def begin(self, consumer: AIOKafkaConsumer, place: TopicPartition) -> asyncio.Task[None]:
        """The partition is ours."""
        self._workers[place] = worker = asyncio.ensure_future(self._work(consumer, place))
        return worker

    async def end(self, places: Collection[TopicPartition]) -> None:
        """They are ours no more: steps that have begun go on, and what is not committed comes again."""
        await self._end([place for place in places if place in self._workers])

    async def _end(self, places: Sequence[TopicPartition]) -> None:
        workers = [self._workers.pop(place) for place in places]
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, consumer: AIOKafkaConsumer, place: TopicPartition) -> None:
        unread = 0
        try:
            while True:
                try:
                    part = await _fetched(consumer, place, at_most=1 if unread else PART_MAX)
                except _UnreadableError as why:
                    unread += 1
                    if unread > READS_MAX:
                        await self._set_aside(consumer, place, str(why))
                    continue
                if part:
                    unread = 0
                    await self._take(part)
                    await consumer.commit({place: part[-1].offset + 1})
        except (CommitFailedError, IllegalStateError):
            return  # it was given to another process meanwhile

    async def _set_aside(self, consumer: AIOKafkaConsumer, place: TopicPartition, why: str) -> None:
        """The record at the position is a dead letter: it stays where it is, and the partition goes on behind it."""
        at = await consumer.position(place)
        where = f"{place.topic}/{place.partition}@{at}"
        header = Header(PLACE, where.encode())  # by which its letter is told from others without a body
        await self._delivery.see_through(Message(place.topic, where, b"", (header,), fault=why))
        await consumer.commit({place: at + 1})
        consumer.seek(place, at + 1)

    async def _take(self, part: Sequence[ConsumerRecord]) -> None:
        by_key: dict[bytes | None, list[ConsumerRecord]] = {}
        for record in part:
            by_key.setdefault(record.key, []).append(record)
        at_once = asyncio.Semaphore(AT_ONCE_MAX)

        async def in_order(records: Sequence[ConsumerRecord]) -> None:
            async with at_once:
                for record in records:
                    await self._delivery.see_through(_message(record))

        async with asyncio.TaskGroup() as taking:
            for records in by_key.values():
                taking.create_task(in_order(records))


class _Assignments(ConsumerRebalanceListener):  # type: ignore[misc]  # the library has no types
    """Tells the consumer which partitions it has over one connection. Once that `failed`, or is given up, it has none:
    the library may still be in the middle of a rebalance, and what would begin then would never be ended.
    """

    def __init__(self, to: KafkaConsumer, consumer: AIOKafkaConsumer) -> None:
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._to = to
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """See the library."""
        await self._to.end(revoked)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """See the library."""
        if not self.failed.done():
            for place in assigned:
                self._to.begin(self._consumer, place).add_done_callback(self._ended)

    def _ended(self, worker: asyncio.Task[None]) -> None:
        if not worker.cancelled() and (error := worker.exception()) and not self.failed.done():
            self.failed.set_exception(error)


async def _fetched(consumer: AIOKafkaConsumer, place: TopicPartition, *, at_most: int) -> Sequence[ConsumerRecord]:
    """What comes next of the partition, at most so many records. Raises _UnreadableError, with nothing taken, and
    KafkaError.
    """
    try:
        found: Sequence[ConsumerRecord] = (await consumer.getmany(place, timeout_ms=POLL_MS, max_records=at_most)).get(
            place, []
        )
    except UNREADABLE as wrong:
        consumer.seek(place, await consumer.position(place))  # what it had read before is read again
        said = f"the record cannot be read, and stays in its topic: {error_in_words(wrong)}"
        raise _UnreadableError(said) from wrong
    return found


def _message(record: ConsumerRecord) -> Message:
    headers = tuple(Header(name, value or b"") for name, value in record.headers)
    place = f"{record.topic}/{record.partition}@{record.offset}"
    at_ms = max(record.timestamp or 0, 0)
    return Message(record.topic, place, record.value or b"", headers, at_ms=at_ms, key=record.key)
