"""Conditional batches as lightweight transactions: one batch is one request, to its partition's own coordinator."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import assert_never

from cassandra.cluster import Session

from travio_inventory.protocol.batches import (
    ABSENT,
    ANY_TIME,
    FOLLOWING,
    TOO_OLD,
    Applied,
    Index,
    IndexEntry,
    Kind,
    NotDone,
    Outcome,
    Partition,
    Reads,
    Refused,
    RowKey,
    Rows,
    StoreUnavailable,
    Unknown,
    Write,
    split,
)
from travio_inventory.store.scylla import watch
from travio_inventory.store.scylla.agreements import DEPLOYMENT
from travio_inventory.store.scylla.announcer import BUCKETS_MAX, Announcer
from travio_inventory.store.scylla.answers import is_applied, rows_of
from travio_inventory.store.scylla.codec import Reply
from travio_inventory.store.scylla.connecting import ResultRows, ScyllaOptions, affinity_of, connect
from travio_inventory.store.scylla.data_path import DataPath, Request
from travio_inventory.store.scylla.failures import Failure, cause, outcome_of, raise_wrong, unread
from travio_inventory.store.scylla.following import FollowingEntries, JustWritten
from travio_inventory.store.scylla.in_flight import InFlightLimit, NoTurn
from travio_inventory.store.scylla.levels import levels_of
from travio_inventory.store.scylla.row_reads import RowReads
from travio_inventory.store.scylla.servers import Servers
from travio_inventory.store.scylla.statements import (
    PlainWrite,
    batch_of,
    entries_of,
    entry_of,
    place_of,
)
from travio_inventory.store.scylla.views import Views
from travio_inventory.store.threads import switching_fast

_APPLIED = Applied()
_TOO_OLD = Failure(StoreUnavailable(TOO_OLD), was_sent=False)
_CLOSED = Failure(StoreUnavailable("the store is closed"), was_sent=False)


@dataclass(slots=True)
class Counts:
    """Since the store was opened: batches by outcome, reads of rows, entries written; and requests to the servers."""

    applied: int = 0
    refused: int = 0
    unknown: int = 0
    not_done: int = 0
    reads: int = 0
    entries: int = 0
    requests: int = 0


class ScyllaBatches:
    """Conditional batches on ScyllaDB or Apache Cassandra.

    A batch waits at most `wait_ms_max` for each limit, on its partition, its server and all, as long plus one request
    for its index entries, and `request_ms_max` for its server to prepare a statement (then NotDone); and
    `request_ms_max` for an answer (then Unknown). A caller that is cancelled does not undo its batch. Raises ValueError
    and the like for an impossible batch, and the driver's errors for requests that are wrong or not allowed.
    """

    def __init__(self, session: Session, options: ScyllaOptions) -> None:
        self.counts = Counts()
        self.deployment = ""
        """The keyspace's own id, once connected."""
        self._session = session
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._keyspace = options.keyspace
        self._page = options.rows_per_read_max
        self._levels = levels = levels_of(is_global=options.serial == "global")
        self._rows = RowReads(self._keyspace, levels.serial_read, self._read, page=self._page)
        self.views: Reads = Views(self._keyspace, levels.plain, self._view, page=self._page)
        """For what is shown and not decided by: without the rounds of a serial read, and in nobody's way."""
        self.path = DataPath(
            session.cluster, options.keyspace, affinity=affinity_of(session), request_s=options.request_ms_max / 1000
        )
        self._servers = Servers(session.cluster)
        self._in_flight = InFlightLimit(
            limit=options.calls_max,
            per_node=options.calls_per_node_max,
            per_partition=options.calls_per_partition_max,
            wait_s=options.wait_ms_max / 1000,
        )
        self._announcer = Announcer(self._write_plainly, wait_s=(options.wait_ms_max + options.request_ms_max) / 1_000)
        self._following = FollowingEntries(self._add)
        self._just_written = JustWritten()
        self._shut: Failure | None = None
        self._unfit = ""
        self._agreed: Mapping[str, str] = {}

    @classmethod
    @asynccontextmanager
    async def connect(cls, options: ScyllaOptions) -> AsyncIterator["ScyllaBatches"]:
        """The store on these servers, whose schema must be there. Connects after every fork, once per process.

        Raises StoreUnavailable where no server takes us, and what `watch.check_start` does.
        """
        session = await asyncio.to_thread(connect, options)
        try:
            agreed = await asyncio.to_thread(watch.check_start, session, options)
            batches = cls(session, options)
            batches.deployment, batches._agreed = agreed[DEPLOYMENT], agreed
            await batches.path.open()
            try:
                with switching_fast():
                    yield batches
            finally:
                await batches._following.close(options.request_ms_max / 1_000)
                batches._shut = _CLOSED
                batches._servers.close()
                batches.path.close()
        finally:
            await asyncio.to_thread(session.cluster.shutdown)

    async def keep_watch(self) -> None:
        """Check every minute what `watch.check_start` checked. Runs until cancelled; a long-lived store must run it."""
        await watch.go_on(self._session, self._options, self._agreed, self.bar, self.note_unfit)
        await asyncio.Event().wait()  # barred, for good

    @property
    def entries_on_their_way(self) -> int:
        """How many entries that follow a batch are not durable yet, as far as is known."""
        return len(self._following)

    @property
    def problem(self) -> str:
        """Why nothing may be sold here, as far as the watch knows; "" if nothing is wrong."""
        return str(self._shut.error) if self._shut else self._unfit

    def bar(self, why: str) -> None:
        """Send nothing to the servers from now on, since it would do harm."""
        self._shut = Failure(StoreUnavailable(why), was_sent=False)

    def note_unfit(self, why: str) -> None:
        """Note why the keyspace is not as required, "" if it is."""
        self._unfit = why

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        outcome = await self._apply(partition, writes, entries, send_by)
        match outcome:
            case Applied():
                self.counts.applied += 1
            case Refused():
                self.counts.refused += 1
            case Unknown():
                self.counts.unknown += 1
            case NotDone():
                self.counts.not_done += 1
            case _:
                assert_never(outcome)
        return outcome

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        return await self._rows.get(partition, keys)

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        """Rows beyond `rows_per_read_max` are read in further requests, each of which sees its own moment."""
        return await self._rows.read(partition, kind, start=start, end=end, most=most)

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        entries: list[str] = []
        own = self._following.of(index, bucket)
        while most is None or len(entries) < most:
            page = self._page if most is None else min(self._page, most - len(entries))
            behind = entries[-1] if entries else after
            statement = entries_of(self._keyspace, index, bucket, behind, page)
            rows = _answer(await self._ask(Request([statement], self._levels.plain))).rows
            entries += [entry for (entry,) in rows]
            if len(rows) < page:
                break
        return sorted({*entries, *(entry for entry in own if entry > after)})[:most] if own else entries

    async def _apply(
        self, partition: Partition, writes: Sequence[Write], entries: Sequence[IndexEntry], send_by: float
    ) -> Outcome:
        place = place_of(partition)
        statements = batch_of(self._keyspace, place, writes)
        if not statements:
            return await self._added(self._just_written.without(entries))
        before, following = split(writes, entries)
        if before and (failed := await self._added(before)) is not _APPLIED:
            return failed
        request = Request(statements, self._levels, place, is_batch=True, is_conditional=True, send_by=send_by)
        reply = await self._ask(request, partition)
        if isinstance(reply, Failure):
            return outcome_of(reply)
        answer = _answer(reply)
        if not is_applied(answer):
            return await self._refused(partition, writes, answer)
        if following:
            self._following.add(following)
        return _APPLIED

    async def _added(self, entries: Sequence[IndexEntry]) -> Applied | NotDone:
        failure = await self._announce(entries)
        if failure is not None:
            raise_wrong(failure)
            return NotDone(cause(failure.error))
        self._just_written.note([index_entry for index_entry in entries if index_entry.of in FOLLOWING])
        return _APPLIED

    async def _add(self, entries: Sequence[IndexEntry]) -> bool:
        """Write entries that nobody waits for, unless their event was faster; whether they are durable."""
        missing = self._just_written.without(entries)
        self.counts.entries += len(missing)
        statements = [entry_of(self._keyspace, index_entry) for index_entry in missing]
        failure = await self._write_plainly(statements) if missing else None
        if failure is not None:
            raise_wrong(failure)
            return False
        self._just_written.note(missing)
        return True

    async def _announce(self, entries: Sequence[IndexEntry]) -> Failure | None:
        """Write the index entries; a failure if one of them may not be durable."""
        self.counts.entries += len(entries)
        statements = [entry_of(self._keyspace, index_entry) for index_entry in entries]
        parts = (statements[start : start + BUCKETS_MAX] for start in range(0, len(statements), BUCKETS_MAX))
        failures = await asyncio.gather(*map(self._announcer.announce, parts))
        return next(filter(None, failures), None)

    async def _write_plainly(self, statements: Sequence[PlainWrite]) -> Failure | None:
        reply = await self._ask(Request(statements, self._levels.plain, is_batch=len(statements) > 1))
        return reply if isinstance(reply, Failure) else None

    async def _refused(self, partition: Partition, writes: Sequence[Write], answer: ResultRows) -> Refused | NotDone:
        """The refusal with its rows. A server sends the rows with conditions, and complete ones if one condition was
        absence; otherwise they are read.
        """
        if any(write.condition is ABSENT for write in writes):
            return Refused(rows_of(answer))
        try:
            return Refused(await self.get(partition, [write.key for write in writes if write.condition]))
        except StoreUnavailable as error:
            return NotDone(f"refused, and the rows could not be read: {error}")

    async def _read(self, request: Request, partition: Partition) -> ResultRows:
        self.counts.reads += 1
        return _answer(await self._ask(request, partition))

    async def _view(self, request: Request, _: Partition) -> ResultRows:
        """It takes no place from the batches of its partition."""
        self.counts.reads += 1
        return _answer(await self._ask(request))

    async def _ask(self, request: Request, partition: Partition | None = None) -> Reply:
        """Wait for the in-flight limits, send, wait for the reply."""
        if (why := self._why_not(request)) is not None:
            return self._failed(why)
        way = self.path.way(request.place)
        node = way and way.node
        if not self._in_flight.try_enter(partition, node):
            try:
                await self._in_flight.enter(partition, node)
            except NoTurn as error:
                return self._failed(Failure(error, was_sent=False))
            if (why := self._why_not(request)) is not None:
                self._in_flight.leave(partition, node)
                return self._failed(why)
            way = self.path.way(request.place)
        self.counts.requests += 1
        reply = await self.path.send(request, way, partial(self._in_flight.leave, partition, node))
        return self._failed(reply) if isinstance(reply, Failure) else reply

    def _why_not(self, request: Request) -> Failure | None:
        """Why it may not be sent now."""
        if self._shut is not None:
            return self._shut
        return _TOO_OLD if self._loop.time() > request.send_by else None

    def _failed(self, failure: Failure) -> Failure:
        self._servers.missed()
        return failure


def _answer(reply: Reply) -> ResultRows:
    """The rows of a read. Raises StoreUnavailable."""
    if isinstance(reply, Failure):
        raise unread(reply)
    assert reply is not None  # noqa: S101 - what was asked for has rows
    return reply
