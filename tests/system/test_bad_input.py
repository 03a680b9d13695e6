"""Bad input through a real socket: a legal status each time, the field named, and the service goes on."""

from asyncio import gather
from collections.abc import AsyncIterator, Iterator
from random import Random
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from travio_inventory.client import InvalidRequest, Trip
from travio_inventory.client.refusals import refusal_from
from travio_inventory.wire.inventory.v1 import GetTripRequest
from verification.kit.frames import FRAME_BYTES, framed
from verification.kit.raw_caller import RawCaller, RawReply, raw_caller
from verification.kit.requests import VALID, fields_named, fields_of, path_of, request, text_fields, varint
from verification.kit.service_process import ORGANIZATION, ServiceProcess
from verification.kit.trips import trip_of

LEGAL = {
    Status.OK,
    Status.INVALID_ARGUMENT,
    Status.NOT_FOUND,
    Status.ALREADY_EXISTS,
    Status.FAILED_PRECONDITION,
    Status.ABORTED,
    Status.RESOURCE_EXHAUSTED,
}
MUTANTS_PER_RPC = 130
AT_ONCE = 65
INT32_MAX, INT32_MIN, INT64_MAX = 2**31 - 1, -(2**31), 2**63 - 1
OPTIONAL = {"seat_class", "session_id", "idempotency_key", "passenger_nid", "passenger_name", "vehicle_id"}
OPTIONAL |= {"seat_number", "reason", "seat_type", "currency", "vehicle_type", "section_id"}
OPTIONAL |= {"row_label", "label", "time_zone", "seat_plan"}
OPTIONAL_IN = {
    "ListHolds": {"trip_id", "page_token"},
    "GetUserWaitlist": {"organization_id", "page_token"},
    "ExplainSeat": {"page_token"},
    "ListDeeds": {"month", "page_token"},
    "GetOrderBookings": {"page_token"},
    "ListTripSeats": {"page_token"},
    "GetManifest": {"boarding_station_id", "alighting_station_id", "page_token"},
    "ConfirmReservations": {"user_id"},
    "CancelReservations": {"user_id"},
}
NOT_UTF_8 = b"\xed\xa0\x80!"
"""A lone surrogate, as long as the text that it replaces."""
INDICES: dict[str, list[Any]] = {"from_segment_index": [-1, 512, INT32_MAX], "to_segment_index": [-1, 512, INT32_MIN]}
TOO_FAR: dict[str, dict[str, list[Any]]] = {
    "CheckAvailability": {"passengers": [-1, 100_001, INT32_MIN], **INDICES},
    "BatchCheckAvailability": {
        "requests[1].passengers": [-1, INT32_MAX],
        "requests": [[VALID["CheckAvailability"]] * 33],
    },
    "HoldSeats": {
        "hold_duration_seconds": [3_601, INT32_MAX],
        "seat_ids": [[], ["x"] * 11, ["x"] * 51, ["x"] * 4_000, ["seat-1", "seat-1"], ["seat-1", "seat-99"]],
        **INDICES,
    },
    "ConfirmBooking": {"passengers": [[{"seat_id": "seat-1"}] * 51, [{"seat_id": "seat-1"}] * 4_000]},
    "GetSeatMap": INDICES,
    "GetTripSummary": INDICES,
    "InitializeTripInventory": {
        "segments[0].segment_index": [-1, 1, INT32_MAX],
        "segments[0].departure_time": [-1, INT64_MAX],
        "segments[0].direction": [3, -1],
        "seat_config.seats[0].section_id": ["none such"],
        "time_zone": ["a b", "x" * 65],
        "segments[0].arrival_time": [-1, 4, INT64_MAX],
        "segments": [[], [{"segment_index": n, "from_station_id": f"{n}", "to_station_id": "x"} for n in range(513)]],
        "seat_config.total_seats": [-1, 2, INT32_MAX],
        "seat_config.seats": [[], [{"seat_id": "s1"}] * 2],
        "seat_config.seats[0].row": [-1, INT32_MAX],
        "seat_config.seats[0].column": [INT32_MIN, 100_001],
        "seat_config.seats[0].price_paisa": [-1, INT64_MAX],
        "seats_per_group": [-2, 100_001],
        "currency": ["usd", "EURO"],
    },
    "PutSeatPlan": {
        "part_index": [-1, 2, INT32_MAX],
        "part_count": [0, -1, 1_001, INT32_MIN],
        "part.seats": [[], [{"seat_id": f"{n}"} for n in range(1_001)]],
        "currency": ["usd"],
    },
    "UpdateInventory": {
        "updates[0].new_status": [0, "SEAT_STATUS_HELD", "SEAT_STATUS_BOOKED", 77, -1],
        "updates": [[{"seat_id": "seat-1", "new_status": 4}] * 2, [{"seat_id": f"{n}"} for n in range(5_001)]],
    },
    "JoinWaitlist": {"requested_seats": [0, -1, 11, INT32_MAX], "seat_class": ["none such"]},
    "ExtendHold": {"hold_duration_seconds": [3_601, INT32_MAX]},
}


