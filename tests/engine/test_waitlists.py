"""Waiting lists: a place each, in the order of joining."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.engine.line import Spoil
from tests.engine.sale import Market, Sale
from travio_inventory.domain.errors import (
    BackendUnavailable,
    InvalidRequest,
    NotOnWaitlist,
    OutcomeUnknown,
    TripNotFound,
)
from travio_inventory.domain.hold import Caller
from travio_inventory.store.batches import Partition, Write


@pytest.fixture
async def sold_out(market: Market) -> Sale:
    """A trip that people wait for; how its seats are cut makes no difference."""
    return await market.open(seats=6)


async def test_places_are_in_the_order_of_joining(sold_out: Sale) -> None:
    entries = []
    for who in ("ann", "bob", "cid"):
        entries.append(await sold_out.join(who, "first", 2))
        sold_out.clock.pass_s(1)
    assert [entry.position for entry in entries] == [1, 2, 3]
    first = entries[0]
    assert (first.holder, first.seat_class, first.seats, first.trip) == ("ann", "first", 2, sold_out.trip.key)


async def test_joining_again_keeps_the_place(sold_out: Sale) -> None:
    entry = await sold_out.join("ann", "first", 2)
    await sold_out.join("bob", "first")
    sold_out.clock.pass_s(10)
    assert await sold_out.join("ann", "first", 4) == entry
    assert await sold_out.elsewhere().join("ann", "first") == entry


async def test_twelve_who_join_at_once_get_twelve_places(sold_out: Sale) -> None:
    processes = [sold_out, sold_out.elsewhere(), sold_out.elsewhere()]
    entries = await asyncio.gather(*(processes[n % 3].join(f"u{n}") for n in range(12)))
    places = [(await sold_out.inventory.waitlist.list(f"u{n}"))[0].position for n in range(12)]
    assert sorted(places) == list(range(1, 13))
    assert max(entry.position for entry in entries) == 12


async def test_one_who_joins_twelve_times_at_once_has_one_place(sold_out: Sale) -> None:
    await sold_out.join("bob")
    await asyncio.gather(*(sold_out.join("ann") for _ in range(12)))
    assert [entry.position for entry in await sold_out.inventory.waitlist.list("ann")] == [2]


async def test_who_leaves_makes_room(sold_out: Sale) -> None:
    for who in ("ann", "bob", "cid"):
        await sold_out.join(who)
    await sold_out.leave("ann")
    assert [(await sold_out.inventory.waitlist.list(who))[0].position for who in ("bob", "cid")] == [1, 2]
    assert list(await sold_out.inventory.waitlist.list("ann")) == []


async def test_who_joins_again_joins_the_end(sold_out: Sale) -> None:
    for who in ("ann", "bob"):
        await sold_out.join(who, seats=2)
    await sold_out.leave("ann")
    again = await sold_out.join("ann", seats=3)
    assert (again.position, again.seats) == (2, 3)


async def test_who_does_not_wait_cannot_leave(sold_out: Sale) -> None:
    await sold_out.join("ann", "first")
    for who, seat_class in (("bob", "first"), ("ann", "second"), ("ann", "")):
        with pytest.raises(NotOnWaitlist):
            await sold_out.leave(who, seat_class)
    await sold_out.leave("ann", "first")
    with pytest.raises(NotOnWaitlist):
        await sold_out.leave("ann", "first")


async def test_classes_and_trips_have_lists_of_their_own(sold_out: Sale) -> None:
    await sold_out.join("bob", "first")
    assert (await sold_out.join("ann", "second")).position == 1
    assert (await sold_out.join("ann", "")).position == 1
    assert (await sold_out.join("ann", "first")).position == 2


async def test_a_user_lists_all_they_wait_for_oldest_first(sold_out: Sale) -> None:
    for seat_class in ("second", "", "first"):
        await sold_out.join("ann", seat_class)
        sold_out.clock.pass_s(1)
    await sold_out.join("bob", "first")
    listed = await sold_out.elsewhere().inventory.waitlist.list("ann")
    assert [(entry.seat_class, entry.holder) for entry in listed] == [("second", "ann"), ("", "ann"), ("first", "ann")]


async def test_a_class_that_the_trip_does_not_have_is_refused(sold_out: Sale) -> None:
    with pytest.raises(InvalidRequest, match="seat_class"):
        await sold_out.join("ann", "third")
    assert list(await sold_out.inventory.waitlist.list("ann")) == []


async def test_nobody_waits_for_a_trip_that_is_not_there(sold_out: Sale) -> None:
    with pytest.raises(TripNotFound):
        await sold_out.inventory.waitlist.join(Caller("another", "ann"), "t1", "", 1)


@pytest.mark.parametrize("how", [Spoil.LOST, Spoil.UNANSWERED, Spoil.LATE, Spoil.NOT_DONE])
async def test_a_place_is_taken_once_whatever_becomes_of_the_answer(sold_out: Sale, how: Spoil) -> None:
    await sold_out.join("bob")
    sold_out.line.spoil(how, times=1)
    entry = await sold_out.join("ann")
    await sold_out.line.deliver_late()
    assert entry.position == 2
    assert await sold_out.join("ann") == entry
    assert (await sold_out.join("cid")).position == 3


async def test_a_store_that_is_away_is_no_refusal(sold_out: Sale) -> None:
    sold_out.line.spoil(Spoil.NOT_DONE)
    with pytest.raises((BackendUnavailable, OutcomeUnknown)):
        await sold_out.join("ann")
    sold_out.line.mend()
    assert (await sold_out.join("ann")).position == 1


@pytest.mark.parametrize("step", ["join", "leave"])
@pytest.mark.parametrize("how", [Spoil.UNANSWERED, Spoil.LOST])
async def test_a_store_that_goes_away_after_the_batch_was_sent_leaves_it_unknown(
    sold_out: Sale, step: str, how: Spoil
) -> None:
    """Nothing could be read afterwards; that nothing was done would be a lie."""
    if step == "leave":
        await sold_out.join("ann")
    partitions = list[Partition]()

    def and_then_away(partition: Partition, _: Sequence[Write]) -> bool:
        partitions.append(partition)
        return True

    stall = sold_out.line.stall(and_then_away)
    sold_out.line.spoil(how, times=1)
    stepping = asyncio.create_task(sold_out.join("ann") if step == "join" else sold_out.leave("ann"))
    await stall.reached.wait()
    sold_out.line.cannot_read(partitions[0])
    stall.go.set()
    with pytest.raises(OutcomeUnknown):
        await stepping
    sold_out.line.mend()
    assert (await sold_out.join("ann")).position == 1


async def test_a_store_that_cannot_be_read_at_all_has_done_nothing(sold_out: Sale) -> None:
    seen = list[Partition]()

    def and_see(partition: Partition, _: Sequence[Write]) -> bool:
        seen.append(partition)
        return False

    sold_out.line.spoil(Spoil.LOST, and_see)
    await sold_out.join("bob")
    sold_out.line.cannot_read(seen[0])
    with pytest.raises(BackendUnavailable):
        await sold_out.join("ann")
