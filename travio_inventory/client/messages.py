"""Turns messages of the wire into answers and trips, and trips and questions into messages."""

from collections.abc import Sequence
from datetime import UTC, datetime
from operator import index

from travio_inventory.client.answers import (
    Availability,
    AvailabilityQuestion,
    AvailableSeat,
    Booking,
    HoldRecord,
    MapSeat,
    MapStop,
    SeatMap,
    SummaryLine,
    Ticket,
    TripSummary,
    WaitlistEntry,
)
from travio_inventory.definition_messages import (
    feature_message,
    read_feature,
    read_seat,
    read_section,
    seat_message,
    section_message,
    segment_message,
)
from travio_inventory.kernel.refusals import InvalidRequest, Violation
from travio_inventory.seats.hold import Passenger
from travio_inventory.seats.layout import Seat, Section
from travio_inventory.seats.opening import Opening
from travio_inventory.seats.refusals import TripOpening
from travio_inventory.seats.route import Direction, Segment, StationName
from travio_inventory.seats.seat_plan import TripOnPlan
from travio_inventory.seats.trip import Journey, Trip, TripKey
from travio_inventory.wire.inventory import v1 as wire

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


def number(field: str, value: int) -> int:
    """The number, checked to fit into the message: another one would arrive. Raises InvalidRequest."""
    return _within(field, value, INT32_MIN, INT32_MAX)


def large_number(field: str, value: int) -> int:
    """The same for a field of 64 bits. Raises InvalidRequest."""
    return _within(field, value, INT64_MIN, INT64_MAX)


def _within(field: str, value: int, least: int, most: int) -> int:
    """Programs whose types nobody checks say `1.5` or `"1"` too."""
    try:
        whole = None if isinstance(value, bool) else index(value)
    except TypeError:
        whole = None
    if whole is None:
        raise InvalidRequest([Violation(field, f"must be a whole number, not {value!r}")])
    if not least <= whole <= most:
        raise InvalidRequest([Violation(field, f"must be {least} to {most}, not {value}")])
    return whole


def large_number_or_none(field: str, value: int | None) -> int | None:
    """The same for a field that may be unset."""
    return None if value is None else large_number(field, value)


def moment(unix_s: int) -> datetime:
    """That many seconds after the epoch, in UTC."""
    return datetime.fromtimestamp(unix_s, UTC)


def moment_or_none(unix_s: int) -> datetime | None:
    """None for 0, which is how the wire says "no time"."""
    return moment(unix_s) if unix_s else None


def hold_record(hold: wire.Hold) -> HoldRecord:
    """The hold as plain values."""
    return HoldRecord(
        id=hold.hold_id,
        trip=hold.trip_id,
        user=hold.user_id,
        status=hold.status,
        seats=tuple(hold.seat_ids),
        origin=hold.from_station_id,
        destination=hold.to_station_id,
        journey=Journey(hold.from_segment_index, hold.to_segment_index),
        created_at=moment(hold.created_at),
        expires_at=moment_or_none(hold.expires_at),
        order=hold.order_id,
        booking=hold.booking_id,
        passengers=tuple(Passenger(each.seat_id, each.passenger_name, each.passenger_nid) for each in hold.passengers),
        prices=tuple(hold.seat_prices_minor),
        price_minor=hold.price_minor,
        currency=hold.currency,
        version=hold.version,
        numbers=tuple(hold.seat_numbers),
        labels=tuple(hold.seat_labels),
        without_place=hold.without_place,
    )


def booking(reply: wire.ConfirmBookingResponse) -> Booking:
    """The booking with its tickets."""
    tickets = (
        Ticket(seat.ticket_id, seat.seat_id, seat.seat_number, seat.price_minor) for seat in reply.confirmed_seats
    )
    return Booking(reply.booking_id, tuple(tickets), reply.price_minor, reply.currency)


def seat_map(reply: wire.GetSeatMapResponse) -> SeatMap:
    """The map; its legend is empty where the service sent none."""
    legend = reply.legend
    return SeatMap(
        vehicle=reply.vehicle_id,
        vehicle_type=reply.vehicle_type,
        rows=reply.total_rows,
        columns=reply.total_columns,
        seats=tuple(_map_seat(row, cell) for row in reply.rows for cell in row.seats),
        status_colors=dict(legend.status_colors) if legend else {},
        class_colors=dict(legend.class_colors) if legend else {},
        sections=tuple(map(read_section, reply.sections)),
        features=tuple(map(read_feature, reply.features)),
        currency=reply.currency,
        stops=tuple(map(_map_stop, reply.stops)),
        time_zone=reply.time_zone,
        journey=Journey(reply.from_segment_index, reply.to_segment_index),
        as_of=moment_or_none(reply.as_of),
        state=reply.state,
        departed=reply.departed,
    )


def _map_stop(stop: wire.MapStop) -> MapStop:
    arrives_at, departs_at = moment_or_none(stop.arrival_time), moment_or_none(stop.departure_time)
    return MapStop(stop.station_id, stop.name, arrives_at, departs_at, _direction(stop.direction))


def _map_seat(row: wire.SeatRow, cell: wire.SeatCell) -> MapSeat:
    seat = Seat(
        id=cell.seat_id,
        number=cell.seat_number,
        row=row.row_number,
        column=cell.column,
        seat_class=cell.seat_class,
        seat_type=cell.seat_type,
        price_minor=cell.price_paisa,
        is_accessible=cell.is_accessible,
        has_power=cell.has_power,
        is_exit_row=cell.is_exit_row,
        section=row.section_id,
        row_label=row.row_label,
        label=cell.label,
    )
    return MapSeat(seat, wire.SeatStatus(cell.status), moment_or_none(cell.hold_expires_at))


