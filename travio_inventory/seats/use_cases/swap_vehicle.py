"""Gives a trip another vehicle, and tells who has no seat in it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.seats.commands import SwapVehicleCommand
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.limits import SeatLimits
from travio_inventory.seats.offer import Swap
from travio_inventory.seats.opening_ports import SeatPlans
from travio_inventory.seats.ports import Manifests
from travio_inventory.seats.queries import BEFORE_ALL, SeatPlace
from travio_inventory.seats.refusals import SeatPlanNotFound
from travio_inventory.seats.sales_ports import TripSales
from travio_inventory.seats.seat_plan import PlanKey
from travio_inventory.seats.swapping import NewVehicle, Places
from travio_inventory.seats.trip import Trip, TripKey
from travio_inventory.seats.use_cases.step_runner import StepRunner
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog

ANSWERED_WITHIN_S: Final = 2.0
"""A swap that takes longer goes on; its caller is told how far it is."""
LEFT_TOLD_MAX: Final = 100
LEFT_SEATS_TOLD_MAX: Final = 1_000
"""About so many seats are told of at most: clients accept a reply of 4 MiB."""


class SwapReport(NamedTuple):
    """How far a swap is; once it is over, the first of the holds and bookings that it left without a place."""

    swap: Swap
    left: Sequence[Hold] = ()

    @property
    def places(self) -> Places:
        """What says why each of them has none."""
        return Places(self.swap.offer.trip)


@dataclass(frozen=True, slots=True)
class SwapPorts:
    """What the use case works on."""

    trips: TripCatalog
    sales: TripSales
    plans: SeatPlans
    manifests: Manifests


class SwapVehicle:
    """A repeated call goes on with the first one, or reports it; calls for one trip share the work of this process."""

    def __init__(self, ports: SwapPorts, steps: StepRunner, limits: SeatLimits) -> None:
        self._ports = ports
        self._steps = steps
        self._limits = limits
        self._running: dict[tuple[TripKey, str], asyncio.Task[Swap]] = {}

    async def __call__(self, actor: Actor, command: SwapVehicleCommand) -> SwapReport:
        """How far it is. Raises PermissionDenied, SeatPlanNotFound, InvalidTrip also beyond the operator's limits, and
        what `TripSales.swap` raises.
        """
        actor.needs(Scope.TRIPS_ADMIN)
        key = TripKey(actor.organization, command.trip_id)
        vehicle = await self._vehicle(key, command)
        trip = (await self._ports.trips.offer(key)).trip
        self._limits.check_seats(len(vehicle.seats), len(trip.segments))
        running = self._run(key, vehicle, command.version)
        done, _ = await asyncio.wait([running], timeout=ANSWERED_WITHIN_S)
        swap = running.result() if done else await self._ports.sales.swapped(key, vehicle)
        left = await self._left(swap.offer.trip) if swap.is_over and swap.left else []
        return SwapReport(swap, left)

    async def _vehicle(self, key: TripKey, command: SwapVehicleCommand) -> NewVehicle:
        if not command.plan:
            return command.vehicle
        plan = await self._ports.plans.find(PlanKey(key.organization, command.plan))
        if plan is None:
            raise SeatPlanNotFound
        return await off_loop(len(plan.seats), command.vehicle.on, plan)

    def _run(self, key: TripKey, vehicle: NewVehicle, version: int) -> asyncio.Task[Swap]:
        """The running swap to that vehicle, or a new one."""
        name = key, vehicle.digest
        running = self._running.get(name)
        if running is None:
            running = asyncio.ensure_future(self._steps.run(self._swap(key, vehicle, version)))
            self._running[name] = running
            running.add_done_callback(lambda done: self._end(name, done))
        return running

    def _end(self, name: tuple[TripKey, str], done: asyncio.Task[Swap]) -> None:
        del self._running[name]
        if not done.cancelled():
            done.exception()  # its callers are told, if any wait

    async def _swap(self, key: TripKey, vehicle: NewVehicle, version: int) -> Swap:
        try:
            return await self._ports.sales.swap(key, vehicle, version=version)
        finally:
            self._ports.trips.forget(key)

    async def _left(self, trip: Trip) -> Sequence[Hold]:
        found: list[Hold] = []
        after = BEFORE_ALL
        while len(found) < LEFT_TOLD_MAX and sum(len(hold.seats) for hold in found) < LEFT_SEATS_TOLD_MAX:
            page = await self._ports.manifests.page(
                trip, lambda _: True, after=after, most=LEFT_TOLD_MAX - len(found), without_place=True
            )
            found += [hold.without_national_ids() for hold in page.holds]
            if not page.next:
                break
            after = SeatPlace(*map(int, page.next.split(" ")))
        return found
