"""What every client is asked to do, whatever its language: short and long replies, refusals, streams both ways."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from grpclib.const import Status

from verification.interop.plans import Outcome, PlannedCall
from verification.kit.requests import SERVICE, request

SEATS: Final = 700
"""Whose map is several full DATA frames."""
SERVING: Final = b"\x08\x01"
LIST_SERVICES: Final = b"\x3a\x00"


def opening() -> list[PlannedCall]:
    """Puts the trip on sale that the calls are about."""
    seats = [
        {"seat_id": f"s{number}", "seat_number": str(number), "row": number // 4 + 1, "column": number % 4 + 1}
        for number in range(SEATS)
    ]
    trip = {"trip_id": "interop", "seat_config": {"seats": seats}}
    return [_inventory("InitializeTripInventory", trip)]


def calls() -> list[PlannedCall]:
    """What each connection does."""
    ends = {"trip_id": "interop", "from_station_id": "S0", "to_station_id": "S1"}
    return [
        PlannedCall("/grpc.health.v1.Health/Check", [b""]),
        PlannedCall("/grpc.health.v1.Health/Watch", [b""], "first"),
        PlannedCall("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", [LIST_SERVICES] * 3, "chat"),
        _inventory("GetSeatMap", ends),
        _inventory("HoldSeats", ends | {"seat_ids": ["none"]}),
        PlannedCall(f"/{SERVICE}/NoSuchCall", [b""]),
        PlannedCall(f"/{SERVICE}/GetSeatMap", [b"\xff" * 40]),
        _inventory("CheckAvailability", ends, {"x-request-id": "r" * 3_000}),
    ]


def faults_of(outcomes: Sequence[Outcome]) -> list[str]:
    """What is not as it should be in what one connection tells of the calls."""
    check, watch, chat, seats, unknown, no_call, senseless, availability = outcomes
    expected = {
        "check": (check.status, check.replies) == (Status.OK.value, (SERVING,)),
        "watch": (watch.status, watch.replies) == (Status.CANCELLED.value, (SERVING,)),
        "chat": chat.status == 0 and [SERVICE.encode() in reply for reply in chat.replies] == [True] * 3,
        "seats": seats.status == 0 and len(seats.replies) == 1 and len(seats.replies[0]) > 16 * SEATS,
        "unknown": unknown.status == Status.INVALID_ARGUMENT.value
        and b"none" in unknown.details
        and bool(unknown.message),
        "no call": no_call.status == Status.UNIMPLEMENTED.value,
        "senseless": senseless.status == Status.INVALID_ARGUMENT.value,
        "availability": availability.status == 0 and len(availability.replies) == 1,
    }
    return [f"{name}: {outcomes[place]}"[:400] for place, (name, holds) in enumerate(expected.items()) if not holds]


def _inventory(name: str, changed: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> PlannedCall:
    message = bytes(request(name, {**changed}).SerializeToString())
    return PlannedCall(f"/{SERVICE}/{name}", [message], metadata=metadata or {})
