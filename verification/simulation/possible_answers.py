"""The possible answers to a call of a history, and what each says about its hold."""

from math import inf

from verification.simulation.history import LIVE, Call, CallOutcome

ABSENT = "absent"
TRIP_CANCELLED = "TRIP_CANCELLED"
REASONS = {
    "HOLD_EXPIRED": {"expired"},
    "HOLD_RELEASED": {"released"},
    "HOLD_CONFIRMED": {"confirmed"},
    "BOOKING_CANCELLED": {"cancelled"},
    "HOLD_NOT_FOUND": {ABSENT},
    "EXTENSION_TOO_LONG": {"held"},
}
"""The statuses that cause a refusal."""
REFUSALS = {
    "hold": {"SEAT_HELD", "SEAT_UNAVAILABLE"},
    "confirm": {"HOLD_EXPIRED", "HOLD_RELEASED", "HOLD_CONFIRMED", "BOOKING_CANCELLED", "HOLD_NOT_FOUND"},
    "release": {"HOLD_EXPIRED", "HOLD_CONFIRMED", "BOOKING_CANCELLED", "HOLD_NOT_FOUND"},
    "cancel": {"HOLD_EXPIRED", "HOLD_RELEASED", "HOLD_NOT_FOUND"},
    "extend": set(REASONS),
    "find": {"HOLD_NOT_FOUND"},
    "move": {
        "SEAT_HELD",
        "SEAT_UNAVAILABLE",
        "HOLD_EXPIRED",
        "HOLD_RELEASED",
        "BOOKING_CANCELLED",
        "HOLD_NOT_FOUND",
        "HOLD_CHANGED",
        "INVALID_SEATS",
    },
    "block": {"SEAT_HELD", "SEAT_UNAVAILABLE"},
    "leave": {"NOT_ON_WAITLIST"},
    "join": {TRIP_CANCELLED},
}
"""The reasons with which a call may be refused for good."""
SAW = {"confirm": {"confirmed"}, "release": {"released"}, "cancel": {"cancelled"}, "extend": {"held"}}
"""The status of a hold when the step was acknowledged."""
HELD_ONCE = ("held", "released", "expired", "confirmed", "cancelled")
"""The statuses of whatever was held."""
NEVER_HAD = "INVALID_SEATS"
"""The refusal of a step for seats that the hold has not, or never had."""


def is_answer(call: Call) -> bool:
    """Whether such a call can have this answer."""
    match call.answer:
        case CallOutcome.NO if call.told == NEVER_HAD:
            return bool(call.parts) or call.op == "move"
        case CallOutcome.NO:
            return call.told in REFUSALS.get(call.op, ())
        case CallOutcome.ENDED:
            return call.op == "hold" and call.told in REFUSALS["confirm"] - {"HOLD_NOT_FOUND"}
        case CallOutcome.SEEN:
            may_be_told = call.op in ("hold", "move") and call.told in REFUSALS["hold"]
            return may_be_told and not (call.settles and call.as_of_s < inf)
        case CallOutcome.REUSED:
            return call.has_key
        case CallOutcome.OK:
            return call.op != "hold" or call.status in LIVE
        case _:
            return True


def may_have_acted(call: Call) -> bool:
    """Whether this call can have had its effect; also a confirm whose booking was cancelled before its answer."""
    if call.answer is CallOutcome.NO:
        return call.op == "confirm" and call.told == "BOOKING_CANCELLED"
    return call.answer in (CallOutcome.OK, CallOutcome.ENDED, CallOutcome.UNKNOWN)


def done_by_s(call: Call) -> float:
    """When everything for the call was done; it may continue after the caller lost patience."""
    return inf if call.answer is CallOutcome.UNKNOWN else call.returned_s
