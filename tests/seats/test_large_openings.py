"""Large trips: their seats in rows of their own, opened portion by portion, by whichever process is there."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from travio_inventory.kernel.actor import Actor, house_of
from travio_inventory.protocol.batches import Batches, Kind
from travio_inventory.seats.commands import trip_id
from travio_inventory.seats.opening import Opening, Portions
from travio_inventory.seats.records import trip_rows, trip_seats
from travio_inventory.seats.records.openings import STALLED_MS
from travio_inventory.seats.refusals import InvalidTrip, TripDefinedOtherwise, TripOpening
from travio_inventory.seats.trip import Trip
from verification.kit.faulty_batches import everything_after, seeds
from verification.kit.sale import Market, Sale
from verification.kit.trips import SEATS, a_trip

PORTIONS = Portions(seats_at_once_max=4, cells_at_once_max=30, seats_per_part_max=5, groups_max=2)
CELLS = SEATS * 3


@pytest.fixture
async def venue(store: Batches) -> AsyncIterator[Market]:
    """Where eighteen seats are many: four parts, and portions of two seat groups."""
    async with Market(store, portions=PORTIONS) as opened:
        yield opened


async def prepared(venue: Market, *, seats: int = SEATS) -> Sale:
    """A large trip whose opening has begun: six seat groups, no cell is made yet."""
    sale = venue.prepare(a_trip(seats=seats, seats_per_group=3))
    assert await opened(sale) == Opening(0, seats * 3)
    return sale


async def opened(sale: Sale, trip: Trip | None = None) -> Opening:
    """What the call that opens the trip answers."""
    return await sale.inventory.open_trip(_house(sale), trip or sale.trip)


async def progress(sale: Sale) -> Opening:
    """What anybody may know of it."""
    return await sale.inventory.read_trips.opening(sale.actor(), trip_id(sale.trip.key.trip))


async def until_on_sale(sale: Sale) -> None:
    """Let this process open it."""
    for _ in range(10):
        visited = await sale.go_on_opening()
        assert visited.failures == {}
        if (await progress(sale)).is_over:
            return
    raise AssertionError(await progress(sale))


def _house(sale: Sale) -> Actor:
    return house_of(sale.trip.key.organization)


async def test_a_large_trip_is_on_sale_only_when_it_is_whole(venue: Market) -> None:
    sale = await prepared(venue)
    for attempt in (sale.hold("A1"), sale.map(), sale.block("A1")):
        with pytest.raises(TripOpening):
            await attempt
    assert [line.opening for line in await sale.listed()] == [Opening(0, CELLS)]
    await until_on_sale(sale)
    assert [line.opening for line in await sale.listed()] == [None]
    assert await opened(sale) == await progress(sale.elsewhere()) == Opening(CELLS, CELLS)
    for process in (sale, sale.elsewhere()):
        found = await process.inventory.read_trips.one(sale.actor(), trip_id(sale.trip.key.trip))
        assert found.trip == sale.trip
        assert len((await process.map()).values()) == SEATS
    booking = await sale.confirm(await sale.hold("A1 A9 A18"))
    assert await opened(sale) == Opening(CELLS, CELLS)
    assert await sale.elsewhere().find(booking) == booking
    await sale.assert_legal()


async def test_its_seats_are_in_rows_of_bounded_size(venue: Market) -> None:
    sale = await prepared(venue)
    rows = await venue.store.read(trip_rows.partition(sale.trip.key), Kind.SEATS)
    assert sorted(str(row["seats"]).count("[") - 1 for row in rows.values()) == [3, 5, 5, 5]
    assert {row["status"] for row in rows.values()} == {"waiting"}
    await until_on_sale(sale)
    rows = await venue.store.read(trip_rows.partition(sale.trip.key), Kind.SEATS)
    assert {row["status"] for row in rows.values()} == {"kept"}


def test_a_part_is_cut_by_its_size_too() -> None:
    seats = a_trip(seats=9).seats
    parts = list(trip_seats.parts_of(seats, 4))
    assert [part.count('"A') for part in parts] == [4, 4, 1]
    long = [replace(seat, number="n" * 100, id=seat.id * 40) for seat in seats] * 200
    assert all(len(part) <= trip_seats.PART_CHARS_MAX + 1_000 for part in trip_seats.parts_of(long, 1_000))
    assert len(list(trip_seats.parts_of(long, 1_000))) > 2


def test_more_text_than_is_stored_of_a_trip_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    trip = a_trip(seats=9)
    size = sum(map(len, trip_seats.written(trip, PORTIONS).parts.values()))
    monkeypatch.setattr(trip_seats, "DEFINITION_CHARS_MAX", size)
    trip_seats.written(trip, PORTIONS)
    monkeypatch.setattr(trip_seats, "DEFINITION_CHARS_MAX", size - 1)
    with pytest.raises(InvalidTrip, match=f"seat_config.seats: .* at most {size - 1} characters"):
        trip_seats.written(trip, PORTIONS)


@pytest.mark.parametrize("after", range(6))
async def test_another_process_goes_on_where_one_was_killed(venue: Market, after: int) -> None:
    sale = await prepared(venue)
    doomed = sale.elsewhere()
    stall = doomed.store.stall(everything_after(after, seeds))
    dying = asyncio.ensure_future(doomed.go_on_opening())
    await asyncio.wait_for(stall.reached.wait(), 60)
    dying.cancel()
    before = await progress(sale)
    assert before.cells_done < CELLS
    await sale.go_on_opening()  # it sees where the other one was
    sale.clock.pass_ms(STALLED_MS)
    await until_on_sale(sale)
    assert len(await sale.map()) == SEATS
    await sale.assert_legal()


@pytest.mark.parametrize("after", range(6))
async def test_a_call_that_was_killed_can_be_repeated(venue: Market, after: int) -> None:
    """While it put the seats, or wrote the trip's row."""
    sale = venue.prepare(a_trip(seats_per_group=3))
    doomed = sale.elsewhere()
    stall = doomed.store.stall(everything_after(after, lambda partition, _writes: partition.name == "t1"))
    dying = asyncio.ensure_future(opened(doomed))
    await asyncio.wait_for(
        asyncio.wait({dying, asyncio.ensure_future(stall.reached.wait())}, return_when="FIRST_COMPLETED"), 5
    )
    dying.cancel()
    assert (await opened(sale)).cells == CELLS
    await until_on_sale(sale)
    assert len(await sale.map()) == SEATS


