"""The cases with which an operator verifies stock: every store of ours passes them, and stock that lies does not."""

import asyncio
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from tests.stock.shop import Shop
from travio_inventory.kernel.promises import Promise, PromiseBroken
from travio_inventory.kernel.refusals import Overloaded
from travio_inventory.stock import promises
from travio_inventory.stock.promises import PROMISES
from travio_inventory.stock.use_cases import Stock
from travio_inventory.stock.use_cases.reserve_stock import ReserveStock
from travio_inventory.store.memory import MemoryBatches


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.says.replace(" ", "-"))
async def test_every_store_keeps_the_promise_of_stock(shop: Shop, promise: Promise[Stock]) -> None:
    await promise.hold_to(shop.stock)
    await shop.settled()


class Generous:
    """Reserves what is not there: it says so, and reserves nothing."""

    def __init__(self, reserve: ReserveStock) -> None:
        self._reserve = reserve

    async def reserve(self, *_: Any) -> None:  # noqa: ANN401 - whatever is asked
        return

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever it has
        return getattr(self._reserve, name)


async def test_stock_that_reserves_what_is_not_there_is_found_out() -> None:
    shop = Shop(MemoryBatches(None, Random(1), asyncio.sleep))
    lying = replace(shop.stock, reserve=Generous(shop.stock.reserve))  # type: ignore[arg-type]  # it lies
    for promise in PROMISES[:2]:
        with pytest.raises(PromiseBroken):
            await promise.hold_to(lying)


async def test_who_is_asked_to_come_again_comes_again_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promises, "TRIES_MAX", 3)
    calls = 0

    async def busy() -> None:
        nonlocal calls
        calls += 1
        raise Overloaded

    with pytest.raises(Overloaded):
        await promises._persist(busy)
    assert calls == 3
