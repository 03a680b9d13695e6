"""Transfers whose process stops at any call, and on a store that loses, delays and doubles batches."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stock.carrying import OPENING, Carrying
from tests.stock.shop import Shop
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.kernel.refusals import FinalRefusal, RetryableRefusal
from travio_inventory.protocol.batches import Batches, Kind, Partition
from travio_inventory.protocol.rules import Rules
from travio_inventory.stock import changes
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.records.changing import Change, Changed, Changing
from travio_inventory.stock.records.transfer_rows import marked, read_transfer
from travio_inventory.stock.records.transfers import Transfers
from travio_inventory.stock.transfer import OnTheWay, Transfer
from travio_inventory.store.memory import Faults, MemoryBatches
from verification.simulation.virtual_loop import run_virtually

GRACE_S = Rules().grace_ms // 1_000


class Stopped(BaseException):
    """The process is no more."""


class Mortal:
    """A process's way to a store, which ends before or after its call of that number; then nothing goes out."""

    def __init__(self, store: Batches, calls: int, *, after: bool) -> None:
        self._store = store
        self._left = calls
        self._after = after

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        call = getattr(self._store, name)
        if not asyncio.iscoroutinefunction(call):
            return call

        async def limited(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - as the store's
            if self._left < 0 or (not self._left and not self._after):
                self._left = -1
                raise Stopped
            self._left -= 1
            answer = await call(*args, **options)
            if self._left < 0:
                raise Stopped
            return answer

        return limited


async def a_whole_transfer(way: Carrying) -> None:
    """Drafted, shipped, received in part, and the rest brought back; each step with its key."""
    transfer = await way.draft(6, "k")
    await way.ship(transfer)
    await way.receive(transfer, 2, rejected=1, key="r")
    await way.cancel(transfer, OnTheWay.BACK)


async def cut_off(store: Batches, calls: int, *, after: bool) -> tuple[bool, int]:
    """Whether the process was stopped at that call, and the sum afterwards; another one does all of it then."""
    way = await Carrying.begun(Shop(store))
    mortal = Shop(Mortal(store, calls, after=after), way.shop.actor.organization)
    was_stopped = False
    try:
        await a_whole_transfer(Carrying(mortal, way.north, way.south))
    except Stopped:
        was_stopped = True
    found = await way.everything()
    await way.listed()
    assert await way.everything() == found
    transfer = await way.draft(6, "k")
    if transfer.status != "CANCELLED":
        await a_whole_transfer(way)
    (transfer,) = await way.listed()
    assert transfer.counts == (6, 2, 1, 0, 3)
    assert await way.totals() == (7, 2)
    return was_stopped, found


@pytest.mark.parametrize("after", [False, True])
async def test_a_process_that_stops_at_any_call_loses_and_doubles_nothing(store: Batches, *, after: bool) -> None:
    for calls in count():
        was_stopped, found = await cut_off(store, calls, after=after)
        assert found == OPENING, f"stopped at call {calls}"
        if not was_stopped:
            break
    assert calls > 15


async def test_a_receipt_whose_process_stopped_is_finished_by_the_sweeper(store: Batches) -> None:
    """It was announced, perhaps taken, and never settled; nobody asks for the transfer any more."""
    stopped_on_the_way = 0
    for calls in range(12):
        way = await Carrying.begun(Shop(store))
        transfer = await way.ship(await way.draft(4))
        mortal = Carrying(Shop(Mortal(store, calls, after=True), way.shop.actor.organization), way.north, way.south)
        with suppress(Stopped):
            await mortal.receive(transfer, 3, key="r")
        announced = await pending(way)
        stopped_on_the_way += announced
        await way.shop.stock.expire(HOUSE)
        assert await pending(way) is announced, "somebody may be at it still"
        way.shop.clock.pass_s(GRACE_S)
        await way.shop.stock.expire(HOUSE)
        assert not await pending(way)
        if announced:
            assert await way.totals() == (6, 3)
        assert await way.everything() == OPENING
    assert stopped_on_the_way > 2


async def pending(way: Carrying) -> bool:
    """Whether a receipt is announced and not settled, as the rows say; nothing goes on with it by this."""
    source = stock_rows.place(way.shop.actor.organization, "cup", 1)
    found = await way.shop.store.read(source, Kind.TRANSFER)
    return any(read_transfer("", key, row).pending for key, row in found.items() if not marked(key))


async def until_told(step: Callable[[], Awaitable[Transfer]]) -> None:
    while True:
        try:
            await step()
        except RetryableRefusal:
            await asyncio.sleep(1)
        except FinalRefusal:
            return
        else:
            return


STEPS = st.lists(
    st.tuples(st.sampled_from(("ship", "receive", "back", "lost")), st.integers(0, 2), st.integers(1, 2)), max_size=8
)


async def a_day(seed: int, steps: Sequence[tuple[str, int, int]]) -> None:
    """Two processes take these steps of three transfers at once, each until it knows; then all is added up."""
    store = MemoryBatches(None, Random(seed), asyncio.sleep)
    ways = [await Carrying.begun(Shop(store, "org"))]
    ways.append(Carrying(Shop(store, "org"), ways[0].north, ways[0].south))
    transfers = [await ways[0].draft(quantity, f"k{quantity}") for quantity in (3, 4, 5)]
    store.faults = Faults.share(0.5)

    async def take(number: int, kind: str, which: int, quantity: int) -> None:
        way, transfer = ways[number % 2], transfers[which]
        match kind:
            case "ship":
                await until_told(lambda: way.ship(transfer))
            case "receive":
                await until_told(lambda: way.receive(transfer, quantity, key=f"r{(number + 1) // 2}"))
            case _:
                await until_told(lambda: way.cancel(transfer, OnTheWay(kind.upper())))

    asked = [("ship", which, 0) for which in range(3)] + [each for each in steps for _ in range(2)]
    await asyncio.gather(*(take(number, *each) for number, each in enumerate(asked)))
    await asyncio.sleep(60)
    store.faults = Faults.none()
    listed = await ways[0].listed()
    assert await ways[0].everything() == OPENING
    north, south = await ways[0].totals()
    assert south == sum(each.counts.received for each in listed)
    assert north == OPENING - sum(each.counts.shipped - each.counts.returned for each in listed)
    for entry in (ways[0].north, ways[0].south):
        moved = await ways[0].shop.movements(entry)
        assert sum(each.quantity for each in moved) == (await ways[0].shop.now(entry)).quantities.total


@settings(max_examples=8)
@given(st.integers(0, 10_000), STEPS)
def test_any_steps_at_once_conserve_what_there_was(seed: int, steps: list[tuple[str, int, int]]) -> None:
    run_virtually(seed, a_day(seed, steps))


@pytest.mark.thorough
@settings(max_examples=600)
@given(st.integers(0, 10**9), STEPS)
def test_the_same_on_many_days(seed: int, steps: list[tuple[str, int, int]]) -> None:
    run_virtually(seed, a_day(seed, steps))


async def test_an_arrival_without_a_cause_of_its_own_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken design: who goes on with a receipt has it arrive again."""
    change = Changing.change

    async def forgetful(self: Changing, at: Partition, asked: Change) -> Changed:
        return await change(self, at, replace(asked, cause=self.cause_of("")))

    monkeypatch.setattr(Changing, "change", forgetful)
    assert await is_caught()


async def test_a_settlement_before_the_arrival_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken design: the source says that it came before the destination has it."""

    async def early(*_: object) -> None:
        return None

    monkeypatch.setattr(Transfers, "_arrive", early)
    assert await is_caught()


async def test_a_shipment_that_leaves_its_stock_behind_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken design: the source gives nothing when it ships."""
    moved = changes.moved

    def keeping(entry: InventoryEntry, quantity: int, now_ms: int) -> InventoryEntry:
        return moved(entry, max(quantity, 0), now_ms)

    monkeypatch.setattr(changes, "moved", keeping)
    assert await is_caught()


async def is_caught() -> bool:
    """Whether the test above sees it."""
    store = MemoryBatches(None, Random(1), asyncio.sleep)
    try:
        await test_a_process_that_stops_at_any_call_loses_and_doubles_nothing(store, after=True)
    except AssertionError:
        return True
    return False
