"""Trips as answers."""

from travio_inventory.api.rest.json_maps import direction_name, feature_json, section_json
from travio_inventory.api.rest.json_text import moment
from travio_inventory.api.rest.native import trip_models as models
from travio_inventory.api.rest.native.hold_answers import described
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.offer import Cancellation, Offer, TripLine
from travio_inventory.seats.opening import Opening
from travio_inventory.seats.trip import Trip
from travio_inventory.seats.use_cases.swap_vehicle import SwapReport

SEATS_SHOWN_MAX = 5_000


def state_of(offer: Offer | TripLine) -> str:
    """What its state is called."""
    return f"TRIP_STATE_{offer.state.name}"


def progress(opening: Opening) -> models.Opening:
    return models.Opening(cells_done=opening.cells_done, cells_total=opening.cells)


def opened(trip_id: str, segments: int, opening: Opening) -> models.Opened:
    return models.Opened(
        trip_id=trip_id,
        segments_created=segments,
        seats_created=opening.cells,
        opening=None if opening.is_over else progress(opening),
    )


def defined(offer: Offer) -> models.Trip:
    """A trip that is opened."""
    trip = offer.trip
    return models.Trip.model_construct(
        trip_id=trip.key.trip,
        organization_id=trip.key.organization,
        opening=None,
        vehicle_id=trip.vehicle,
        vehicle_type=trip.vehicle_type,
        segments=_segments(trip),
        seat_config=_layout(trip),
        seats_per_group=trip.seats_per_group,
        currency=trip.currency,
        time_zone=trip.time_zone,
        station_names=dict(trip.station_names),
        seat_count=len(trip.seats),
        state=state_of(offer),
        version=offer.version,
        opened_at=moment(offer.opened_at_ms // 1_000),
    )


def seat_shown(seat: Seat) -> models.SeatDefinition:
    return models.SeatDefinition.model_construct(
        seat_id=seat.id,
        seat_number=seat.number,
        row=seat.row,
        column=seat.column,
        seat_type=seat.seat_type,
        seat_class=seat.seat_class,
        price_paisa=seat.price_minor,
        is_accessible=seat.is_accessible,
        has_power=seat.has_power,
        is_exit_row=seat.is_exit_row,
        section_id=seat.section,
        row_label=seat.row_label,
        label=seat.label,
    )


def listed(line: TripLine) -> models.ListedTrip:
    """A trip in a list."""
    return models.ListedTrip.model_construct(
        trip_id=line.trip,
        state=None if line.opening else state_of(line),
        version=line.version,
        opened_at=moment(line.opened_at_ms // 1_000),
        from_station_id=line.origin,
        to_station_id=line.destination,
        departure_time=moment(line.departs_at_s),
        arrival_time=moment(line.arrives_at_s),
        seat_count=line.seats,
        opening=progress(line.opening) if line.opening else None,
    )


def cancelled(found: Cancellation) -> models.Cancelled:
    return models.Cancelled.model_construct(
        state=state_of(found.offer),
        version=found.offer.version,
        released_holds=found.released,
        cancelled_bookings=found.cancelled,
    )


def swapped(report: SwapReport) -> models.Swapped:
    swap, places = report.swap, report.places
    trip = swap.offer.trip
    return models.Swapped.model_construct(
        done=swap.is_over,
        state=state_of(swap.offer),
        version=swap.offer.version,
        groups_done=swap.groups_done,
        groups_total=trip.first_group,
        moved=swap.moved,
        left=swap.left,
        left_holds=[
            models.LeftHold(hold=described(hold, trip), reasons=dict(places.reasons(hold))) for hold in report.left
        ],
    )


def _segments(trip: Trip) -> list[models.SegmentShown]:
    return [
        models.SegmentShown.model_construct(
            segment_index=at,
            from_station_id=segment.origin,
            to_station_id=segment.destination,
            departure_time=moment(segment.departs_at_s),
            arrival_time=moment(segment.arrives_at_s),
            direction=direction_name(segment.direction),
        )
        for at, segment in enumerate(trip.segments)
    ]


def _layout(trip: Trip) -> models.LayoutShown:
    return models.LayoutShown.model_construct(
        total_seats=len(trip.seats),
        seats=list(map(seat_shown, trip.seats if len(trip.seats) <= SEATS_SHOWN_MAX else ())),
        sections=[models.SectionDefinition.model_construct(**section_json(each)) for each in trip.sections],
        features=[models.FeatureDefinition.model_construct(**feature_json(each)) for each in trip.features],
    )
