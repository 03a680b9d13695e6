"""The client for asyncio: holds and their seat groups, retries, deadlines, lost lines."""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic

import anyio
import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from tests.client.service import EXPIRES_AT_S, Relay, ScriptedService, served, unavailable
from travio_inventory.client import (
    BackendUnavailable,
    ClientError,
    HoldAttempt,
    InvalidRequest,
    InventoryClient,
    Journey,
    OutcomeUnknown,
    Overloaded,
    Passenger,
    SeatContended,
    SeatUnavailable,
)
from travio_inventory.client.client import ATTEMPTS_MAX_DEFAULT
from travio_inventory.seats.refusals import Decided
from travio_inventory.wire.inventory.v1 import (
    ConfirmBookingRequest,
    GetHoldRequest,
    HoldSeatsRequest,
    HoldSeatsResponse,
    ReleaseSeatsRequest,
)


def contended(retry_after_ms: int = 1) -> SeatContended:
    return SeatContended(["1A"], retry_after_ms=retry_after_ms)


def ask(inventory: InventoryClient, *, key: str = "", retry_contended_s: float = 0.0) -> HoldAttempt:
    return inventory.hold("t1", "A", "C", ["1A"], key=key, retry_contended_s=retry_contended_s)


def keys(service: ScriptedService) -> list[str]:
    return [request.idempotency_key for request in service.seen(HoldSeatsRequest)]


async def never() -> None:
    await asyncio.Event().wait()


# ---- a hold and its seat group


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
    with anyio.move_on_after(5) as scope:
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
    async with InventoryClient(target, deadline_s=0.2) as inventory:
        with anyio.move_on_after(5) as scope:
            async with ask(inventory):
                scope.cancel()
                await never()
    assert scope.cancelled_caught
    assert 0.15 < monotonic() - began < 2


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


# ---- one key for one attempt


