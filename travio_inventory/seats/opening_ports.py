"""The ports that opening trips needs besides: stored seat plans, and large trips that are being opened."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from travio_inventory.seats.seat_plan import PlanKey, PlanProgress, SeatPlanPart, StoredPlan
from travio_inventory.seats.trip import Trip, TripKey


class SeatPlans(Protocol):
    """Stores the seat plans of organizations, part by part. A plan is kept until it is deleted."""

    async def put(self, part: SeatPlanPart) -> PlanProgress:
        """Store a part; with the last one, if all others are there, the plan takes the place of what was stored under
        its key. Raises InvalidRequest for a part that says something else than before, for a whole that contradicts
        itself, and for one plan too many; BackendUnavailable, OutcomeUnknown.
        """
        ...

    async def find(self, key: PlanKey) -> Trip | None:
        """The plan as it is now, as a trip from nowhere to nowhere. Raises BackendUnavailable."""
        ...

    async def of(self, organization: str) -> Sequence[StoredPlan]:
        """All of them, by id. Raises BackendUnavailable."""
        ...

    async def delete(self, key: PlanKey) -> bool:
        """Delete it; False if there is none. Raises BackendUnavailable, OutcomeUnknown."""
        ...


class ListedOpening(NamedTuple):
    """A large trip that is being opened; `opened_at_ms` tells the lives of one id apart."""

    key: TripKey
    opened_at_ms: int


class TripOpenings(Protocol):
    """Opens large trips, some portions at a time."""

    async def begun(self) -> Sequence[ListedOpening]:
        """Some of the trips that are being opened, all of them in turn. Raises BackendUnavailable."""
        ...

    async def visit(self, listed: ListedOpening) -> None:
        """Make some of the trip's cells, unless another process is at it; once all are made it is on sale. Raises
        BackendUnavailable, OutcomeUnknown.
        """
        ...
