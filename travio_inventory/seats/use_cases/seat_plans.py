"""Stores, lists and deletes the seat plans of an organization."""

from collections.abc import Sequence

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.refusals import PermissionDenied
from travio_inventory.seats.opening_ports import SeatPlans
from travio_inventory.seats.refusals import SeatPlanNotFound
from travio_inventory.seats.seat_plan import PlanKey, PlanProgress, SeatPlanPart, StoredPlan


class KeepSeatPlans:
    """A plan has no end of its own: it is kept until it is deleted, whether trips were opened with it or not."""

    def __init__(self, plans: SeatPlans) -> None:
        self._plans = plans

    async def put(self, actor: Actor, part: SeatPlanPart) -> PlanProgress:
        """Store a part. Raises PermissionDenied, InvalidRequest, Overloaded, BackendUnavailable, OutcomeUnknown."""
        _may_change(actor, part.key)
        return await self._plans.put(part)

    async def all(self, actor: Actor) -> Sequence[StoredPlan]:
        """Those of the actor's organization. Raises PermissionDenied, BackendUnavailable."""
        actor.needs(Scope.TRIPS_ADMIN)
        return await self._plans.of(actor.organization)

    async def delete(self, actor: Actor, key: PlanKey) -> None:
        """Delete it; trips that were opened with it keep their seats. Raises PermissionDenied, SeatPlanNotFound,
        Overloaded, BackendUnavailable, OutcomeUnknown.
        """
        _may_change(actor, key)
        if not await self._plans.delete(key):
            raise SeatPlanNotFound


def _may_change(actor: Actor, key: PlanKey) -> None:
    actor.needs(Scope.TRIPS_ADMIN)
    if key.organization != actor.organization:
        raise PermissionDenied(Scope.TRIPS_ADMIN.word)
