"""Index entries and listings go when nothing needs them any more, and not before."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from random import Random
from typing import Any

import pytest

from tests.seats.keeping import ANN, HOUR_S, KEPT, TRIP, Keeping
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.protocol import index_entries, listings
from travio_inventory.protocol.batches import (
    ANY_TIME,
    FOLLOWING,
    FOR_EVER,
    Index,
    IndexEntry,
    Kind,
    Outcome,
    Partition,
    Write,
)
from travio_inventory.protocol.event_rows import epoch_of
from travio_inventory.protocol.index_entries import DurableEntries, bucket_of, minute_of
from travio_inventory.protocol.minute_cursor import MinuteCursor, Place
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.seats.records import holder_pages, seat_rows, trip_rows
from travio_inventory.seats.records.openings import opening_entry
from travio_inventory.store.memory import MemoryBatches
from verification.kit.clocks import Clock
from verification.simulation.virtual_loop import run_virtually

GROUP = seat_rows.group_partition(TRIP.key, 0)
HOLDS = listings.holds_bucket(ANN.organization, ANN.user)
BOOKINGS = listings.bookings_bucket(ANN.organization, ANN.user)


class Watched(MemoryBatches):
    """Counts the entries that are added, and may keep those of a listing back."""

    def __init__(self) -> None:
        super().__init__(None, Random(1), asyncio.sleep)
        self.added: list[IndexEntry] = []
        self.kept_back: list[IndexEntry] | None = None

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        """See Batches."""
        if self.kept_back is not None and writes:
            self.kept_back += [entry for entry in entries if entry.of in FOLLOWING]
            entries = [entry for entry in entries if entry.of not in FOLLOWING]
        assert len({entry._replace(keep_s=0) for entry in entries}) == len(entries), "a store adds them in any order"
        self.added += entries
        return await super().apply(partition, writes, entries, send_by=send_by)

    async def add(self, entries: Sequence[IndexEntry]) -> None:
        """What was kept back arrives."""
        await super().apply(GROUP, (), entries)


def living(day: Callable[[Keeping, Watched], Coroutine[Any, Any, None]]) -> None:
    """Such a day of a process that sells the trip."""

    async def run() -> None:
        store = Watched()
        process = Keeping(store)
        await process.open_trip()
        await day(process, store)
        await process.assembly.steps.drain(5)

    run_virtually(0, run())


# ---- where something is due, or was recorded


def test_an_entry_outlives_the_event_that_it_leads_to_however_long_its_epoch_goes_on() -> None:
    """No relay runs, so one epoch goes on for hours. The process knows its entry, which the store forgets."""

    async def day(process: Keeping, store: Watched) -> None:
        steps_s, last_s = HOUR_S // 4, 3 * KEPT.entries_s
        for _ in range(0, last_s, steps_s):
            await process.release(await process.hold())
            await process.pass_s(steps_s)
        await process.pass_s(KEPT.events_s - steps_s - 60)
        newest = max(await store.read(GROUP, Kind.EVENT), key=lambda key: key.id)
        assert await process.entries(Index.JOURNAL, bucket_of(epoch_of(newest)))

    living(day)


def test_an_entry_is_written_once_in_a_while_and_not_with_every_step() -> None:
    async def day(process: Keeping, store: Watched) -> None:
        for _ in range(50):
            await process.release(await process.hold())
        journal = [entry for entry in store.added if entry.of is Index.JOURNAL]
        assert len(journal) == 1
        assert journal[0].keep_s == KEPT.entries_s

    living(day)


def test_an_entry_that_was_sent_long_before_its_answer_came_is_not_known_for_longer() -> None:
    clock = Clock()
    known = DurableEntries(clock, known_s=KEPT.known_s)
    entry = index_entries.recorded(GROUP, 1, KEPT)
    clock.pass_s(KEPT.known_s)
    assert known.missing([entry]) == [entry]
    known.remember([entry], sent_ms=0)
    assert known.missing([entry]) == [entry]
    known.remember([entry], sent_ms=clock.elapsed_ms())
    clock.pass_s(KEPT.known_s - 1)
    assert known.missing([entry]) == []
    clock.pass_s(1)
    assert known.missing([entry]) == [entry]


def test_an_entry_of_what_is_due_is_there_after_a_standstill_of_all_sweepers_and_goes_after_it() -> None:
    async def day(process: Keeping, _: Watched) -> None:
        hold = await process.hold()
        due = [bucket_of(minute_of(hold.created_at_ms + 600_000 + ms)) for ms in (0, 60_000)]
        await process.pass_s(KEPT.held_s_max + KEPT.events_s)
        assert any([await process.entries(Index.EXPIRY, bucket) for bucket in due])
        await process.pass_s(KEPT.entries_s)
        assert not any([await process.entries(Index.EXPIRY, bucket) for bucket in due])

    living(day)


def test_what_was_published_is_noted_for_as_long_as_it_could_be_found_again() -> None:
    async def day(process: Keeping, store: Watched) -> None:
        await process.hold()
        await process.relay()
        notes = [entry for entry in store.added if entry.of is Index.TOLD]
        assert {entry.keep_s for entry in notes} == {KEPT.told_s}
        assert KEPT.told_s > KEPT.events_s
        await process.pass_s(KEPT.told_s + 1)
        assert [await process.entries(Index.TOLD, entry.bucket) for entry in notes] == [[]]

    living(day)


def test_a_place_is_carried_on_until_the_index_leads_nowhere_else_so_far_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def day() -> None:
        store, clock = Watched(), Clock()
        minutes = MinuteCursor(store, Index.EXPIRY, clock, keep_s=600, waits=StoreWaits())
        now = minute_of(clock.now_ms())
        await minutes.carry({Place(now - 10, "young"), Place(now - 11, "old")}, clock.now_ms())
        assert [(entry.entry.rpartition("\x1e")[2], entry.keep_s) for entry in store.added] == [("young", 600)]
        assert "old" in caplog.text

    run_virtually(0, day())


def test_a_sweeper_that_stood_still_for_very_long_begins_where_the_index_does() -> None:
    async def day() -> None:
        store, clock = Watched(), Clock()
        before = MinuteCursor(store, Index.EXPIRY, clock, keep_s=6_000, waits=StoreWaits(), first=1)
        await before.settled((), clock.now_ms())
        after = MinuteCursor(store, Index.EXPIRY, clock, keep_s=6_000, waits=StoreWaits())
        await after.begin(clock.now_ms())
        assert after.first == minute_of(clock.now_ms()) - 100

    run_virtually(0, day())


# ---- what a holder has


def test_a_hold_is_listed_for_as_long_as_it_may_be_kept_and_a_booking_for_ever() -> None:
    async def day(process: Keeping, _: Watched) -> None:
        booking = await process.confirm(await process.hold("A1"))
        released = await process.release(await process.hold("A2"))
        await process.pass_s(KEPT.holds_s)
        assert {hold.id for hold in await process.listed()} == {booking.id, released.id}
        await process.pass_s(KEPT.listed_s - KEPT.holds_s + 1)
        assert await process.entries(Index.HOLDS, HOLDS) == [
            listings.booked(ANN.organization, ANN.user, booking.id, booking.created_at_ms, order="", keep_s=0)[0].entry
        ]
        await process.pass_s(100 * 86_400)
        assert [hold.id for hold in await process.listed()] == [booking.id]
        assert [hold.id for hold in await process.listed(ended=False)] == [booking.id]

    living(day)


def test_a_trip_that_is_open_is_not_listed_as_opening_however_often_somebody_looks() -> None:
    async def day(process: Keeping, _: Watched) -> None:
        opening = opening_entry(TRIP.key, 1)
        for _again in range(2):
            await process.store.apply(trip_rows.partition(TRIP.key), (), [opening])
            for _round in range(2 * trip_rows.FORGOTTEN_S // 100 + 1):
                await process.inventory.go_on_opening(HOUSE)
                await process.pass_s(100)
            assert await process.entries(Index.OPENINGS, "all") == []

    living(day)


def test_a_booking_that_was_cancelled_is_listed_for_a_while() -> None:
    async def day(process: Keeping, _: Watched) -> None:
        booking = await process.confirm(await process.hold())
        await process.pass_s(10 * 86_400)
        await process.cancel(booking)
        await process.pass_s(KEPT.holds_s)
        assert [hold.id for hold in await process.listed()] == [booking.id]
        await process.pass_s(KEPT.ended_s - KEPT.holds_s + 1)
        assert [*await process.entries(Index.HOLDS, HOLDS), *await process.entries(Index.HOLDS, BOOKINGS)] == []

    living(day)


def test_a_late_booking_is_listed_for_ever() -> None:
    async def day(process: Keeping, _: Watched) -> None:
        hold = await process.hold()
        await process.pass_s(700)
        await process.sweep()
        booking = await process.confirm(hold)
        assert booking.id != hold.id
        await process.pass_s(10 * KEPT.listed_s)
        for bucket in (HOLDS, BOOKINGS):
            assert [listings.hold_of(entry) for entry in await process.entries(Index.HOLDS, bucket)] == [hold.id]

    living(day)


def test_a_holds_entry_that_comes_after_its_confirm_ends_nothing() -> None:
    """Not even where the event of the confirm was published before: nothing writes the entries any more."""

    async def day(process: Keeping, store: Watched) -> None:
        store.kept_back = []
        hold = await process.hold()
        late, store.kept_back = store.kept_back, None
        booking = await process.confirm(hold)
        await process.relay()
        await store.add(late)
        await process.pass_s(10 * KEPT.listed_s)
        assert [found.id for found in await process.listed()] == [booking.id]

    living(day)


def test_a_bookings_entries_that_come_after_its_cancel_go_with_the_event_of_it() -> None:
    async def day(process: Keeping, store: Watched) -> None:
        store.kept_back = []
        booking = await process.confirm(await process.hold())
        late, store.kept_back = store.kept_back, None
        await process.cancel(booking)
        await store.add(late)
        await process.relay()
        await process.pass_s(KEPT.listed_s + KEPT.ended_s)
        assert [*await process.entries(Index.HOLDS, HOLDS), *await process.entries(Index.HOLDS, BOOKINGS)] == []

    living(day)


def test_the_events_alone_list_a_booking_and_let_it_go() -> None:
    """The processes that made its steps died before they listed it. Its events come together."""

    async def day(process: Keeping, store: Watched) -> None:
        store.kept_back = []
        kept = await process.confirm(await process.hold("A1"))
        await process.cancel(await process.confirm(await process.hold("A2")))
        store.kept_back = None
        await process.relay()
        assert len(await process.listed()) == 2
        await process.pass_s(KEPT.listed_s + KEPT.ended_s)
        for bucket in (HOLDS, BOOKINGS):
            assert [listings.hold_of(entry) for entry in await process.entries(Index.HOLDS, bucket)] == [kept.id]

    living(day)


@pytest.mark.parametrize("ended", [True, False])
def test_an_entry_whose_hold_is_gone_is_met_by_one_page_and_by_no_other(*, ended: bool) -> None:
    async def day(process: Keeping, store: Watched) -> None:
        held = await process.hold()
        gone = [f"{TRIP.key.trip}~0~{number:032x}" for number in range(40)]
        of = ANN.organization, ANN.user
        await store.add([entry for name in gone for entry in listings.booked(*of, name, 7, order="o", keep_s=FOR_EVER)])
        assert [hold.id for hold in await process.listed(ended=ended)] == [held.id]
        await process.pass_s(holder_pages.GONE_S + 1)
        entries = await process.entries(Index.HOLDS, HOLDS)
        assert [listings.hold_of(entry) for entry in entries] == [held.id]
        assert len(await process.entries(Index.HOLDS, BOOKINGS)) == (len(gone) if ended else 0)

    living(day)


def test_lifetimes_are_in_an_order_in_which_nothing_is_missed() -> None:
    for kept in (Retention(), KEPT, Retention(events_s=60, holds_s=60, keys_s=60, held_s_max=1)):
        sent_s = index_entries.SENT_WITHIN_MS // 1_000
        assert kept.entries_s > kept.known_s + sent_s + kept.held_s_max + kept.events_s
        assert kept.listed_s >= kept.held_s_max + kept.ended_s
