"""The client for programs without asyncio: the same steps, from plain code and from many threads."""

import inspect
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, active_count

import pytest
from anyio.from_thread import start_blocking_portal

from tests.client.service import ScriptedService, served
from travio_inventory.client import BlockingInventoryClient, InventoryClient, SeatUnavailable
from travio_inventory.wire.inventory.v1 import ConfirmBookingRequest, HoldSeatsRequest, ReleaseSeatsRequest

THREADS = 8


@pytest.fixture
def target(service: ScriptedService) -> Iterator[str]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(served(service)) as port:
        yield f"127.0.0.1:{port}"


@contextmanager
def no_thread_left() -> Iterator[None]:
    before = active_count()
    yield
    assert active_count() == before


def test_a_confirmed_hold_is_not_released(service: ScriptedService, target: str) -> None:
    with no_thread_left(), BlockingInventoryClient(target, user="u1") as inventory:
        with inventory.hold("t1", "A", "C", ["1A"], seconds=60) as hold:
            until = hold.expires_at
            assert hold.extend(120) == hold.expires_at > until
            booking = hold.confirm("o1")
        assert (booking.id, hold.seats) == (hold.id, ("1A",))
    assert service.seen(HoldSeatsRequest)[0].hold_duration_seconds == 60
    assert len(service.seen(ConfirmBookingRequest)) == 1
    assert service.seen(ReleaseSeatsRequest) == []


def test_an_exception_in_the_block_gives_the_seats_back_and_passes(service: ScriptedService, target: str) -> None:
    with (
        BlockingInventoryClient(target) as inventory,
        pytest.raises(ZeroDivisionError),
        inventory.hold("t1", "A", "C", ["1A"]) as hold,
    ):
        raise ZeroDivisionError
    assert [request.hold_id for request in service.seen(ReleaseSeatsRequest)] == [hold.id]


def test_a_hold_outside_a_block_stays(service: ScriptedService, target: str) -> None:
    with BlockingInventoryClient(target) as inventory:
        hold = inventory.hold("t1", "A", "C", ["1A"])
    assert service.seen(ReleaseSeatsRequest) == []
    with pytest.raises(RuntimeError):
        hold.release()


def test_refusals_come_through(service: ScriptedService, target: str) -> None:
    service.next(HoldSeatsRequest, SeatUnavailable([]))
    with BlockingInventoryClient(target) as inventory, pytest.raises(SeatUnavailable):
        inventory.hold("t1", "A", "C", ["1A"])


def test_many_threads_share_one_client(service: ScriptedService, target: str) -> None:
    together = Barrier(THREADS)

    def buy(number: int) -> str:
        together.wait()
        with inventory.acting_for(f"u{number}").hold("t1", "A", "C", [str(number)]) as hold:
            hold.confirm(f"o{number}")
        return hold.id

    with no_thread_left(), BlockingInventoryClient(target) as inventory, ThreadPoolExecutor(THREADS) as threads:
        holds = list(threads.map(buy, range(THREADS)))
    assert len(set(holds)) == THREADS
    confirmed = service.seen(ConfirmBookingRequest)
    assert {(request.user_id, request.order_id) for request in confirmed} == {
        (f"u{number}", f"o{number}") for number in range(THREADS)
    }
    assert service.seen(ReleaseSeatsRequest) == []


def test_a_client_that_is_not_open_says_so(target: str) -> None:
    inventory = BlockingInventoryClient(target)
    with pytest.raises(RuntimeError, match="not open"):
        inventory.find_hold("h1")
    with inventory:
        assert inventory.find_hold("h1").id == "h1"
    with pytest.raises(RuntimeError, match="not open"):
        inventory.find_hold("h1")


def test_both_clients_have_the_same_methods() -> None:
    """But the stub, which speaks asyncio only."""

    def public(kind: type[object]) -> set[str]:
        return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}

    assert public(BlockingInventoryClient) == public(InventoryClient) - {"stub"}