@pytest.fixture(scope="module")
async def trip(shared: ServiceProcess) -> Trip:
    """What the valid requests are about."""
    opened = trip_of("t", seats=12)
    async with shared.client() as client:
        await client.open_trip(opened)
    return opened


@pytest.fixture
async def caller(shared: ServiceProcess, trip: Trip) -> AsyncIterator[RawCaller]:  # noqa: ARG001 - it must be open
    """A connection that sends any bytes."""
    async with raw_caller(shared.port) as caller:
        yield caller


def bad_texts(rpc: str) -> Iterator[tuple[str, str, bytes]]:
    """What is wrong, the field that must be named ("" if none can be), and the request."""
    for path in text_fields(request(rpc), VALID[rpc]):
        name = path.split(".")[-1].removesuffix("[0]")
        yield "too long", path, request(rpc, {path: "x" * 257}).SerializeToString()
        yield "control", path, request(rpc, {path: "a\x00b"}).SerializeToString()
        yield "control", path, request(rpc, {path: "a\u0085b"}).SerializeToString()
        yield "utf-8", "", request(rpc, {path: "MARK"}).SerializeToString().replace(b"MARK", NOT_UTF_8)
        if name not in OPTIONAL | OPTIONAL_IN.get(rpc, set()):
            yield "missing", path, request(rpc, {path: ""}).SerializeToString()


def bad_values(rpc: str) -> Iterator[tuple[str, str, bytes]]:
    """The same of numbers, names and lists that are out of their bounds."""
    for path, values in TOO_FAR.get(rpc, {}).items():
        for value in values:
            yield f"{value!r:.40}", path, request(rpc, {path: value}).SerializeToString()


@pytest.mark.parametrize("rpc", VALID)
async def test_what_is_wrong_is_refused_by_its_name(caller: RawCaller, rpc: str) -> None:
    wrong = []
    for said, path, body in [*bad_texts(rpc), *bad_values(rpc)]:
        answer = await asked(caller, rpc, body)
        named = fields_named(answer)
        if answer.status is not Status.INVALID_ARGUMENT or not (not path or any(map(path.startswith, named))):
            wrong.append((said, path, answer.status, answer.message, named))
    assert wrong == []


async def asked(caller: RawCaller, rpc: str, body: bytes) -> RawReply:
    """The answer to a message that may be larger than a frame."""
    stream = caller.open(path_of(rpc))
    message = framed(body)
    for start in range(0, len(message), FRAME_BYTES):
        caller.send(stream, message[start : start + FRAME_BYTES], end=start + FRAME_BYTES >= len(message))
    return await caller.answer(stream)


def other_wire_type(field: FieldDescriptor) -> bytes:
    """The field as what it is not: text as a number, a number or a message as text or a number."""
    tag = field.number << 3
    if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_MESSAGE):
        return varint(tag) + varint(5)
    return varint(tag | 2) + b"\x03abc"


