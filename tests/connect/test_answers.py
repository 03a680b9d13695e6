"""Answers and refusals over Connect are those of gRPC; what is too large, too late or broken is told as such."""

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote

import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from google.protobuf.message import Message
from grpclib.exceptions import GRPCError

from tests.connect.serving import BODIES, JSON, Both, Refused, serving
from travio_inventory.api.auth.identity import Grant, Identity
from travio_inventory.api.connect.replies import CODECS, JSON_BYTES_MAX
from travio_inventory.api.grpc import descriptors
from travio_inventory.api.grpc.methods import UnaryMethod
from travio_inventory.api.grpc.service import SERVICE, InventoryService
from travio_inventory.kernel.actor import Actor
from travio_inventory.wire.inventory import v1
from verification.kit.trips import a_trip

TRIP = a_trip(organization="org")


def hold_for(user: str) -> v1.HoldSeatsRequest:
    return v1.HoldSeatsRequest(
        trip_id="t1", organization_id="org", from_station_id="A", to_station_id="D", user_id=user, seat_ids=["A1"]
    )


@pytest.fixture
async def both() -> AsyncIterator[Both]:
    async with serving() as made:
        await made.inventory.open_trip(Actor("org", "seller"), TRIP)
        yield made


async def test_an_answer_in_protobuf_is_that_of_grpc(both: Both) -> None:
    request = v1.GetTripRequest(trip_id="t1", organization_id="org")
    answer = await both.ask(request, "GetTrip")
    assert isinstance(answer, bytes)
    assert v1.GetTripResponse.FromString(answer) == await both.stub.get_trip(request)


async def test_an_answer_in_json_has_the_names_that_protobuf_gives_it(both: Both) -> None:
    held = await both.told(
        "HoldSeats",
        tripId="t1",
        organization_id="org",
        fromStationId="A",
        toStationId="D",
        userId="ann",
        seatIds=["A1"],
    )
    assert held["success"] is True
    assert held["heldSeatIds"] == ["A1"]
    assert held["expiresAt"].isdigit(), "64 bits are text in JSON"


async def test_a_refusal_has_the_code_the_message_and_the_details_of_grpc(both: Both) -> None:
    await both.stub.hold_seats(hold_for("ann"))
    request = hold_for("bob")
    told = await both.ask(request, "HoldSeats")
    with pytest.raises(GRPCError) as refused:
        await both.stub.hold_seats(request)
    assert told == Refused.of_grpc(refused.value.status.name, refused.value.message, refused.value.details)
    assert isinstance(told, Refused)
    assert [kind for kind, _ in told.details] == ["google.rpc.ErrorInfo", "google.rpc.PreconditionFailure"]


async def test_what_only_reads_can_be_asked_by_get_and_nothing_else(both: Both) -> None:
    asked = quote(json.dumps({"tripId": "t1", "organizationId": "org"}))
    answer = await both.client.get(f"/{SERVICE}/GetTrip?connect=v1&encoding=json&message={asked}")
    assert answer.json()["tripId"] == "t1"
    assert answer.headers["cache-control"] == "no-store"
    refused = await both.client.get(f"/{SERVICE}/ReleaseSeats?connect=v1&encoding=json&message={asked}")
    assert refused.status_code == 405


async def test_a_method_or_a_form_that_there_is_not_is_refused(both: Both) -> None:
    assert (await both.post("HoldTheLine", b"{}", form=JSON)).status_code == 404
    assert (await both.post("GetTrip", b"{}", form="text/xml")).status_code == 415


@pytest.mark.parametrize("body", [b"{", b'{"tripId": 7}', b"\xff", b'"text"', b"[" * 2_000, b'{"seatIds": [null]}'])
async def test_json_that_is_no_request_is_an_invalid_argument(both: Both, body: bytes) -> None:
    told = Refused.read((await both.post("HoldSeats", body, form=JSON)).content)
    assert told.code == "invalid_argument"
    assert "HoldSeatsRequest" in told.message


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("GetTrip", b'{"tripId": "t1", "tripId": "t2"}'),
        ("GetTrip", b'{"trip_id": "t1", "tripId": "t2"}'),
        ("HoldSeats", b'{"seatIds": ["A1"], "seat_ids": ["A2"]}'),
        ("ConfirmBooking", b'{"passengers": [{"seatId": "A1"}, {"seatId": "A1", "seat_id": "A2"}]}'),
    ],
)
async def test_a_field_that_json_names_twice_is_refused_however_it_is_named(
    both: Both, method: str, body: bytes
) -> None:
    told = Refused.read((await both.post(method, body, form=JSON)).content)
    assert told.code == "invalid_argument"
    assert "twice" in told.message


async def test_what_json_calls_by_names_of_its_own_may_be_alike(both: Both) -> None:
    """Prices are named by classes, of which one may be `first_class` and another `firstClass`."""
    prices = {"first_class": 1, "firstClass": 2}
    body = json.dumps({"tripId": "t2", "classPrices": prices}).encode()
    told = Refused.read((await both.post("ChangeTrip", body, form=JSON)).content)
    assert "twice" not in told.message


