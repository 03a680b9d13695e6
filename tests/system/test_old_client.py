"""An old client's view: ten calls as in the contract of the installed base, without anything newer."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.health.v1.health_grpc import HealthStub
from grpclib.health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpclib.reflection.v1.reflection_grpc import ServerReflectionStub
from grpclib.reflection.v1.reflection_pb2 import ServerReflectionRequest

from tests.test_wire_is_generated import MESSAGES, RPCS, SEAT_STATUS
from verification.kit.frames import framed
from verification.kit.raw_caller import RawCaller, raw_caller
from verification.kit.requests import SERVICE, path_of
from verification.kit.service_process import ServiceProcess

TYPES = {
    "s": FieldDescriptorProto.TYPE_STRING,
    "b": FieldDescriptorProto.TYPE_BOOL,
    "i32": FieldDescriptorProto.TYPE_INT32,
    "i64": FieldDescriptorProto.TYPE_INT64,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "SeatStatus": FieldDescriptorProto.TYPE_ENUM,
}
COLOURS = {"available": "#00FF00", "held": "#FFFF00", "booked": "#FF0000", "blocked": "#808080"}
NEW_FIELDS = {
    "GetUserWaitlist",
    "GetSeatMap",
    "CheckAvailability",
    "BatchCheckAvailability",
    "HoldSeats",
    "ConfirmBooking",
}
"""Answers that say more today (positions, stops, prices, the state of the trip), which an old client ignores."""
SEATS = ["bus-A1", "bus-A2", "bus-B1", "bus-B2"]


def _add_field(message: DescriptorProto, notation: str) -> None:
    """Add the field that the contract writes as number:name:type."""
    number, name, kind = notation.split(":", 2)
    field = message.field.add(name=name, number=int(number), label=FieldDescriptorProto.LABEL_OPTIONAL)
    if kind == "map<s,s>":
        entry = message.nested_type.add(name="".join(part.title() for part in name.split("_")) + "Entry")
        entry.options.map_entry = True
        _add_field(entry, "1:key:s")
        _add_field(entry, "2:value:s")
        kind = f"[]{message.name}.{entry.name}"
    if kind.startswith("[]"):
        field.label = FieldDescriptorProto.LABEL_REPEATED
        kind = kind.removeprefix("[]")
    field.type = TYPES.get(kind, FieldDescriptorProto.TYPE_MESSAGE)
    if field.type in (FieldDescriptorProto.TYPE_MESSAGE, FieldDescriptorProto.TYPE_ENUM):
        field.type_name = f".inventory.v1.{kind}"


def old_pool() -> DescriptorPool:
    """What a client knows that was built before anything was added."""
    file = FileDescriptorProto(name="old.proto", package="inventory.v1", syntax="proto3")
    statuses = file.enum_type.add(name="SeatStatus")
    for number, name in re.findall(r"(\d) (\w+)", SEAT_STATUS):
        statuses.value.add(name=name, number=int(number))
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for notation in fields.split():
            _add_field(message, notation)
    pool = DescriptorPool()
    pool.Add(file)
    return pool


OLD = old_pool()


class OldClient:
    """Calls by name, with plain values in and out as JSON has them; a field it does not know is an error."""

    def __init__(self, caller: RawCaller) -> None:
        self._caller = caller

    async def __call__(self, rpc: str, *parts: dict[str, str], **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - as JSON has them
        fields.update({name: value for part in parts for name, value in part.items()})
        asked, answered = RPCS[rpc].split(" -> ")
        answer = await self._caller.ask(path_of(rpc), framed(self._message(asked, fields).SerializeToString()))
        assert answer.status is Status.OK, f"{rpc}: {answer.status} {answer.message}"
        reply = self._message(answered, {})
        reply.ParseFromString(answer.reply)
        known = reply.SerializeToString(deterministic=True)
        reply.DiscardUnknownFields()
        is_new = reply.SerializeToString(deterministic=True) != known
        assert not is_new or rpc in NEW_FIELDS, f"{rpc} answers with fields that are new"
        return MessageToDict(reply, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)

    async def refused(self, rpc: str, **fields: Any) -> tuple[Status | None, str]:  # noqa: ANN401 - as JSON has them
        """The status and message of a call."""
        body = self._message(RPCS[rpc].split(" -> ")[0], fields).SerializeToString()
        answer = await self._caller.ask(path_of(rpc), framed(body))
        return answer.status, answer.message

    def _message(self, name: str, fields: dict[str, Any]) -> Message:
        return ParseDict(fields, GetMessageClass(OLD.FindMessageTypeByName(f"inventory.v1.{name}"))())


@pytest.fixture
async def ask(shared: ServiceProcess) -> AsyncIterator[OldClient]:
    async with raw_caller(shared.port) as caller:
        yield OldClient(caller)


async def opened(ask: OldClient, trip: str) -> dict[str, Any]:
    """Open a bus of two rows over three stops, which calls at A twice."""
    stations = ["A", "B", "C"]
    return await ask(
        "InitializeTripInventory",
        trip_id=trip,
        organization_id="acme",
        vehicle_id="bus",
        segments=[
            {
                "segment_index": at,
                "from_station_id": stations[at],
                "to_station_id": stations[at + 1],
                "departure_time": 1_900_000_000 + at * 60,
                "arrival_time": 1_900_000_050 + at * 60,
            }
            for at in range(2)
        ],
        seat_config={
            "total_seats": 4,
            "seats": [
                {
                    "seat_id": seat,
                    "seat_number": f"#{n}",
                    "row": 1 + n // 2,
                    "column": 1 + n % 2,
                    "seat_type": "window",
                    "seat_class": "economy" if n else "business",
                    "price_paisa": 1_000 * (4 - n),
                    "is_accessible": n == 0,
                    "has_power": n == 1,
                }
                for n, seat in enumerate(SEATS)
            ],
        },
    )


def who(user: str = "u1") -> dict[str, str]:
    return {"user_id": user, "organization_id": "acme"}


def journey(trip: str, origin: str = "A", destination: str = "C") -> dict[str, str]:
    return {"trip_id": trip, "from_station_id": origin, "to_station_id": destination, "organization_id": "acme"}


async def statuses(ask: OldClient, trip: str, *ends: str) -> list[str]:
    """The seats' statuses as the map names them, in layout order."""
    shown = await ask("GetSeatMap", journey(trip, *ends))
    return [cell["status"].removeprefix("SEAT_STATUS_") for row in shown["rows"] for cell in row["seats"]]