async def test_while_one_process_notes_what_it_made_the_others_wait(venue: Market) -> None:
    sale = await prepared(venue)
    first, second = sale.elsewhere(), sale.elsewhere()
    stall = first.store.stall(everything_after(4, seeds))
    running = asyncio.ensure_future(first.go_on_opening())
    await asyncio.wait_for(stall.reached.wait(), 60)
    done = await progress(sale)
    assert done.cells_done
    await second.go_on_opening()
    sale.clock.pass_ms(STALLED_MS - 1)
    await second.go_on_opening()
    assert await progress(sale) == done
    sale.clock.pass_ms(1)
    await second.go_on_opening()
    assert (await progress(sale)).is_over
    running.cancel()


async def test_two_processes_at_once_open_it_once(venue: Market) -> None:
    sale = await prepared(venue)
    processes = [sale.elsewhere() for _ in range(3)]
    for _ in range(10):
        await asyncio.gather(*(process.go_on_opening() for process in processes))
    assert (await progress(sale)).is_over
    assert len(await sale.map()) == SEATS
    await sale.assert_legal()


async def test_a_plan_that_changed_under_a_trip_is_refused(venue: Market) -> None:
    sale = await prepared(venue)
    other = replace(sale.trip, seats=(replace(sale.trip.seats[0], price_minor=7), *sale.trip.seats[1:]))
    for _ in range(2):
        with pytest.raises(TripDefinedOtherwise):
            await opened(sale, other)
        await until_on_sale(sale)
    assert await sale.elsewhere().map() == await sale.map()


async def test_few_seats_on_many_segments_are_opened_later_too(venue: Market) -> None:
    sale = venue.prepare(a_trip(stops="ABCDEFGHIJKL", seats=3))
    assert await opened(sale) == Opening(0, 33)
    await until_on_sale(sale)
    assert len(await sale.map("A-B")) == 3


# ---- what a new definition does not name any more


async def parts(sale: Sale) -> tuple[set[str], set[str]]:
    """The rows of seats that are kept for good, and those that have an end."""
    found = await sale.market.store.read(trip_rows.partition(sale.trip.key), Kind.SEATS)
    kept = {key.id for key, row in found.items() if row["status"] == "kept"}
    return kept, {key.id for key in found} - kept


async def on_sale(venue: Market) -> Sale:
    sale = await prepared(venue)
    await until_on_sale(sale)
    return sale


async def test_rows_that_a_new_definition_does_not_name_get_an_end_until_one_does_again(venue: Market) -> None:
    sale = await on_sale(venue)
    first, _ = await parts(sale)
    await sale.change(seats={"A6": 77})
    second, ended = await parts(sale)
    assert (len(first), len(second), first - second) == (4, 4, ended)
    offer = await sale.change(seats={"A6": 0})
    assert await parts(sale) == (first, second - first)
    assert offer.version == 3, "no change of the trip that anybody asked for"
    assert len(await sale.elsewhere().map()) == SEATS


@pytest.mark.parametrize("leaves_first", [True, False])
async def test_who_goes_back_to_the_old_definition_meanwhile_keeps_its_rows(
    venue: Market, *, leaves_first: bool
) -> None:
    sale, other = await on_sale(venue), None
    first, _ = await parts(sale)
    other = sale.elsewhere()
    leaving = other.store.stall(lambda _, writes: [write.key.kind for write in writes] == [Kind.TRIP, Kind.SEATS])
    changing = asyncio.ensure_future(other.change(seats={"A6": 77}))
    await leaving.reached.wait()
    redefining = sale.store.stall(lambda _, writes: [write.key.kind for write in writes] == [Kind.TRIP])
    going_back = asyncio.ensure_future(sale.change(seats={"A6": 0}))
    await redefining.reached.wait()
    for stall, call in ((leaving, changing), (redefining, going_back))[:: 1 if leaves_first else -1]:
        stall.go.set()
        await call
    kept, _ = await parts(sale)
    assert first <= kept
    assert len(await sale.elsewhere().map()) == SEATS
