"""Results of use cases as messages: times in Unix seconds, bookings named by their hold."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from travio_inventory.api.grpc.descriptors import message_type
from travio_inventory.api.holds_told import expires_at_s, failure_of, seat_labels, status_of, ticket_id
from travio_inventory.api.map_sizes import REPLY_BYTES_MAX
from travio_inventory.api.page_tokens import token_of
from travio_inventory.definition_messages import feature_message, seat_message, section_message, segment_message
from travio_inventory.seats.deed import Deed
from travio_inventory.seats.hold import Confirmed, Hold, base_id
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.offer import Cancellation, Offer, TripLine
from travio_inventory.seats.opening import Opening
from travio_inventory.seats.refusals import HoldLimitReached, SeatContended, SeatTaken
from travio_inventory.seats.seat_plan import PlanProgress, StoredPlan
from travio_inventory.seats.swapping import has_place
from travio_inventory.seats.trip import Trip
from travio_inventory.seats.use_cases.swap_vehicle import SwapReport
from travio_inventory.seats.waitlist import WaitlistEntry
from travio_inventory.wire.inventory import v1

SEATS_SHOWN_MAX = 5_000
SEATS_PER_PAGE = 2_000
_HOLD_SEATS_RESPONSE = message_type("HoldSeatsResponse")
_RELEASE_SEATS_RESPONSE = message_type("ReleaseSeatsResponse")
_CONFIRM_BOOKING_RESPONSE = message_type("ConfirmBookingResponse")
_CONFIRMED_SEAT = message_type("ConfirmedSeat")


def held(hold: Hold) -> bytes:
    """Serialized by upb, for speed: it answers every hold."""
    return _HOLD_SEATS_RESPONSE(
        hold_id=base_id(hold.id),
        success=True,
        held_seat_ids=hold.seats,
        expires_at=expires_at_s(hold),
        seat_prices_minor=hold.prices,
        price_minor=hold.price_minor,
        currency=hold.currency,
    ).SerializeToString()


def not_held(refusal: SeatContended | SeatTaken | HoldLimitReached, seat_ids: Sequence[str]) -> v1.HoldSeatsResponse:
    """The legacy answer for a refusal."""
    failed, said = failure_of(refusal, seat_ids)
    return v1.HoldSeatsResponse(failed_seat_ids=failed, failure_reason=said)


def confirmed(hold: Hold, trip: Trip) -> bytes:
    """Serialized by upb, as what follows."""
    return _CONFIRM_BOOKING_RESPONSE(
        success=True,
        booking_id=hold.id,
        confirmed_seats=[
            _CONFIRMED_SEAT(seat_id=seat, seat_number=number, ticket_id=ticket, price_minor=price_minor)
            for seat, number, ticket, price_minor in _ticketed(hold, trip)
        ],
        price_minor=hold.price_minor,
        currency=hold.currency,
    ).SerializeToString()


def released(count: int, left: Sequence[str], *, success: bool = True) -> bytes:
    return _RELEASE_SEATS_RESPONSE(success=success, released_count=count, remaining_seat_ids=left).SerializeToString()


def moved(hold: Hold, trip: Trip) -> v1.MoveHoldResponse:
    tickets = _tickets(hold, trip) if isinstance(hold.state, Confirmed) else []
    return v1.MoveHoldResponse(hold=described(hold, trip), confirmed_seats=tickets)


def _tickets(hold: Hold, trip: Trip) -> list[v1.ConfirmedSeat]:
    return [
        v1.ConfirmedSeat(seat_id=seat, seat_number=number, ticket_id=ticket, price_minor=price_minor)
        for seat, number, ticket, price_minor in _ticketed(hold, trip)
    ]


def _ticketed(hold: Hold, trip: Trip) -> Iterator[tuple[str, str, str, int]]:
    """The seats of a booking, each with its number, its ticket and its price."""
    for seat, group, price_minor in zip(hold.seats, hold.groups, hold.prices, strict=True):
        yield seat, trip.seat_in(group, seat).number, ticket_id(hold.id, seat), price_minor


def described(hold: Hold, trip: Trip) -> v1.Hold:
    name, order = status_of(hold.state)
    seats = list(map(trip.seat_in, hold.groups, hold.seats))
    return v1.Hold(
        hold_id=base_id(hold.id),
        trip_id=hold.trip.trip,
        user_id=hold.holder,
        status=v1.HoldStatus[name],
        seat_ids=list(hold.seats),
        from_station_id=trip.segments[hold.journey.first].origin,
        to_station_id=trip.segments[hold.journey.last].destination,
        from_segment_index=hold.journey.first,
        to_segment_index=hold.journey.last,
        created_at=hold.created_at_ms // 1_000,
        expires_at=expires_at_s(hold),
        order_id=order,
        booking_id=hold.id if order else "",
        passengers=[
            v1.PassengerSeat(seat_id=each.seat, passenger_nid=each.national_id, passenger_name=each.name)
            for each in hold.passengers
        ],
        seat_prices_minor=list(hold.prices),
        price_minor=hold.price_minor,
        currency=hold.currency,
        seat_numbers=[seat.number for seat in seats],
        seat_labels=seat_labels(hold, trip),
        version=hold.extensions,
        without_place=hold.is_live and not has_place(trip, hold),
    )


def opened(segments: int, opening: Opening) -> v1.InitializeTripInventoryResponse:
    return v1.InitializeTripInventoryResponse(
        success=True,
        segments_created=segments,
        seats_created=opening.cells,
        opening=None if opening.is_over else progress(opening),
    )


def progress(opening: Opening) -> v1.OpeningProgress:
    return v1.OpeningProgress(cells_done=opening.cells_done, cells_total=opening.cells)


def state_of(offer: Offer | TripLine) -> v1.TripState:
    return v1.TripState[offer.state.name]


def trip_cancelled(found: Cancellation) -> v1.CancelTripResponse:
    return v1.CancelTripResponse(
        state=state_of(found.offer),
        version=found.offer.version,
        released_holds=found.released,
        cancelled_bookings=found.cancelled,
    )


def swapped(report: SwapReport) -> v1.SwapVehicleResponse:
    swap, places = report.swap, report.places
    return v1.SwapVehicleResponse(
        done=swap.is_over,
        state=state_of(swap.offer),
        version=swap.offer.version,
        groups_done=swap.groups_done,
        groups_total=swap.offer.trip.first_group,
        moved=swap.moved,
        left=swap.left,
        left_holds=[
            v1.LeftHold(hold=described(hold, swap.offer.trip), reasons=dict(places.reasons(hold)))
            for hold in report.left
        ],
    )


def deed(found: Deed) -> v1.Deed:
    """What the house did."""
    return v1.Deed(
        deed_id=found.id,
        at_ms=found.at_ms,
        who=found.who,
        what=found.verb,
        about=found.about,
        outcome=found.outcome,
    )


def listed(line: TripLine) -> v1.ListedTrip:
    return v1.ListedTrip(
        trip_id=line.trip,
        state=v1.TripState.UNSPECIFIED if line.opening else state_of(line),
        version=line.version,
        opened_at=line.opened_at_ms // 1_000,
        from_station_id=line.origin,
        to_station_id=line.destination,
        departure_time=line.departs_at_s,
        arrival_time=line.arrives_at_s,
        seat_count=line.seats,
        opening=progress(line.opening) if line.opening else None,
    )


def defined(offer: Offer) -> bytes:
    """GetTripResponse; without the seats where they are too many, or say too much, for one message."""
    seats = offer.trip.seats
    reply = _defined(offer, seats if len(seats) <= SEATS_SHOWN_MAX else ())
    return reply if len(reply) <= REPLY_BYTES_MAX else _defined(offer, ())


def _defined(offer: Offer, seats: Sequence[Seat]) -> bytes:
    trip = offer.trip
    segments = list(map(segment_message, range(len(trip.segments)), trip.segments))
    reply = v1.GetTripResponse(
        trip_id=trip.key.trip,
        organization_id=trip.key.organization,
        vehicle_id=trip.vehicle,
        vehicle_type=trip.vehicle_type,
        segments=segments,
        seat_config=v1.SeatConfiguration(
            total_seats=len(trip.seats),
            seats=list(map(seat_message, seats)),
            sections=list(map(section_message, trip.sections)),
            features=list(map(feature_message, trip.features)),
        ),
        seats_per_group=trip.seats_per_group,
        currency=trip.currency,
        time_zone=trip.time_zone,
        station_names=dict(trip.station_names),
        seat_count=len(trip.seats),
        state=state_of(offer),
        version=offer.version,
        opened_at=offer.opened_at_ms // 1_000,
    )
    return bytes(reply)


def seats_page(trip: Trip, start: int) -> bytes:
    """ListTripSeatsResponse: the seats from that place on, as many as a page has."""
    end = start + SEATS_PER_PAGE
    after = token_of(str(end)) if end < len(trip.seats) else ""
    return bytes(v1.ListTripSeatsResponse(seats=list(map(seat_message, trip.seats[start:end])), next_page_token=after))


def put(progress: PlanProgress) -> v1.PutSeatPlanResponse:
    return v1.PutSeatPlanResponse(
        success=True, stored=progress.is_stored, missing_parts=list(progress.missing), seat_count=progress.seats
    )


def plans(found: Sequence[StoredPlan]) -> v1.ListSeatPlansResponse:
    return v1.ListSeatPlansResponse(
        plans=[
            v1.SeatPlan(
                plan_id=each.plan,
                revision=each.revision,
                seat_count=each.seats,
                stored_at=each.stored_at_ms // 1_000,
            )
            for each in found
        ]
    )


def joined(entry: WaitlistEntry) -> v1.JoinWaitlistResponse:
    return v1.JoinWaitlistResponse(success=True, message=f"you are number {entry.position}", position=entry.position)


def waiting(entry: WaitlistEntry) -> v1.WaitlistEntry:
    joined_at = datetime.fromtimestamp(entry.joined_at_ms // 1_000, UTC)
    return v1.WaitlistEntry(
        trip_id=entry.trip.trip,
        organization_id=entry.trip.organization,
        seat_class=entry.seat_class,
        requested_seats=entry.seats,
        status="waiting",
        created_at=joined_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        position=entry.position,
    )
