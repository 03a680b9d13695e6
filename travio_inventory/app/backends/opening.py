"""Opens the store and the edge; what only some deployments need is imported only there."""

import asyncio
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from secrets import token_hex
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from travio_inventory.app.backends.failures import StartFailed, no_folder
from travio_inventory.app.backends.renewed import Renewals
from travio_inventory.edge.absent import AbsentGate, AbsentSeatMapCache, AbsentTakenSeats
from travio_inventory.edge.local import LocalGate, LocalSeatMapCache
from travio_inventory.edge.local_rates import RATES_MAX, LocalRates
from travio_inventory.kernel.hits import Hits
from travio_inventory.kernel.rates import Rates
from travio_inventory.protocol.batches import Batches, Reads
from travio_inventory.seats.audit.ports import GateSight
from travio_inventory.seats.gate_recall import GateRecall
from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.seats.ports import Gate, SeatMapCache, TakenSeats
from travio_inventory.settings import Settings
from travio_inventory.store.group_commit import GroupCommit
from travio_inventory.store.memory import MemoryBatches
from travio_inventory.store.sqlite import DataFolderInUse, SqliteBatches, SqliteGuest, SqliteView, UnfitDatabase

if TYPE_CHECKING:  # the driver is slow to import
    from travio_inventory.store.scylla import ScyllaBatches

EDGE_ENTRIES_MAX = 200_000
MAPS_CACHED_MAX = 256


class Store(NamedTuple):
    """The record, and a name that only the processes on it share. `problem` says why nothing may be written to it, ""
    if nothing is known to be wrong; `jobs` maintain it while it is open; `gauges` are figures of it, by name; `views`
    reads for maps, where the batches are not to.
    """

    batches: Batches
    deployment: str
    problem: Callable[[], str] = lambda: ""
    jobs: Mapping[str, Callable[[], Awaitable[None]]] = MappingProxyType({})
    gauges: Mapping[str, Callable[[], int]] = MappingProxyType({})
    views: Reads | None = None


class Edge(NamedTuple):
    """The edge: turns contenders away, serves seat maps, and counts requests; `sight` looks at what it remembers.
    `is_up` says whether it answers; there is none where there is no edge. `caches` are those in the process, by name.
    """

    gate: Gate
    taken: TakenSeats
    seat_maps: SeatMapCache
    rates: Rates
    sight: GateSight | None = None
    is_up: Callable[[], bool] | None = None
    caches: Mapping[str, Hits] = MappingProxyType({})
    memory: GateRecall | None = None
    """What the gate knows without asking."""
    unanswered: Callable[[], int] = lambda: 0
    """How many questions and reports it did not answer, and let pass."""


@asynccontextmanager
async def open_batches(settings: Settings, renewals: Renewals | None = None) -> AsyncIterator[Store]:
    """The store; `renewals` look after its files. Raises StartFailed if it cannot be opened."""
    match settings.store.kind:
        case "memory":
            memory = MemoryBatches(None, Random(), asyncio.sleep)  # noqa: S311 - draws faults, of which there are none
            yield Store(memory, token_hex(8))
        case "embedded":
            async with _open_embedded(settings.store.data) as embedded:
                yield Store(
                    embedded,
                    _embedded_name(settings),
                    gauges={"store.forgotten rows": lambda: embedded.counts.forgotten},
                )
        case "scylla":
            from travio_inventory.app.backends.scylla import open_scylla  # noqa: PLC0415 - the driver is slow to import

            async with open_scylla(settings, renewals) as scylla:
                jobs = {"watch over the keyspace": scylla.keep_watch}
                grouped = GroupCommit(scylla, company_max=settings.scylla.group_commit_max)
                yield Store(
                    grouped, scylla.deployment, lambda: scylla.problem, jobs, _gauges(scylla, grouped), scylla.views
                )


@asynccontextmanager
async def open_view(settings: Settings) -> AsyncIterator[Store]:
    """The store, to look at it: the embedded one beside the process that has it. Raises StartFailed."""
    async with _beside(settings, SqliteView) as store:
        yield store


