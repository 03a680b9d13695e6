"""The edge of a process: its own, or one on Redis."""

from dataclasses import replace
from typing import Any, NamedTuple

from travio_inventory.edge.local import LocalGate, LocalSeatMapCache
from travio_inventory.edge.redis_options import RedisAddress, RedisOptions
from travio_inventory.seats.audit.ports import GateSight
from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.seats.ports import Gate, SeatMapCache, TakenSeats
from verification.kit.clocks import Clock

TAKEN_TTL_S = 2


class Edge(NamedTuple):
    """The edge of a process, which may forget everything."""

    gate: Gate
    taken: TakenSeats
    seat_maps: SeatMapCache
    gate_ttl_ms: int = 5_000
    signals: MapSignals | None = None
    """Where it tells what other processes changed."""
    sight: GateSight | None = None
    """Where the auditor sees what it remembers."""


def local_edge(clock: Clock) -> Edge:
    """An edge within the process."""
    gate = LocalGate(clock.elapsed_ms, clock.now_ms, entries_max=10_000, taken_ttl_ms=TAKEN_TTL_S * 1_000)
    return Edge(gate, gate, LocalSeatMapCache(clock.elapsed_ms, trips_max=8), sight=gate)


def redis_options(address: RedisAddress, **others: Any) -> RedisOptions:  # noqa: ANN401 - any option
    """A Redis without protection; timeouts as in production, except for a loaded machine."""
    usual = RedisOptions(
        address=address,
        user="",
        password="",
        tls=False,
        ca_file=None,
        reply_ms_max=2_000,
        connect_ms_max=2_000,
        failures_max=3,
        probe_interval_ms=50,
        waiting_max=10_000,
    )
    return replace(usual, **others)