async def test_an_attempt_has_one_key_and_another_attempt_another(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    attempt = ask(inventory)
    first, again, other = await attempt, await attempt, await ask(inventory)
    assert first.id == again.id != other.id
    assert keys(service)[0] == attempt.key
    assert len(attempt.key) == 32


async def test_a_retry_reuses_the_key(service: ScriptedService, inventory: InventoryClient) -> None:
    service.next(HoldSeatsRequest, unavailable(), unavailable())
    hold = await ask(inventory)
    assert keys(service) == [hold.id.removeprefix("hold-")] * 3


async def test_a_caller_may_bring_its_own_key(service: ScriptedService, inventory: InventoryClient) -> None:
    await ask(inventory, key="mine")
    assert keys(service) == ["mine"]


async def test_an_answer_lost_with_the_line_is_asked_for_again_under_the_same_key(
    service: ScriptedService, relay: Relay, relayed: Callable[[float], InventoryClient]
) -> None:
    async def cut() -> None:
        relay.cut()
        await never()

    service.next(HoldSeatsRequest, cut)
    async with relayed(5.0) as inventory:
        hold = await ask(inventory)
    assert keys(service) == [hold.id.removeprefix("hold-")] * 2
    assert relay.connections == 2


# ---- what is retried, and for how long


async def test_retries_are_bounded_in_number(service: ScriptedService, target: str) -> None:
    service.next(HoldSeatsRequest, *(unavailable() for _ in range(10)))
    async with InventoryClient(target, attempts_max=3) as inventory:
        with pytest.raises(OutcomeUnknown):
            await ask(inventory)
    assert len(keys(service)) == 3


async def test_retries_are_bounded_in_time(service: ScriptedService, target: str) -> None:
    service.next(HoldSeatsRequest, *(unavailable() for _ in range(1_000)))
    began = monotonic()
    async with InventoryClient(target, attempts_max=1_000, deadline_s=0.5) as inventory:
        with pytest.raises(OutcomeUnknown):
            await ask(inventory)
    assert monotonic() - began < 2
    assert 1 < len(keys(service)) < 20


async def test_nobody_waits_for_a_retry_that_would_come_after_the_deadline(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    refusal = Overloaded()
    refusal.retry_after_ms = 60_000
    service.next(HoldSeatsRequest, refusal)
    began = monotonic()
    with pytest.raises(Overloaded) as caught:
        await ask(inventory)
    assert caught.value.retry_after == 60
    assert monotonic() - began < 2


async def test_a_retry_waits_as_long_as_the_service_asks(service: ScriptedService, inventory: InventoryClient) -> None:
    refusal = Overloaded()
    refusal.retry_after_ms = 300
    service.next(HoldSeatsRequest, refusal)
    began = monotonic()
    await ask(inventory)
    assert monotonic() - began >= 0.3


@pytest.mark.parametrize("refusal", [SeatUnavailable([]), InvalidRequest([]), contended()], ids=type)
async def test_a_no_is_not_asked_again(
    service: ScriptedService, inventory: InventoryClient, refusal: Exception
) -> None:
    service.next(HoldSeatsRequest, refusal)
    with pytest.raises(type(refusal)):
        await ask(inventory)
    assert len(keys(service)) == 1


async def test_a_contended_seat_is_asked_for_again_where_the_caller_wants_it(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    service.next(HoldSeatsRequest, *(contended() for _ in range(6)))
    await ask(inventory, retry_contended_s=30)
    assert len(set(keys(service))) == 1
    assert len(keys(service)) == 7


async def test_a_seat_contended_for_longer_than_the_caller_waits_is_refused(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    service.next(HoldSeatsRequest, contended(), contended(retry_after_ms=500))
    with pytest.raises(SeatContended) as caught:
        await ask(inventory, retry_contended_s=0.4)
    assert caught.value.seats == ("1A",)
    assert caught.value.retry_after == 0.5
    assert len(keys(service)) == 2


async def test_contention_after_a_lost_answer_is_no_answer(service: ScriptedService, target: str) -> None:
    """The first request may have won the seats, so "another has them" must not send the caller elsewhere."""
    service.next(HoldSeatsRequest, unavailable(), contended(), contended())
    async with InventoryClient(target, attempts_max=3) as inventory:
        with pytest.raises(OutcomeUnknown) as caught:
            await ask(inventory)
    assert isinstance(caught.value.__cause__, SeatContended)
    assert len(keys(service)) == 3


async def test_a_definite_no_settles_a_lost_answer(service: ScriptedService, inventory: InventoryClient) -> None:
    service.next(HoldSeatsRequest, unavailable(), SeatUnavailable([]))
    with pytest.raises(SeatUnavailable):
        await ask(inventory)


async def test_a_lost_answer_is_settled_by_the_store(service: ScriptedService, inventory: InventoryClient) -> None:
    """From then on, and not before: neither the first attempt nor one that was answered asks past the edge."""
    service.next(HoldSeatsRequest, contended(), unavailable(), contended(), unavailable())
    attempt = inventory.hold("T1", "A", "B", ["1A"], retry_contended_s=30)
    await attempt
    await attempt
    asked = [request.settle for request in service.seen(HoldSeatsRequest)]
    assert asked == [False, False, True, True, True, False]


async def test_what_the_edge_says_of_a_seat_settles_nothing(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    service.next(HoldSeatsRequest, unavailable(), SeatUnavailable([], decided=Decided("edge", 1)))
    with pytest.raises(OutcomeUnknown):
        await ask(inventory)


# ---- deadlines and lost lines


async def test_a_step_without_an_answer_ends_by_its_deadline_as_unknown(service: ScriptedService, target: str) -> None:
    service.next(HoldSeatsRequest, never)
    began = monotonic()
    async with InventoryClient(target, deadline_s=0.2) as inventory:
        with pytest.raises(OutcomeUnknown):
            await ask(inventory)
    assert 0.15 < monotonic() - began < 2


async def test_a_question_without_an_answer_ends_by_its_deadline_as_unavailable(
    service: ScriptedService, target: str
) -> None:
    service.next(GetHoldRequest, never)
    async with InventoryClient(target, deadline_s=0.2) as inventory:
        with pytest.raises(BackendUnavailable):
            await inventory.find_hold("h1")


async def test_the_service_is_told_the_deadline(service: ScriptedService, inventory: InventoryClient) -> None:
    await ask(inventory)
    [seconds] = service.seconds_given
    assert seconds is not None
    assert 4 < seconds <= 5


async def test_a_deadline_leaves_the_callers_own_timeouts_right(service: ScriptedService, target: str) -> None:
    service.next(GetHoldRequest, never)
    async with InventoryClient(target, deadline_s=0.1) as inventory:
        own = asyncio.timeout(None)
        with pytest.raises(TimeoutError):  # noqa: PT012 - the timeout is the seat group that raises
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


async def test_a_line_gone_silent_is_replaced(relay: Relay, relayed: Callable[[float], InventoryClient]) -> None:
    async with relayed(0.3) as inventory:
        await inventory.find_hold("h1")
        relay.freeze()
        with pytest.raises(BackendUnavailable):
            await inventory.find_hold("h1")
        async with asyncio.timeout(10):
            while relay.connections == 1:
                try:
                    await inventory.find_hold("h1")
                except BackendUnavailable:
                    await asyncio.sleep(0.05)
        await inventory.find_hold("h1")


# ---- what is no refusal


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
async def test_a_legacy_no_is_a_refusal_too(
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
