"""The edge that all processes share: gate, taken seats and seat maps in Redis, opened and closed together."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from travio_inventory.edge.connection import Redis
from travio_inventory.edge.deployments import open_own
from travio_inventory.edge.gate import RedisGate
from travio_inventory.edge.keys import trip_of
from travio_inventory.edge.local_rates import RATES_MAX, LocalRates
from travio_inventory.edge.redis_options import RedisOptions
from travio_inventory.edge.remembering import GateMemory, RememberingGate
from travio_inventory.edge.seat_map_cache import MapCopies, RedisSeatMapCache
from travio_inventory.edge.server import Listener
from travio_inventory.edge.shared_rates import SharedRates
from travio_inventory.seats.map_signals import MapSignals


@dataclass(frozen=True, slots=True)
class SharedEdge:
    """`gate` is TakenSeats as well; `sight` looks at Redis itself, past what the process remembers. `is_up`: Redis
    answers, as far as is known; `unanswered`: how many commands it did not answer.
    """

    gate: RememberingGate
    sight: RedisGate
    seat_maps: RedisSeatMapCache
    rates: SharedRates
    is_up: Callable[[], bool]
    unanswered: Callable[[], int]


@asynccontextmanager
async def open_shared_edge(
    options: RedisOptions,
    now_ms: Callable[[], int],
    *,
    deployment: str,
    taken_ttl_ms: int,
    unguarded_max: int,
    trips_max: int,
    stale_ms_max: int,
    signals: MapSignals | None = None,
) -> AsyncIterator[SharedEdge]:
    """The edge on one Redis; it opens within a few `connect_ms_max`, whether Redis answers or not.

    Only processes of the same `deployment`, those on one store, see its data. `now_ms` is a clock that never goes back;
    `signals` tell what any of them changed; for the rest see RedisGate, RedisSeatMapCache and MapCopies.
    """
    copies, memory = MapCopies(trips_max=trips_max), GateMemory(now_ms)
    async with open_own(options, _listener(copies, memory, signals or MapSignals()), deployment) as redis:
        distant = RedisGate(redis, now_ms, taken_ttl_ms=taken_ttl_ms, unguarded_max=unguarded_max)
        gate = RememberingGate(distant, memory)
        seat_maps = RedisSeatMapCache(redis, copies, now_ms, stale_ms_max=stale_ms_max)
        try:
            yield SharedEdge(
                gate, distant, seat_maps, _rates(redis, now_ms), lambda: redis.is_up, lambda: redis.unanswered
            )
        finally:
            await seat_maps.close()


def _rates(redis: Redis, now_ms: Callable[[], int]) -> SharedRates:
    def now_us() -> int:
        return now_ms() * 1_000

    return SharedRates(redis, LocalRates(now_us, names_max=RATES_MAX), now_us)


def _listener(copies: MapCopies, memory: GateMemory, signals: MapSignals) -> Listener:
    """Whatever changes a seat group changes its map, and what was said of its cells."""

    def on_change(key: bytes, groups: Sequence[int]) -> None:
        copies.changed(key, groups)
        trip = trip_of(key)
        memory.changed(trip, groups)
        signals.changed(trip)

    def on_silence() -> None:
        copies.void_all()
        memory.forget_all()
        signals.all_changed()

    return Listener(on_change, on_silence)