async def test_protobuf_that_is_no_request_is_an_invalid_argument(both: Both) -> None:
    told = Refused.read((await both.post("HoldSeats", b"\xff\xff")).content)
    assert told == Refused("invalid_argument", "the body is no HoldSeatsRequest in protobuf", [])


async def test_a_body_has_its_limit_and_an_administrators_is_larger(both: Both) -> None:
    too_large = b"\x0a" + b"\xff\x7f" + b"." * (BODIES.usual_max + 1)
    told = Refused.read((await both.post("HoldSeats", too_large)).content)
    assert told.code == "resource_exhausted"
    assert str(BODIES.usual_max) in told.message
    admin = Refused.read((await both.post("InitializeTripInventory", too_large)).content)
    assert admin.code == "invalid_argument", "it is read"


def test_json_has_a_limit_of_its_own() -> None:
    [codec] = [codec for codec in CODECS if codec.name() == "json"]
    with pytest.raises(ConnectError, match="send protobuf") as refused:
        codec.decode(b" " * (JSON_BYTES_MAX + 1), descriptors.message_type("HoldSeatsRequest"))
    assert refused.value.code is Code.RESOURCE_EXHAUSTED


async def test_what_unpacks_to_more_than_the_limit_is_not_unpacked(both: Both) -> None:
    packed = gzip.compress(b"\0" * 5_000_000)
    assert len(packed) < BODIES.usual_max
    told = Refused.read((await both.post("HoldSeats", packed, content_encoding="gzip")).content)
    assert told.code == "resource_exhausted"


class Slow(InventoryService):
    """Never answers a hold, nor a question for a trip."""

    def answers(self) -> Mapping[str, UnaryMethod]:
        return {
            **super().answers(),
            "HoldSeats": (Grant.HOLD, self.wait),
            "GetTrip": (Grant.READ, self.wait),
        }

    async def wait(self, _caller: Identity, _message: Message) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError("it waits for ever")


async def test_an_answer_that_does_not_come_in_time_is_unknown_or_to_be_asked_again() -> None:
    async with serving(kind=Slow, deadline_s=0.05) as both:
        held = await both.ask(v1.HoldSeatsRequest(), "HoldSeats")
        read = await both.ask(v1.GetTripRequest(), "GetTrip")
    assert isinstance(held, Refused)
    assert isinstance(read, Refused)
    assert (held.code, read.code) == ("unavailable", "unavailable")
    assert b"OUTCOME_UNKNOWN" in held.details[0][1]
    assert b"BACKEND_UNAVAILABLE" in read.details[0][1]


async def test_a_deadline_of_the_callers_own_ends_the_call() -> None:
    async with serving(kind=Slow) as both:
        answer = await both.post("HoldSeats", b"", connect_timeout_ms="50")
    assert Refused.read(answer.content).code == "deadline_exceeded"


GRPC_WEB, EMPTY = "application/grpc-web+proto", bytes(5)


async def test_a_deadline_of_grpc_web_ends_the_call() -> None:
    async with serving(kind=Slow) as both, asyncio.timeout(60):
        for path in ("HoldSeats", "GetTrip"):
            answer = await both.post(path, EMPTY, form=GRPC_WEB, grpc_timeout="50m")
            assert answer.status_code == 200
            assert b"grpc-status: 4\r\n" in answer.content.lower() or answer.headers["grpc-status"] == "4"


async def test_a_deadline_ends_a_stream_that_goes_on(both: Both) -> None:
    watch = bytes(v1.WatchSeatMapRequest(trip_id="t1", organization_id="org", from_station_id="A", to_station_id="D"))
    body, form = b"\0" + len(watch).to_bytes(4, "big") + watch, "application/connect+proto"
    async with asyncio.timeout(60):
        told = await both.post("WatchSeatMap", body, form=form, connect_timeout_ms="300")
    assert told.content[0] == 0, "the map as it is comes first"
    assert b"deadline_exceeded" in told.content


@pytest.mark.parametrize("said", ["-1", "+50", "1_0", "50.0", "5e1", "12345678901"])
async def test_a_deadline_that_is_no_number_is_refused(said: str) -> None:
    async with serving() as both:
        answer = await both.post("GetTrip", b"", connect_timeout_ms=said)
        assert Refused.read(answer.content).code == "invalid_argument"
        answer = await both.post("GetTrip", EMPTY, form=GRPC_WEB, grpc_timeout=f"{said}m")
        assert b"grpc-status: 3\r\n" in answer.content.lower() or answer.headers["grpc-status"] == "3"


class Broken(InventoryService):
    """Has a bug."""

    def answers(self) -> Mapping[str, UnaryMethod]:
        return {**super().answers(), "HoldSeats": (Grant.HOLD, self.fail)}

    async def fail(self, _caller: Identity, _message: Message) -> bytes:
        raise KeyError("a secret of ours")


async def test_of_a_bug_the_log_is_told_and_the_caller_is_not(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(kind=Broken) as both:
        with caplog.at_level(logging.ERROR):
            told = await both.ask(v1.HoldSeatsRequest(), "HoldSeats")
    assert told == Refused("internal", "the service failed, which is a bug", [])
    assert "a secret of ours" in caplog.text
