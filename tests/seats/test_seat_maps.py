"""Seat maps: the store's seats for a journey, through a cache that no write and no slow reader can make wrong."""

import asyncio
from collections.abc import Awaitable, Callable
from secrets import token_hex

import pytest

from travio_inventory.kernel.refusals import Violation
from travio_inventory.protocol.batches import Kind
from travio_inventory.seats.commands import AvailabilityQuery, SeatMapQuery
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.refusals import ReplyTooLarge, SeatTaken, TripNotFound
from travio_inventory.seats.seat import HeldUntil
from travio_inventory.seats.trip import Ends, Trip, TripKey
from verification.kit.asking import seat_map as seat_map_of
from verification.kit.sale import TTL_S, Market, Sale
from verification.kit.trips import SEATS, train

STALE_S_MAX = 2
READERS = 50


# ---- what it shows


async def test_a_seat_is_free_only_if_every_segment_of_the_journey_is_free(sale: Sale) -> None:
    await sale.hold("A1 A18", "B-C")
    await sale.confirm(await sale.hold("A2", "C-D"))
    await sale.block("A3")
    shown = {ends: await sale.map(ends) for ends in ("A-B", "B-C", "C-D", "A-C", "B-D", "A-D")}
    assert {ends: seats["A18"] for ends, seats in shown.items()} == {
        "A-B": "available", "B-C": "held", "C-D": "available", "A-C": "held", "B-D": "held", "A-D": "held",
    }  # fmt: skip
    assert {ends for ends, seats in shown.items() if seats["A2"] == "sold"} == {"C-D", "B-D", "A-D"}
    assert {seats["A3"] for seats in shown.values()} == {"blocked"}


async def test_a_held_seat_shows_when_it_may_be_free_again(sale: Sale) -> None:
    """The latest of the holds on the journey counts."""
    await sale.hold("A1 A18", "A-B", ttl_s=30)
    await sale.hold("A18", "C-D", ttl_s=90)
    seat_map = await seat_map_of(sale.inventory, sale.trip.key, Ends("A", "D"))
    shown = {seat.id: state for seat, state in seat_map.seats()}
    assert shown["A1"] == HeldUntil(sale.clock.at_ms + 30_000)
    assert shown["A18"] == HeldUntil(sale.clock.at_ms + 90_000)


async def test_an_extension_shows_in_every_seat_group(sale: Sale) -> None:
    hold = await sale.hold("A1 A2 A18")
    await sale.map()
    sale.clock.pass_s(30)
    await sale.extend(hold)
    seat_map = await seat_map_of(sale.inventory, sale.trip.key, Ends("A", "D"))
    assert [state for seat, state in seat_map.seats() if seat.id in hold.seats] == [
        HeldUntil(sale.clock.at_ms + TTL_S * 1_000)
    ] * 3


async def test_seats_come_in_layout_order_every_time(sale: Sale) -> None:
    order = [f"A{number}" for number in range(1, SEATS + 1)]
    for process in (sale, sale, sale.elsewhere()):
        await process.hold(f"A{len(sale.market.sales)}", ttl_s=1)
        process.clock.pass_s(5)
        assert list(await process.map()) == order


async def test_there_is_no_map_of_a_trip_that_is_not_there(single_seats: Sale) -> None:
    with pytest.raises(TripNotFound):
        await seat_map_of(single_seats.inventory, TripKey("another", "t1"), Ends("A", "D"))


async def test_availability_counts_the_class_asked_for(sale: Sale) -> None:
    await sale.hold("A1 A18")
    query = AvailabilityQuery(trip_id=sale.trip.key.trip, ends=Ends("A", "B"), passengers=2, seat_class="first")
    answer = await sale.inventory.check_availability(sale.actor(), query)
    free = [seat.id for some in answer.free() for seat in some]
    assert free == ["A2", "A3", "A4"]


# ---- own writes


async def confirm(sale: Sale, hold: Hold) -> None:
    await sale.confirm(hold)


async def cancel(sale: Sale, hold: Hold) -> None:
    await sale.confirm(hold)
    await sale.map()
    await sale.cancel(hold)


async def sweep_it(sale: Sale, _: Hold) -> None:
    sale.clock.pass_s(TTL_S + 1)
    await sale.map()
    await sale.sweep()


async def lose_it(sale: Sale, _: Hold) -> None:
    """A contender for one of its seats ends it, and takes another one."""
    sale.clock.pass_s(TTL_S + 1)
    await sale.map()
    await sale.release(await sale.hold("A18", by="bob"))


async def confirm_late(sale: Sale, hold: Hold) -> None:
    await sweep_it(sale, hold)
    await sale.map()
    await sale.confirm(hold)


@pytest.mark.parametrize(
    ("write", "shown"),
    [
        (Sale.find, "held"),
        (Sale.release, "available"),
        (confirm, "sold"),
        (cancel, "available"),
        (sweep_it, "available"),
        (lose_it, "available"),
        (confirm_late, "sold"),
    ],
)
async def test_a_process_sees_its_own_write_at_once(
    sale: Sale, write: Callable[[Sale, Hold], Awaitable[object]], shown: str
) -> None:
    """The map is cached before every write, so one that does not invalidate its seat groups is seen here."""
    await sale.map()
    hold = await sale.hold("A1 A2 A18", "A-C")
    assert await sale.seats("held", "A-C") == "A1 A2 A18"
    await write(sale, hold)
    assert {seat: state for seat, state in (await sale.map("A-C")).items() if seat in hold.seats} == dict.fromkeys(
        hold.seats, shown
    )


