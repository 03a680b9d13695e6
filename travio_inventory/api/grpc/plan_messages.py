"""Turns messages about seat plans, and about the seats of large trips, into an actor and a request."""

from functools import partial

from travio_inventory.api.auth.identity import Identity
from travio_inventory.api.grpc.actor import operator_of, tenant_of
from travio_inventory.api.grpc.decoding import limited
from travio_inventory.api.grpc.messages import Fields, asked
from travio_inventory.api.page_tokens import place
from travio_inventory.definition_messages import read_feature, read_seat, read_section
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.checking import Faults
from travio_inventory.seats.commands import TripId, trip_id
from travio_inventory.seats.seat_plan import NOWHERE, PlanKey, SeatPlanPart, plan_key
from travio_inventory.seats.trip import Trip, TripKey


def seats_asked(caller: Identity, message: Fields) -> tuple[Actor, TripId, int]:
    """Read ListTripSeatsRequest: of which trip, and from which place in layout order on."""
    actor, (trip, start) = asked(caller, message, tenant_of, _seats_page)
    return actor, trip, start


def part_put(caller: Identity, message: Fields) -> tuple[Actor, SeatPlanPart]:
    """Read PutSeatPlanRequest."""
    return asked(caller, message, operator_of, partial(_part, caller))


def organization_named(caller: Identity, message: Fields) -> Actor:
    """Read ListSeatPlansRequest."""
    return tenant_of(caller, message)


def plan_named(caller: Identity, message: Fields) -> tuple[Actor, PlanKey]:
    """Read DeleteSeatPlanRequest."""
    return asked(
        caller,
        message,
        operator_of,
        partial(_plan_key, caller),
    )


def _seats_page(message: Fields) -> tuple[TripId, int]:
    found = Faults()
    start = place(found, message.page_token)
    with found:
        trip = trip_id(message.trip_id)
    found.finish()
    return trip, start


def _plan_key(caller: Identity, message: Fields) -> PlanKey:
    return plan_key(caller.organization_for(message.organization_id), message.plan_id)


def _part(caller: Identity, message: Fields) -> SeatPlanPart:
    key, config = PlanKey(caller.organization_for(message.organization_id), message.plan_id), message.part
    layout = Trip(
        TripKey(*key),
        NOWHERE,
        tuple(map(read_seat, limited("part.seats", config.seats))),
        seats_per_group=message.seats_per_group,
        vehicle=message.vehicle_id,
        vehicle_type=message.vehicle_type,
        currency=message.currency,
        sections=tuple(map(read_section, limited("part.sections", config.sections))),
        features=tuple(map(read_feature, limited("part.features", config.features))),
        is_stored=True,
    )
    return SeatPlanPart(key, message.revision, message.part_index, message.part_count, layout)
