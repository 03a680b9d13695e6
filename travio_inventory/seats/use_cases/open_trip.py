"""Opens a trip for sale: stores its definition and creates its cells."""

import asyncio

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.kernel.refusals import PermissionDenied
from travio_inventory.seats.limits import SeatLimits
from travio_inventory.seats.opening import Opening, Portions
from travio_inventory.seats.opening_ports import SeatPlans
from travio_inventory.seats.ports import Trips
from travio_inventory.seats.refusals import SeatPlanNotFound
from travio_inventory.seats.seat_plan import PlanKey, TripOnPlan
from travio_inventory.seats.trip import Trip

GROUPS_AT_ONCE = 16


class OpenTrip:
    """Opening the same definition again is a no-op; it resumes after a crash and never resets a seat."""

    def __init__(self, trips: Trips, plans: SeatPlans, limits: SeatLimits, portions: Portions) -> None:
        self._trips = trips
        self._plans = plans
        self._limits = limits
        self._portions = portions

    async def __call__(self, actor: Actor, asked: Trip | TripOnPlan) -> Opening:
        """How far it is opened: a small trip at once; a large one by a background job, and nobody can hold seats
        before it is on sale.

        Raises PermissionDenied, also for a trip of another organization than the actor's; InvalidTrip beyond the
        operator's limits; SeatPlanNotFound, TripDefinedOtherwise, TripBeingForgotten, BackendUnavailable,
        OutcomeUnknown.
        """
        actor.needs(Scope.TRIPS_ADMIN)
        if asked.key.organization != actor.organization:
            raise PermissionDenied(Scope.TRIPS_ADMIN.word)
        trip = asked if isinstance(asked, Trip) else await self._with_seats(asked)
        self._limits.check_trip(trip)
        since_s = asyncio.get_running_loop().time()
        standing, opening = await self._trips.define(trip)
        if not self._portions.is_opened_later(standing):
            await self._seed(standing, since_s)
        return opening

    async def _with_seats(self, asked: TripOnPlan) -> Trip:
        plan = await self._plans.find(PlanKey(asked.key.organization, asked.plan))
        if plan is None:
            raise SeatPlanNotFound
        return await off_loop(len(plan.seats), asked.trip, plan)

    async def _seed(self, standing: Trip, since_s: float) -> None:
        at_once = asyncio.Semaphore(GROUPS_AT_ONCE)

        async def seed(group: int) -> None:
            async with at_once:
                await self._trips.seed(standing, group, since_s=since_s)

        for failed in await asyncio.gather(*map(seed, standing.groups), return_exceptions=True):
            if failed is not None:
                raise failed
