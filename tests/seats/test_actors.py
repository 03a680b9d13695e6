"""Who may do what: each use case needs a scope, and refuses an actor without it before anything is done."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from inspect import getmembers, iscoroutinefunction, signature
from operator import attrgetter
from typing import get_type_hints

import pytest

from travio_inventory.kernel.actor import (
    EVERY_SCOPE,
    HOUSE,
    OF_A_USER,
    OF_AN_ORGANIZATION,
    Actor,
    Scope,
    house_of,
    service_of,
    user_anywhere,
)
from travio_inventory.kernel.refusals import InvalidRequest, PermissionDenied
from travio_inventory.seats.commands import SwapVehicleCommand
from travio_inventory.seats.payment import Payment
from travio_inventory.seats.refusals import HoldNotFound, NotOnWaitlist, SeatPlanNotFound
from travio_inventory.seats.seat_plan import PlanKey, SeatPlanPart
from travio_inventory.seats.swapping import NewVehicle
from travio_inventory.seats.trip import Ends, TripKey
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.seats.use_cases.follow_maps import MapPart
from verification.kit.commands import valid_commands
from verification.kit.sale import Sale

NEEDS: dict[str, Scope] = {
    "open_trip": Scope.TRIPS_ADMIN,
    "seat_plans.put": Scope.TRIPS_ADMIN,
    "seat_plans.all": Scope.TRIPS_ADMIN,
    "seat_plans.delete": Scope.TRIPS_ADMIN,
    "read_trips.opening": Scope.TRIPS_READ,
    "read_trips.one": Scope.TRIPS_READ,
    "explain_seat": Scope.SEATS_EXPLAIN,
    "read_order": Scope.BOOKINGS_READ,
    "read_manifest": Scope.BOOKINGS_READ,
    "read_seat_map": Scope.TRIPS_READ,
    "check_availability": Scope.TRIPS_READ,
    "summarize_trip": Scope.TRIPS_READ,
    "hold_seats": Scope.SEATS_HOLD,
    "extend_hold": Scope.SEATS_HOLD,
    "erase_passengers": Scope.BOOKINGS_CONFIRM,
    "move_hold": Scope.SEATS_HOLD,
    "release_hold": Scope.SEATS_HOLD,
    "confirm_hold": Scope.BOOKINGS_CONFIRM,
    "cancel_booking": Scope.BOOKINGS_CANCEL,
    "read_holds.one": Scope.HOLDS_READ,
    "read_holds.holder": Scope.HOLDERS_READ,
    "read_holds.page": Scope.HOLDS_READ,
    "control_sales": Scope.TRIPS_ADMIN,
    "cancel_trip": Scope.TRIPS_ADMIN,
    "swap_vehicle": Scope.TRIPS_ADMIN,
    "change_trip": Scope.TRIPS_ADMIN,
    "list_trips": Scope.TRIPS_READ,
    "read_deeds": Scope.DEEDS_READ,
    "follow_maps": Scope.TRIPS_READ,
    "block_seats": Scope.SEATS_BLOCK,
    "waitlist.join": Scope.WAITLISTS_JOIN,
    "waitlist.leave": Scope.WAITLISTS_JOIN,
    "waitlist.page": Scope.WAITLISTS_READ,
    "expire_holds": Scope.HOUSE_WORK,
    "forget_trips": Scope.HOUSE_WORK,
    "go_on_opening": Scope.HOUSE_WORK,
    "audit_trips.one": Scope.HOUSE_WORK,
    "audit_trips.due": Scope.HOUSE_WORK,
    "audit_trips.listed": Scope.HOUSE_WORK,
    "settle_payment.made": Scope.HOUSE_WORK,
    "settle_payment.failed": Scope.HOUSE_WORK,
}
"""The scope of each verb."""
NEEDS_NONE = {"read_trips.of_hold"}
"""A hold that the actor was given says its own trip."""


def verbs() -> dict[str, Callable[..., object]]:
    """Every verb of the inventory, as the code has it."""
    found: dict[str, Callable[..., object]] = {}
    for name, use_case in get_type_hints(Inventory).items():
        for verb, function in getmembers(use_case, iscoroutinefunction):
            if verb == "__call__":
                found[name] = function
            elif not verb.startswith("_"):
                found[f"{name}.{verb}"] = function
    return found


class Undecided:
    """Nothing was decided about the event before."""

    decision = ""

    async def decide(self, decision: str, *, over: str = "") -> str:
        self.decision = decision
        return decision


async def ask(sale: Sale, verb: str, actor: Actor) -> None:
    """Do that with a valid command."""
    plan = PlanKey(sale.trip.key.organization, "p")
    part = SeatPlanPart(plan, "r", 0, 1, sale.trip)
    swap = SwapVehicleCommand(trip_id=sale.trip.key.trip, vehicle=NewVehicle(sale.trip.seats))
    of_the_trip = {
        "open_trip": sale.trip,
        "seat_plans.put": part,
        "seat_plans.delete": plan,
        "swap_vehicle": swap,
    }
    with_what = {verb: [command] for verb, command in {**valid_commands(), **of_the_trip}.items()}
    payment = Payment(source="shop", event="event-1", hold_id=f"t1~0~{0:032}", order_id="order-1")
    with_what |= {
        "audit_trips.one": [sale.trip.key],
        "audit_trips.listed": [0],
        "settle_payment.made": [payment, Undecided()],
        "settle_payment.failed": [payment],
    }
    with_what["follow_maps"] = [sale.trip.key.trip, [MapPart(Ends("A", "D"))]]
    named: dict[str, object] = {"after": "", "most": 1} if verb == "audit_trips.listed" else {}
    await attrgetter(verb)(sale.inventory)(actor, *with_what.get(verb, []), **named)


def everybody(sale: Sale) -> Actor:
    """An actor with all scopes."""
    return Actor(sale.trip.key.organization, "ann", frozenset(Scope))


def asked_of_the_store(sale: Sale) -> tuple[int, int, int]:
    """Batches, reads, and rows that were read."""
    return sale.store.batches, sale.store.reads.total(), sale.store.rows_read.total()


def test_each_use_case_takes_its_actor_first() -> None:
    assert {verb: [*signature(step).parameters][1] for verb, step in verbs().items()} == dict.fromkeys(verbs(), "actor")


def test_each_use_case_is_asked_here() -> None:
    assert verbs().keys() == NEEDS.keys() | NEEDS_NONE


@pytest.mark.parametrize("verb", NEEDS)
async def test_an_actor_with_all_scopes_but_the_one_is_refused_and_nothing_is_done(
    single_seats: Sale, verb: str
) -> None:
    scope = NEEDS[verb]
    actor, before = everybody(single_seats), asked_of_the_store(single_seats)
    with pytest.raises(PermissionDenied) as refused:
        await ask(single_seats, verb, replace(actor, scopes=actor.scopes - {scope}))
    assert refused.value.scope == scope.word
    assert asked_of_the_store(single_seats) == before


@pytest.mark.parametrize("verb", NEEDS)
async def test_the_one_scope_is_enough(single_seats: Sale, verb: str) -> None:
    """The store says that there is no such hold, place or plan, so the actor was admitted."""
    with suppress(HoldNotFound, NotOnWaitlist, SeatPlanNotFound):
        await ask(single_seats, verb, replace(everybody(single_seats), scopes=frozenset({NEEDS[verb]})))


async def test_nobody_opens_a_trip_of_another_organization(single_seats: Sale) -> None:
    trip = replace(single_seats.trip, key=TripKey("another", "t1"))
    with pytest.raises(PermissionDenied):
        await single_seats.inventory.open_trip(everybody(single_seats), trip)


async def test_the_trip_of_a_hold_is_told_to_its_holder_alone(single_seats: Sale) -> None:
    hold = await single_seats.hold("A1")
    ann = replace(single_seats.actor(), scopes=frozenset())
    assert await single_seats.inventory.read_trips.of_hold(ann, hold) == single_seats.trip
    for other in (single_seats.actor("bob"), Actor("another", "ann"), service_of(single_seats.trip.key.organization)):
        with pytest.raises(HoldNotFound):
            await single_seats.inventory.read_trips.of_hold(other, hold)


def test_nobody_from_outside_does_the_work_of_the_house() -> None:
    for actor in (Actor("o", "ann"), service_of("o"), user_anywhere("ann")):
        assert Scope.HOUSE_WORK not in actor.scopes
    assert HOUSE.scopes == {Scope.HOUSE_WORK}
    assert Scope.HOUSE_WORK in house_of("o").scopes


@pytest.mark.parametrize("scope", sorted(EVERY_SCOPE))
def test_a_scope_that_is_for_a_user_or_an_organization_is_nobodys_without_one(scope: Scope) -> None:
    """So no seat is ever held for "", like the house's blocks, and nothing is stored without an organization."""
    named = {"organization_id": OF_AN_ORGANIZATION, "user_id": OF_A_USER}
    with_nobody = [field for field, scopes in named.items() if scope in scopes]
    try:
        Actor("", "", frozenset({scope}))
        refused = []
    except InvalidRequest as wrong:
        refused = [violation.field for violation in wrong.violations]
    assert refused == with_nobody
    assert {Scope.SEATS_HOLD, Scope.WAITLISTS_JOIN} <= OF_A_USER


@pytest.mark.parametrize("bad", [" a", "a\n", "x" * 129, "e\N{COMBINING ACUTE ACCENT}"])
def test_an_actor_is_named_by_ids(bad: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Actor(bad, bad)
    assert [violation.field for violation in refused.value.violations] == ["organization_id", "user_id"]
    for make in (service_of, house_of, user_anywhere):
        with pytest.raises(InvalidRequest):
            make(bad)
