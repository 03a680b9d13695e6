"""Requests about trips and their vehicles as values, which check themselves."""

from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple, TypeVar

from pydantic import Strict, TypeAdapter

from travio_inventory.api.rest.json_types import Int64
from travio_inventory.api.rest.large_forms import read_each, read_forms
from travio_inventory.api.rest.native import trip_models as models
from travio_inventory.api.rest.native.selling_models import PlanPart
from travio_inventory.kernel.answer_deadline import read_off_loop
from travio_inventory.kernel.refusals import InvalidRequest, Violation
from travio_inventory.seats.commands import ChangeTripCommand, SwapVehicleCommand
from travio_inventory.seats.layout import Feature, Seat, Section
from travio_inventory.seats.offer import TripChange
from travio_inventory.seats.route import StationName
from travio_inventory.seats.seat_plan import NOWHERE, PlanKey, SeatPlanPart, TripOnPlan
from travio_inventory.seats.swapping import NewVehicle
from travio_inventory.seats.trip import Trip, TripKey

V = TypeVar("V")

AS_MUCH_AS: Final = 10
"""A seat becomes one of a trip in the time that so much else takes."""
_text: Final[TypeAdapter[str]] = TypeAdapter(Annotated[str, Strict()])
_number: Final[TypeAdapter[int]] = TypeAdapter(Annotated[Int64, Strict()])


class LayoutSaid(NamedTuple):
    """What a layout says, read."""

    seats: tuple[Seat, ...]
    sections: tuple[Section, ...]
    features: tuple[Feature, ...]


async def trip(organization: str, body: models.TripRequest) -> Trip | TripOnPlan:
    """The trip to open. Raises RequestValidationError, InvalidRequest, InvalidTrip."""
    key, form = TripKey(organization, body.trip_id), models.SegmentDefinition
    segments = tuple(await read_forms(form, body.segments, form.value, "segments"))
    names = tuple(StationName(*name) for name in (await _members(_text, "station_names", body.station_names)).items())
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
    seats, sections, features = await _layout("seat_config", body.seat_config)
    return await read_off_loop(
        len(seats) * AS_MUCH_AS,
        Trip,
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


async def _layout(field: str, said: models.Layout) -> LayoutSaid:
    """Raises RequestValidationError."""
    seat, section, feature = models.SeatDefinition, models.SectionDefinition, models.FeatureDefinition
    return LayoutSaid(
        tuple(await read_forms(seat, said.seats, seat.value, field, "seats")),
        tuple(await read_forms(section, said.sections, section.value, field, "sections")),
        tuple(await read_forms(feature, said.features, feature.value, field, "features")),
    )


async def _members(read: TypeAdapter[V], field: str, said: Mapping[str, object]) -> dict[str, V]:
    """Raises RequestValidationError."""
    return dict(zip(said, await read_each(said.items(), read.validate_python, field), strict=True))


async def change(trip_id: str, body: models.ChangeRequest) -> ChangeTripCommand:
    """Raises RequestValidationError, InvalidRequest."""
    form = models.SegmentTimes
    said = await read_forms(form, body.times, form.value, "times")
    times = dict(said)
    if len(times) < len(said):
        raise InvalidRequest([Violation("times", "a segment is named twice")])
    class_prices = await _members(_number, "class_prices", body.class_prices)
    seat_prices = await _members(_number, "seat_prices", body.seat_prices)
    changed = TripChange(class_prices, seat_prices, times)
    much = len(class_prices) + len(seat_prices)
    return await read_off_loop(much, ChangeTripCommand, trip_id=trip_id, change=changed, version=body.version)


async def swap(trip_id: str, body: models.SwapRequest) -> SwapVehicleCommand:
    """Raises RequestValidationError, InvalidRequest."""
    if body.seat_plan:
        _no_seats(body.seat_config)
    seats, sections, features = await _layout("seat_config", body.seat_config)
    chosen = await _members(_text, "seat_mapping", body.seat_mapping)
    vehicle = NewVehicle(
        seats=seats,
        seats_per_group=body.seats_per_group,
        vehicle=body.vehicle_id,
        vehicle_type=body.vehicle_type,
        sections=sections,
        features=features,
        chosen=chosen,
    )
    much = (len(seats) + len(chosen)) * AS_MUCH_AS
    return await read_off_loop(
        much, SwapVehicleCommand, trip_id=trip_id, vehicle=vehicle, plan=body.seat_plan, version=body.version
    )


def _no_seats(config: models.Layout) -> None:
    """Raises InvalidRequest for a request that names a seat plan and lists seats."""
    if config.seats:
        raise InvalidRequest([Violation("seat_config", "must be empty: seat_plan has the seats")])


async def plan_part(organization: str, plan_id: str, body: PlanPart) -> SeatPlanPart:
    """A part of a seat plan. Raises RequestValidationError, InvalidRequest."""
    key = PlanKey(organization, plan_id)
    seats, sections, features = await _layout("part", body.part)
    own = await read_off_loop(
        len(seats) * AS_MUCH_AS,
        Trip,
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
