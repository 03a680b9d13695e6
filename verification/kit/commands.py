"""A valid command or query for each thing that an inventory does."""

from collections.abc import Mapping

from travio_inventory.seats.commands import (
    AvailabilityQuery,
    BlockSeatsCommand,
    ChangeTripCommand,
    ConfirmHoldCommand,
    ControlSalesCommand,
    ExtendHoldCommand,
    GiveBackCommand,
    HoldSeatsCommand,
    HoldsQuery,
    MoveHoldCommand,
    SeatMapQuery,
    SeatUpdate,
    WaitlistPlace,
    WaitsQuery,
    hold_ref,
    trip_id,
)
from travio_inventory.seats.offer import TripChange
from travio_inventory.seats.queries import DeedsQuery, ManifestQuery, OrderQuery, SeatQuery, TripsQuery
from travio_inventory.seats.trip import Ends

TRIP = "t1"
ENDS = Ends("A", "D")
HOLD = f"{TRIP}~0~{0:032}"
"""An id that a hold of the trip can have, and none has."""


def valid_commands() -> Mapping[str, object]:
    """By the name of the use case, and of its verb where it has several. What takes no command is not among them."""
    place = WaitlistPlace(trip_id=TRIP)
    return {
        "read_trips.one": trip_id(TRIP),
        "read_trips.opening": trip_id(TRIP),
        "explain_seat": SeatQuery(trip_id=TRIP, seat_id="A1"),
        "read_order": OrderQuery(order_id="o"),
        "read_manifest": ManifestQuery(trip_id=TRIP, boarding="A", alighting="D"),
        "read_seat_map": SeatMapQuery(trip_id=TRIP, ends=ENDS),
        "summarize_trip": SeatMapQuery(trip_id=TRIP, ends=ENDS),
        "check_availability": AvailabilityQuery(trip_id=TRIP, ends=ENDS),
        "hold_seats": HoldSeatsCommand(trip_id=TRIP, ends=ENDS, seat_ids=("A1",)),
        "extend_hold": ExtendHoldCommand(hold_id=HOLD),
        "erase_passengers": hold_ref(HOLD),
        "move_hold": MoveHoldCommand(hold_id=HOLD, moves=(("A1", "A2"),)),
        "release_hold": GiveBackCommand(hold_id=HOLD),
        "confirm_hold": ConfirmHoldCommand(hold_id=HOLD, order_id="o"),
        "cancel_booking": GiveBackCommand(hold_id=HOLD),
        "read_holds.one": hold_ref(HOLD),
        "read_holds.holder": hold_ref(HOLD),
        "read_holds.page": HoldsQuery(),
        "change_trip": ChangeTripCommand(trip_id=TRIP, change=TripChange({}, {"A1": 7}, {})),
        "cancel_trip": trip_id(TRIP),
        "list_trips": TripsQuery(),
        "read_deeds": DeedsQuery(),
        "control_sales": ControlSalesCommand(trip_id=TRIP, action="CLOSE"),
        "block_seats": BlockSeatsCommand(trip_id=TRIP, updates=(SeatUpdate("A2", is_blocked=True),)),
        "waitlist.join": place,
        "waitlist.leave": place,
        "waitlist.page": WaitsQuery(),
    }
