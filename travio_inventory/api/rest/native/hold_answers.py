"""Holds and bookings as answers."""

from travio_inventory.api.holds_told import expires_at_s, seat_labels, status_of, ticket_id
from travio_inventory.api.rest.json_text import moment
from travio_inventory.api.rest.native import hold_models as models
from travio_inventory.seats.hold import Confirmed, Hold, base_id
from travio_inventory.seats.swapping import has_place
from travio_inventory.seats.trip import Trip


def held(hold: Hold) -> dict[str, object]:
    """What holds the seats."""
    return {
        "hold_id": base_id(hold.id),
        "success": True,
        "held_seat_ids": hold.seats,
        "failed_seat_ids": [],
        "expires_at": moment(expires_at_s(hold)),
        "failure_reason": "",
        "seat_prices_minor": hold.prices,
        "price_minor": hold.price_minor,
        "currency": hold.currency,
    }


def described(hold: Hold, trip: Trip) -> models.Hold:
    """A hold or a booking of that trip."""
    name, order = status_of(hold.state)
    seats = list(map(trip.seat_in, hold.groups, hold.seats))
    return models.Hold.model_construct(
        hold_id=base_id(hold.id),
        trip_id=hold.trip.trip,
        user_id=hold.holder,
        status=f"HOLD_STATUS_{name}",
        seat_ids=list(hold.seats),
        seat_numbers=[seat.number for seat in seats],
        seat_labels=seat_labels(hold, trip),
        from_station_id=trip.segments[hold.journey.first].origin,
        to_station_id=trip.segments[hold.journey.last].destination,
        from_segment_index=hold.journey.first,
        to_segment_index=hold.journey.last,
        created_at=moment(hold.created_at_ms // 1_000),
        expires_at=moment(expires_at_s(hold)),
        order_id=order,
        booking_id=hold.id if order else "",
        passengers=[
            models.Named.model_construct(seat_id=each.seat, passenger_name=each.name, passenger_nid=each.national_id)
            for each in hold.passengers
        ],
        seat_prices_minor=list(hold.prices),
        price_minor=hold.price_minor,
        currency=hold.currency,
        version=hold.extensions,
        without_place=hold.is_live and not has_place(trip, hold),
    )


def booked(hold: Hold, trip: Trip) -> models.Booked:
    return models.Booked(
        booking_id=hold.id,
        confirmed_seats=tickets(hold, trip),
        price_minor=hold.price_minor,
        currency=hold.currency,
    )


def moved(hold: Hold, trip: Trip) -> models.Moved:
    """What was moved; only a booking has tickets."""
    shown = tickets(hold, trip) if isinstance(hold.state, Confirmed) else []
    return models.Moved(hold=described(hold, trip), confirmed_seats=shown)


def tickets(hold: Hold, trip: Trip) -> list[models.Ticket]:
    """The seats of a booking, each with its ticket."""
    return [
        models.Ticket(
            seat_id=seat,
            seat_number=trip.seat_in(group, seat).number,
            ticket_id=ticket_id(hold.id, seat),
            price_minor=price_minor,
        )
        for seat, group, price_minor in zip(hold.seats, hold.groups, hold.prices, strict=True)
    ]
