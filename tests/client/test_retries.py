"""What the client retries, for how long, and under which key."""

from collections.abc import Callable
from time import monotonic

import pytest

from tests.client.attempts import ask, contended, keys, never
from tests.client.service import Relay, ScriptedService, unavailable
from travio_inventory.client import (
    InvalidRequest,
    InventoryClient,
    OutcomeUnknown,
    Overloaded,
    SeatContended,
    SeatUnavailable,
)
from travio_inventory.seats.refusals import Decided
from travio_inventory.wire.inventory.v1 import HoldSeatsRequest


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


async def test_an_answer_lost_with_the_connection_is_requested_again_with_the_same_key(
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


async def test_retries_are_bounded_in_number(service: ScriptedService, target: str) -> None:
    service.next(HoldSeatsRequest, *(unavailable() for _ in range(10)))
    async with InventoryClient(target, attempts_max=3) as inventory:
        with pytest.raises(OutcomeUnknown):
            await ask(inventory)
    assert len(keys(service)) == 3


async def test_retries_are_bounded_in_time(service: ScriptedService, target: str) -> None:
    service.next(HoldSeatsRequest, *(unavailable() for _ in range(1_000)))
    began = monotonic()
    async with InventoryClient(target, attempts_max=1_000, deadline_s=2.0) as inventory:
        with pytest.raises(OutcomeUnknown):
            await ask(inventory)
    assert monotonic() - began < 30
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
    assert monotonic() - began < 30


async def test_a_retry_waits_as_long_as_the_service_asks(service: ScriptedService, inventory: InventoryClient) -> None:
    refusal = Overloaded()
    refusal.retry_after_ms = 300
    service.next(HoldSeatsRequest, refusal)
    began = monotonic()
    await ask(inventory)
    assert monotonic() - began >= 0.3


@pytest.mark.parametrize("refusal", [SeatUnavailable([]), InvalidRequest([]), contended()], ids=type)
async def test_a_refusal_is_not_retried(
    service: ScriptedService, inventory: InventoryClient, refusal: Exception
) -> None:
    service.next(HoldSeatsRequest, refusal)
    with pytest.raises(type(refusal)):
        await ask(inventory)
    assert len(keys(service)) == 1


@pytest.mark.once
async def test_a_contended_seat_is_retried_if_the_caller_wants_it(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    service.next(HoldSeatsRequest, *(contended() for _ in range(6)))
    await ask(inventory, retry_contended_s=30)
    assert len(set(keys(service))) == 1
    assert len(keys(service)) == 7


async def test_a_seat_contended_for_longer_than_the_caller_waits_is_refused(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    service.next(HoldSeatsRequest, contended(), contended(retry_after_ms=25_000))
    with pytest.raises(SeatContended) as caught:
        await ask(inventory, retry_contended_s=20)
    assert caught.value.seats == ("1A",)
    assert caught.value.retry_after == 25
    assert len(keys(service)) == 2


async def test_contention_after_a_lost_answer_does_not_settle_it(service: ScriptedService, target: str) -> None:
    """The first request may have won the seats, so "another has them" must not send the caller elsewhere."""
    service.next(HoldSeatsRequest, unavailable(), contended(), contended())
    async with InventoryClient(target, attempts_max=3) as inventory:
        with pytest.raises(OutcomeUnknown) as caught:
            await ask(inventory)
    assert isinstance(caught.value.__cause__, SeatContended)
    assert len(keys(service)) == 3


async def test_a_definite_refusal_settles_a_lost_answer(service: ScriptedService, inventory: InventoryClient) -> None:
    service.next(HoldSeatsRequest, unavailable(), SeatUnavailable([]))
    with pytest.raises(SeatUnavailable):
        await ask(inventory)


async def test_a_lost_answer_is_settled_by_the_store(service: ScriptedService, inventory: InventoryClient) -> None:
    """Only from then on: neither the first attempt nor one that was answered asks the store directly."""
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
