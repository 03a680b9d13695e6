"""Opens a trip of any size, and follows the opening of a large one until it is on sale."""

from collections.abc import Callable
from hashlib import blake2b

import anyio

from travio_inventory.cli.screen import Screen
from travio_inventory.client.client import InventoryClient
from travio_inventory.kernel.refusals import FinalRefusal, RetryableRefusal, WrongRequest
from travio_inventory.seats.opening import Opening
from travio_inventory.seats.refusals import TripOpening
from travio_inventory.seats.seat_plan import TripOnPlan
from travio_inventory.seats.trip import Trip

SEATS_IN_CALL_MAX = 5_000
ASKED_EVERY_S = 0.5
STALLED_S = 60.0
BAR_SIGNS = 30


async def open_any(client: InventoryClient, screen: Screen, trip: Trip | TripOnPlan) -> Opening:
    """Open the trip. Seats that are too many for one call are sent as a seat plan, which only this trip needs."""
    if isinstance(trip, TripOnPlan) or len(trip.seats) <= SEATS_IN_CALL_MAX:
        return await client.open_trip(trip)
    plan = f"of-trip-{blake2b(trip.key.trip.encode(), digest_size=16).hexdigest()}"
    await client.put_seat_plan(plan, trip, sent=sent_to(screen))
    screen.over("")
    try:
        opening = await client.open_trip(TripOnPlan.of(trip, plan))
    except (WrongRequest, FinalRefusal):
        await client.delete_seat_plan(plan)
        raise
    await client.delete_seat_plan(plan)
    return opening


async def follow(client: InventoryClient, screen: Screen, trip: str, opening: Opening) -> None:
    """Show how far it is until it is on sale. Raises TripOpening when nothing was done for STALLED_S."""
    changed_at_s = anyio.current_time()
    while not opening.is_over:
        screen.over(bar(opening))
        await anyio.sleep(ASKED_EVERY_S)
        before, opening = opening, await _asked(client, trip) or opening
        if opening != before:
            changed_at_s = anyio.current_time()
        elif anyio.current_time() - changed_at_s >= STALLED_S:
            screen.over("")
            raise TripOpening
    screen.over("")


async def _asked(client: InventoryClient, trip: str) -> Opening | None:
    """None if the service cannot say now."""
    try:
        return await client.trip_opening(trip)
    except RetryableRefusal:
        return None


def sent_to(screen: Screen) -> Callable[[int, int], None]:
    """Shows how many seats of a plan are sent."""
    return lambda done, seats: screen.over(f"{_bar(done, seats)} seats are sent")


def bar(opening: Opening) -> str:
    """How far it is, as a bar and in numbers."""
    return f"{_bar(opening.cells_done, opening.cells)} cells"


def _bar(done: int, of: int) -> str:
    signs = BAR_SIGNS * done // of
    return f"[{'#' * signs}{'-' * (BAR_SIGNS - signs)}] {100 * done // of} %, {done} of {of}"


def percent(opening: Opening) -> int:
    """How much of it is done, rounded down."""
    return 100 * opening.cells_done // opening.cells
