"""Opening trips: once, resumed after it was cut short, and never over what was sold."""

import asyncio
from dataclasses import replace
from itertools import cycle, islice

import pytest

from travio_inventory.kernel import limits
from travio_inventory.kernel.actor import Actor, house_of
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.protocol.batches import Kind
from travio_inventory.seats.limits import SeatLimits
from travio_inventory.seats.opening import Portions
from travio_inventory.seats.records.definitions import Definitions
from travio_inventory.seats.records.seat_plans import SeatPlans
from travio_inventory.seats.refusals import InvalidTrip, TripDefinedOtherwise, TripNotFound, TripOpening
from travio_inventory.seats.trip import ALL_IN_ONE_GROUP, OUR_CHOICE, Ends
from travio_inventory.seats.use_cases.open_trip import OpenTrip
from verification.kit.asking import definition, open_trip
from verification.kit.faulty_batches import Stall, everything_after, seeds
from verification.kit.sale import Market, Sale
from verification.kit.trips import SEATS, PerGroup, a_trip

STOPS_OF_64_SEGMENTS = "".join(islice(cycle("ABC"), 65))


async def test_a_trip_that_is_opened_is_on_sale(sale: Sale) -> None:
    assert len((await sale.seats("available")).split()) == SEATS
    assert await definition(sale.inventory, sale.trip.key) == sale.trip
    assert await definition(sale.elsewhere().inventory, sale.trip.key) == sale.trip


async def test_opening_again_never_resets_a_seat(sale: Sale) -> None:
    hold = await sale.hold("A1 A18")
    booking = await sale.confirm(await sale.hold("A2 A17", by="bob"))
    await sale.block("A3")
    before = await sale.map()
    for process in (sale, sale.elsewhere()):
        await open_trip(process.inventory, sale.trip)
    assert await sale.elsewhere().map() == before
    assert await sale.find(hold) == hold
    assert await sale.find(booking) == booking
    await sale.assert_legal()


async def test_opening_from_several_processes_at_once_opens_once(sale: Sale) -> None:
    processes = [sale.elsewhere() for _ in range(4)]
    hold = await sale.hold("A1 A18")
    await asyncio.gather(*(open_trip(process.inventory, sale.trip) for process in processes * 3))
    assert await sale.find(hold) == hold
    await sale.assert_legal()


@pytest.mark.parametrize("what", ["vehicle", "seats", "segments", "seats_per_group", "price"])
async def test_another_definition_is_refused_and_changes_nothing(sale: Sale, what: str) -> None:
    trip = sale.trip
    others = {
        "vehicle": replace(trip, vehicle="bus-2"),
        "seats": replace(trip, seats=trip.seats[:-1], seats_per_group=trip.seats_per_group),
        "segments": replace(trip, segments=trip.segments[:-1]),
        "seats_per_group": replace(trip, seats_per_group=5),
        "price": replace(trip, seats=(replace(trip.seats[0], price_minor=1), *trip.seats[1:])),
    }
    hold = await sale.hold("A18")
    with pytest.raises(TripDefinedOtherwise):
        await open_trip(sale.inventory, others[what])
    assert await definition(sale.elsewhere().inventory, trip.key) == trip
    assert await sale.find(hold) == hold
    await sale.assert_legal()


async def test_a_trip_that_was_never_opened_is_not_there(market: Market) -> None:
    sale = market.prepare(a_trip())
    with pytest.raises(TripNotFound):
        await sale.hold("A1")
    with pytest.raises(TripNotFound):
        await sale.map()
    with pytest.raises(TripNotFound):
        await sale.block("A1")
    await sale.open_trip()
    await sale.hold("A1")


# ---- cut short


async def opening_dies(market: Market, per_group: PerGroup, *, batches: int) -> Sale:
    """The process that opened the trip died after this number of batches of cells."""
    sale = market.prepare(a_trip(seats_per_group=per_group, stops=STOPS_OF_64_SEGMENTS[:41]))
    doomed = sale.elsewhere()
    opening = asyncio.ensure_future(doomed.open_trip())
    stall: Stall = doomed.store.stall(everything_after(batches, seeds))
    await asyncio.wait_for(stall.reached.wait(), 60)
    await asyncio.sleep(0.05)
    opening.cancel()
    await asyncio.wait([opening])
    return sale


