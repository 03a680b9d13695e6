"""Only background jobs on a folder, events published again after a kill, and the answer of a late booking."""

import asyncio
from collections.abc import Callable

import pytest

from travio_inventory.client import HoldStatus, SeatStatus
from verification.kit.service_process import ServiceProcess, eventually
from verification.kit.trips import trip_of


async def test_background_jobs_alone_sweep_and_relay(processes: Callable[..., ServiceProcess]) -> None:
    """`work` on its folder ends and publishes what a service without background jobs leaves behind."""
    service, alone = processes(TRAVIO_BACKGROUND="off"), processes("work")
    await service.start()
    async with service.client() as client:
        await client.open_trip(trip_of("t", seats=4, seats_per_group=1))
        held = await client.hold("t", "S0", "S2", ["seat-1", "seat-2"], seconds=1)
        booked = await client.hold("t", "S0", "S3", ["seat-3"], seconds=1)
        await client.confirm(booked.id, "o")
        await asyncio.sleep(1.3)
        assert (await client.find_hold(held.id)).status is HoldStatus.HELD
    assert await service.stop() == 0
    assert service.events() == []
    await alone.start()

    async def told() -> bool:
        return {(event["type"], event["subject"]) for event in alone.events()} == {
            ("hold.created", held.id),
            ("hold.expired", held.id),
            ("hold.created", booked.id),
            ("seats.purchased", booked.id),
        }

    await eventually(told, within_s=30)
    assert await alone.stop() == 0
    await service.start()
    async with service.client() as client:
        assert (await client.find_hold(held.id)).status is HoldStatus.EXPIRED
        shown = (await client.seat_map("t", "S0", "S3")).seats
        assert [seat.status for seat in shown].count(SeatStatus.AVAILABLE) == 3


@pytest.mark.once
async def test_an_event_that_is_published_again_is_the_same(processes: Callable[..., ServiceProcess]) -> None:
    """A consumer that drops repeated ids must not depend on which copy came first."""
    service = processes(TRAVIO_RELAY_INTERVAL_MS="20")
    await service.start()
    async with service.client() as client:
        await client.open_trip(trip_of("t", seats=1))
        held = await client.hold("t", "S0", "S3", ["seat-1"])

        async def told() -> bool:
            return len(service.events()) == 1

        await eventually(told, within_s=30)
        await client.confirm(held.id, "o")
        service.kill()
    await service.start()

    async def told_again() -> bool:
        return len(service.events()) >= 3

    await eventually(told_again, within_s=30)
    assert await service.stop() == 0
    tellings = [event for event in service.events() if event["type"] == "hold.created"]
    assert len(tellings) == 2
    assert tellings[0] == tellings[1]


@pytest.mark.once
async def test_the_key_of_a_hold_that_was_booked_late_answers_the_same_hold(
    processes: Callable[..., ServiceProcess],
) -> None:
    service = processes(TRAVIO_SWEEP_INTERVAL_MS="20", TRAVIO_CLOCK_BOUND_MS="0")
    await service.start()
    async with service.client() as client:
        await client.open_trip(trip_of("t", seats=1))
        held = await client.hold("t", "S0", "S3", ["seat-1"], seconds=1, key="k")

        async def has_expired() -> bool:
            return (await client.find_hold(held.id)).status is HoldStatus.EXPIRED

        await eventually(has_expired, within_s=30)
        await client.confirm(held.id, "o")
        assert (await client.find_hold(held.id)).status is HoldStatus.CONFIRMED
        assert (await client.hold("t", "S0", "S3", ["seat-1"], seconds=1, key="k")).id == held.id
    assert await service.stop() == 0
