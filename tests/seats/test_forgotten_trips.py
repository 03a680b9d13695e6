"""Trips are forgotten long after their end: whole, archived before, and without a moment at which one is half there."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.seats.long_after import (
    BATCHES,
    HOUR_S,
    KEY,
    RETENTION_S,
    SOON_S,
    TIMED,
    UNTIMED,
    WHOLE,
    Kept,
    Shop,
    Store,
    a_trip,
    run,
    sold,
    until_it_is_due,
)
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol.batches import ANY_TIME, Kind, Table
from travio_inventory.seats.hold import Confirmed, Held, Hold
from travio_inventory.seats.opening import Portions
from travio_inventory.seats.records import closing, seat_rows
from travio_inventory.seats.records.trip_seats import TripSeats, written
from travio_inventory.seats.refusals import (
    HoldNotFound,
    NotOnWaitlist,
    TripBeingForgotten,
    TripNotFound,
    TripOpening,
)
from travio_inventory.seats.route import Segment
from travio_inventory.store.memory import Faults
from verification.kit.asking import definition, open_trip, seat_map


async def is_gone(shop: Shop, bookings: list[Hold]) -> None:
    """Whoever asks is told that there is no such thing."""
    for booking in bookings:
        for ask in (shop.find, shop.cancel, shop.confirm):
            with pytest.raises(HoldNotFound):
                await ask(booking)
    for call in (shop.hold("A6"), shop.block("A6"), shop.join("fay"), seat_map(shop.inventory, KEY, WHOLE)):
        with pytest.raises(TripNotFound):
            await call
    with pytest.raises(NotOnWaitlist):
        await shop.leave("cid")


@pytest.mark.parametrize("segments", [TIMED, UNTIMED], ids=["with times", "without"])
def test_a_trip_goes_whole(segments: tuple[Segment, ...]) -> None:
    async def play() -> None:
        store, archive = Store(), Kept()
        shop = Shop(store, archive)
        bookings = await sold(shop, a_trip(segments))
        await until_it_is_due(a_trip(segments))
        assert await shop.forget(for_s=SOON_S) == []
        assert Table.TRIPS not in {partition.table for partition in store.partitions()}
        assert await store.left() == []
        await is_gone(Shop(store), bookings)
        (kept,) = archive.trips
        assert kept.trip == a_trip(segments)
        assert {(hold.seats, hold.holder, hold.reason) for hold in kept.holds} == {
            (("A1",), "ann", ""), (("A2", "A3"), "bob", ""), (("A4",), "", "broken"), (("A5",), "", "broken")
        }  # fmt: skip
        assert [hold.passengers for hold in kept.holds if hold.holder] == [each.passengers for each in bookings]

    run(play())


def test_seats_of_definitions_that_the_trip_has_no_more_go_with_it() -> None:
    """As whoever died while the trip was changed left them."""

    async def play() -> None:
        store = Store()
        shop, seats = Shop(store), TripSeats(store)
        await sold(shop, a_trip())
        left = written(a_trip(), Portions(seats_at_once_max=1, seats_per_part_max=1))
        await seats.put(KEY, left.parts)
        assert await seats.keep(KEY, left.definition, send_by=ANY_TIME)
        await until_it_is_due(a_trip())
        assert await shop.forget(for_s=SOON_S) == []
        assert await store.left() == []

    run(play())


@pytest.mark.parametrize("segments", [TIMED, UNTIMED], ids=["with times", "without"])
def test_nothing_goes_before_its_time(segments: tuple[Segment, ...]) -> None:
    async def play() -> None:
        store, archive = Store(), Kept()
        shop = Shop(store, archive)
        await open_trip(shop.inventory, a_trip(segments))
        if not segments[-1].arrives_at_s:
            await asyncio.sleep(RETENTION_S / 2)
        await asyncio.sleep(24 * HOUR_S)
        booking = await shop.book("A1")
        await asyncio.sleep(RETENTION_S - 3 * HOUR_S)
        assert await shop.forget(for_s=2.5 * HOUR_S) == []
        assert archive.trips == []
        assert await shop.find(booking) == booking
        await shop.hold("A6")

    run(play())


def test_a_trip_that_is_opened_after_its_last_arrival_is_kept_for_as_long_from_then_on() -> None:
    async def play() -> None:
        await asyncio.sleep(2 * RETENTION_S)
        shop = Shop(Store())
        await open_trip(shop.inventory, a_trip())
        await shop.forget(for_s=SOON_S)
        await shop.book("A1")

    run(play())


def test_a_process_that_knows_the_trip_sells_nothing_of_it_and_says_that_it_is_gone() -> None:
    async def play() -> None:
        store = Store()
        shop, other = Shop(store, seed=1), Shop(store, seed=2)
        await open_trip(shop.inventory, a_trip())
        await until_it_is_due(a_trip())
        await other.hold("A6", by="eve", key="k1")
        refused = forgotten = 0
        until_s = asyncio.get_running_loop().time() + SOON_S
        while asyncio.get_running_loop().time() < until_s:
            forgotten += (await shop.inventory.forget_trips(HOUSE)).over
            for key in (None, "k1"):
                try:
                    hold = await other.hold("A6", by="eve", key=key)
                    assert not refused, f"{hold} was sold of a trip that is gone"
                except TripNotFound:
                    refused += 1
                except Refusal:
                    assert not refused
            await asyncio.sleep(60)
        assert refused > SOON_S / 60
        assert forgotten == 1
        assert await store.left() == []

    run(play())


async def crossed(step: Callable[[Shop, list[Hold]], object], at: int) -> tuple[bool, Kept, list[Hold], bool]:
    """Another process takes the step before the batch of that number, and then sells what it can; whether there was
    such a batch, what was archived, the bookings, and whether the step was done.
    """
    store, archive = Store(), Kept()
    shop, other = Shop(store, archive, seed=1), Shop(store, seed=2)
    bookings = await sold(shop, a_trip())
    await until_it_is_due(a_trip())
    store.sent, told = 0, []

    async def before(sent: int) -> None:
        if sent == 1:
            assert await definition(other.inventory, KEY) == a_trip(), "it knows the trip"
        if sent == at:
            for work in (step(other, bookings), other.book("A2 A3", by="zoe"), other.book("A6", by="zoe")):
                try:
                    told.append(await work)  # type: ignore[misc]
                except Refusal:
                    told.append(None)

    store.before = before
    await shop.forget(for_s=SOON_S + 2 * HOUR_S)
    assert await store.left() == []
    later = [hold for hold in told[1:] if hold is not None]
    return len(told) > 0, archive, later, bool(told) and told[0] is not None


def cancel_of_two_groups(shop: Shop, bookings: list[Hold]) -> object:
    """Cancel what is sold in two seat groups."""
    return shop.cancel(bookings[1])


async def play_crossed(at: int) -> bool:
    """Whether there was such a batch; the archive must say what everybody was told."""
    was_met, archive, later, was_done = await crossed(cancel_of_two_groups, at)
    kept = {hold.holder: hold.seats for hold in archive.trips[-1].holds if hold.holder}
    assert ("bob" in kept) is not was_done, "a cancel that crosses is either before or after"
    assert all(hold.id in archive.holds for hold in later), "sold, and forgotten unarchived"
    return was_met


@pytest.mark.once
def test_a_cancel_that_crosses_is_before_or_after() -> None:
    met = [run(play_crossed(at)) for at in range(1, BATCHES)]
    assert 10 < sum(met) < len(met)


def _closes_no_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget without taking the free cells."""

    async def none(*_: object) -> None:
        return None

    monkeypatch.setattr(closing.Closing, "_close_cells", none)
    monkeypatch.setattr(closing, "_cells", lambda *_: [])


