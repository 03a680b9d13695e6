"""How soon a process goes by what another changed of a trip, and what that costs its callers."""

import asyncio

import pytest

from tests.seats.long_after import KEY, WHOLE, Shop, Store, a_trip, run
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import StoreUnavailable
from travio_inventory.seats.commands import SalesAction
from travio_inventory.seats.refusals import SalesClosed
from verification.kit.asking import control_sales, definition, open_trip, seat_map

BOUND_S = 10


async def seats(shop: Shop) -> int:
    """How many seats the map shows."""
    return len(list((await seat_map(shop.inventory, KEY, WHOLE)).seats()))


def test_a_trip_in_use_is_read_again_beside_its_calls() -> None:
    async def play() -> None:
        store = Store()
        shop, other = Shop(store, seed=1), Shop(store, seed=2)
        await open_trip(shop.inventory, a_trip(seats=13))
        await other.hold("A1")
        await control_sales(shop.inventory, KEY, SalesAction.CLOSE)
        told: list[object] = []
        for seat in range(2, 14):
            told += await asyncio.gather(other.hold(f"A{seat}"), return_exceptions=True)
            await asyncio.sleep(1)
        refused = [isinstance(each, SalesClosed) for each in told]
        assert BOUND_S / 2 <= refused.index(True) < BOUND_S
        assert all(refused[refused.index(True) :])

    run(play())


def test_a_trip_that_was_not_used_for_longer_is_read_before_it_is_sold() -> None:
    async def play() -> None:
        store = Store()
        shop, other = Shop(store, seed=1), Shop(store, seed=2)
        await open_trip(shop.inventory, a_trip())
        await other.hold("A1")
        await control_sales(shop.inventory, KEY, SalesAction.CLOSE)
        await asyncio.sleep(BOUND_S)
        with pytest.raises(SalesClosed):
            await other.hold("A2")

    run(play())


def test_a_process_goes_by_its_own_change_at_once() -> None:
    async def play() -> None:
        shop = Shop(Store())
        await open_trip(shop.inventory, a_trip())
        await shop.hold("A1")
        for action in (SalesAction.CLOSE, SalesAction.REOPEN) * 2:
            await control_sales(shop.inventory, KEY, action)
            if action is SalesAction.CLOSE:
                with pytest.raises(SalesClosed):
                    await shop.hold("A2")
        await shop.hold("A2")

    run(play())


def test_what_is_shown_of_a_trip_outlives_a_store_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        store = Store()
        shop = Shop(store)
        await open_trip(shop.inventory, a_trip())
        assert await definition(shop.inventory, KEY) == a_trip()

        async def away(*_: object) -> object:
            raise StoreUnavailable

        monkeypatch.setattr(store, "get", away)
        await asyncio.sleep(BOUND_S / 2)
        await seats(shop)
        await asyncio.sleep(BOUND_S)
        await seats(shop)
        with pytest.raises(BackendUnavailable):
            await shop.hold("A2")

    run(play())
