"""Waiting lists: one place for each holder, in the order of joining."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from travio_inventory.kernel.actor import Actor, user_anywhere
from travio_inventory.kernel.refusals import BackendUnavailable, InvalidRequest, OutcomeUnknown, Overloaded
from travio_inventory.protocol.batches import Index, IndexEntry, Kind, Partition, Table, Write
from travio_inventory.seats.commands import WaitlistPlace, WaitsQuery
from travio_inventory.seats.records import list_turns, places
from travio_inventory.seats.records.waitlists import WaitlistTable
from travio_inventory.seats.refusals import NotOnWaitlist, TripNotFound
from travio_inventory.seats.trip import TripKey
from verification.kit.asking import open_trip
from verification.kit.faulty_batches import Spoil, any_batch
from verification.kit.sale import Market, Sale


@pytest.fixture
async def sold_out(market: Market) -> Sale:
    """A trip that people wait for; the size of its seat groups makes no difference."""
    return await market.open(seats=6)


async def test_places_are_in_the_order_of_joining(sold_out: Sale) -> None:
    entries = []
    for who in ("ann", "bob", "cid"):
        entries.append(await sold_out.join(who, "first", 2))
        sold_out.clock.pass_s(1)
    assert [entry.position for entry in entries] == [1, 2, 3]
    first = entries[0]
    assert (first.holder, first.seat_class, first.seats, first.trip) == ("ann", "first", 2, sold_out.trip.key)


async def test_lists_with_similar_names_have_separate_places(sold_out: Sale) -> None:
    """A trip and a class, with any separator."""
    organization = sold_out.trip.key.organization
    for trip, seat_class in (("t", "1-a"), ("t-1", "a")):
        layout = [replace(seat, seat_class=seat_class) for seat in sold_out.trip.seats]
        like = sold_out.market.prepare(replace(sold_out.trip, key=TripKey(organization, trip), seats=tuple(layout)))
        await open_trip(like.inventory, like.trip)
        assert (await like.join(f"rider of {trip}", seat_class)).position == 1


async def test_joining_again_keeps_the_place(sold_out: Sale) -> None:
    entry = await sold_out.join("ann", "first", 2)
    await sold_out.join("bob", "first")
    sold_out.clock.pass_s(10)
    assert await sold_out.join("ann", "first", 4) == entry
    assert await sold_out.elsewhere().join("ann", "first") == entry


async def test_twelve_who_join_at_once_get_twelve_places(sold_out: Sale) -> None:
    processes = [sold_out, sold_out.elsewhere(), sold_out.elsewhere()]
    entries = await asyncio.gather(*(processes[n % 3].join(f"u{n}") for n in range(12)))
    places = [(await sold_out.waits(f"u{n}"))[0].position for n in range(12)]
    assert sorted(places) == list(range(1, 13))
    assert max(entry.position for entry in entries) == 12


async def test_a_user_who_joins_twelve_times_at_once_has_one_place(sold_out: Sale) -> None:
    await sold_out.join("bob")
    await asyncio.gather(*(sold_out.join("ann") for _ in range(12)))
    assert [entry.position for entry in await sold_out.waits("ann")] == [2]


async def test_a_user_who_leaves_makes_room(sold_out: Sale) -> None:
    for who in ("ann", "bob", "cid"):
        await sold_out.join(who)
    await sold_out.leave("ann")
    assert [(await sold_out.join(who)).position for who in ("bob", "cid")] == [1, 2]
    assert [(await sold_out.waits(who))[0].position for who in ("bob", "cid")] == [1, 2]
    assert list(await sold_out.waits("ann")) == []
    assert (await sold_out.join("dan")).position == 3


async def test_a_user_who_left_and_joins_again_is_last(sold_out: Sale) -> None:
    for who in ("ann", "bob"):
        await sold_out.join(who, seats=2)
    await sold_out.leave("ann")
    again = await sold_out.join("ann", seats=3)
    assert (again.position, again.seats) == (2, 3)


async def test_a_user_who_is_not_waiting_cannot_leave(sold_out: Sale) -> None:
    await sold_out.join("ann", "first")
    for who, seat_class in (("bob", "first"), ("ann", "second"), ("ann", "")):
        with pytest.raises(NotOnWaitlist):
            await sold_out.leave(who, seat_class)
    await sold_out.leave("ann", "first")
    with pytest.raises(NotOnWaitlist):
        await sold_out.leave("ann", "first")


async def test_classes_and_trips_have_separate_lists(sold_out: Sale) -> None:
    await sold_out.join("bob", "first")
    assert (await sold_out.join("ann", "second")).position == 1
    assert (await sold_out.join("ann", "")).position == 1
    assert (await sold_out.join("ann", "first")).position == 2


async def test_a_user_lists_all_they_wait_for_oldest_first(sold_out: Sale) -> None:
    for seat_class in ("second", "", "first"):
        await sold_out.join("ann", seat_class)
        sold_out.clock.pass_s(1)
    await sold_out.join("bob", "first")
    listed = await sold_out.elsewhere().waits("ann")
    assert [(entry.seat_class, entry.holder) for entry in listed] == [("second", "ann"), ("", "ann"), ("first", "ann")]


async def test_a_class_that_the_trip_does_not_have_is_refused(sold_out: Sale) -> None:
    with pytest.raises(InvalidRequest, match="seat_class"):
        await sold_out.join("ann", "third")
    assert list(await sold_out.waits("ann")) == []


async def test_nobody_waits_for_a_trip_that_is_not_there(sold_out: Sale) -> None:
    with pytest.raises(TripNotFound):
        await sold_out.inventory.waitlist.join(Actor("another", "ann"), WaitlistPlace(trip_id="t1"))


@pytest.mark.parametrize("how", [Spoil.LOST, Spoil.UNANSWERED, Spoil.LATE, Spoil.NOT_DONE])
async def test_a_place_is_taken_once_even_if_the_answer_is_lost(sold_out: Sale, how: Spoil) -> None:
    await sold_out.join("bob")
    sold_out.store.spoil(how, times=1)
    entry = await sold_out.join("ann")
    await sold_out.store.deliver_late()
    assert entry.position == 2
    assert await sold_out.join("ann") == entry
    assert (await sold_out.join("cid")).position == 3


async def test_a_place_whose_answer_was_lost_is_reported_as_it_was_taken(sold_out: Sale) -> None:
    """Not as a later count finds it: that may be another position by then, and costs a read of the list."""
    await sold_out.join("bob")
    sold_out.store.spoil(Spoil.UNANSWERED, times=1)
    before = sold_out.store.reads[Kind.PLACES]
    assert (await sold_out.join("ann")).position == 2
    assert sold_out.store.reads[Kind.PLACES] == before


async def test_an_unavailable_store_is_no_refusal(sold_out: Sale) -> None:
    sold_out.store.spoil(Spoil.NOT_DONE)
    with pytest.raises((BackendUnavailable, OutcomeUnknown)):
        await sold_out.join("ann")
    sold_out.store.mend()
    assert (await sold_out.join("ann")).position == 1


@pytest.mark.parametrize("step", ["join", "leave"])
@pytest.mark.parametrize("how", [Spoil.UNANSWERED, Spoil.LOST])
async def test_a_store_that_fails_after_the_batch_was_sent_leaves_the_outcome_unknown(
    sold_out: Sale, step: str, how: Spoil
) -> None:
    """Nothing could be read afterwards, so "nothing was done" could be false."""
    if step == "leave":
        await sold_out.join("ann")
    partitions = list[Partition]()

    def and_then_away(partition: Partition, _: Sequence[Write]) -> bool:
        partitions.append(partition)
        return True

    stall = sold_out.store.stall(and_then_away)
    sold_out.store.spoil(how, times=1)
    stepping = asyncio.create_task(sold_out.join("ann") if step == "join" else sold_out.leave("ann"))
    await stall.reached.wait()
    sold_out.store.cannot_read(partitions[0])
    stall.go.set()
    with pytest.raises(OutcomeUnknown):
        await stepping
    sold_out.store.mend()
    assert (await sold_out.join("ann")).position == 1


async def test_a_store_that_cannot_be_read_at_all_has_done_nothing(sold_out: Sale) -> None:
    seen = list[Partition]()

    def and_see(partition: Partition, _: Sequence[Write]) -> bool:
        seen.append(partition)
        return False

    sold_out.store.spoil(Spoil.LOST, and_see)
    await sold_out.join("bob")
    sold_out.store.cannot_read(seen[0])
    with pytest.raises(BackendUnavailable):
        await sold_out.join("ann")


async def test_a_thousand_who_join_at_once_each_get_a_place_at_once(sold_out: Sale) -> None:
    """They share some dozens of batches, and no call has an unknown outcome."""
    batches = list[Partition]()

    def count(partition: Partition, writes: Sequence[Write]) -> bool:
        batches.extend([partition] if writes else [])
        return False

    sold_out.store.spoil(Spoil.LOST, count)
    processes = [sold_out, sold_out.elsewhere()]
    entries = await asyncio.gather(*(processes[n % 2].join(f"u{n}") for n in range(1_000)))
    assert sorted(entry.position for entry in entries) == list(range(1, 1_001))
    assert len(batches) < 100


async def test_a_join_reads_no_more_of_a_long_list_than_of_a_short_one(sold_out: Sale) -> None:
    await asyncio.gather(*(sold_out.join(f"u{n}") for n in range(200)))
    await sold_out.leave("u7")
    assert (await sold_out.join("ann")).position == 200
    assert sold_out.store.reads[Kind.PLACES] == 0


async def test_a_list_is_counted_once_in_half_a_minute_for_all_who_join_again(
    sold_out: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.gather(*(sold_out.join(f"u{n}") for n in range(20)))
    places_taken = [(await sold_out.waits(f"u{n}"))[0].position for n in range(20)]
    first = places_taken.index(1)
    behind = [f"u{n}" for n in range(20) if n != first]
    for _ in range(3):
        told = [(await sold_out.join(who)).position for who in behind]
        assert sorted(told) == list(range(2, 21))
    await sold_out.leave(f"u{first}")
    assert sorted([(await sold_out.join(who)).position for who in behind]) == list(range(2, 21))
    assert sold_out.store.reads[Kind.PLACES] == 1
    monkeypatch.setattr(places, "COUNT_EVERY_S", 0.0)
    monkeypatch.setattr(places, "READ_AT_ONCE", 7)
    assert sorted([(await sold_out.join(who)).position for who in behind]) == list(range(1, 20))


async def test_a_list_that_is_too_long_to_be_counted_reports_the_places_as_they_were_taken(
    sold_out: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "JOINED_MAX", 2)
    for who in ("ann", "bob", "cid"):
        await sold_out.join(who)
    await sold_out.leave("ann")
    assert (await sold_out.join("cid")).position == 3
    assert sold_out.store.reads[Kind.PLACES] == 0


@pytest.mark.parametrize("step", ["join", "leave"])
async def test_a_call_that_was_only_ever_refused_is_told_that_nothing_was_done(sold_out: Sale, step: str) -> None:
    if step == "leave":
        await sold_out.join("ann")
    sold_out.store.spoil(Spoil.REFUSED, any_batch)
    with pytest.raises(Overloaded):
        await (sold_out.join("ann") if step == "join" else sold_out.leave("ann"))
    sold_out.store.mend()
    assert len(await sold_out.waits("ann")) == (step == "leave")


async def test_a_refusal_after_an_unknown_leaves_it_unknown(sold_out: Sale) -> None:
    sold_out.store.spoil(Spoil.LATE, any_batch, times=1)
    sold_out.store.spoil(Spoil.REFUSED, any_batch)
    with pytest.raises(OutcomeUnknown):
        await sold_out.join("ann")
    sold_out.store.mend()
    await sold_out.store.deliver_late()
    assert [entry.position for entry in await sold_out.waits("ann")] == [1]


async def test_a_failed_leave_does_not_stop_the_calls_in_the_same_batch(sold_out: Sale) -> None:
    await sold_out.join("bob")
    stall = sold_out.store.stall(any_batch)
    first = asyncio.create_task(sold_out.join("ann"))
    await stall.reached.wait()
    together = [
        asyncio.create_task(step) for step in (sold_out.leave("cid"), sold_out.join("dan"), sold_out.leave("bob"))
    ]
    await asyncio.sleep(0.01)
    sold_out.store.mend()
    stall.go.set()
    assert (await first).position == 2
    refused, joined, left = await asyncio.gather(*together, return_exceptions=True)
    assert isinstance(refused, NotOnWaitlist)
    assert left is None
    assert not isinstance(joined, BaseException)
    assert (await sold_out.join("eve")).position == 3


async def test_a_caller_that_is_gone_leaves_the_others_their_turn(
    sold_out: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_turns, "TOGETHER_MAX", 1)
    stall = sold_out.store.stall(any_batch)
    table, key = WaitlistTable(sold_out.process.sender), sold_out.trip.key
    dying = asyncio.create_task(table.join(sold_out.actor("ann"), key, "", 1))
    await stall.reached.wait()
    joining = asyncio.create_task(table.join(sold_out.actor("bob"), key, "", 1))
    await asyncio.sleep(0.01)
    dying.cancel()
    sold_out.store.mend()
    assert (await joining).position == 1


async def test_one_organization_does_not_see_the_waits_of_a_user_at_another(sold_out: Sale, market: Market) -> None:
    other = await market.open(seats=2)
    user = f"user of {sold_out.trip.key.organization}"
    other.store.name = sold_out.store.name
    for sale in (sold_out, other):
        await sale.join(user)
        await sale.join(user, "first")
    assert len(await sold_out.waits(user)) == 4
    for sale in (sold_out, other):
        organization = sale.trip.key.organization
        page = await sold_out.inventory.waitlist.page(Actor(organization, user), WaitsQuery(page_size=100))
        assert {entry.trip.organization for entry in page.entries} == {organization}
        assert (len(page.entries), page.next) == (2, "")


async def test_all_that_a_user_waits_for_is_found_page_by_page(sold_out: Sale) -> None:
    """Lists that the user left are skipped, at a limited cost."""
    for seat_class in ("", "first", "second"):
        await sold_out.join("ann", seat_class)
    await sold_out.leave("ann", "first")
    gone = [
        IndexEntry(Index.WAITLISTS, "ann", "\x1f".join((sold_out.trip.key.organization, f"a{n}", ""))) for n in range(5)
    ]
    await sold_out.store.apply(Partition(Table.WAITLISTS, "", ""), [], gone)
    found, after, pages = list[str](), "", 0
    while pages == 0 or after:
        page = await sold_out.inventory.waitlist.page(user_anywhere("ann"), WaitsQuery(after=after, page_size=2))
        found, after, pages = found + [entry.seat_class for entry in page.entries], page.next, pages + 1
    assert (sorted(found), pages) == (["", "second"], 5)