def _without_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Close bookings whatever they are now."""
    proper = closing._closing

    def careless(*args: object) -> list[object]:
        return [write._replace(condition={}) for write in proper(*args)]  # type: ignore[arg-type]

    monkeypatch.setattr(closing, "_closing", careless)


@pytest.mark.parametrize("broken", [_closes_no_cell, _without_condition])
def test_a_broken_way_to_close_is_caught(monkeypatch: pytest.MonkeyPatch, broken: Callable[..., None]) -> None:
    broken(monkeypatch)
    with pytest.raises(AssertionError):
        _ = [run(play_crossed(at)) for at in range(1, BATCHES)]


async def play_killed(after: int) -> bool:
    """A process dies after so many batches, another goes on; whether it died before all was done."""
    store, archive = Store(), Kept()
    bookings = await sold(Shop(store), a_trip())
    await until_it_is_due(a_trip())
    store.dies_after = store.sent + after
    await Shop(store, archive, seed=1).forget(for_s=2 * HOUR_S)
    is_dead = store.sent >= store.dies_after
    store.dies_after = None
    await Shop(store, archive, seed=2).forget(for_s=SOON_S + HOUR_S)
    assert await store.left() == []
    assert len(archive.trips) >= 1
    for kept in archive.trips:
        assert {hold.holder for hold in kept.holds if hold.holder} == {"ann", "bob"}
    await is_gone(Shop(store), bookings)
    return is_dead


@pytest.mark.once
def test_a_process_may_die_between_any_two_batches() -> None:
    died = [run(play_killed(after)) for after in range(BATCHES)]
    assert 10 < sum(died) < len(died)


def test_several_processes_forget_it_at_once_over_a_store_that_fails() -> None:
    async def play() -> None:
        store, archive = Store(), Kept()
        await sold(Shop(store), a_trip())
        await until_it_is_due(a_trip())
        store.faults = replace(Faults.share(0.2), queued_s_max=30.0)
        shops = [Shop(store, archive, seed=seed) for seed in range(3)]
        await asyncio.gather(*(shop.forget(for_s=3 * SOON_S) for shop in shops))
        store.faults = Faults.none()
        await asyncio.sleep(HOUR_S)
        assert await store.left() == []
        for kept in archive.trips:
            assert {hold.holder for hold in kept.holds if hold.holder} == {"ann", "bob"}

    run(play())


def test_nothing_is_forgotten_that_cannot_be_archived() -> None:
    async def play() -> None:
        store, archive = Store(), Kept(failures=10)
        shop = Shop(store, archive)
        bookings = await sold(shop, a_trip())
        await until_it_is_due(a_trip())
        failures = await shop.forget(for_s=5 * HOUR_S)
        assert {str(failure) for failure in failures} == {"no space left"}
        group = seat_rows.group_partition(KEY, 0)
        rows = {key.id: row for key, row in store.snapshot(group).items() if key.kind is Kind.HOLD}
        assert rows[bookings[0].id]["order_id"] == "o1"
        await shop.forget(for_s=10 * HOUR_S + SOON_S)
        assert await store.left() == []
        assert bookings[0].id in archive.holds

    run(play())


def test_what_is_held_is_waited_for() -> None:
    async def play() -> None:
        store, archive = Store(), Kept()
        shop, other = Shop(store, archive), Shop(store)
        await open_trip(shop.inventory, a_trip())
        await until_it_is_due(a_trip())
        group = seat_rows.group_partition(KEY, 0)
        hold = await other.hold("A1 A3")
        while not any(row.get("status") == "closed" for row in store.snapshot(group).values()):
            if isinstance(hold.state, Held) and hold.state.expires_at_ms < shop.clock.now_ms() + 60_000:
                await asyncio.sleep(61)
                hold = await other.hold("A1 A3")
            await shop.forget(for_s=20)
        booking = await other.confirm(hold)
        assert isinstance(booking.state, Confirmed)
        await shop.forget(for_s=SOON_S)
        assert list(archive.holds) == [booking.id]
        assert await store.left() == []

    run(play())


# ---- the id stands for another trip


def test_the_id_cannot_be_opened_again_until_all_is_gone() -> None:
    async def play() -> None:
        store = Store()
        shop, old = Shop(store, seed=1), Shop(store, seed=2)
        await sold(shop, a_trip())
        await until_it_is_due(a_trip())
        again = replace(a_trip(UNTIMED, seats=4), vehicle="another")
        with pytest.raises(Refusal):
            await old.hold("A1")
        opened_s, refused_s = 0.0, 0.0
        until_s = asyncio.get_running_loop().time() + SOON_S
        while not opened_s and asyncio.get_running_loop().time() < until_s:
            await shop.forget(for_s=20)
            with_old = [old.hold("A1", by="zoe")] if refused_s else []
            for call in with_old:
                with pytest.raises(TripNotFound):
                    await call
            try:
                await open_trip(shop.inventory, again)
                opened_s = asyncio.get_running_loop().time()
                assert refused_s
            except TripBeingForgotten:
                refused_s = asyncio.get_running_loop().time()
            except Refusal:
                assert not refused_s
        assert opened_s
        assert await definition(shop.inventory, KEY) == again
        assert (await old.book("A1")).seats == ("A1",)
        assert await definition(old.inventory, KEY) == again
        await shop.forget(for_s=3 * SOON_S)
        assert await definition(Shop(store).inventory, KEY) == again
        assert (await seat_map(Shop(store).inventory, KEY, WHOLE)).trip == again

    run(play())


def test_a_process_that_stood_still_makes_no_cell_of_a_trip_that_is_gone() -> None:
    async def play() -> None:
        store = Store()
        shop = Shop(store)
        trip = a_trip()
        await open_trip(shop.inventory, trip)
        since_s = asyncio.get_running_loop().time()
        await until_it_is_due(trip)
        await shop.forget(for_s=SOON_S)
        with pytest.raises(Refusal):
            await shop.definitions.seed(trip, 0, since_s=since_s)
        assert await store.left() == []

    run(play())


def test_a_definition_is_read_again_before_its_id_can_stand_for_another_trip() -> None:
    async def play() -> None:
        store = Store()
        shop, old = Shop(store, seed=1), Shop(store, seed=2)
        await open_trip(shop.inventory, a_trip())
        await until_it_is_due(a_trip())
        assert await definition(old.inventory, KEY) == a_trip()
        await shop.forget(for_s=SOON_S)
        again = replace(a_trip(), vehicle="another")
        await open_trip(shop.inventory, again)
        assert await definition(old.inventory, KEY) == again

    run(play())


def test_a_trip_that_is_being_opened_is_opening_and_not_gone() -> None:
    async def play() -> None:
        shop = Shop(Store())
        await shop.definitions.define(a_trip())
        with pytest.raises(TripOpening):
            await shop.hold("A1")

    run(play())