async def test_a_process_sees_its_own_blocked_seats_at_once(sale: Sale) -> None:
    await sale.map()
    await sale.block("A1 A18")
    assert await sale.seats("blocked") == "A1 A18"
    await sale.unblock("A18")
    assert await sale.seats("blocked") == "A1"


async def test_a_call_that_finds_seats_blocked_by_another_process_shows_them_at_once(sale: Sale) -> None:
    """The process that blocked them may have died before it invalidated any map."""
    another = sale.elsewhere()
    await another.map()
    await sale.block("A1 A18")
    await another.block("A1 A18")
    assert await another.seats("blocked") == "A1 A18"
    await sale.unblock("A18")
    await another.unblock("A18")
    assert await another.seats("blocked") == "A1"


async def test_seats_that_a_refused_hold_had_taken_show_free_at_once(single_seats: Sale) -> None:
    """It had intents in other groups, and no row that says it is over: they must be gone before the map is read."""
    sale = single_seats
    await sale.hold("A1", by="bob")
    asking = sale.elsewhere()
    await asking.map()
    with pytest.raises(SeatTaken):
        await asking.hold("A1 A2 A18")
    assert await asking.seats("held") == "A1"
    await asking.settled()
    assert await asking.seats("held") == "A1"


async def test_what_others_write_is_seen_within_two_seconds(sale: Sale) -> None:
    another = sale.elsewhere()
    await another.map()
    await sale.hold("A1 A18")
    sale.clock.pass_ms(STALE_S_MAX * 1_000 + 1)
    assert await another.seats("held") == "A1 A18"


# ---- the cache


async def test_a_cached_map_needs_no_store(sale: Sale) -> None:
    await sale.map()
    before = sale.store.reads.copy()
    for ends in ("A-B", "B-D", "A-D"):
        await sale.map(ends)
    assert sale.store.reads == before


async def test_a_write_costs_one_read_of_each_seat_group_it_changed(sale: Sale) -> None:
    await sale.map()
    hold = await sale.hold("A1 A2 A18")
    before = sale.store.reads[Kind.CELL]
    await sale.map()
    assert sale.store.reads[Kind.CELL] - before == len(hold.seats_by_group)


async def test_a_map_of_a_section_reads_only_its_seat_groups(market: Market) -> None:
    """Of three seat groups the second has seats of both cars."""
    sale = market.prepare(train(organization=f"org-{token_hex(4)}"))
    await sale.open_trip()
    for section, groups in (("c10", 2), ("c9", 2), ("", 3)):
        reader = sale.elsewhere()
        seat_map = await seat_map_of(reader.inventory, sale.trip.key, Ends("A", "B"), section)
        assert {seat.section for seat, _ in seat_map.seats()} == ({section} if section else {"c10", "c9"})
        assert reader.store.reads[Kind.CELL] <= groups


async def test_a_map_that_is_refused_for_its_size_reads_no_seat(sale: Sale) -> None:
    def refuse(_trip: Trip, section: str) -> None:
        raise ReplyTooLarge([Violation("section_id", section)])

    before = sale.store.reads[Kind.CELL]
    query = SeatMapQuery(trip_id=sale.trip.key.trip, ends=Ends("A", "B"))
    with pytest.raises(ReplyTooLarge):
        await sale.inventory.read_seat_map(sale.actor("ann"), query, check=refuse)
    assert sale.store.reads[Kind.CELL] == before


async def test_many_readers_are_one_read_of_the_store(sale: Sale) -> None:
    reader = sale.elsewhere()
    answers = await asyncio.gather(*(reader.map(("A-B", "A-D")[n % 2]) for n in range(READERS)))
    assert len(answers) == READERS
    assert reader.store.reads[Kind.CELL] == sale.trip.group_count


async def test_a_reader_that_leaves_does_not_cancel_the_others(sale: Sale) -> None:
    reader = sale.elsewhere()
    in_hand = reader.store.stall_reads()
    readers = [asyncio.ensure_future(reader.map()) for _ in range(3)]
    await in_hand.reached.wait()
    readers[0].cancel()
    in_hand.go.set()
    assert len((await asyncio.gather(*readers[1:]))[0]) == SEATS
    assert reader.store.reads[Kind.CELL] == sale.trip.group_count


async def hold_all(sale: Sale) -> None:
    """Hold a seat in every seat group."""
    await sale.hold(" ".join(f"A{number}" for number in range(1, 11)))
    await sale.hold(" ".join(f"A{number}" for number in range(11, SEATS + 1)))


async def test_a_slow_reader_cannot_put_old_data_back(sale: Sale) -> None:
    """It read the store before the hold and answers after it: its answer is old, and stays its own."""
    in_hand = sale.store.stall_reads()
    slow = asyncio.ensure_future(sale.map())
    await in_hand.reached.wait()
    await hold_all(sale)
    sale.store.mend()
    assert await sale.seats("available") == ""
    in_hand.go.set()
    await slow
    assert await sale.seats("available") == ""


async def test_nobody_joins_a_read_that_began_before_their_own_write(sale: Sale) -> None:
    """The old read never ends; a reader after the write still gets an answer."""
    in_hand = sale.store.stall_reads()
    slow = asyncio.ensure_future(sale.map())
    await in_hand.reached.wait()
    await hold_all(sale)
    sale.store.mend()
    async with asyncio.timeout(60):
        assert await sale.seats("available") == ""
    in_hand.go.set()
    await slow


async def test_a_read_that_fails_is_not_kept(market: Market) -> None:
    sale = await market.open(seats_per_group=16)
    sale.store.cannot_read(sale.group_partition("A18"))
    with pytest.raises(Exception, match="store is unavailable"):
        await sale.map()
    sale.store.mend()
    assert len(await sale.map()) == SEATS