@asynccontextmanager
async def open_guest(settings: Settings) -> AsyncIterator[Store]:
    """The store, to look at it and to write dead letters and deeds: the embedded one beside the process that has it.
    Raises StartFailed.
    """
    async with _beside(settings, SqliteGuest) as store:
        yield store


@asynccontextmanager
async def _beside(settings: Settings, view: type[SqliteView]) -> AsyncIterator[Store]:
    if settings.store.kind != "embedded":
        async with open_batches(settings) as store:
            yield store
        return
    async with AsyncExitStack() as stack:
        try:
            opened = await stack.enter_async_context(view.open(settings.store.data))
        except UnfitDatabase as failed:
            raise StartFailed(str(failed)) from failed
        except sqlite3.Error as failed:
            raise StartFailed(f"database in data folder {settings.store.data}: {failed}") from failed
        yield Store(opened, _embedded_name(settings))


def _embedded_name(settings: Settings) -> str:
    return f"{socket.gethostname()}:{settings.store.data.resolve()}"


@asynccontextmanager
async def open_edge(
    settings: Settings, deployment: str, signals: MapSignals, renewals: Renewals | None = None
) -> AsyncIterator[Edge]:
    """The edge of the store's deployment; `signals` tell what other processes changed. Raises StartFailed if a file
    that it needs is wrong.
    """
    rates = LocalRates(_monotonic_us, names_max=RATES_MAX)
    match settings.edge.kind:
        case "absent":
            yield Edge(AbsentGate(), AbsentTakenSeats(), AbsentSeatMapCache(), rates)
        case "local":
            gate = LocalGate(
                _monotonic_ms,
                _today_ms,
                entries_max=EDGE_ENTRIES_MAX,
                taken_ttl_ms=settings.edge.taken_ttl_ms,
            )
            maps = LocalSeatMapCache(_monotonic_ms, trips_max=MAPS_CACHED_MAX, stale_ms_max=settings.edge.map_stale_ms)
            yield Edge(gate, gate, maps, rates, gate, lambda: True, memory=gate)
        case "redis":
            from travio_inventory.app.backends.redis import open_redis_edge  # noqa: PLC0415 - redis-py is slow to import

            async with open_redis_edge(
                settings.redis,
                settings.edge,
                _monotonic_ms,
                deployment=deployment,
                trips_max=MAPS_CACHED_MAX,
                signals=signals,
                renewals=renewals or Renewals(),
            ) as shared:
                caches = {"gate_memory": shared.gate.hits, "map_copies": shared.seat_maps.hits}
                sees = shared.sight, shared.is_up, caches, shared.gate, shared.unanswered
                yield Edge(shared.gate, shared.gate, shared.seat_maps, shared.rates, *sees)


@asynccontextmanager
async def _open_embedded(folder: Path) -> AsyncIterator[SqliteBatches]:
    async with AsyncExitStack() as stack:
        try:
            batches = await stack.enter_async_context(SqliteBatches.open(folder))
        except DataFolderInUse as failed:
            raise StartFailed(f"{failed}: stop that process, or name another folder in TRAVIO_DATA") from failed
        except UnfitDatabase as failed:
            raise StartFailed(str(failed)) from failed
        except OSError as failed:
            raise no_folder("data folder", folder, failed, setting="TRAVIO_DATA") from failed
        except sqlite3.Error as failed:
            raise StartFailed(f"database in data folder {folder}: {failed}") from failed
        yield batches


def _gauges(scylla: "ScyllaBatches", grouped: GroupCommit) -> Mapping[str, Callable[[], int]]:
    counts = grouped.counts
    return {
        "store.requests": lambda: scylla.counts.requests,
        "store.index entries": lambda: scylla.counts.entries,
        "store.entries on their way": lambda: scylla.entries_on_their_way,
        "group commit.batches": lambda: counts.groups,
        "group commit.steps": lambda: counts.members,
        "group commit.refused": lambda: counts.refused,
        "group commit.sent again": lambda: counts.again,
    }


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _monotonic_us() -> int:
    return time.monotonic_ns() // 1_000


def _today_ms() -> int:
    return time.time_ns() // 1_000_000
