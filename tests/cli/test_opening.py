"""Many trips are opened: what one refusal means for the others, against a service that answers as a script says."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC

import pytest
from anyio.from_thread import BlockingPortal

from tests.client.service import ScriptedService, served
from tests.imports.feeds import PLAN
from tests.typed import Type
from travio_inventory.api.grpc.replies import listed
from travio_inventory.cli.opening import RETRIES_IN_A_ROW_MAX, Outcome, open_all
from travio_inventory.client.client import InventoryClient
from travio_inventory.imports.gtfs.trips import PlannedTrip
from travio_inventory.kernel.refusals import Overloaded, PermissionDenied, Refusal
from travio_inventory.seats.offer import SalesState, TripLine
from travio_inventory.seats.opening import Opening
from travio_inventory.seats.refusals import TripDefinedOtherwise
from travio_inventory.seats.route import Segment
from travio_inventory.seats.trip import TripKey
from travio_inventory.wire.inventory import v1 as wire

OPENED = wire.InitializeTripInventoryRequest
TRIPS = 100


@pytest.fixture
def service() -> ScriptedService:
    return ScriptedService()


@pytest.fixture
async def client(service: ScriptedService) -> AsyncIterator[InventoryClient]:
    """A client that tries once, of a service with a trip."""
    async with served(service) as port, InventoryClient(f"127.0.0.1:{port}", attempts_max=1) as client:
        await client.open_trip(PLAN.trip(TripKey("acme", "first"), (Segment("a", "b"),)))
        yield client


class Told(list[Outcome]):
    """The outcomes so far."""

    def __call__(self, _each: PlannedTrip, outcome: Outcome, _reason: str) -> None:
        self.append(outcome)


async def opened(client: InventoryClient, *, at_once: int = 1) -> tuple[Counter[Outcome], Refusal | None]:
    """The outcomes of a hundred trips, and what ended the work early."""
    told = Told()
    trips = [PLAN.trip(TripKey("acme", f"t{at}"), (Segment("a", "b"),)) for at in range(TRIPS)]
    planned = iter([PlannedTrip(trip.key.trip, "r", "", UTC, trip) for trip in trips])
    try:
        await open_all(client, planned, at_once=at_once, tell=told)
    except Refusal as refusal:
        return Counter(told), refusal
    return Counter(told), None


async def test_a_service_that_cannot_open_trips_now_is_not_asked_for_all_of_them(
    client: InventoryClient, service: ScriptedService
) -> None:
    service.next(OPENED, *[Overloaded()] * TRIPS)
    outcomes, refusal = await opened(client, at_once=4)
    assert isinstance(refusal, Overloaded)
    assert RETRIES_IN_A_ROW_MAX <= outcomes[Outcome.RETRY] <= RETRIES_IN_A_ROW_MAX + 3
    assert set(outcomes) == {Outcome.RETRY}


async def test_retries_count_only_in_a_row(client: InventoryClient, service: ScriptedService) -> None:
    async def answer() -> None:
        """As the service does without a script."""

    for _ in range(TRIPS // 25):
        service.next(OPENED, *[Overloaded()] * 24, answer)
    outcomes, refusal = await opened(client)
    assert refusal is None
    assert outcomes == {Outcome.RETRY: 96, Outcome.WAS_OPEN: 4}


async def test_a_trip_that_is_refused_for_good_stops_no_other(
    client: InventoryClient, service: ScriptedService
) -> None:
    service.next(OPENED, *[TripDefinedOtherwise()] * (RETRIES_IN_A_ROW_MAX + 1))
    outcomes, refusal = await opened(client, at_once=3)
    assert refusal is None
    assert outcomes == {Outcome.REFUSED: RETRIES_IN_A_ROW_MAX + 1, Outcome.WAS_OPEN: TRIPS - RETRIES_IN_A_ROW_MAX - 1}


async def test_a_missing_permission_ends_the_work_at_once(client: InventoryClient, service: ScriptedService) -> None:
    """Of every worker, though only one of them was refused."""
    service.next(OPENED, PermissionDenied("operate"))
    outcomes, refusal = await opened(client, at_once=4)
    assert isinstance(refusal, PermissionDenied)
    assert outcomes.total() < TRIPS // 2


def test_a_step_on_all_seats_of_a_trip_may_take_as_long_as_a_service_allows(
    typed: Type, portal: BlockingPortal, service: ScriptedService
) -> None:
    with portal.wrap_async_context_manager(served(service)) as port:
        for words in (
            ["trip", "cancel", "t", "--yes"],
            ["trip", "freeze", "t"],
            ["trip", "show", "t"],
            ["summary", "t", "a", "b"],
        ):
            typed(*words, TRAVIO_TARGET=f"localhost:{port}")
    assert len(service.seconds_given) >= 4
    assert all(given is not None and given > 50 for given in service.seconds_given)


def test_a_trip_that_is_being_opened_is_listed_as_such(
    typed: Type, portal: BlockingPortal, service: ScriptedService
) -> None:
    line = listed(TripLine("t", SalesState.OPEN, 1, 0, "a", "b", 0, 0, 4, Opening(1, 4)))
    service.replies[wire.ListTripsRequest] = wire.ListTripsResponse(trips=[line])
    with portal.wrap_async_context_manager(served(service)) as port:
        shown = typed("trip", "list", "--untimed", TRAVIO_TARGET=f"localhost:{port}").out
        plain = typed("trip", "list", "--untimed", "--json", TRAVIO_TARGET=f"localhost:{port}").plain
    assert "opening (25 %)" in shown
    (trip,) = plain["trips"]
    assert (trip["state"], trip["opened_percent"]) == ("opening", 25)