@pytest.mark.parametrize("per_group", [1, 16, "all"])
async def test_an_opening_that_was_cut_short_is_resumed(market: Market, per_group: PerGroup) -> None:
    """Seats sold in the meantime stay sold."""
    sale = await opening_dies(market, per_group, batches=2)
    early = await sale.hold("A1", Ends("A", "C", first=0, last=1))
    await sale.open_trip()
    shown = await sale.map(Ends("A", "C", first=0, last=1))
    assert shown == {seat.id: "held" if seat.id == "A1" else "available" for seat in sale.trip.seats}
    assert await sale.find(early) == early
    assert len(await sale.cells("A18")) == 40
    await sale.assert_legal()


@pytest.mark.parametrize("per_group", [1, 16, "all"])
async def test_cells_that_are_not_there_yet_are_no_final_refusal(market: Market, per_group: PerGroup) -> None:
    """A caller who is too early is told to try again, for every call; their key is not used up."""
    first = Ends("A", "C", first=0, last=1)
    sale = await opening_dies(market, per_group, batches=1)
    with pytest.raises(TripOpening):
        await sale.hold("A1 A18", first)
    with pytest.raises(TripOpening):
        await sale.hold("A1 A18", first, by="bob", key="k")
    with pytest.raises(TripOpening):
        await sale.map(first)
    with pytest.raises(TripOpening):
        await sale.block("A18")
    with pytest.raises(TripOpening):
        await sale.unblock("A18")
    await sale.open_trip()
    assert (await sale.hold("A1 A18", first, by="bob", key="k")).is_live
    await sale.assert_legal()


@pytest.mark.parametrize("portion", [1, 7, 54, 1_000])
async def test_a_release_that_creates_cells_in_other_portions_resets_no_seat(sale: Sale, portion: int) -> None:
    hold = await sale.hold("A1 A18")
    booking = await sale.confirm(await sale.hold("A2 A17", by="bob"))
    await sale.block("A3")
    before = await sale.map()
    for most in (portion, 160):
        await OpenTrip(
            Definitions(sale.store, sale.clock, cells_per_batch_max=most),
            SeatPlans(sale.store, sale.clock),
            SeatLimits(),
            Portions(),
        )(house_of(sale.trip.key.organization), sale.trip)
    assert await sale.elsewhere().map() == before
    assert [await sale.find(hold), await sale.find(booking)] == [hold, booking]
    await sale.assert_legal()


async def test_an_opening_that_was_cut_short_is_resumed_in_other_portions(market: Market) -> None:
    """Two segments of the first seat were made when it died; they are sold before the rest is made."""
    sale = market.prepare(a_trip(seats_per_group="all", seats=3))
    doomed = sale.elsewhere()
    stall = doomed.store.stall(everything_after(1, seeds))
    dying = asyncio.ensure_future(
        OpenTrip(
            Definitions(doomed.store, doomed.clock, cells_per_batch_max=2),
            SeatPlans(doomed.store, doomed.clock),
            SeatLimits(),
            Portions(),
        )(_house(sale), sale.trip)
    )
    await asyncio.wait_for(stall.reached.wait(), 60)
    dying.cancel()
    early = await sale.hold("A1", "A-C")
    for portion in (5, 4):
        await OpenTrip(
            Definitions(sale.store, sale.clock, cells_per_batch_max=portion),
            SeatPlans(sale.store, sale.clock),
            SeatLimits(),
            Portions(),
        )(house_of(sale.trip.key.organization), sale.trip)
    assert await sale.statuses("A1") == ["held", "held", "available"]
    assert await sale.statuses("A3") == ["available"] * 3
    assert await sale.find(early) == early
    await sale.assert_legal()


