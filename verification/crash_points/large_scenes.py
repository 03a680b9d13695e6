"""What takes many calls, as scenes: a large trip opened by background jobs, and seat plans stored part by part."""

from dataclasses import replace

from travio_inventory.kernel.actor import Actor, house_of
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.seats.commands import trip_id
from travio_inventory.seats.opening import Portions
from travio_inventory.seats.records.openings import STALLED_MS
from travio_inventory.seats.records.seat_plans import SeatPlans
from travio_inventory.seats.seat_plan import NOWHERE, PlanKey, SeatPlanPart
from travio_inventory.seats.trip import Trip, TripKey
from verification.kit.sale import Sale
from verification.kit.scenes import Step, Subject, step, whole
from verification.kit.trips import row_of

TWO_SEATS_ARE_MANY = Portions(seats_at_once_max=1, cells_at_once_max=1, seats_per_part_max=1, groups_max=1)
ROUNDS_MAX = 4
PARTS = 3


async def open_large(sale: Sale, _: Subject) -> None:
    """The call, and the background jobs until the trip is on sale; they wait for a process that may be at it."""
    await sale.open_trip()
    for _round in range(ROUNDS_MAX):
        for error in (await sale.go_on_opening()).failures.values():
            raise error
        if (await sale.inventory.read_trips.opening(sale.actor(), trip_id(sale.trip.key.trip))).is_over:
            return
        sale.clock.pass_s(STALLED_MS / 1_000 + 1)
    raise BackendUnavailable


async def put_plan(sale: Sale, _: Subject) -> object:
    return await _put(sale, "r1", "A{}")


async def put_another_plan(sale: Sale, _: Subject) -> object:
    return await _put(sale, "r2", "B{}")


async def plan_stored(sale: Sale) -> Subject:
    await put_plan(sale, None)
    return None


async def delete_plan(sale: Sale, _: Subject) -> None:
    await sale.inventory.seat_plans.delete(_house(sale), _plan(sale))


async def _put(sale: Sale, revision: str, names: str) -> object:
    """The answer to the last part."""
    answer: object = None
    for index, seat in enumerate(row_of(PARTS, seat=names)):
        layout = Trip(TripKey("any", "any"), NOWHERE, (seat,), is_stored=True)
        part = SeatPlanPart(_plan(sale), revision, index, PARTS, layout)
        answer = await sale.inventory.seat_plans.put(_house(sale), part)
    return answer


def _plan(sale: Sale) -> PlanKey:
    return PlanKey(sale.trip.key.organization, "hall")


def _house(sale: Sale) -> Actor:
    return house_of(sale.trip.key.organization)


async def plans(sale: Sale) -> list[tuple[str, str]]:
    """Revision and seats of each stored plan, read as for a trip that is opened with it."""
    stored = await sale.inventory.seat_plans.all(_house(sale))
    whole = [await SeatPlans(sale.store, sale.clock).find(_plan(sale)._replace(plan=each.plan)) for each in stored]
    return [
        (each.revision, " ".join(seat.id for seat in plan.seats) if plan else "")
        for each, plan in zip(stored, whole, strict=True)
    ]


STEPS: dict[str, Step] = {
    "open a large trip": replace(step(open_large), is_opening=True, portions=TWO_SEATS_ARE_MANY),
    "store a seat plan": whole(step(put_plan)),
    "store a seat plan in place of another": whole(step(put_another_plan, plan_stored)),
    "delete a seat plan": whole(step(delete_plan, plan_stored)),
}