@pytest.mark.once
async def test_a_trip_is_opened_and_drawn(ask: OldClient) -> None:
    for _ in range(2):
        assert await opened(ask, "drawn") == {"success": True, "segments_created": 2, "seats_created": 8}
    shown = await ask("GetSeatMap", **journey("drawn"))
    assert (shown["vehicle_id"], shown["total_rows"], shown["total_columns"]) == ("bus", 2, 2)
    assert shown["legend"]["status_colors"].items() >= COLOURS.items()
    assert [row["row_number"] for row in shown["rows"]] == [1, 2]
    cells = [cell for row in shown["rows"] for cell in row["seats"]]
    assert [cell["seat_id"] for cell in cells] == SEATS
    assert cells[0] == {
        "seat_id": "bus-A1",
        "seat_number": "#0",
        "column": 1,
        "seat_type": "window",
        "seat_class": "business",
        "status": "SEAT_STATUS_AVAILABLE",
        "price_paisa": "4000",
        "is_accessible": True,
        "has_power": False,
        "is_exit_row": False,
        "hold_expires_at": "0",
    }
    assert [await ask("GetSeatMap", **journey("drawn")) for _ in range(3)] == [shown] * 3


async def test_seats_are_held_confirmed_and_seen_to_be(ask: OldClient) -> None:
    await opened(ask, "sold")
    asked_at = int(time.time())
    held = await ask("HoldSeats", journey("sold", "A", "B"), who(), seat_ids=["bus-A2", "bus-A1"], session_id="s")
    assert (held["success"], held["failed_seat_ids"], held["failure_reason"]) == (True, [], "")
    assert sorted(held["held_seat_ids"]) == ["bus-A1", "bus-A2"]
    assert asked_at + 599 <= int(held["expires_at"]) <= time.time() + 600
    assert await statuses(ask, "sold", "A", "B") == ["HELD", "HELD", "AVAILABLE", "AVAILABLE"]
    assert await statuses(ask, "sold", "B", "C") == ["AVAILABLE"] * 4
    assert await statuses(ask, "sold") == ["HELD", "HELD", "AVAILABLE", "AVAILABLE"]
    shown = await ask("GetSeatMap", **journey("sold"))
    assert shown["rows"][0]["seats"][0]["hold_expires_at"] == held["expires_at"]
    passengers = [{"seat_id": seat, "passenger_nid": "1", "passenger_name": "Ada"} for seat in ("bus-A1", "bus-A2")]
    order = {**who(), "hold_id": held["hold_id"], "order_id": "o1"}
    assert (await ask.refused("ConfirmBooking", **order, passengers=passengers[:1]))[0] is Status.INVALID_ARGUMENT
    booked = await ask("ConfirmBooking", **order, passengers=passengers)
    assert (booked["success"], booked["failure_reason"]) == (True, "")
    assert booked["booking_id"]
    assert [seat["seat_number"] for seat in booked["confirmed_seats"]] == ["#0", "#1"]
    assert len({seat["ticket_id"] for seat in booked["confirmed_seats"]} - {""}) == 2
    assert await ask("ConfirmBooking", **order) == booked
    assert await statuses(ask, "sold", "A", "B") == ["BOOKED", "BOOKED", "AVAILABLE", "AVAILABLE"]
    lost = await ask("ReleaseSeats", hold_id=held["hold_id"], **who())
    assert lost == {"success": False, "released_count": 0}


