"""Verifies an operator's own cluster and Redis: the promises that the service rests on, in a keyspace made for that."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from enum import StrEnum
from functools import partial
from secrets import token_hex
from statistics import quantiles
from typing import Any, NamedTuple, TypeVar

from travio_inventory.app.backends import NotAsRequired, NotReached, open_edge
from travio_inventory.app.stock import stock_on
from travio_inventory.edge.redis_options import HostPort, RedisOptions, Standalone
from travio_inventory.kernel.error_words import error_in_words
from travio_inventory.kernel.promises import Promise, PromiseBroken, PromiseUnchecked
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol import promises
from travio_inventory.protocol.batches import (
    ABSENT,
    ANY_TIME,
    Applied,
    Batches,
    Index,
    IndexEntry,
    Kind,
    NotDone,
    Outcome,
    Partition,
    RowKey,
    Rows,
    StoreUnavailable,
    Unknown,
    Write,
)
from travio_inventory.seats import gate_promises
from travio_inventory.seats.gate_promises import GateAndSeats
from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.settings import Settings
from travio_inventory.stock import promises as stock_promises

PROMISE_S_MAX = 120.0
BATCHES_TIMED = 200
ENTERS_TIMED = 500
REPLY_S_MAX = 5.0
SUFFIX = "_verify"
TRIES = 2
"""How often a promise is tried of which something had no answer."""
REQUIRED = "tables, copies and clocks are as required"
DROPPED = "the keyspace of the trial is dropped"
ANSWERS = "Redis answers, and knows our scripts"
EVICTS, WAITS = "a full Redis evicts keys, and refuses no writes", "no answer waits for a disk"

P = TypeVar("P")


class Kept(StrEnum):
    """What came of a promise."""

    YES = "kept"
    NO = "broken"
    UNSURE = "not checked"
    FIGURE = "measured"


class Verdict(NamedTuple):
    """One line: of the store or of the edge, what is promised, and what came of it."""

    part: str
    says: str
    kept: Kept
    why: str = ""


class TrialLeft(Exception):
    """A trial was cut off, and could not drop its keyspace; the message is one line that says what drops it."""


async def verify_store(settings: Settings, *, replication: int) -> AsyncGenerator[Verdict]:
    """The verdicts on the cluster, in a keyspace of its own, which is dropped in the end, also if it is cut off. Raises
    StartFailed if that keyspace has something in it, or a file is of no use; TrialLeft.
    """
    from travio_inventory.app.backends import scylla  # noqa: PLC0415 - the driver is slow to import

    own = settings.model_copy(
        update={"scylla": settings.scylla.model_copy(update={"keyspace": settings.scylla.keyspace[:40] + SUFFIX})}
    )
    begun = asyncio.ensure_future(asyncio.to_thread(scylla.begin_trial, own, replication=replication))
    try:
        async with aclosing(_of_trial(own, begun)) as verdicts:
            async for verdict in verdicts:
                yield verdict
    except BaseException as cut_off:
        if silent := await _dropped(own, begun):
            raise TrialLeft(f"its keyspace is left: {silent}") from cut_off
        raise
    if silent := await _dropped(own, begun):
        yield Verdict("store", DROPPED, Kept.UNSURE, silent)


async def _dropped(own: Settings, begun: asyncio.Task[None]) -> str:
    """Drop the keyspace if the trial made it, once that is over, for a thread cannot be stopped. Why it is still there,
    and what to do; "" if it is not.
    """
    from travio_inventory.app.backends import scylla  # noqa: PLC0415 - the driver is slow to import

    await asyncio.wait([begun])
    failed = begun.exception()
    if failed is not None and not isinstance(failed, NotAsRequired):
        return ""
    try:
        await asyncio.to_thread(scylla.end_trial, own)
    except NotReached as silent:
        return f"{scylla.how_to_drop(own.scylla.keyspace)}: {silent}"
    return ""


async def _of_trial(own: Settings, begun: asyncio.Task[None]) -> AsyncGenerator[Verdict]:
    """Raises StartFailed."""
    try:
        await asyncio.shield(begun)
        async for verdict in _of_store(own):
            yield verdict
    except NotAsRequired as wrong:
        yield Verdict("store", REQUIRED, Kept.NO, str(wrong))
    except NotReached as silent:
        says = "the cluster can be reached" if begun.exception() is None else REQUIRED
        yield Verdict("store", says, Kept.UNSURE, str(silent))


async def _of_store(own: Settings) -> AsyncIterator[Verdict]:
    """Raises StartFailed."""
    from travio_inventory.app.backends import scylla  # noqa: PLC0415 - the driver is slow to import

    async with scylla.open_scylla(own) as store:
        yield Verdict("store", REQUIRED, Kept.YES)
        async for verdict in _held_to("store", promises.PROMISES, store):
            yield verdict
        if own.stock.is_on:
            counted = CountedBatches(store)
            async with stock_on(counted, own) as stock:
                async for verdict in _held_to("stock", stock_promises.PROMISES, stock, lambda: counted.unanswered):
                    yield verdict
        yield await _timed("store", "conditional batches", BATCHES_TIMED, partial(_one_batch, store))


async def verify_edge(settings: Settings) -> AsyncIterator[Verdict]:
    """The verdicts on Redis, under keys of their own, which lapse. Raises StartFailed."""
    async with open_edge(settings, f"verify-{token_hex(8)}", MapSignals()) as edge:
        trial = GateAndSeats(edge.gate, edge.taken, lambda: time.time_ns() // 1_000_000, asyncio.sleep)
        before = edge.unanswered()
        if edge.sight is None or await edge.sight.look(gate_promises.new_group(), gate_promises.CELLS) is None:
            is_silent = edge.unanswered() != before
            said = f"no answer at {settings.redis.addr}" if is_silent else "it refuses them: the log says why"
            yield Verdict("edge", ANSWERS, Kept.UNSURE if is_silent else Kept.NO, said)
            return
        yield Verdict("edge", ANSWERS, Kept.YES)
        async for verdict in _held_to("edge", gate_promises.PROMISES, trial, edge.unanswered):
            yield verdict
        yield await _timed("edge", "attempts at the gate", ENTERS_TIMED, partial(_one_attempt, trial, edge.unanswered))
    for verdict in await asyncio.to_thread(_configured, settings):
        yield verdict


async def _held_to(
    part: str, all_of_them: tuple[Promise[P], ...], subject: P, unanswered: Callable[[], int] = lambda: 0
) -> AsyncIterator[Verdict]:
    """`unanswered` counts what had no definite answer, where the subject goes on without: a case with any of that shows
    nothing.
    """
    for promise in all_of_them:
        for _ in range(TRIES):
            before = unanswered()
            verdict = await _tried(part, promise, subject)
            silent = unanswered() - before
            if silent:
                why = f"{silent} had no definite answer" + (f": {verdict.why}" if verdict.why else "")
                verdict = verdict._replace(kept=Kept.UNSURE, why=why)
            if verdict.kept is not Kept.UNSURE:
                break
        yield verdict


async def _tried(part: str, promise: Promise[P], subject: P) -> Verdict:
    try:
        async with asyncio.timeout(PROMISE_S_MAX):
            await promise.hold_to(subject)
    except PromiseBroken as broken:
        return Verdict(part, promise.says, Kept.NO, str(broken))
    except PromiseUnchecked as unchecked:
        return Verdict(part, promise.says, Kept.UNSURE, str(unchecked))
    except TimeoutError:
        return Verdict(part, promise.says, Kept.UNSURE, f"not done within {PROMISE_S_MAX:g} s")
    except (StoreUnavailable, Refusal) as failed:
        return Verdict(part, promise.says, Kept.UNSURE, error_in_words(failed))
    return Verdict(part, promise.says, Kept.YES)


class CountedBatches:
    """Batches of that store; counts what had no definite answer, for use cases settle that by themselves."""

    def __init__(self, store: Batches) -> None:
        self.unanswered = 0
        self._store = store

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        """See Batches."""
        outcome = await self._store.apply(partition, writes, entries, send_by=send_by)
        self.unanswered += isinstance(outcome, Unknown | NotDone)
        return outcome

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        """See Batches."""
        return await self._read(self._store.get(partition, keys))

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        """See Batches."""
        return await self._read(self._store.read(partition, kind, start=start, end=end, most=most))

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        """See Batches."""
        return await self._read(self._store.read_index(index, bucket, after=after, most=most))

    async def _read(self, reading: Awaitable[P]) -> P:
        try:
            return await reading
        except StoreUnavailable:
            self.unanswered += 1
            raise


async def _timed(part: str, what: str, times: int, once: Callable[[], Awaitable[bool]]) -> Verdict:
    took_ms: list[float] = []
    failed = 0
    for _ in range(times):
        began = time.perf_counter()
        failed += not await once()
        took_ms.append((time.perf_counter() - began) * 1_000)
    cuts = quantiles(took_ms, n=100)
    said = f"p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms, slowest {max(took_ms):.1f} ms of {times}, one at a time"
    if failed:
        return Verdict(part, what, Kept.UNSURE, f"{failed} of {times} had no definite answer; {said}")
    return Verdict(part, what, Kept.FIGURE, said)


async def _one_batch(store: Batches) -> bool:
    write = Write(promises.CELL_1, ABSENT, promises.FREE)
    return isinstance(await store.apply(promises.new_partition(), [write]), Applied)


async def _one_attempt(trial: GateAndSeats, unanswered: Callable[[], int]) -> bool:
    before = unanswered()
    await trial.enter(gate_promises.new_group(), "ann", ttl_ms=gate_promises.SHORT_MS)
    return unanswered() == before


def _configured(settings: Settings) -> list[Verdict]:
    """What the server says of its own settings, as far as we may ask."""
    from redis.exceptions import ConnectionError as Silent  # noqa: PLC0415 - slow to import
    from redis.exceptions import RedisError  # noqa: PLC0415 - slow to import
    from redis.exceptions import TimeoutError as Late  # noqa: PLC0415 - slow to import

    from travio_inventory.app.backends.redis import redis_options  # noqa: PLC0415

    options = redis_options(settings)
    if not isinstance(options.address, Standalone):
        return _not_asked("ask each server: CONFIG GET maxmemory-policy, appendfsync")
    names = ("maxmemory", "maxmemory-policy", "appendfsync", "appendonly")
    try:
        with _client(options, options.address.server) as client:
            found = {name: str(client.config_get(name).get(name, "")) for name in names}
    except (Silent, Late) as silent:
        return _not_asked(f"no answer: {silent}")
    except RedisError as refused:
        return _not_asked(f"its user may not ask: {refused}")
    evicting = found["maxmemory"] not in ("0", "") and found["maxmemory-policy"].startswith("allkeys-")
    told = f"maxmemory {found['maxmemory']}, maxmemory-policy {found['maxmemory-policy']}: set both, allkeys-lru"
    syncs = found["appendonly"] == "yes" and found["appendfsync"] == "always"
    needless = "appendfsync always: nothing here needs it"
    return [
        Verdict("edge", EVICTS, Kept.YES if evicting else Kept.NO, "" if evicting else told),
        Verdict("edge", WAITS, Kept.NO if syncs else Kept.YES, needless if syncs else ""),
    ]


def _not_asked(why: str) -> list[Verdict]:
    return [Verdict("edge", says, Kept.UNSURE, why) for says in (EVICTS, WAITS)]


def _client(options: RedisOptions, server: HostPort) -> Any:  # noqa: ANN401 - the library types it loosely
    from redis import Redis  # noqa: PLC0415 - slow to import
    from redis.backoff import NoBackoff  # noqa: PLC0415 - slow to import
    from redis.retry import Retry  # noqa: PLC0415 - slow to import

    password = options.password if isinstance(options.password, str) else options.password()
    named: dict[str, Any] = {"username": options.user or None, "password": password or None}
    if options.tls:
        named |= {"ssl": True, "ssl_ca_certs": str(options.ca_file) if options.ca_file else None}
    once = Retry(NoBackoff(), 0)
    limits: dict[str, Any] = {"socket_timeout": REPLY_S_MAX, "socket_connect_timeout": REPLY_S_MAX, "retry": once}
    return Redis(host=server[0], port=server[1], decode_responses=True, **limits, **named)
