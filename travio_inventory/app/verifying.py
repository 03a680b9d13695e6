"""Verifies an operator's own cluster and Redis: the promises that the service rests on, in a keyspace made for that."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from enum import StrEnum
from functools import partial
from secrets import token_hex
from statistics import quantiles
from typing import Any, NamedTuple, TypeVar

from travio_inventory.app.backends import open_edge
from travio_inventory.app.stock import stock_on
from travio_inventory.edge.redis_options import HostPort, RedisOptions, Standalone
from travio_inventory.kernel.promises import Promise, PromiseBroken
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol import promises
from travio_inventory.protocol.batches import ABSENT, Applied, Batches, StoreUnavailable, Write
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
ANSWERS = "Redis answers, and knows our scripts"

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


async def verify_store(settings: Settings, *, replication: int) -> AsyncIterator[Verdict]:
    """The verdicts on the cluster, in a keyspace of its own, which is dropped in the end. Raises StartFailed if the
    cluster cannot be reached, or that keyspace has something in it.
    """
    from travio_inventory.app.backends import scylla  # noqa: PLC0415 - the driver is slow to import

    own = settings.model_copy(
        update={"scylla": settings.scylla.model_copy(update={"keyspace": settings.scylla.keyspace[:40] + SUFFIX})}
    )
    await asyncio.to_thread(scylla.begin_trial, own, replication=replication)
    try:
        async with scylla.open_scylla(own) as store:
            yield Verdict("store", "tables, copies and clocks are as required", Kept.YES)
            async for verdict in _held_to("store", promises.PROMISES, store):
                yield verdict
            if settings.stock.is_on:
                async with stock_on(store, settings) as stock:
                    async for verdict in _held_to("stock", stock_promises.PROMISES, stock):
                        yield verdict
            yield await _timed("store", "conditional batches", BATCHES_TIMED, partial(_one_batch, store))
    finally:
        await asyncio.to_thread(scylla.end_trial, own)


async def verify_edge(settings: Settings) -> AsyncIterator[Verdict]:
    """The verdicts on Redis, under keys of their own, which lapse. Raises StartFailed."""
    async with open_edge(settings, f"verify-{token_hex(8)}", MapSignals()) as edge:
        trial = GateAndSeats(edge.gate, edge.taken, lambda: time.time_ns() // 1_000_000, asyncio.sleep)
        if edge.sight is None or await edge.sight.look(gate_promises.new_group(), gate_promises.CELLS) is None:
            yield Verdict(
                "edge", "Redis answers, and knows our scripts", Kept.NO, f"no answer at {settings.redis.addr}"
            )
            return
        yield Verdict("edge", "Redis answers, and knows our scripts", Kept.YES)
        async for verdict in _held_to("edge", gate_promises.PROMISES, trial):
            yield verdict
        yield await _timed("edge", "attempts at the gate", ENTERS_TIMED, partial(_one_attempt, trial))
    for verdict in await asyncio.to_thread(_configured, settings):
        yield verdict


async def _held_to(part: str, all_of_them: tuple[Promise[P], ...], subject: P) -> AsyncIterator[Verdict]:
    for promise in all_of_them:
        try:
            async with asyncio.timeout(PROMISE_S_MAX):
                await promise.hold_to(subject)
        except PromiseBroken as broken:
            yield Verdict(part, promise.says, Kept.NO, str(broken))
        except (StoreUnavailable, Refusal, TimeoutError) as failed:
            yield Verdict(part, promise.says, Kept.UNSURE, f"{type(failed).__name__} {failed}".strip())
        else:
            yield Verdict(part, promise.says, Kept.YES)


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
        return Verdict(part, what, Kept.NO, f"{failed} of {times} had no definite answer; {said}")
    return Verdict(part, what, Kept.FIGURE, said)


async def _one_batch(store: Batches) -> bool:
    write = Write(promises.CELL_1, ABSENT, promises.FREE)
    return isinstance(await store.apply(promises.new_partition(), [write]), Applied)


async def _one_attempt(trial: GateAndSeats) -> bool:
    await trial.enter(gate_promises.new_group(), "ann", ttl_ms=gate_promises.SHORT_MS)
    return True


def _configured(settings: Settings) -> list[Verdict]:
    """What the server says of its own settings, as far as we may ask."""
    from redis.exceptions import RedisError  # noqa: PLC0415 - slow to import

    from travio_inventory.app.backends.redis import redis_options  # noqa: PLC0415

    evicts, waits = "a full Redis evicts keys, and refuses no writes", "no answer waits for a disk"
    options = redis_options(settings)
    if not isinstance(options.address, Standalone):
        return [Verdict("edge", evicts, Kept.UNSURE, "ask each server: CONFIG GET maxmemory-policy")]
    names = ("maxmemory", "maxmemory-policy", "appendfsync", "appendonly")
    try:
        with _client(options, options.address.server) as client:
            found = {name: str(client.config_get(name).get(name, "")) for name in names}
    except RedisError as refused:
        return [Verdict("edge", evicts, Kept.UNSURE, f"its user may not ask: {refused}")]
    evicting = found["maxmemory"] not in ("0", "") and found["maxmemory-policy"].startswith("allkeys-")
    told = f"maxmemory {found['maxmemory']}, maxmemory-policy {found['maxmemory-policy']}: set both, allkeys-lru"
    syncs = found["appendonly"] == "yes" and found["appendfsync"] == "always"
    needless = "appendfsync always: nothing here needs it"
    return [
        Verdict("edge", evicts, Kept.YES if evicting else Kept.NO, "" if evicting else told),
        Verdict("edge", waits, Kept.NO if syncs else Kept.YES, needless if syncs else ""),
    ]


def _client(options: RedisOptions, server: HostPort) -> Any:  # noqa: ANN401 - the library types it loosely
    from redis import Redis  # noqa: PLC0415 - slow to import

    password = options.password if isinstance(options.password, str) else options.password()
    named: dict[str, Any] = {"username": options.user or None, "password": password or None}
    if options.tls:
        named |= {"ssl": True, "ssl_ca_certs": str(options.ca_file) if options.ca_file else None}
    return Redis(host=server[0], port=server[1], socket_timeout=REPLY_S_MAX, decode_responses=True, **named)
