"""The end and the beginning of the process: a stop loses nothing, and a start obeys the settings and the lock of the
folder.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from grpclib.const import Status
from grpclib.encoding.proto import ProtoStatusDetailsCodec
from grpclib.exceptions import GRPCError
from grpclib.metadata import decode_bin_value

from travio_inventory.client import (
    BackendUnavailable,
    ClientError,
    HoldStatus,
    InventoryClient,
    Overloaded,
    Refusal,
    RetryableRefusal,
)
from travio_inventory.client.refusals import refusal_from
from travio_inventory.wire.inventory import v1 as wire
from verification.kit.frames import framed
from verification.kit.raw_caller import RawReply, raw_caller
from verification.kit.requests import path_of, request
from verification.kit.service_process import ORGANIZATION, EndedEarly, ServiceProcess, eventually
from verification.kit.trips import trip_of

pytestmark = pytest.mark.long

IN_FLIGHT = 150
SEATS_PER_USER = 600
BEGUN_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 10.0
HEALTH = "/grpc.health.v1.Health/Check"


async def hold_until_stopped(client: InventoryClient, user: str, held: list[str]) -> None:
    """Hold seats one after the other until the service stops; adds the ids of the acknowledged holds."""
    as_user = client.acting_for(user)
    with suppress(RetryableRefusal):
        for number in range(1, SEATS_PER_USER + 1):
            seat = f"seat-{(int(user) - 1) * SEATS_PER_USER + number}"
            held.append((await as_user.hold("busy", "S0", "S1", [seat])).id)


async def test_a_stop_answers_the_calls_in_flight_and_loses_none(processes: Callable[..., ServiceProcess]) -> None:
    """Some are half way when SIGTERM comes; callers that continue are refused, and what was acknowledged is there
    afterwards.
    """
    service = processes()
    await service.start()
    rest = trip_of("rest", seats=IN_FLIGHT, segments=2, seats_per_group=4)
    busy = trip_of("busy", seats=3 * SEATS_PER_USER, segments=1)
    async with service.client() as client, raw_caller(service.port) as caller:
        await client.open_trip(rest)
        await client.open_trip(busy)
        acknowledged: dict[str, list[str]] = {user: [] for user in "123"}
        going_on = [asyncio.create_task(hold_until_stopped(client, *each)) for each in acknowledged.items()]

        async def all_have_begun() -> bool:
            return all(acknowledged.values())

        await eventually(all_have_begun, within_s=BEGUN_SECONDS_MAX)
        streams = []
        for seat in rest.seats:
            asked = request(
                "HoldSeats",
                {"trip_id": "rest", "seat_ids": [seat.id], "idempotency_key": seat.id, "hold_duration_seconds": 0},
            )
            streams.append(caller.call(path_of("HoldSeats"), framed(asked.SerializeToString())))
        await caller.ask(HEALTH, framed(b""))  # behind them on the same connection: the service has read them all
        began = time.monotonic()
        stopping = asyncio.create_task(service.stop())
        answers = [await caller.answer(stream) for stream in streams]
        assert [answer.status for answer in answers] == [Status.OK] * IN_FLIGHT
        await asyncio.gather(*going_on)
        assert await stopping == 0
        assert time.monotonic() - began < STOP_SECONDS_MAX
    await service.start()
    async with service.client() as client:
        assert len(await client.list_holds(trip="rest")) == IN_FLIGHT
        for user, held in acknowledged.items():
            for hold_id in held:
                assert (await client.acting_for(user).find_hold(hold_id)).status is HoldStatus.HELD
    assert await service.stop() == 0


def meant(answer: RawReply) -> Refusal | ClientError:
    """What a client makes of the answer to a call that writes."""
    assert answer.status is not None
    packed = answer.headers["grpc-status-details-bin"].encode()
    details = ProtoStatusDetailsCodec().decode(answer.status, answer.message, decode_bin_value(packed))
    return refusal_from(GRPCError(answer.status, answer.message, details), writes=True)


@pytest.mark.once
async def test_a_caller_that_is_refused_at_once_knows_that_nothing_was_done(
    processes: Callable[..., ServiceProcess],
) -> None:
    """While another call uses the whole limit, and then while the service waits for its end to stop."""
    service = processes(TRAVIO_CALLS_MAX="1")
    await service.start()
    hold = framed(request("HoldSeats").SerializeToString())
    async with raw_caller(service.port) as caller:
        unfinished = caller.open(path_of("HoldSeats"), replacing=[("grpc-timeout", "60S")])
        assert isinstance(meant(await caller.answer(caller.call(path_of("HoldSeats"), hold))), Overloaded)
        stopping = asyncio.create_task(service.stop())

        refusals: list[Refusal | ClientError] = []

        async def is_refused_by_one_that_stops() -> bool:
            refusals.append(meant(await caller.answer(caller.call(path_of("HoldSeats"), hold))))
            return not isinstance(refusals[-1], Overloaded)

        await eventually(is_refused_by_one_that_stops, within_s=STOP_SECONDS_MAX)
        assert isinstance(refusals[-1], BackendUnavailable)
        assert "the service is stopping" in str(refusals[-1])
        caller.reset(unfinished)
        assert await stopping == 0


@pytest.mark.parametrize(
    ("first", "second"), [("serve", "work"), pytest.param("work", "serve", marks=pytest.mark.once)]
)
async def test_a_data_folder_has_one_process(processes: Callable[..., ServiceProcess], first: str, second: str) -> None:
    having, wanting = processes(first), processes(second)
    await having.start()
    with pytest.raises(EndedEarly):
        await wanting.start()
    assert await wanting.ended() > 0
    (line,) = wanting.log.splitlines()
    assert f"data folder {having.data} is in use by process {having.pid}" in line
    assert await having.stop() == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GRPC_PORT", "ninety"),
        pytest.param("HOLD_TTL_SECONDS", "0", marks=pytest.mark.once),
        pytest.param("SCYLLA_HOSTS", "db1:port", marks=pytest.mark.once),
        pytest.param("TRAVIO_HOLDS_PER_HOLDER", "3", marks=pytest.mark.once),
    ],
)
async def test_a_wrong_setting_stops_the_start_with_one_line_that_names_it(
    processes: Callable[..., ServiceProcess], name: str, value: str
) -> None:
    service = processes(**{name: value})
    with pytest.raises(EndedEarly):
        await service.start()
    assert await service.ended() > 0
    (line,) = service.log.splitlines()
    assert name in line
    assert not service.data.exists()


@pytest.mark.once
async def test_a_taken_port_stops_the_start_with_one_line(
    processes: Callable[..., ServiceProcess], shared: ServiceProcess
) -> None:
    service = processes(GRPC_PORT=str(shared.port))
    with pytest.raises(EndedEarly):
        await service.start()
    assert await service.ended() > 0
    (line,) = service.log.splitlines()
    assert f"cannot listen on 127.0.0.1:{shared.port}" in line


def hold_request(user: str, *seats: str, seconds: int = 0) -> wire.HoldSeatsRequest:
    return wire.HoldSeatsRequest(
        trip_id="t",
        from_station_id="S0",
        to_station_id="S1",
        seat_ids=list(seats),
        user_id=user,
        organization_id=ORGANIZATION,
        hold_duration_seconds=seconds,
    )


async def refused(call: object) -> tuple[Status, str]:
    """The status and the message of a call that must fail."""
    with pytest.raises(GRPCError) as failed:
        await call  # type: ignore[misc]  # of the stub, whose type says it is a coroutine
    return failed.value.status, failed.value.message or ""


async def test_settings_reach_the_running_service(processes: Callable[..., ServiceProcess]) -> None:
    service = processes(
        HOLD_TTL_SECONDS="77",
        TRAVIO_HOLD_TTL_SECONDS_MAX="80",
        TRAVIO_HOLD_TOTAL_SECONDS_MAX="90",
        TRAVIO_HOLDS_PER_HOLDER_MAX="3",
        TRAVIO_MESSAGE_BYTES_MAX="1024",
        TRAVIO_EVENTS="none",
        TRAVIO_LOG_FORMAT="json",
    )
    await service.start()
    async with service.client() as client:
        await client.open_trip(trip_of("t", seats=30, seats_per_group=1))
        asked_at = time.time()
        reply = await client.stub.hold_seats(hold_request("u1", "seat-1"))
        assert asked_at + 76 <= reply.expires_at <= time.time() + 77
        too_long = await refused(client.stub.hold_seats(hold_request("u2", "seat-2", seconds=81)))
        assert too_long[0] is Status.INVALID_ARGUMENT
        await client.acting_for("u1").extend(reply.hold_id, 80)
        big = await refused(client.stub.hold_seats(hold_request("u2", *(f"{n:0128}" for n in range(9)))))
        assert big[0] is Status.RESOURCE_EXHAUSTED
        many = [client.stub.hold_seats(hold_request("greedy", f"seat-{n}")) for n in range(2, 22)]
        answers = await asyncio.gather(*many, return_exceptions=True)
        failed = [answer for answer in answers if isinstance(answer, GRPCError)]
        assert {failure.status for failure in failed} <= {Status.RESOURCE_EXHAUSTED, Status.ABORTED}
        assert any("maximum concurrent holds exceeded" in (failure.message or "") for failure in failed)
        assert len(await client.acting_for("greedy").list_holds()) == len(answers) - len(failed) == 3
    assert await service.stop() == 0
    assert all(line.startswith("{") for line in service.log.splitlines())
    assert not (service.data / "events.jsonl").exists()


@pytest.mark.once
async def test_legacy_refusals_are_the_words_that_old_clients_know(
    processes: Callable[..., ServiceProcess],
) -> None:
    service = processes(REFUSALS="legacy", TRAVIO_HOLDS_PER_HOLDER_MAX="1", TRAVIO_TAKEN_TTL_MS="400")
    await service.start()
    async with service.client() as client:
        await client.open_trip(trip_of("t", seats=5))
        first = await client.stub.hold_seats(hold_request("u1", "seat-1", seconds=8))
        assert first.success
        contended = await client.stub.hold_seats(hold_request("u2", "seat-1", "seat-2"))
        assert (contended.success, contended.hold_id, contended.expires_at) == (False, "", 0)
        assert contended.failure_reason == "seat query contention - please retry"
        assert contended.failed_seat_ids == ["seat-1"]
        limited = await client.stub.hold_seats(hold_request("u1", "seat-3"))
        assert (limited.success, limited.failure_reason) == (False, "maximum concurrent holds exceeded")
        await asyncio.sleep(0.5)
        taken = await client.stub.hold_seats(hold_request("u2", "seat-1", "seat-2"))
        assert (taken.success, taken.failure_reason) == (False, "seat query contention - please retry")
        buyer = client.acting_for("u4")
        await buyer.confirm((await buyer.hold("t", "S0", "S1", ["seat-4"])).id, "order")
        sold = await client.stub.hold_seats(hold_request("u2", "seat-4"))
        assert (sold.success, sold.failure_reason) == (False, "some seats not available")
        assert taken.failed_seat_ids == ["seat-1"]
        asked = wire.ConfirmBookingRequest(
            hold_id=first.hold_id, order_id="o", user_id="stranger", organization_id=ORGANIZATION
        )
        assert await refused(client.stub.confirm_booking(asked)) == (Status.FAILED_PRECONDITION, "hold not found")
        asked.user_id = "u1"
        await asyncio.sleep(max(0.0, first.expires_at + 1.5 - time.time()))
        await client.acting_for("u3").hold("t", "S0", "S1", ["seat-1"], retry_contended_s=5)
        assert await refused(client.stub.confirm_booking(asked)) == (Status.FAILED_PRECONDITION, "hold has expired")
    assert await service.stop() == 0
