"""Which answers a call of a history can have had, and what each says of the hold that it is about."""

from math import inf

from verification.simulation.history import LIVE, Call, CallOutcome

ABSENT = "absent"
REASONS = {
    "HOLD_EXPIRED": {"expired"},
    "HOLD_RELEASED": {"released"},
    "HOLD_CONFIRMED": {"confirmed"},
    "BOOKING_CANCELLED": {"cancelled"},
    "HOLD_NOT_FOUND": {ABSENT},
    "EXTENSION_TOO_LONG": {"held"},
}
"""Which statuses a refusal rests on."""
REFUSALS = {
    "hold": {"SEAT_HELD", "SEAT_UNAVAILABLE"},
    "confirm": {"HOLD_EXPIRED", "HOLD_RELEASED", "HOLD_CONFIRMED", "BOOKING_CANCELLED", "HOLD_NOT_FOUND"},
    "release": {"HOLD_EXPIRED", "HOLD_CONFIRMED", "BOOKING_CANCELLED", "HOLD_NOT_FOUND"},
    "cancel": {"HOLD_EXPIRED", "HOLD_RELEASED", "HOLD_NOT_FOUND"},
    "extend": set(REASONS),
    "find": {"HOLD_NOT_FOUND"},
    "block": {"SEAT_HELD", "SEAT_UNAVAILABLE"},
    "leave": {"NOT_ON_WAITLIST"},
}
"""With which reasons a call may be refused for good."""
SAW = {"confirm": {"confirmed"}, "release": {"released"}, "cancel": {"cancelled"}, "extend": {"held"}}
"""Which status a hold had when the step was acknowledged."""


def is_answer(call: Call) -> bool:
    """Whether such a call is ever answered so."""
    match call.answer:
        case CallOutcome.NO:
            return call.told in REFUSALS.get(call.op, ())
        case CallOutcome.ENDED:
            return call.op == "hold" and call.told in REFUSALS["confirm"] - {"HOLD_NOT_FOUND"}
        case CallOutcome.SEEN:
            return call.op == "hold" and call.told in REFUSALS["hold"] and not (call.settles and call.as_of_s < inf)
        case CallOutcome.REUSED:
            return call.has_key
        case CallOutcome.OK:
            return call.op != "hold" or call.status in LIVE
        case _:
            return True


def may_have_acted(call: Call) -> bool:
    """Whether what was asked for can have been done for this call; a confirm that was overtaken says so."""
    if call.answer is CallOutcome.NO:
        return call.op == "confirm" and call.told == "BOOKING_CANCELLED"
    return call.answer in (CallOutcome.OK, CallOutcome.ENDED, CallOutcome.UNKNOWN)


def done_by_s(call: Call) -> float:
    """When all that was done for the call was done; it may go on where the caller lost patience."""
    return inf if call.answer is CallOutcome.UNKNOWN else call.returned_s
