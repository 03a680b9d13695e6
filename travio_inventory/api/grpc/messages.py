"""Turns messages into an actor and a request; the values check themselves."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeAlias, TypeVar

from travio_inventory.api.auth.identity import Identity
from travio_inventory.api.grpc import decoding
from travio_inventory.api.grpc.actor import operator_of, reader_of, tenant_of, user_of
from travio_inventory.api.grpc.decoding import limited
from travio_inventory.api.live.told import Position, parse_position
from travio_inventory.definition_messages import read_feature, read_seat, read_section
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.commands import (
    AvailabilityQuery,
    BlockSeatsCommand,
    ConfirmHoldCommand,
    ExtendHoldCommand,
    HoldRef,
    HoldSeatsCommand,
    HoldsQuery,
    SeatMapQuery,
    TripId,
    WaitlistPlace,
    WaitsQuery,
    hold_ref,
    trip_id,
)
from travio_inventory.seats.hold import Passenger
from travio_inventory.seats.queries import ManifestQuery, OrderQuery, SeatQuery
from travio_inventory.seats.seat_plan import TripOnPlan
from travio_inventory.seats.trip import Ends, Trip, TripKey

T = TypeVar("T")
HOLDS_KNOWN_MAX: Final = 1_024
"""How many different requests for seats are remembered, whoever makes them."""
Fields: TypeAlias = Any
"""A message of protobuf: it has its fields at run time only."""


def asked(
    caller: Identity, message: Fields, who: Callable[[Identity, Fields], Actor], what: Callable[[Fields], T]
) -> tuple[Actor, T]:
    """The actor and the request. Raises InvalidRequest for all that is wrong with either, as all of these do; and
    PermissionDenied, if the caller may not act for whom the message names.
    """
    try:
        actor = who(caller, message)
    except InvalidRequest:  # which covers only that
        found = Faults()
        with found:
            who(caller, message)
        with found:
            what(message)
        found.finish()
        raise
    return actor, what(message)


def check_asked(caller: Identity, message: Fields) -> tuple[Actor, AvailabilityQuery]:
    """Read CheckAvailabilityRequest."""
    return asked(caller, message, tenant_of, _availability)


def checks_asked(caller: Identity, message: Fields) -> list[tuple[Actor, AvailabilityQuery]]:
    """Read BatchCheckRequest."""
    found, asked = Faults(), []
    for of_one, question in decoding.questions(found, message):
        with of_one:
            asked.append(check_asked(caller, question))
    found.finish()
    return asked


def map_asked(caller: Identity, message: Fields) -> tuple[Actor, SeatMapQuery]:
    """Read GetSeatMapRequest, or another message with its fields."""
    return asked(
        caller,
        message,
        tenant_of,
        lambda message: SeatMapQuery(trip_id=message.trip_id, ends=read_ends(message), section=message.section_id),
    )


def watch_asked(caller: Identity, message: Fields) -> tuple[Actor, SeatMapQuery, Position | None]:
    """Read WatchSeatMapRequest."""
    return *map_asked(caller, message), parse_position(message.position)


def hold_asked(caller: Identity, message: Fields) -> tuple[Actor, HoldSeatsCommand]:
    """Read HoldSeatsRequest. Raises InvalidSeats if only the number of seats is wrong."""
    return asked(caller, message, user_of, _hold)


def hold_named(caller: Identity, message: Fields) -> tuple[Actor, HoldRef]:
    """Read GetHoldRequest: the actor and the hold."""
    return asked(caller, message, user_of, lambda message: hold_ref(message.hold_id))


def extend_asked(caller: Identity, message: Fields) -> tuple[Actor, ExtendHoldCommand]:
    """Read ExtendHoldRequest."""
    return asked(
        caller,
        message,
        user_of,
        lambda message: ExtendHoldCommand(hold_id=message.hold_id, ttl_s=message.hold_duration_seconds),
    )


def holds_asked(caller: Identity, message: Fields) -> tuple[Actor, HoldsQuery]:
    """Read ListHoldsRequest."""
    return asked(caller, message, user_of, _holds)


def confirm_asked(caller: Identity, message: Fields) -> tuple[Actor, ConfirmHoldCommand]:
    """Read ConfirmBookingRequest."""
    return asked(caller, message, user_of, _confirm)


def trip_named(caller: Identity, message: Fields) -> tuple[Actor, TripId]:
    """Read GetTripRequest."""
    return asked(caller, message, operator_of, lambda message: trip_id(message.trip_id))


def manifest_asked(caller: Identity, message: Fields) -> tuple[Actor, ManifestQuery]:
    """Read GetManifestRequest."""
    return asked(caller, message, tenant_of, _manifest)


def order_asked(caller: Identity, message: Fields) -> tuple[Actor, OrderQuery]:
    """Read GetOrderBookingsRequest."""
    return asked(caller, message, tenant_of, _order)


def seat_asked(caller: Identity, message: Fields) -> tuple[Actor, SeatQuery]:
    """Read ExplainSeatRequest."""
    return asked(caller, message, tenant_of, _seat_query)


def trip_asked(caller: Identity, message: Fields) -> tuple[Actor, Trip | TripOnPlan]:
    """Read InitializeTripInventoryRequest. Raises InvalidTrip if only the combination of fields is wrong."""
    organization = caller.organization_for(message.organization_id)
    read = _trip_on_plan if message.seat_plan else _trip
    trip = read(TripKey(organization, message.trip_id), message)
    return operator_of(caller, message), trip


def update_asked(caller: Identity, message: Fields) -> tuple[Actor, BlockSeatsCommand]:
    """Read UpdateInventoryRequest."""
    return asked(caller, message, operator_of, _updates)


def join_asked(caller: Identity, message: Fields) -> tuple[Actor, WaitlistPlace]:
    """Read JoinWaitlistRequest."""
    return asked(caller, message, user_of, _place)


def leave_asked(caller: Identity, message: Fields) -> tuple[Actor, WaitlistPlace]:
    """Read LeaveWaitlistRequest."""
    return asked(
        caller, message, user_of, lambda message: WaitlistPlace(trip_id=message.trip_id, seat_class=message.seat_class)
    )


def waitlist_asked(caller: Identity, message: Fields) -> tuple[Actor, WaitsQuery]:
    """Read GetUserWaitlistRequest."""
    return asked(caller, message, reader_of, _waits)


def _availability(message: Fields) -> AvailabilityQuery:
    return AvailabilityQuery(
        trip_id=message.trip_id,
        ends=read_ends(message),
        passengers=message.passengers,
        seat_class=message.seat_class,
        section=message.section_id,
    )


def _hold(message: Fields) -> HoldSeatsCommand:
    if not (message.idempotency_key or message.settle or message.session_id):
        return _hold_of_anybody(
            message.trip_id, read_ends(message), tuple(message.seat_ids), message.hold_duration_seconds
        )
    return HoldSeatsCommand(
        trip_id=message.trip_id,
        ends=read_ends(message),
        seat_ids=tuple(message.seat_ids),
        ttl_s=message.hold_duration_seconds,
        key=message.idempotency_key or None,
        settles=message.settle,
        session_id=message.session_id,
    )


@lru_cache(maxsize=HOLDS_KNOWN_MAX)
def _hold_of_anybody(trip_id: str, ends: Ends, seat_ids: tuple[str, ...], ttl_s: int) -> HoldSeatsCommand:
    """In a rush on a seat all ask for the same, and it is checked once."""
    return HoldSeatsCommand(trip_id=trip_id, ends=ends, seat_ids=seat_ids, ttl_s=ttl_s)


def _holds(message: Fields) -> HoldsQuery:
    return decoding.paged(
        message,
        lambda after: HoldsQuery(
            trip_id=message.trip_id,
            include_ended=message.include_ended,
            after=after,
            page_size=message.page_size,
        ),
    )


def _manifest(message: Fields) -> ManifestQuery:
    return decoding.paged(
        message,
        lambda after: ManifestQuery(
            trip_id=message.trip_id,
            boarding=message.boarding_station_id,
            alighting=message.alighting_station_id,
            include_held=message.include_held,
            with_national_ids=message.include_national_ids,
            only_without_place=message.only_without_place,
            after=after,
            page_size=message.page_size,
        ),
    )


def _order(message: Fields) -> OrderQuery:
    return decoding.paged(
        message,
        lambda after: OrderQuery(
            order_id=message.order_id,
            include_cancelled=message.include_cancelled,
            with_national_ids=message.include_national_ids,
            after=after,
            page_size=message.page_size,
        ),
    )


def _seat_query(message: Fields) -> SeatQuery:
    return decoding.paged(
        message,
        lambda after: SeatQuery(trip_id=message.trip_id, seat_id=message.seat_id, after=after),
    )


def _confirm(message: Fields) -> ConfirmHoldCommand:
    return ConfirmHoldCommand(
        hold_id=message.hold_id,
        order_id=message.order_id,
        passengers=tuple(
            Passenger(each.seat_id, each.passenger_name, each.passenger_nid)
            for each in limited("passengers", message.passengers)
        ),
        seat_ids=tuple(message.seat_ids),
    )


def _trip(key: TripKey, message: Fields) -> Trip:
    found = Faults()
    config = message.seat_config
    decoding.announced_seats(found, config)
    with found:
        trip = Trip(
            key,
            decoding.segments(found, message.segments),
            tuple(map(read_seat, limited("seat_config.seats", config.seats))),
            seats_per_group=message.seats_per_group,
            vehicle=message.vehicle_id,
            vehicle_type=message.vehicle_type,
            currency=message.currency,
            sections=tuple(map(read_section, limited("seat_config.sections", config.sections))),
            features=tuple(map(read_feature, limited("seat_config.features", config.features))),
            time_zone=message.time_zone,
            station_names=decoding.station_names(message.station_names),
        )
    found.finish()
    return trip


def _trip_on_plan(key: TripKey, message: Fields) -> TripOnPlan:
    found = Faults()
    decoding.no_seats(found, message.seat_config)
    with found:
        trip = TripOnPlan(
            key,
            decoding.segments(found, message.segments),
            message.seat_plan,
            seats_per_group=message.seats_per_group,
            vehicle=message.vehicle_id,
            vehicle_type=message.vehicle_type,
            currency=message.currency,
            time_zone=message.time_zone,
            station_names=decoding.station_names(message.station_names),
        )
    found.finish()
    return trip


def _updates(message: Fields) -> BlockSeatsCommand:
    found = Faults()
    with found:
        updates = decoding.seat_updates(found, message.updates)
        command = BlockSeatsCommand(trip_id=message.trip_id, updates=updates)
    found.finish()
    return command


def _place(message: Fields) -> WaitlistPlace:
    return WaitlistPlace(trip_id=message.trip_id, seat_class=message.seat_class, seats=message.requested_seats)


def _waits(message: Fields) -> WaitsQuery:
    return decoding.paged(
        message,
        lambda after: WaitsQuery(after=after, page_size=message.page_size),
    )


def read_ends(message: Fields) -> Ends:
    """The ends of the journey in a message."""
    return Ends(
        message.from_station_id,
        message.to_station_id,
        message.from_segment_index if message.HasField("from_segment_index") else None,
        message.to_segment_index if message.HasField("to_segment_index") else None,
    )
