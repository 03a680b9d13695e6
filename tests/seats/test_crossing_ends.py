"""Steps that cross with the end of a trip: each is before it or after it, and leaves nothing behind."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from tests.seats.long_after import (
    BATCHES,
    HOUR_S,
    KEY,
    SOON_S,
    UNTIMED,
    Kept,
    Shop,
    Store,
    a_trip,
    run,
    sold,
    until_it_is_due,
)
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol.batches import Kind, Partition, Rows, Table, Write
from travio_inventory.protocol.rows import CLOSED
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.records.listed_trips import listed
from travio_inventory.seats.records.trip_rows import TRIP, partition
from verification.kit.asking import definition, open_trip
from verification.simulation.broken import rewrite, unconditionally

Step = Callable[[Shop, list[Hold]], Awaitable[object]]

STEPS: dict[str, Step] = {
    "join": lambda shop, _: shop.join("zoe"),
    "leave": lambda shop, _: shop.leave("cid"),
    "unblock": lambda shop, _: shop.block("A4", is_blocked=False),
    "block": lambda shop, _: shop.block("A6"),
    "hold": lambda shop, _: shop.hold("A6", by="zoe"),
    "cancel": lambda shop, bookings: shop.cancel(bookings[0]),
}


async def play(step: Step, at: int) -> tuple[bool, bool]:
    """Another process takes the step before the batch of that number; whether there was one, and it was done."""
    store, archive, told = Store(), Kept(), list[bool]()
    shop, other = Shop(store, archive, seed=1), Shop(store, seed=2)
    bookings = await sold(shop, a_trip())
    await until_it_is_due(a_trip())
    store.sent = 0

    async def before(sent: int) -> None:
        if sent == 1:
            assert await definition(other.inventory, KEY) == a_trip(), "it knows the trip"
        if sent == at:
            try:
                await step(other, bookings)
                told.append(True)
            except Refusal:
                told.append(False)

    store.before = before
    await shop.forget(for_s=SOON_S + 2 * HOUR_S)
    assert await store.left() == []
    assert len(archive.trips) == 1
    return bool(told), told == [True]


@pytest.mark.parametrize(
    "step",
    [pytest.param(step, id=name, marks=() if name == "hold" else pytest.mark.once) for name, step in STEPS.items()],
)
def test_whatever_crosses_nothing_is_left(step: Step) -> None:
    told = [run(play(step, at)) for at in range(1, BATCHES)]
    assert 10 < sum(was_met for was_met, _ in told) < len(told)
    assert told[0] == (True, True), "before the first batch it is done as ever"
    assert any(was_met and not was_done for was_met, was_done in told)


def test_cells_that_are_closed_whoever_has_them_leave_something_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def change(write: Write) -> Write:
        is_closing = write.key.kind is Kind.CELL and write.values.get("status") == CLOSED
        return unconditionally(write) if is_closing else write

    rewrite(monkeypatch, change)
    with pytest.raises(AssertionError):
        _ = [run(play(STEPS["hold"], at)) for at in range(1, BATCHES)]


@pytest.mark.parametrize("seat", ["A3", *(pytest.param(seat, marks=pytest.mark.once) for seat in ("A1", "A2", "A4"))])
def test_what_is_sold_or_off_sale_is_sold_to_nobody_else_while_its_trip_is_closed(seat: str) -> None:
    """A3 is in another seat group than the home of its booking."""

    async def take(shop: Shop, _: list[Hold]) -> None:
        await shop.hold(seat, by="zoe")

    assert not any(was_done for _, was_done in [run(play(take, at)) for at in range(1, BATCHES)])


class Slow(Store):
    """Calls `at_read` before it answers the read of that number of a seat group's holds."""

    def __init__(self) -> None:
        super().__init__()
        self.at_read: dict[int, Callable[[], Awaitable[object]]] = {}
        self.reads = 0

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        """See Batches."""
        if kind is Kind.HOLD:
            self.reads += 1
            if meanwhile := self.at_read.pop(self.reads, None):
                await meanwhile()
        return await super().read(partition, kind, start=start, end=end, most=most)


@pytest.mark.once
def test_what_another_process_forgets_meanwhile_is_in_no_archive_half() -> None:
    async def play_overtaken(at: int) -> bool:
        store, archive = Slow(), Kept()
        slow, fast = Shop(store, archive, seed=1), Shop(store, archive, seed=2)
        await sold(slow, a_trip(seats=8))
        await slow.book("A8", by="fay")
        await until_it_is_due(a_trip())
        store.at_read[at] = lambda: fast.forget(for_s=2 * HOUR_S)
        await slow.forget(for_s=SOON_S)
        assert await store.left() == []
        for kept in archive.trips:
            assert sorted(hold.holder for hold in kept.holds) == ["", "", "ann", "bob", "fay"]
        return at not in store.at_read

    overtaken = [run(play_overtaken(at)) for at in range(1, 20)]
    assert any(overtaken)


def test_a_late_listing_of_an_earlier_trip_ends_no_later_one() -> None:
    async def play_listed() -> None:
        store = Store()
        shop = Shop(store)
        old = a_trip(UNTIMED)
        await open_trip(shop.inventory, old)
        opened_at_ms = store.snapshot(partition(KEY))[TRIP]["opened_at_ms"]
        assert isinstance(opened_at_ms, int)
        await until_it_is_due(old)
        await shop.forget(for_s=SOON_S)
        again = replace(old, vehicle="another")
        await open_trip(shop.inventory, again)
        await store.apply(Partition(Table.TRIPS, "", ""), (), [listed(old, opened_at_ms)])
        await shop.forget(for_s=SOON_S)
        assert await definition(Shop(store).inventory, KEY) == again
        await asyncio.sleep(HOUR_S)
        assert len([each for each in await store.left() if not isinstance(each, Partition)]) == 1, (
            "the later trip is listed"
        )

    run(play_listed())