async def test_a_release_is_never_an_error(ask: OldClient) -> None:
    await opened(ask, "released")
    held = await ask("HoldSeats", journey("released"), who(), seat_ids=["bus-B1", "bus-B2"])
    nothing = {"success": False, "released_count": 0}
    assert await ask("ReleaseSeats", hold_id=held["hold_id"], **who("u2")) == nothing
    assert await ask("ReleaseSeats", hold_id=held["hold_id"], **who()) == {"success": True, "released_count": 2}
    for unknown in (f"released~0~{'0' * 32}", "no hold", "nowhere~0~x"):
        assert await ask("ReleaseSeats", hold_id=unknown, **who()) == nothing
    assert await statuses(ask, "released") == ["AVAILABLE"] * 4


async def test_availability_counts_prices_and_dates(ask: OldClient) -> None:
    await opened(ask, "asked")
    await ask("HoldSeats", journey("asked", "A", "B"), who(), seat_ids=["bus-B2"], hold_duration_seconds=-5)
    asked_at = int(time.time())
    found = await ask("CheckAvailability", **journey("asked"), passengers=2, seat_class="economy")
    assert (found["is_available"], found["available_seats"], found["price_paisa"]) == (True, 2, "5000")
    assert asked_at - 2 <= int(found["checked_at"]) <= time.time()
    by_seat = {seat["seat_id"]: seat for seat in found["seats"]}
    assert list(by_seat) == ["bus-A2", "bus-B1"]  # the free ones alone, in layout order
    assert (by_seat["bus-B1"]["status"], by_seat["bus-B1"]["hold_expires_at"]) == ("SEAT_STATUS_AVAILABLE", "0")
    assert (by_seat["bus-B1"]["seat_number"], by_seat["bus-B1"]["seat_type"]) == ("#2", "window")
    many = await ask(
        "BatchCheckAvailability",
        requests=[{**journey("asked", "B", "C"), "passengers": 4}, {**journey("asked"), "passengers": 4}],
    )
    assert [(one["is_available"], one["available_seats"]) for one in many["results"]] == [(True, 4), (False, 3)]
    assert [one["price_paisa"] for one in many["results"]] == ["10000", "0"]


async def test_the_house_blocks_seats(ask: OldClient) -> None:
    await opened(ask, "blocked")
    changed = [{"seat_id": "bus-A1", "new_status": "SEAT_STATUS_BLOCKED", "reason": "broken"}]
    update = {"trip_id": "blocked", "organization_id": "acme"}
    assert await ask("UpdateInventory", **update, updates=changed) == {"success": True, "updated_count": 1}
    assert await statuses(ask, "blocked") == ["BLOCKED", "AVAILABLE", "AVAILABLE", "AVAILABLE"]
    changed[0]["new_status"] = "SEAT_STATUS_AVAILABLE"
    assert (await ask("UpdateInventory", **update, updates=changed))["updated_count"] == 1
    assert await statuses(ask, "blocked") == ["AVAILABLE"] * 4


