"""Holds that expire: their seats are free soon after, never before."""

import asyncio
import time
from collections.abc import Callable

import pytest

from travio_inventory.client import (
    HoldExpired,
    InventoryClient,
    SeatContended,
    SeatStatus,
    SeatTaken,
)
from verification.kit.service_process import ServiceProcess
from verification.kit.trips import trip_of

CLOCK_BOUND_MS = 250
LATE_MS_MAX = 2_000
"""On a machine that does nothing else."""
LATE_ROUNDS_MAX = 10
"""How late a busy machine may be, because each poll takes long."""
PATIENCE_S = 45
TRIPS = [
    trip_of("one", seats=15, segments=1, seats_per_group=1),
    trip_of("all", seats=15, segments=1, seats_per_group=15),
]
SEATS = [(trip.key.trip, seat.id) for trip in TRIPS for seat in trip.seats]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def test_a_lapsed_hold_is_free_soon_and_never_before_its_time(processes: Callable[..., ServiceProcess]) -> None:
    """Ten holds of a second, half of them over three seat groups; each seat is won as soon as the map shows it free."""
    service = processes()
    await service.start()
    async with service.client("first") as first, service.client("next") as following:
        for trip in TRIPS:
            await first.open_trip(trip)
        for trip_id, seat in SEATS[::3]:
            number = int(seat.removeprefix("seat-"))
            await first.hold(trip_id, "S0", "S1", [f"seat-{number + more}" for more in range(3)], seconds=1)
            await asyncio.sleep(0.02)
        won_at_ms, longest_round_ms = await won_once_shown_free(following)
    assert await service.stop() == 0
    events = service.events()
    created = [event["data"] for event in events if event["type"] == "hold.created"]
    theirs = [data for data in created if data["user_id"] == "first"]
    lapses = {(data["trip"], seat): data["expires_at_ms"] for data in theirs for seat in data["seats"]}
    assert lapses.keys() == set(SEATS)
    late_ms = [won_at_ms[place] - lapses[place] - CLOCK_BOUND_MS for place in SEATS]
    assert min(late_ms) >= 0
    assert max(late_ms) <= LATE_MS_MAX + LATE_ROUNDS_MAX * longest_round_ms, sorted(late_ms)
    ends = {event["subject"]: event["at_ms"] for event in events if event["type"] == "hold.expired"}
    assert all(ends[data["hold_id"]] >= data["expires_at_ms"] + CLOCK_BOUND_MS for data in theirs)


async def won_once_shown_free(client: InventoryClient) -> tuple[dict[tuple[str, str], int], int]:
    """When each seat was won, with an attempt as soon as the map of its trip shows it free; the longest round in ms."""
    won: dict[tuple[str, str], int] = {}
    longest_round_ms = 0
    async with asyncio.timeout(PATIENCE_S):
        while len(won) < len(SEATS):
            began_ms = now_ms()
            for trip in TRIPS:
                shown = (await client.seat_map(trip.key.trip, "S0", "S1")).seats
                free = [seat.seat.id for seat in shown if seat.status is SeatStatus.AVAILABLE]
                for seat in free:
                    await client.hold(trip.key.trip, "S0", "S1", [seat], seconds=600)
                    won[trip.key.trip, seat] = now_ms()
            await asyncio.sleep(0.02)
            longest_round_ms = max(longest_round_ms, now_ms() - began_ms)
    return won, longest_round_ms


@pytest.mark.once
async def test_without_a_sweeper_the_next_caller_ends_a_lapsed_hold(processes: Callable[..., ServiceProcess]) -> None:
    service = processes(TRAVIO_BACKGROUND="off", TRAVIO_TAKEN_TTL_MS="200")
    await service.start()
    async with service.client("first") as first, service.client("next") as following:
        await first.open_trip(TRIPS[0])
        held = await first.hold("one", "S0", "S1", ["seat-1", "seat-2"], seconds=1)
        sure_until_ms = round(held.expires_at.timestamp() * 1_000) + CLOCK_BOUND_MS
        longest_round_ms = 0
        async with asyncio.timeout(PATIENCE_S):
            while True:
                began_ms = now_ms()
                try:
                    await following.hold("one", "S0", "S1", ["seat-2"], seconds=600)
                    break
                except (SeatContended, SeatTaken):
                    await asyncio.sleep(0.05)
                longest_round_ms = max(longest_round_ms, now_ms() - began_ms)
        late_ms_max = 1_000 + LATE_MS_MAX + LATE_ROUNDS_MAX * longest_round_ms
        assert sure_until_ms <= now_ms() <= sure_until_ms + late_ms_max
        with pytest.raises(HoldExpired):
            await first.extend(held.id, 600)
    assert await service.stop() == 0