@pytest.mark.parametrize("asked", [OUR_CHOICE, ALL_IN_ONE_GROUP])
async def test_a_trip_keeps_its_seat_groups_when_a_release_would_choose_others(
    market: Market, monkeypatch: pytest.MonkeyPatch, asked: int
) -> None:
    sale = market.prepare(replace(a_trip(), seats_per_group=asked))
    await sale.open_trip()
    hold = await sale.hold("A1 A18")
    monkeypatch.setattr(limits, "SEATS_PER_GROUP_DEFAULT", 4)
    monkeypatch.setattr(limits, "CELLS_PER_GROUP_MAX", 12)
    again = replace(sale.trip, seats_per_group=asked)
    assert again.seats_per_group == 4
    later = sale.elsewhere()
    await open_trip(later.inventory, again)
    assert await definition(later.inventory, sale.trip.key) == sale.trip, (
        "what is stored is read whatever the limits are"
    )
    assert await later.find(hold) == hold
    with pytest.raises(TripDefinedOtherwise):
        await open_trip(later.inventory, replace(sale.trip, seats_per_group=4))
    await sale.assert_legal()


# ---- limits


async def test_all_seats_in_one_group_are_as_many_as_can_be_read_at_once(market: Market) -> None:
    trip = replace(a_trip(stops=STOPS_OF_64_SEGMENTS, seats=100), seats_per_group=ALL_IN_ONE_GROUP)
    assert (trip.seats_per_group, trip.group_count) == (78, 2)
    sale = market.prepare(trip)
    await open_trip(sale.inventory, trip)
    last = Ends("A", "B", first=63)
    await sale.hold("A78 A79", last)
    assert await sale.seats("held", last) == "A78 A79"
    assert sale.store.reads[Kind.CELL] == 2


def test_a_seat_group_of_more_cells_than_can_be_read_at_once_is_refused() -> None:
    trip = a_trip(stops=STOPS_OF_64_SEGMENTS, seats=100)
    with pytest.raises(InvalidTrip, match="seats_per_group: must be at most 78: a seat group has at most 5000 cells"):
        replace(trip, seats_per_group=79)
    assert replace(trip, seats=trip.seats[:78], seats_per_group=1_000).group_count == 1


async def test_a_trip_may_have_sixty_four_segments(market: Market) -> None:
    sale = await market.open(seats_per_group=4, stops=STOPS_OF_64_SEGMENTS, seats=6)
    last = Ends("A", "B", first=63)
    await sale.hold("A1 A5", Ends("A", "B", first=0, last=63))
    assert await sale.seats("held", last) == "A1 A5"
    await sale.hold("A6", last)
    with pytest.raises(InvalidRequest, match="segments: must have 1 to 512 items, not 513"):
        a_trip(stops="AB" * 257)


@pytest.mark.once
async def test_a_trip_of_five_thousand_seats_and_fifty_thousand_cells_is_opened_at_once(market: Market) -> None:
    sale = await market.open(seats_per_group=100, stops=STOPS_OF_64_SEGMENTS[:11], seats=5_000)
    await sale.hold("A1 A4999 A5000", Ends("A", "B", first=0, last=9))
    shown = await sale.map(Ends("A", "B", first=9))
    assert list(shown) == [seat.id for seat in sale.trip.seats]
    assert [seat for seat, state in shown.items() if state == "held"] == ["A1", "A4999", "A5000"]


@pytest.mark.once
@pytest.mark.parametrize(
    ("seats", "segments", "said"),
    [
        (100_001, 1, "seat_config.seats: must have 1 to 100000 seats, not 100001"),
        (100_000, 21, "at most 2000000 cells"),
        (0, 1, "seat_config.seats: must have 1 to 100000 seats, not 0"),
        (1, 0, "segments: must have 1 to 512 items, not 0"),
    ],
)
def test_a_trip_above_the_limits_is_refused(seats: int, segments: int, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        a_trip(stops=[f"stop-{n}" for n in range(segments + 1)], seats=seats)


def _house(sale: Sale) -> Actor:
    return house_of(sale.trip.key.organization)
