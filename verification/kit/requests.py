"""A request of every call, made by Google's protobuf from the committed descriptors; and reading the answers."""

import base64
from collections.abc import Iterator, Sequence
from copy import deepcopy
from importlib.resources import files
from typing import Any, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status as RpcStatus

from verification.kit.raw_caller import RawReply

SERVICE = "inventory.v1.InventoryService"
HOLD = "t~0~0123456789abcdef0123456789abcdef"
RESERVATION = f"event-1{HOLD[1:]}"
_CHECK: dict[str, Any] = {
    "trip_id": "t",
    "from_station_id": "S0",
    "to_station_id": "S2",
    "passengers": 1,
    "seat_class": "",
    "organization_id": "acme",
}
_ENDS = {"trip_id": "t", "from_station_id": "S0", "to_station_id": "S2", "organization_id": "acme"}
_USER = {"user_id": "u1", "organization_id": "acme"}
VALID: dict[str, dict[str, Any]] = {
    "CheckAvailability": _CHECK,
    "BatchCheckAvailability": {"requests": [_CHECK, _CHECK]},
    "HoldSeats": {
        **_ENDS,
        "seat_ids": ["seat-1", "seat-2"],
        "user_id": "u1",
        "session_id": "s",
        "hold_duration_seconds": 2,
        "idempotency_key": "k",
    },
    "ReleaseSeats": {**_USER, "hold_id": HOLD, "seat_ids": ["seat-1"]},
    "ConfirmBooking": {
        **_USER,
        "hold_id": HOLD,
        "order_id": "o",
        "seat_ids": ["seat-1"],
        "passengers": [{"seat_id": "seat-1", "passenger_nid": "n", "passenger_name": "Ada"}],
    },
    "GetSeatMap": _ENDS,
    "InitializeTripInventory": {
        "trip_id": "other",
        "organization_id": "acme",
        "vehicle_id": "v",
        "segments": [{"segment_index": 0, "from_station_id": "S0", "to_station_id": "S1", "departure_time": 4 * 10**9}],
        "seat_config": {"seats": [{"seat_id": "s1", "seat_number": "1", "row": 1, "column": 1}]},
    },
    "UpdateInventory": {
        "trip_id": "t",
        "organization_id": "acme",
        "updates": [{"seat_id": "seat-9", "new_status": "SEAT_STATUS_AVAILABLE", "reason": "r"}],
    },
    "JoinWaitlist": {**_USER, "trip_id": "t", "seat_class": "", "requested_seats": 1},
    "GetUserWaitlist": {"user_id": "u1"},
    "GetHold": {**_USER, "hold_id": HOLD},
    "ListHolds": {**_USER, "trip_id": "t", "include_ended": True},
    "ExtendHold": {**_USER, "hold_id": HOLD, "hold_duration_seconds": 5},
    "CancelBooking": {**_USER, "booking_id": HOLD, "seat_ids": ["seat-1"]},
    "LeaveWaitlist": {**_USER, "user_id": "nobody", "trip_id": "t", "seat_class": ""},
    "GetTrip": {"trip_id": "t", "organization_id": "acme"},
    "ListTripSeats": {"trip_id": "t", "organization_id": "acme", "page_token": ""},
    "PutSeatPlan": {
        "plan_id": "p",
        "organization_id": "acme",
        "revision": "r",
        "part_index": 0,
        "part_count": 2,
        "part": {"seats": [{"seat_id": "s1", "seat_number": "1", "row": 1, "column": 1}]},
        "currency": "BDT",
        "vehicle_id": "v",
        "vehicle_type": "coach",
    },
    "ListSeatPlans": {"organization_id": "acme"},
    "ListDeeds": {"organization_id": "acme", "month": "2027-06", "page_size": 5},
    "DeleteSeatPlan": {"plan_id": "no plan", "organization_id": "acme"},
    "GetTripSummary": _ENDS,
    "ExplainSeat": {"trip_id": "t", "organization_id": "acme", "seat_id": "seat-1"},
    "GetOrderBookings": {
        "order_id": "o",
        "organization_id": "acme",
        "include_cancelled": True,
        "include_national_ids": True,
        "page_size": 5,
    },
    "GetManifest": {
        "trip_id": "t",
        "organization_id": "acme",
        "boarding_station_id": "S0",
        "alighting_station_id": "S2",
        "include_held": True,
        "include_national_ids": True,
        "page_size": 5,
    },
    "GetAvailableSeats": {"event_id": 1},
    "ReserveSeats": {"event_id": 1, "seat_numbers": ["seat-1"], "user_id": "u1"},
    "GetReservation": {"reservation_id": RESERVATION},
    "ConfirmReservations": {"reservation_ids": [RESERVATION], "booking_id": "o", "user_id": "u1"},
    "CancelReservations": {"reservation_ids": [RESERVATION], "user_id": "u1"},
}


def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    compiled = files("travio_inventory.wire").joinpath("descriptors.binpb").read_bytes()
    for file in FileDescriptorSet.FromString(compiled).file:
        pool.Add(file)
    return pool


RPCS = {method.name: method for method in _pool().FindServiceByName(SERVICE).methods}


def path_of(rpc: str) -> str:
    """The :path of the call."""
    return f"/{SERVICE}/{rpc}"


def request(rpc: str, changed: dict[str, Any] | None = None) -> Message:
    """The call's valid request; `changed` gives fields other values, by paths like `updates[0].reason`."""
    plain = deepcopy(VALID[rpc])
    for path, value in (changed or {}).items():
        *parents, last = steps_of(path)
        place: Any = plain
        for step in parents:
            place = place[step]
        place[last] = value
    return ParseDict(plain, GetMessageClass(RPCS[rpc].input_type)())


def steps_of(path: str) -> list[str | int]:
    """`updates[0].reason` as the keys and indices that lead there."""
    return [int(step) if step.isdigit() else step for step in path.replace("]", "").replace("[", ".").split(".")]


def fields_of(message: Message) -> Sequence[FieldDescriptor]:
    """The fields of the message's type."""
    return cast("Sequence[FieldDescriptor]", message.DESCRIPTOR.fields)


def text_fields(message: Message, plain: dict[str, Any], path: str = "") -> Iterator[str]:
    """The paths of all text fields of the message and of the parts that it has."""
    for field in fields_of(message):
        value = plain.get(field.name)
        here = path + field.name
        if field.type == FieldDescriptor.TYPE_STRING:
            yield f"{here}[0]" if field.is_repeated else here
        elif field.type == FieldDescriptor.TYPE_MESSAGE and value is not None:
            part = getattr(message, field.name)
            if field.is_repeated:
                yield from text_fields(part[0], value[0], f"{here}[0].")
            else:
                yield from text_fields(part, value, f"{here}.")


def varint(value: int) -> bytes:
    """The number as protobuf writes it."""
    more = b""
    while value > 0x7F:
        more += bytes([value & 0x7F | 0x80])
        value >>= 7
    return more + bytes([value])


def fields_named(answer: RawReply) -> list[str]:
    """The fields that are wrong according to the answer."""
    encoded = answer.headers.get("grpc-status-details-bin", "")
    bad = BadRequest()
    for detail in RpcStatus.FromString(base64.b64decode(encoded + "=" * (-len(encoded) % 4))).details:
        detail.Unpack(bad)
    return [violation.field for violation in bad.field_violations]
