"""Requests about trips and their vehicles as values, which check themselves."""

from travio_inventory.api.rest.native import trip_models as models
from travio_inventory.api.rest.native.selling_models import PlanPart
from travio_inventory.kernel.refusals import InvalidRequest, Violation
from travio_inventory.seats.commands import ChangeTripCommand, SwapVehicleCommand
from travio_inventory.seats.layout import Feature, Seat, Section
from travio_inventory.seats.offer import TripChange
from travio_inventory.seats.route import StationName
from travio_inventory.seats.seat_plan import NOWHERE, PlanKey, SeatPlanPart, TripOnPlan
from travio_inventory.seats.swapping import NewVehicle
from travio_inventory.seats.trip import Trip, TripKey


def trip(organization: str, body: models.TripRequest) -> Trip | TripOnPlan:
    """The trip to open. Raises InvalidRequest, InvalidTrip."""
    key = TripKey(organization, body.trip_id)
    segments = tuple(segment.value() for segment in body.segments)
    names = tuple(StationName(*name) for name in body.station_names.items())
    if body.seat_plan:
        _no_seats(body.seat_config)
        return TripOnPlan(
            key,
            segments,
            body.seat_plan,
            seats_per_group=body.seats_per_group,
            vehicle=body.vehicle_id,
            vehicle_type=body.vehicle_type,
            currency=body.currency,
            time_zone=body.time_zone,
            station_names=names,
        )
    seats, sections, features = layout(body.seat_config)
    return Trip(
        key,
        segments,
        seats,
        seats_per_group=body.seats_per_group,
        vehicle=body.vehicle_id,
        vehicle_type=body.vehicle_type,
        currency=body.currency,
        sections=sections,
        features=features,
        time_zone=body.time_zone,
        station_names=names,
    )


def layout(config: models.Layout) -> tuple[tuple[Seat, ...], tuple[Section, ...], tuple[Feature, ...]]:
    """The seats, sections and features."""
    return (
        tuple(seat.value() for seat in config.seats),
        tuple(section.value() for section in config.sections),
        tuple(feature.value() for feature in config.features),
    )


def change(trip_id: str, body: models.ChangeRequest) -> ChangeTripCommand:
    """Raises InvalidRequest."""
    times = {each.segment_index: (each.departure_time or 0, each.arrival_time or 0) for each in body.times}
    if len(times) < len(body.times):
        raise InvalidRequest([Violation("times", "a segment is named twice")])
    changed = TripChange(body.class_prices, body.seat_prices, times)
    return ChangeTripCommand(trip_id=trip_id, change=changed, version=body.version)


def swap(trip_id: str, body: models.SwapRequest) -> SwapVehicleCommand:
    """Raises InvalidRequest."""
    if body.seat_plan:
        _no_seats(body.seat_config)
    seats, sections, features = layout(body.seat_config)
    vehicle = NewVehicle(
        seats=seats,
        seats_per_group=body.seats_per_group,
        vehicle=body.vehicle_id,
        vehicle_type=body.vehicle_type,
        sections=sections,
        features=features,
        chosen=body.seat_mapping,
    )
    return SwapVehicleCommand(trip_id=trip_id, vehicle=vehicle, plan=body.seat_plan, version=body.version)


def _no_seats(config: models.Layout) -> None:
    """Raises InvalidRequest for a request that names a seat plan and lists seats."""
    if config.seats:
        raise InvalidRequest([Violation("seat_config", "must be empty: seat_plan has the seats")])


def plan_part(organization: str, plan_id: str, body: PlanPart) -> SeatPlanPart:
    """A part of a seat plan. Raises InvalidRequest."""
    key = PlanKey(organization, plan_id)
    seats, sections, features = layout(body.part)
    own = Trip(
        TripKey(*key),
        NOWHERE,
        seats,
        seats_per_group=body.seats_per_group,
        vehicle=body.vehicle_id,
        vehicle_type=body.vehicle_type,
        currency=body.currency,
        sections=sections,
        features=features,
        is_stored=True,
    )
    return SeatPlanPart(key, body.revision, body.part_index, body.part_count, own)
