"""Swaps of the trip's vehicle: each one has seats with names of its own, so that a name is one seat all day."""

import asyncio
from dataclasses import replace
from random import Random

from travio_inventory.kernel.actor import house_of
from travio_inventory.seats.commands import SwapVehicleCommand, trip_id
from travio_inventory.seats.offer import SalesState, Swap
from travio_inventory.seats.swapping import NewVehicle
from travio_inventory.seats.trip import Trip
from verification.simulation.front import Front
from verification.simulation.history import HOUSE, CallOutcome
from verification.simulation.oracle import ORGANIZATION, Violated
from verification.simulation.process import Process
from verification.simulation.sales import Sales
from verification.simulation.virtual_loop import now_s

SWAPS_MAX = 3
HOUSE_WORK = house_of(ORGANIZATION)


def new_vehicle(trip: Trip, number: int, *, missing: int) -> NewVehicle:
    """One with as many seats, which stand for those of the trip in their order; for the missing one none does."""
    seats = tuple(
        replace(seat, id=f"{_name(seat.id)}v{number}", number="none" if place == missing else str(place))
        for place, seat in enumerate(trip.seats)
    )
    return NewVehicle(seats, trip.seats_per_group)


async def keep_vehicle(front: Front, sales: Sales, random: Random) -> None:
    """Swap the vehicle now and then, and go on until it is done: what has no seat then stays where it is."""
    version = 1
    for number in range(1, SWAPS_MAX + 1):
        await asyncio.sleep(random.uniform(8, 50))
        vehicle = new_vehicle(front.trip, number, missing=random.randrange(len(front.trip.seats)))
        while now_s() < front.plan.day_s:
            swap = await _swap(front, vehicle, version)
            if swap is not None and swap.is_over:
                front.trip, version = swap.offer.trip, swap.offer.version
                sales.is_of_former = front.trip.first_group
                front.seen["vehicle swapped"] += 1
                break
            await asyncio.sleep(1)


async def _swap(front: Front, vehicle: NewVehicle, version: int) -> Swap | None:
    """What it was answered, if it was; of a trip of that version, so that no late call swaps it back."""
    told: list[Swap] = []

    async def work(process: Process) -> None:
        command = SwapVehicleCommand(trip_id="t", vehicle=vehicle, version=version)
        told.append((await process.inventory.swap_vehicle(HOUSE_WORK, command)).swap)

    call = await front.step("swap", HOUSE, "t", work, tries=1)
    return told[-1] if call.answer is CallOutcome.OK else None


async def swapped_trip(prober: Process, trip: Trip) -> Trip:
    """The trip as it is at night. Raises Violated if a swap has not ended (L7)."""
    offer = await prober.inventory.read_trips.one(HOUSE_WORK, trip_id(trip.key.trip))
    if offer.state is SalesState.SWAPPING:
        raise Violated("L7 the vehicle is still being swapped")
    return offer.trip


def _name(seat: str) -> str:
    """Its name in the first vehicle."""
    return seat.partition("v")[0]
