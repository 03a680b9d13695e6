"""Callers that hang up or run out of time at random moments: a step happens as a whole or not at all."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any

import pytest
from grpclib.exceptions import GRPCError, StreamTerminatedError
from h2.exceptions import StreamClosedError

from travio_inventory.client import (
    HoldStatus,
    InventoryClient,
    Journey,
    RetryableRefusal,
    SeatStatus,
    SeatTaken,
)
from travio_inventory.wire.inventory import v1 as wire
from verification.kit.frames import framed
from verification.kit.raw_caller import raw_caller
from verification.kit.requests import path_of, request
from verification.kit.service_process import ORGANIZATION, ServiceProcess, eventually
from verification.kit.trips import Cell, cells, cells_by_status, ends, trip_of

HOLDS = 200
CONFIRMS = 100
AT_ONCE = 10
MS_MAX = 50
SETTLE_SECONDS_MAX = 60
"""One look is some hundred calls, on a machine that may do much else."""
GONE = (GRPCError, StreamTerminatedError, TimeoutError, OSError)
TRIPS = [trip_of("left-1", seats=150, seats_per_group=1), trip_of("left-16", seats=150, seats_per_group=16)]
JOURNEY = Journey(0, 1)
STATIONS = dict(zip(("from_station_id", "to_station_id"), ends(JOURNEY), strict=True))


class LeavingCaller:
    """One hold that a caller requests without waiting for it. Neighbours share one seat."""

    def __init__(self, number: int, random: Random) -> None:
        trip = TRIPS[number % 2]
        first = number // 2 * 3 // 2 % 148
        self.user = f"leaver-{number}"
        self.trip = trip.key.trip
        self.seats = trip.in_layout_order([seat.id for seat in trip.seats[first : first + 2]])
        self.gone_after_s = random.uniform(0.001, MS_MAX / 1_000)
        self.fields: dict[str, Any] = {
            "trip_id": self.trip,
            **STATIONS,
            "seat_ids": list(self.seats),
            "user_id": self.user,
            "organization_id": ORGANIZATION,
            "idempotency_key": "k",
            "hold_duration_seconds": 600,
        }


async def leave(service: ServiceProcess, client: InventoryClient, caller: LeavingCaller) -> None:
    """Leave in one of three ways, sooner or later."""
    if caller.gone_after_s < 0.01:
        await leave_by_deadline(client, caller)
    else:
        await leave_by_reset(service, caller)


async def leave_by_deadline(client: InventoryClient, caller: LeavingCaller) -> None:
    """Give the call a deadline, which the service is told of."""
    await client.stub.hold_seats(wire.HoldSeatsRequest(**caller.fields), timeout=caller.gone_after_s)


async def leave_by_reset(service: ServiceProcess, caller: LeavingCaller) -> None:
    """Reset the call, or hang up for every third user."""
    async with raw_caller(service.port) as raw:
        stream = raw.call(path_of("HoldSeats"), framed(request("HoldSeats", caller.fields).SerializeToString()))
        await asyncio.sleep(caller.gone_after_s)
        if int(caller.user.removeprefix("leaver-")) % 3:
            with suppress(StreamClosedError):  # it has been answered
                raw.reset(stream)


async def all_leaving(calls: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """Make the calls, a few at a time; they are expected to fail."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(call: Callable[[], Awaitable[None]]) -> None:
        async with at_once:
            with suppress(*GONE):
                await call()

    await asyncio.gather(*map(one, calls))


async def listed_cells(client: InventoryClient) -> dict[HoldStatus, list[Cell]]:
    """The cells of all holds and bookings that the users' lists show; each of them is whole."""
    found: dict[HoldStatus, list[Cell]] = {HoldStatus.HELD: [], HoldStatus.CONFIRMED: []}
    for number in range(HOLDS):
        for record in await client.acting_for(f"leaver-{number}").list_holds():
            assert (record.journey, len(record.seats)) == (JOURNEY, 2)
            found[record.status] += cells(record.trip, record.seats, record.journey)
    return found


async def maps_agree(client: InventoryClient) -> bool:
    """Whether the maps show exactly the cells of the holds and bookings that the lists show."""
    listed = await listed_cells(client)
    shown = [await cells_by_status(client, trip) for trip in TRIPS]
    for status, held in ((SeatStatus.HELD, HoldStatus.HELD), (SeatStatus.BOOKED, HoldStatus.CONFIRMED)):
        assert len(set(listed[held])) == len(listed[held])
        if set().union(*(found[status] for found in shown)) != set(listed[held]):
            return False
    return True


@pytest.mark.once
async def test_a_caller_that_leaves_tears_nothing(shared: ServiceProcess) -> None:
    """The callers of three hundred calls leave after 1 to 50 ms; the same key, or the same order, then shows the
    outcome.
    """
    random = Random(5)
    callers = [LeavingCaller(number, random) for number in range(HOLDS)]
    async with shared.client() as client:
        for trip in TRIPS:
            await client.open_trip(trip)
        await all_leaving([partial(leave, shared, client, caller) for caller in callers])
        await eventually(lambda: maps_agree(client), within_s=SETTLE_SECONDS_MAX)
        held = [await the_key_tells(client, caller) for caller in callers]
        assert 0 < held.count("") < HOLDS
        booked = [(caller, hold_id) for caller, hold_id in zip(callers, held, strict=True) if hold_id][:CONFIRMS]
        await all_leaving([partial(confirm_in_haste, client, caller, hold_id, random) for caller, hold_id in booked])
        await eventually(lambda: maps_agree(client), within_s=SETTLE_SECONDS_MAX)
        for caller, hold_id in booked:
            assert (await client.acting_for(caller.user).confirm(hold_id, "o")).id == hold_id
        assert await maps_agree(client)
        assert len((await listed_cells(client))[HoldStatus.CONFIRMED]) == len(booked) * 4


async def confirm_in_haste(client: InventoryClient, caller: LeavingCaller, hold_id: str, random: Random) -> None:
    """Confirm with hardly any time."""
    asked = wire.ConfirmBookingRequest(hold_id=hold_id, order_id="o", user_id=caller.user, organization_id=ORGANIZATION)
    await client.stub.confirm_booking(asked, timeout=random.uniform(0.001, 0.01))


async def the_key_tells(client: InventoryClient, caller: LeavingCaller) -> str:
    """The hold that the same request gets now, "" for none; if one stood before, it is that one."""
    as_user = client.acting_for(caller.user)
    before = [record.id for record in await as_user.list_holds()]
    try:
        hold = await as_user.hold(caller.trip, *ends(JOURNEY), caller.seats, seconds=600, key="k", settle=True)
    except (SeatTaken, RetryableRefusal):
        assert before == []
        return ""
    assert hold.seats == caller.seats
    assert before in ([], [hold.id])
    assert [record.id for record in await as_user.list_holds()] == [hold.id]
    return hold.id