@pytest.mark.parametrize("rpc", VALID)
async def test_a_field_of_another_wire_type_is_never_taken_for_its_value(caller: RawCaller, rpc: str) -> None:
    """It is as if the field were missing: refused by name if it is required, else ignored."""
    wrong = []
    for field in fields_of(request(rpc)):
        message: Message = request(rpc)
        message.ClearField(field.name)
        without = await caller.ask(path_of(rpc), framed(message.SerializeToString()))
        answer = await caller.ask(path_of(rpc), framed(message.SerializeToString() + other_wire_type(field)))
        same = (answer.status, fields_named(answer)) == (without.status, fields_named(without))
        if answer.status not in LEGAL or not same:
            wrong.append((field.name, answer.status, answer.message, without.status))
    assert wrong == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (framed(b"\xff" * 40), Status.INVALID_ARGUMENT),
        (framed(b"\x0a\x7f"), Status.INVALID_ARGUMENT),
        (framed(b"", declared_bytes=9), Status.INVALID_ARGUMENT),
        (framed(b"x", flag=1), Status.UNIMPLEMENTED),
        (framed(b"", declared_bytes=2**32 - 1), Status.RESOURCE_EXHAUSTED),
        (b"", Status.INVALID_ARGUMENT),
    ],
    ids=["no message", "truncated field", "truncated message", "compressed", "4 GiB declared", "nothing"],
)
async def test_what_is_no_request_has_a_status(caller: RawCaller, body: bytes, status: Status) -> None:
    for rpc in VALID:
        assert (await caller.ask(path_of(rpc), body)).status is status


async def test_a_client_is_told_at_once_that_its_request_is_too_large(shared: ServiceProcess) -> None:
    async with shared.client("u8") as client:
        with pytest.raises(InvalidRequest, match="bytes") as refused:
            await client.hold("t", "S0", "S3", ["seat-1"], session="s" * 100_000)
    assert [violation.field for violation in refused.value.violations] == ["request"]


async def test_too_much_metadata_is_refused_and_the_other_calls_go_on(shared: ServiceProcess) -> None:
    request = GetTripRequest(trip_id="t", organization_id=ORGANIZATION)
    large = {"x-large": "x" * 20_000}
    async with shared.client("u8") as client:
        others = [client.trip("t") for _ in range(20)]
        refused, *found = await gather(client.stub.get_trip(request, metadata=large), *others, return_exceptions=True)
    assert isinstance(refused, GRPCError)
    assert refused.status is Status.RESOURCE_EXHAUSTED
    assert isinstance(refusal_from(refused, writes=True), InvalidRequest)
    assert all(isinstance(trip, Trip) for trip in found)


@pytest.mark.once
async def test_mutated_messages_are_answered_and_the_service_goes_on(shared: ServiceProcess, caller: RawCaller) -> None:
    random = Random(20)
    bodies = {rpc: request(rpc).SerializeToString() for rpc in VALID}
    mutants: list[tuple[str, bytes]] = [
        (rpc, mutated(random, body, list(bodies.values())))
        for rpc, body in bodies.items()
        for _ in range(MUTANTS_PER_RPC)
    ]
    random.shuffle(mutants)
    seen: set[Status | None] = set()
    for start in range(0, len(mutants), AT_ONCE):
        chunk = mutants[start : start + AT_ONCE]
        streams = [caller.call(path_of(rpc), framed(body)) for rpc, body in chunk]
        answers: list[RawReply] = [await caller.answer(stream) for stream in streams]
        wrong = [
            (rpc, body, answer)
            for (rpc, body), answer in zip(chunk, answers, strict=True)
            if answer.status not in LEGAL
        ]
        assert wrong == []
        seen |= {answer.status for answer in answers}
    assert {Status.OK, Status.INVALID_ARGUMENT, Status.NOT_FOUND} <= seen
    async with shared.client("u9") as client:
        held = await client.hold("t", "S0", "S3", ["seat-12"])
        assert (await client.find_hold(held.id)).seats == ("seat-12",)
    assert "Traceback" not in shared.log
    assert " ERROR " not in shared.log


def mutated(random: Random, body: bytes, others: list[bytes]) -> bytes:
    """The message with one to four faults: bits turned, bytes lost, doubled, made up, or taken from another one."""
    changed = bytearray(body)
    for _ in range(random.randint(1, 4)):
        at, end = sorted(random.randint(0, len(changed)) for _ in range(2))
        match random.randrange(6):
            case 0 if at < len(changed):
                changed[at] ^= 1 << random.randrange(8)
            case 1:
                del changed[at:end]
            case 2:
                changed[at:at] = changed[at:end]
            case 3:
                changed[at:at] = random.randbytes(random.randint(1, 8))
            case 4:
                del changed[at:]
            case _:
                other = random.choice(others)
                changed[at:end] = other[: random.randint(0, len(other))]
    return bytes(changed)