async def test_users_wait_in_line(ask: OldClient) -> None:
    await opened(ask, "waited")
    join = {"trip_id": "waited", "seat_class": "economy", "requested_seats": 2}
    assert (await ask("JoinWaitlist", **join, **who("w1")))["position"] == 1
    second = await ask("JoinWaitlist", **join, **who("w2"))
    assert (second["success"], second["position"]) == (True, 2)
    assert second["message"]
    (entry,) = (await ask("GetUserWaitlist", user_id="w2"))["entries"]
    created_at = entry.pop("created_at")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", created_at)
    assert entry == {**join, "organization_id": "acme", "status": "waiting"}
    assert (await ask("GetUserWaitlist", user_id="stranger"))["entries"] == []


async def test_seats_of_an_event_are_reserved_confirmed_and_cancelled(ask: OldClient) -> None:
    """With a Go client's messages: fields in any order are the same, and those that it does not know are new."""
    sold_as = {"row": 1, "seat_class": "VIP", "price_paisa": 9_950}
    hall = [{**sold_as, "seat_id": seat, "column": column} for column, seat in enumerate("XY")]
    segment = {"segment_index": 0, "from_station_id": "start", "to_station_id": "end"}
    event = {"trip_id": "event-42", "organization_id": "default", "vehicle_id": "hall"}
    await ask("InitializeTripInventory", event, segments=[segment], seat_config={"seats": hall})
    free = (await ask("GetAvailableSeats", event_id=42))["seats"]
    assert all(abs(int(seat.pop("version")) / 1_000 - time.time()) < 60 for seat in free)
    seat = {"event_id": "42", "section": "", "row_number": "1", "seat_type": "VIP", "price": 99.5}
    nobody = {"status": "AVAILABLE", "reserved_by": "", "reserved_until": "0"}
    assert free == [{**seat, **nobody, "seat_number": "X"}, {**seat, **nobody, "seat_number": "Y"}]
    made = (await ask("ReserveSeats", event_id=42, seat_numbers=["X"], user_id="u1"))["reservation"]
    named = {"reservation_ids": [made["reservation_id"]]}
    assert (made["event_id"], made["user_id"], made["status"]) == ("42", "u1", "ACTIVE")
    assert 590 < int(made["expires_at"]) - time.time() <= 600
    (taken,) = made["seats"]
    taken.pop("version")
    hers = {"status": "RESERVED", "reserved_by": "u1", "reserved_until": made["expires_at"]}
    assert taken == {**seat, **hers, "seat_number": "X"}
    refused = await ask.refused("ReserveSeats", event_id=42, seat_numbers=["Y", "X"], user_id="u2")
    assert refused[0] is Status.FAILED_PRECONDITION
    (booked,) = (await ask("ConfirmReservations", **named, booking_id="b1", user_id="u1"))["reservations"]
    assert (booked["status"], booked["expires_at"], booked["seats"][0]["status"]) == ("CONFIRMED", "0", "BOOKED")
    found = (await ask("GetReservation", reservation_id=made["reservation_id"]))["reservation"]
    assert (found["status"], found["created_at"]) == ("CONFIRMED", made["created_at"])
    (cancelled,) = (await ask("CancelReservations", **named, user_id="u1"))["reservations"]
    assert (cancelled["status"], cancelled["seats"][0]["status"]) == ("CANCELLED", "AVAILABLE")
    assert len((await ask("GetAvailableSeats", event_id=42))["seats"]) == 2
    assert await ask("HealthCheck") == {"status": "healthy"}


async def test_health_and_reflection_are_on(shared: ServiceProcess) -> None:
    channel = Channel("127.0.0.1", shared.port)
    try:
        for service in ("", SERVICE):
            checked = await HealthStub(channel).Check(HealthCheckRequest(service=service))
            assert checked.status == HealthCheckResponse.SERVING
        asked = [ServerReflectionRequest(list_services=""), ServerReflectionRequest(file_containing_symbol=SERVICE)]
        async with asyncio.timeout(60):
            listed, described = await ServerReflectionStub(channel).ServerReflectionInfo(asked)
        assert SERVICE in {service.name for service in listed.list_services_response.service}
        files = [
            FileDescriptorProto.FromString(raw) for raw in described.file_descriptor_response.file_descriptor_proto
        ]
        methods = {method.name for file in files for service in file.service for method in service.method}
        assert methods >= RPCS.keys()
    finally:
        channel.close()