def trip_summary(reply: wire.GetTripSummaryResponse) -> TripSummary:
    """The summary as plain values."""
    journey = Journey(reply.from_segment_index, reply.to_segment_index)
    return TripSummary(tuple(map(_summary_line, reply.classes)), reply.currency, journey, moment_or_none(reply.as_of))


def _summary_line(line: wire.ClassSummary) -> SummaryLine:
    return SummaryLine(
        section=Section(line.section_id, line.section_label, line.section_kind) if line.section_id else None,
        seat_class=line.seat_class,
        free=line.free,
        held=line.held,
        booked=line.booked,
        blocked=line.blocked,
        largest_run=line.largest_run,
        lowest_price_minor=line.lowest_price_paisa if line.free else None,
    )


def availability_request(question: AvailabilityQuestion, organization: str) -> wire.CheckAvailabilityRequest:
    """The question on behalf of an organization."""
    first, last = question.segments or (None, None)
    return wire.CheckAvailabilityRequest(
        trip_id=question.trip,
        from_station_id=question.origin,
        to_station_id=question.destination,
        passengers=number("passengers", question.passengers),
        seat_class=question.seat_class,
        organization_id=organization,
        from_segment_index=first,
        to_segment_index=last,
        section_id=question.section,
    )


def availability(reply: wire.CheckAvailabilityResponse) -> Availability:
    """The answer to one question."""
    seats = (
        AvailableSeat(
            id=seat.seat_id,
            number=seat.seat_number,
            seat_class=seat.seat_class,
            seat_type=seat.seat_type,
            section=seat.section_id,
            label=seat.label,
        )
        for seat in reply.seats
    )
    return Availability(
        is_available=reply.is_available,
        free=reply.available_seats,
        price_minor=reply.price_paisa,
        seats=tuple(seats),
        checked_at=moment(reply.checked_at),
    )


def trip_request(trip: Trip | TripOnPlan) -> wire.InitializeTripInventoryRequest:
    """The definition of the trip, or the plan that has its seats."""
    seats_per_group, config, plan = (
        (trip.seats_per_group_asked, seat_config(trip, trip.seats), "")
        if isinstance(trip, Trip)
        else (trip.seats_per_group, None, trip.plan)
    )
    return wire.InitializeTripInventoryRequest(
        trip_id=trip.key.trip,
        organization_id=trip.key.organization,
        vehicle_id=trip.vehicle,
        vehicle_type=trip.vehicle_type,
        currency=trip.currency,
        seats_per_group=seats_per_group,
        segments=list(map(segment_message, range(len(trip.segments)), trip.segments)),
        seat_config=config,
        time_zone=trip.time_zone,
        station_names=dict(trip.station_names),
        seat_plan=plan,
    )


def seat_config(trip: Trip, seats: Sequence[Seat]) -> wire.SeatConfiguration:
    """These seats of the trip, with all its sections and features."""
    return wire.SeatConfiguration(
        total_seats=len(seats),
        seats=list(map(seat_message, seats)),
        sections=list(map(section_message, trip.sections)),
        features=list(map(feature_message, trip.features)),
    )


def opening(progress: wire.OpeningProgress | None, cells: int) -> Opening:
    """How far a trip is opened that has so many cells; without progress it is on sale."""
    if progress is None or not progress.cells_total:
        return Opening(cells, cells)
    return Opening(progress.cells_done, progress.cells_total)


def opening_of(reply: wire.GetTripResponse) -> Opening:
    """How far the trip is opened."""
    return opening(reply.opening, reply.seat_count * len(reply.segments))


def trip(reply: wire.GetTripResponse, seats: Sequence[Seat] | None = None) -> Trip:
    """The trip as it was opened, with these seats if they were too many for the reply. Raises TripOpening, and
    InvalidRequest for a definition that cannot be.
    """
    if not opening_of(reply).is_over:
        raise TripOpening
    config = reply.seat_config or wire.SeatConfiguration()
    return Trip(
        key=TripKey(reply.organization_id, reply.trip_id),
        segments=tuple(_segment(message) for message in reply.segments),
        seats=tuple(map(read_seat, config.seats) if seats is None else seats),
        sections=tuple(map(read_section, config.sections)),
        features=tuple(map(read_feature, config.features)),
        seats_per_group=reply.seats_per_group,
        vehicle=reply.vehicle_id,
        vehicle_type=reply.vehicle_type,
        currency=reply.currency,
        time_zone=reply.time_zone,
        station_names=tuple(StationName(*name) for name in reply.station_names.items()),
    )


def _segment(message: wire.SegmentDefinition) -> Segment:
    return Segment(
        origin=message.from_station_id,
        destination=message.to_station_id,
        departs_at_s=message.departure_time,
        arrives_at_s=message.arrival_time,
        direction=_direction(message.direction),
    )


def _direction(direction: int) -> Direction:
    """UNSPECIFIED too for one that this release does not know."""
    return Direction.__members__.get(wire.DirectionOfTravel(direction).name or "", Direction.UNSPECIFIED)


def waitlist_entry(message: wire.WaitlistEntry) -> WaitlistEntry:
    """The entry as plain values."""
    return WaitlistEntry(
        organization=message.organization_id,
        trip=message.trip_id,
        seat_class=message.seat_class,
        seats=message.requested_seats,
        status=message.status,
        joined_at=datetime.fromisoformat(message.created_at),
        position=message.position,
    )
