"""The client for asyncio: holds and their blocks, deadlines, lost connections."""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic

import anyio
import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from tests.client.attempts import ask, keys, never
from tests.client.service import EXPIRES_AT_S, Relay, ScriptedService, served
from travio_inventory.client import (
    BackendUnavailable,
    ClientError,
    InventoryClient,
    Journey,
    OutcomeUnknown,
    Passenger,
    SeatContended,
    SeatUnavailable,
)
from travio_inventory.client.client import ATTEMPTS_MAX_DEFAULT
from travio_inventory.wire.inventory.v1 import (
    ConfirmBookingRequest,
    GetHoldRequest,
    HoldSeatsRequest,
    HoldSeatsResponse,
    ReleaseSeatsRequest,
)


async def test_a_confirmed_hold_is_not_released(service: ScriptedService, inventory: InventoryClient) -> None:
    async with ask(inventory) as hold:
        booking = await hold.confirm("o1", [Passenger("1A", name="Ada", national_id="7")])
    assert hold.seats == ("1A",)
    assert hold.expires_at.timestamp() == EXPIRES_AT_S
    assert (booking.id, booking.tickets[0].id, booking.tickets[0].number) == (hold.id, "t1", "A1")
    [confirmed] = service.seen(ConfirmBookingRequest)
    assert (confirmed.hold_id, confirmed.order_id, confirmed.user_id) == (hold.id, "o1", "u1")
    assert (confirmed.passengers[0].passenger_name, confirmed.passengers[0].passenger_nid) == ("Ada", "7")
    assert service.seen(ReleaseSeatsRequest) == []


