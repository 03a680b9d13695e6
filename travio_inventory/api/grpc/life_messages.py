"""Turns the messages about the life of a trip into an actor and a request."""

from travio_inventory.api.auth.identity import Identity
from travio_inventory.api.grpc import decoding
from travio_inventory.api.grpc.actor import operator_of, tenant_of
from travio_inventory.api.grpc.decoding import limited, mapping
from travio_inventory.api.grpc.messages import Fields, asked
from travio_inventory.definition_messages import read_feature, read_seat, read_section
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.checking import Faults
from travio_inventory.seats.commands import ChangeTripCommand, ControlSalesCommand, SwapVehicleCommand
from travio_inventory.seats.offer import TripChange
from travio_inventory.seats.queries import DeedsQuery, TripsQuery
from travio_inventory.seats.swapping import NewVehicle


def change_asked(caller: Identity, message: Fields) -> tuple[Actor, ChangeTripCommand]:
    """Read ChangeTripRequest."""
    return asked(caller, message, operator_of, _change)


def trips_asked(caller: Identity, message: Fields) -> tuple[Actor, TripsQuery]:
    """Read ListTripsRequest."""
    return asked(caller, message, tenant_of, _trips)


def deeds_asked(caller: Identity, message: Fields) -> tuple[Actor, DeedsQuery]:
    """Read ListDeedsRequest."""
    return asked(caller, message, tenant_of, _deeds)


def sales_asked(caller: Identity, message: Fields) -> tuple[Actor, ControlSalesCommand]:
    """Read ControlSalesRequest."""
    return asked(
        caller,
        message,
        operator_of,
        lambda message: ControlSalesCommand(trip_id=message.trip_id, action=decoding.sales_action(message.action)),
    )


def swap_asked(caller: Identity, message: Fields) -> tuple[Actor, SwapVehicleCommand]:
    """Read SwapVehicleRequest."""
    return asked(caller, message, operator_of, _swap)


def _swap(message: Fields) -> SwapVehicleCommand:
    found = Faults()
    if message.seat_plan:
        decoding.no_seats(found, message.seat_config)
    else:
        decoding.announced_seats(found, message.seat_config)
    config = message.seat_config
    with found:
        vehicle = NewVehicle(
            seats=tuple(map(read_seat, limited("seat_config.seats", config.seats))),
            seats_per_group=message.seats_per_group,
            vehicle=message.vehicle_id,
            vehicle_type=message.vehicle_type,
            sections=tuple(map(read_section, limited("seat_config.sections", config.sections))),
            features=tuple(map(read_feature, limited("seat_config.features", config.features))),
            chosen=mapping("seat_mapping", message.seat_mapping),
        )
        command = SwapVehicleCommand(
            trip_id=message.trip_id, vehicle=vehicle, plan=message.seat_plan, version=message.version
        )
    found.finish()
    return command


def _change(message: Fields) -> ChangeTripCommand:
    found = Faults()
    times = decoding.times(found, message.times)
    with found:
        change = TripChange(
            mapping("class_prices", message.class_prices), mapping("seat_prices", message.seat_prices), times
        )
        command = ChangeTripCommand(trip_id=message.trip_id, change=change, version=message.version)
    found.finish()
    return command


def _deeds(message: Fields) -> DeedsQuery:
    return decoding.paged(
        message, lambda after: DeedsQuery(month=message.month, after=after, page_size=message.page_size)
    )


def _trips(message: Fields) -> TripsQuery:
    return decoding.paged(
        message,
        lambda after: TripsQuery(
            departs_from_s=message.departs_from,
            departs_before_s=message.departs_before,
            after=after,
            page_size=message.page_size,
        ),
    )