async def test_a_block_left_without_confirm_gives_the_seats_back(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    async with ask(inventory) as hold:
        pass
    [released] = service.seen(ReleaseSeatsRequest)
    assert (released.hold_id, released.user_id, released.organization_id) == (hold.id, "u1", "default")


async def test_an_exception_in_the_block_gives_the_seats_back_and_passes(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with ask(inventory):
            raise ZeroDivisionError
    assert len(service.seen(ReleaseSeatsRequest)) == 1


async def test_a_release_that_fails_is_logged_and_hides_nothing(
    service: ScriptedService, inventory: InventoryClient, caplog: pytest.LogCaptureFixture
) -> None:
    service.next(ReleaseSeatsRequest, *[GRPCError(Status.INTERNAL, "a bug")] * ATTEMPTS_MAX_DEFAULT)
    with caplog.at_level(logging.WARNING), pytest.raises(ZeroDivisionError):
        async with ask(inventory) as hold:
            raise ZeroDivisionError
    assert hold.id in caplog.text
    assert "a bug" in caplog.text


async def test_a_hold_released_in_its_block_is_not_released_again(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    async with ask(inventory) as hold:
        assert await hold.release() == 1
    assert len(service.seen(ReleaseSeatsRequest)) == 1


async def test_a_confirm_without_an_answer_leaves_the_hold_to_be_released(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    service.next(ConfirmBookingRequest, *[GRPCError(Status.INTERNAL, "a bug")] * ATTEMPTS_MAX_DEFAULT)
    with pytest.raises(OutcomeUnknown, match="a bug"):
        async with ask(inventory) as hold:
            await hold.confirm("o1")
    assert len(service.seen(ReleaseSeatsRequest)) == 1


async def test_a_cancelled_task_gives_the_seats_back(service: ScriptedService, inventory: InventoryClient) -> None:
    inside = asyncio.Event()

    async def buy() -> None:
        async with ask(inventory):
            inside.set()
            await never()

    buying = asyncio.create_task(buy())
    await inside.wait()
    buying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await buying
    assert len(service.seen(ReleaseSeatsRequest)) == 1


async def test_a_cancelled_scope_gives_the_seats_back(service: ScriptedService, inventory: InventoryClient) -> None:
    with anyio.move_on_after(60) as scope:
        async with ask(inventory):
            scope.cancel()
            await never()
    assert scope.cancelled_caught
    assert len(service.seen(ReleaseSeatsRequest)) == 1


async def test_a_release_does_not_hold_up_a_cancelled_caller_for_longer_than_a_deadline(
    service: ScriptedService, target: str
) -> None:
    service.next(ReleaseSeatsRequest, never)
    began = monotonic()
    async with InventoryClient(target, deadline_s=0.5) as inventory:
        with anyio.move_on_after(60) as scope:
            async with ask(inventory):
                scope.cancel()
                await never()
    assert scope.cancelled_caught
    assert 0.45 < monotonic() - began < 30


async def test_a_hold_cancelled_before_its_answer_is_found_by_its_key_and_given_back(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    arrived = asyncio.Event()

    async def arrive() -> None:
        arrived.set()
        await never()

    service.next(HoldSeatsRequest, arrive)
    asking = asyncio.create_task(ask(inventory).__aenter__())
    await arrived.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    first, again = keys(service)
    assert first == again
    assert [request.hold_id for request in service.seen(ReleaseSeatsRequest)] == [f"hold-{first}"]


async def test_a_scope_cancelled_before_the_answer_gives_the_seats_back(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    async def cancel() -> None:
        scope.cancel()
        await never()

    service.next(HoldSeatsRequest, cancel)
    with anyio.CancelScope() as scope:
        async with ask(inventory):
            pytest.fail("the first request is never answered")
    assert scope.cancelled_caught
    assert len(service.seen(ReleaseSeatsRequest)) == 1


async def test_extending_a_hold_moves_its_expiry(service: ScriptedService, inventory: InventoryClient) -> None:
    hold = await ask(inventory)
    assert await hold.extend(60) == hold.expires_at
    assert hold.expires_at.timestamp() == EXPIRES_AT_S + 60
    assert service.seen(ReleaseSeatsRequest) == []


async def test_a_step_without_an_answer_ends_by_its_deadline_as_unknown(service: ScriptedService, target: str) -> None:
    service.next(HoldSeatsRequest, never)
    began = monotonic()
    async with InventoryClient(target, deadline_s=0.2) as inventory:
        with pytest.raises(OutcomeUnknown):
            await ask(inventory)
    assert 0.15 < monotonic() - began < 30


async def test_a_read_without_an_answer_ends_by_its_deadline_as_unavailable(
    service: ScriptedService, target: str
) -> None:
    service.next(GetHoldRequest, never)
    async with InventoryClient(target, deadline_s=0.2) as inventory:
        with pytest.raises(BackendUnavailable):
            await inventory.find_hold("h1")


async def test_the_service_is_told_the_deadline(service: ScriptedService, inventory: InventoryClient) -> None:
    began = monotonic()
    await ask(inventory)
    [seconds] = service.seconds_given
    assert seconds is not None
    assert 4.9 - (monotonic() - began) < seconds <= 5


async def test_a_deadline_leaves_the_callers_own_timeouts_right(service: ScriptedService, target: str) -> None:
    service.next(GetHoldRequest, never)
    async with InventoryClient(target, deadline_s=0.1) as inventory:
        own = asyncio.timeout(None)
        with pytest.raises(TimeoutError):  # noqa: PT012 - the timeout is the block that raises
            async with own:
                with pytest.raises(BackendUnavailable):
                    await inventory.find_hold("h1")
                own.reschedule(asyncio.get_running_loop().time())
                await never()


async def test_a_service_that_cannot_be_reached_has_done_nothing() -> None:
    async with InventoryClient("127.0.0.1:1", attempts_max=2) as inventory:
        with pytest.raises(BackendUnavailable, match=r"nothing answers at 127\.0\.0\.1:1 \(Connection refused\)"):
            await ask(inventory)


async def test_a_client_need_not_be_opened_again_when_the_service_comes_up() -> None:
    service = ScriptedService()
    async with served(service) as port:
        pass
    async with InventoryClient(f"127.0.0.1:{port}", attempts_max=1) as inventory:
        with pytest.raises(BackendUnavailable):
            await ask(inventory)
        async with served(service, port=port):
            await ask(inventory)


async def test_a_silent_connection_is_replaced(relay: Relay, relayed: Callable[[float], InventoryClient]) -> None:
    async with relayed(0.6) as inventory:
        await inventory.find_hold("h1")
        relay.freeze()
        with pytest.raises(BackendUnavailable):
            await inventory.find_hold("h1")
        async with asyncio.timeout(60):
            while relay.connections == 1:
                try:
                    await inventory.find_hold("h1")
                except BackendUnavailable:
                    await asyncio.sleep(0.05)
        await inventory.find_hold("h1")


async def test_an_unknown_status_is_no_refusal(service: ScriptedService, inventory: InventoryClient) -> None:
    service.next(GetHoldRequest, GRPCError(Status.PERMISSION_DENIED, "not for you"))
    with pytest.raises(ClientError) as caught:
        await inventory.find_hold("h1")
    assert (caught.value.status, caught.value.message) == (Status.PERMISSION_DENIED, "not for you")


async def test_a_client_that_is_not_open_says_so() -> None:
    with pytest.raises(RuntimeError, match="not open"):
        await ask(InventoryClient())
    with pytest.raises(RuntimeError, match="not open"):
        await InventoryClient().seat_map("t", "A", "B")


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("seat query contention - please retry", SeatContended),
        ("some seats not available", SeatUnavailable),
        ("something else", ClientError),
    ],
)
async def test_a_legacy_refusal_is_a_refusal_too(
    service: ScriptedService, inventory: InventoryClient, reason: str, kind: type[Exception]
) -> None:
    service.replies[HoldSeatsRequest] = HoldSeatsResponse(failure_reason=reason, failed_seat_ids=["1A"])
    with pytest.raises(kind, match="1A" if kind is not ClientError else reason):
        await ask(inventory)


async def test_one_connection_acts_for_many_users(service: ScriptedService, inventory: InventoryClient) -> None:
    await ask(inventory.acting_for("u2"))
    await ask(inventory.acting_for("u3", organization="o3"))
    await inventory.hold("t1", "A", "A", ["1A"], segments=Journey(1, 2), seconds=30, session="s1")
    asked = [(request.organization_id, request.user_id) for request in service.seen(HoldSeatsRequest)]
    assert asked == [("default", "u2"), ("o3", "u3"), ("default", "u1")]
    last = service.seen(HoldSeatsRequest)[-1]
    assert (last.from_segment_index, last.to_segment_index) == (1, 2)
    assert (last.hold_duration_seconds, last.session_id) == (30, "s1")
