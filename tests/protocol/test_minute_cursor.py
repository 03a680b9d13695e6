"""Which minutes of an index a job visits, when each is closed, and what is carried on from it."""

import asyncio
import logging
from collections.abc import Sequence
from random import Random
from typing import Never

import pytest

from travio_inventory.protocol.batches import (
    ANY_TIME,
    Index,
    IndexEntry,
    Kind,
    Outcome,
    Partition,
    RowKey,
    StoreUnavailable,
    Table,
    Unknown,
    Write,
)
from travio_inventory.protocol.index_entries import MINUTE_MS, bucket_of
from travio_inventory.protocol.minute_cursor import MINUTES_AT_ONCE, SET_BACK_MS, MinuteCursor, Place
from travio_inventory.protocol.published_until import PublishedUntil
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.store.memory import MemoryBatches
from verification.kit.clocks import START_MS, Clock

NOW = START_MS // MINUTE_MS
KEEP_S = 6_000
CURSOR = RowKey(Kind.CURSOR, "")
RAN = Write(RowKey(Kind.CURSOR, "ran"), {}, {"reached": START_MS})


class Spoiled(MemoryBatches):
    """Cannot read some buckets, may leave batches without an answer, and keeps what was sent."""

    def __init__(self) -> None:
        super().__init__(None, Random(1), asyncio.sleep)
        self.unreadable: set[str] = set()
        self.is_silent = False
        self.sent: list[tuple[Partition, Sequence[Write], Sequence[IndexEntry]]] = []

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        self.sent.append((partition, writes, entries))
        return Unknown("lost") if self.is_silent else await super().apply(partition, writes, entries, send_by=send_by)

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        if bucket in self.unreadable:
            raise StoreUnavailable("no answer")
        return await super().read_index(index, bucket, after=after, most=most)


class Wrong(Spoiled):
    """Reads no bucket, and not because of the connection."""

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Never:
        raise ZeroDivisionError((index, bucket, after, most))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> Spoiled:
    return Spoiled()


def cursor_of(store: Spoiled, clock: Clock, *, reader: str = "", look_back: int = 2) -> MinuteCursor:
    return MinuteCursor(store, Index.EXPIRY, clock, KEEP_S, look_back=look_back, reader=reader, waits=StoreWaits())


async def note(store: Spoiled, minute: int, *entries: str) -> None:
    await store.apply(
        Partition(Table.CURSORS, "", "x"), [], [IndexEntry(Index.EXPIRY, bucket_of(minute), each) for each in entries]
    )


def after_end(minute: int, s: float) -> int:
    """The moment so long after that minute's end."""
    return (minute + 1) * MINUTE_MS + round(s * 1_000)


async def visit(minutes: MinuteCursor, at_ms: int) -> list[int]:
    """A round at that moment: the minutes that were visited again."""
    await minutes.begin(at_ms)
    settling = minutes.settling(at_ms)
    await minutes.settled(settling, at_ms)
    return settling


async def close_all_before_now(store: Spoiled, clock: Clock) -> None:
    """A job has stored that the minute of START_MS is the first open one."""
    minutes = cursor_of(store, clock, look_back=1)
    await minutes.begin(START_MS)
    await minutes.settled([NOW - 1], after_end(NOW - 1, 130))


async def test_a_minute_is_visited_in_every_round_until_15_s_after_its_end(store: Spoiled, clock: Clock) -> None:
    minutes = cursor_of(store, clock)
    await minutes.begin(START_MS)
    assert minutes.live(after_end(NOW, 14.999)) == range(NOW, NOW + 2)
    assert minutes.live(after_end(NOW, 15)) == range(NOW + 1, NOW + 2)
    assert minutes.live(after_end(NOW - 3, 0)) == range(NOW - 2, NOW - 1), "none before the first"


async def test_it_is_visited_twice_again_and_then_closed(store: Spoiled, clock: Clock) -> None:
    minutes = cursor_of(store, clock, look_back=1)
    assert await visit(minutes, after_end(NOW - 1, 14.999)) == []
    assert await visit(minutes, after_end(NOW - 1, 15)) == [NOW - 1]
    assert not minutes.is_last(NOW - 1, after_end(NOW - 1, 15))
    assert await visit(minutes, after_end(NOW - 1, 129.999)) == [NOW]
    assert minutes.first == NOW - 1
    assert not minutes.is_last(NOW - 1, after_end(NOW - 1, 129.999))
    assert minutes.is_last(NOW - 1, after_end(NOW - 1, 130))
    assert await visit(minutes, after_end(NOW - 1, 130)) == [NOW - 1]
    assert minutes.first == NOW
    later = cursor_of(store, clock)
    await later.begin(after_end(NOW, 20))
    assert later.first == NOW, "that is where the next job begins"


async def test_the_first_job_begins_a_while_back_and_not_before_the_first_minute(store: Spoiled, clock: Clock) -> None:
    minutes = cursor_of(store, clock, look_back=7)
    await minutes.begin(START_MS)
    assert minutes.first == NOW - 7
    early = cursor_of(store, clock, look_back=7)
    await early.begin(3 * MINUTE_MS)
    assert early.first == 1


async def test_after_a_long_stop_a_round_visits_some_oldest_first(store: Spoiled, clock: Clock) -> None:
    await close_all_before_now(store, clock)
    assert await visit(cursor_of(store, clock), (NOW + 90) * MINUTE_MS) == [*range(NOW, NOW + MINUTES_AT_ONCE)]


@pytest.mark.parametrize(
    ("stood_ms", "behind", "is_said"),
    [
        (MINUTES_AT_ONCE * MINUTE_MS, MINUTES_AT_ONCE + 1, False),
        (MINUTES_AT_ONCE * MINUTE_MS + 1, MINUTES_AT_ONCE + 1, True),
        (MINUTES_AT_ONCE * MINUTE_MS + 1, MINUTES_AT_ONCE, False),
        (90 * MINUTE_MS, 1, False),  # of an index by epochs, which stood still too
    ],
)
async def test_a_job_that_catches_up_after_a_long_stop_says_so(
    store: Spoiled, clock: Clock, caplog: pytest.LogCaptureFixture, stood_ms: int, behind: int, is_said: bool
) -> None:
    caplog.set_level(logging.INFO)
    await close_all_before_now(store, clock)
    clock.pass_ms(stood_ms)
    await cursor_of(store, clock).begin((NOW + behind) * MINUTE_MS)
    said = "expiry: catching up: no background job ran since 2027-01-15T08:00+00:00"
    assert [record.getMessage() for record in caplog.records] == [said] * is_said


async def test_a_first_look_that_another_job_goes_on_with_is_no_catching_up(
    store: Spoiled, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a start and a stop within seconds: nothing was missed."""
    caplog.set_level(logging.INFO)
    minutes = cursor_of(store, clock, look_back=10 * MINUTES_AT_ONCE)
    assert len(await visit(minutes, START_MS)) == MINUTES_AT_ONCE
    again = cursor_of(store, clock)
    clock.pass_ms(2_000)
    await again.begin(START_MS + 2_000)
    assert again.first < NOW - MINUTES_AT_ONCE
    assert caplog.records == []


async def test_a_job_begins_where_the_index_still_leads_anywhere(store: Spoiled, clock: Clock) -> None:
    await close_all_before_now(store, clock)
    late_ms = START_MS + 10 * KEEP_S * 1_000
    minutes = cursor_of(store, clock)
    await minutes.begin(late_ms)
    assert minutes.first == (late_ms - KEEP_S * 1_000) // MINUTE_MS


@pytest.mark.parametrize(("back_ms", "is_set_back"), [(SET_BACK_MS, False), (SET_BACK_MS + 1, True)])
async def test_a_clock_that_is_set_back_was_ahead(
    store: Spoiled, clock: Clock, caplog: pytest.LogCaptureFixture, back_ms: int, is_set_back: bool
) -> None:
    minutes = cursor_of(store, clock, look_back=3)
    await visit(minutes, START_MS)
    await minutes.begin(START_MS + 30 * MINUTE_MS)
    await minutes.settled(range(NOW - 3, NOW + 20), START_MS + 30 * MINUTE_MS)
    assert minutes.first == NOW + 20
    at_ms = START_MS + 30 * MINUTE_MS - back_ms
    await minutes.begin(at_ms)
    assert minutes.first == (at_ms // MINUTE_MS - 3 if is_set_back and at_ms // MINUTE_MS - 3 < NOW + 20 else NOW + 20)
    assert len(caplog.records) == is_set_back


async def test_a_cursor_ahead_of_the_clock_goes_back_and_visits_all_again(
    store: Spoiled, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await close_all_before_now(store, clock)
    minutes = cursor_of(store, clock, look_back=3)
    await minutes.begin(START_MS)
    assert (minutes.first, caplog.records) == (NOW, []), "it is the present minute"
    await minutes.begin(START_MS - 1)
    assert minutes.first == NOW - 4
    assert caplog.records[0].getMessage() == "expiry: a clock was ahead; going back 4 minutes"
    assert await visit(minutes, START_MS + 30_000) == [NOW - 4, NOW - 3, NOW - 2, NOW - 1]
    await minutes.begin(START_MS + 4 * MINUTE_MS)
    await minutes.begin(START_MS + 30_000)
    assert await visit(minutes, START_MS + 30_000) == [NOW - 3, NOW - 2, NOW - 1], "again"


async def test_what_cannot_be_read_waits_is_left_out_and_is_carried_on_whole(store: Spoiled, clock: Clock) -> None:
    minutes = cursor_of(store, clock)
    await note(store, NOW - 1, "a")
    await note(store, NOW, "b")
    store.unreadable = {bucket_of(NOW - 1)}
    at_ms = after_end(NOW - 1, 15)
    await minutes.begin(at_ms)
    assert await minutes.named([NOW - 1, NOW]) == {NOW: {Place(NOW, "b")}}
    assert minutes.settling(at_ms) == [NOW - 2], "it is set aside"
    store.unreadable.clear()
    assert await minutes.named([NOW - 1]) == {}, "not before its pause is over"
    clock.pass_ms(250)
    assert await minutes.named([NOW - 1]) == {NOW - 1: {Place(NOW - 1, "a")}}
    assert NOW - 1 in minutes.settling(at_ms)
    store.unreadable = {bucket_of(NOW - 1)}
    await minutes.named([NOW - 1])
    clock.pass_ms(250)
    assert NOW - 1 in minutes.settling(at_ms), "it begins with the first pause again"
    at_ms = after_end(NOW - 1, 130)
    await minutes.begin(at_ms)
    assert await minutes.named([NOW - 1]) == {NOW - 1: {Place(NOW - 1, "")}}


async def test_a_whole_minute_that_was_carried_on_is_read_when_it_can_be(store: Spoiled, clock: Clock) -> None:
    minutes = cursor_of(store, clock)
    await note(store, NOW - 1, "a", "b")
    await note(store, NOW + 2, "c")
    await minutes.begin(START_MS)
    await minutes.carry([Place(NOW - 1, "")], START_MS + 2 * MINUTE_MS)
    store.unreadable = {bucket_of(NOW - 1)}
    assert await minutes.named([NOW + 2]) == {NOW + 2: {Place(NOW - 1, ""), Place(NOW + 2, "c")}}
    store.unreadable.clear()
    clock.pass_ms(250)
    found = {Place(NOW - 1, "a"), Place(NOW - 1, "b"), Place(NOW + 2, "c")}
    assert await minutes.named([NOW + 2]) == {NOW + 2: found}


async def test_what_is_carried_on_keeps_its_minute_and_is_its_readers_own(store: Spoiled, clock: Clock) -> None:
    mine, other = cursor_of(store, clock, reader="far"), cursor_of(store, clock, reader="near")
    await mine.carry([Place(NOW - 5, "a\x1fb")], START_MS)
    partition = Partition(Table.CURSORS, "", "expiry of far")
    entry = IndexEntry(Index.EXPIRY, bucket_of(NOW), f"\x1efar\x1e{NOW - 5}\x1ea\x1fb", KEEP_S)
    assert store.sent == [(partition, [], [entry])]
    await note(store, NOW, "c")
    assert await mine.named([NOW]) == {NOW: {Place(NOW - 5, "a\x1fb"), Place(NOW, "c")}}
    assert await other.named([NOW]) == {NOW: {Place(NOW, "c")}}


async def test_what_may_not_be_carried_on_fails_and_nothing_is_nothing_to_send(store: Spoiled, clock: Clock) -> None:
    minutes = cursor_of(store, clock)
    store.is_silent = True
    await minutes.carry([], START_MS)
    with pytest.raises(StoreUnavailable, match=r"^not carried on$"):
        await minutes.carry([Place(NOW, "a")], START_MS)
    assert len(store.sent) == 1


async def test_what_is_older_than_the_index_is_given_up_and_named(
    store: Spoiled, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    minutes = cursor_of(store, clock)
    oldest = NOW - KEEP_S // 60
    await minutes.carry([Place(oldest, "a"), Place(oldest - 1, "b")], START_MS)
    assert [entry.entry for entry in store.sent[0][2]] == [f"\x1e\x1e{oldest}\x1ea"]
    gone = [Place(oldest - 1, "b")]
    assert [record.getMessage() for record in caplog.records] == [f"expiry: given up, after all this time: {gone}"]


async def test_a_whole_minute_that_is_given_up_counts_no_longer_as_unread(store: Spoiled, clock: Clock) -> None:
    minutes = cursor_of(store, clock)
    minutes.unread = {NOW - KEEP_S // 60 - 1, NOW}
    await minutes.carry([Place(minute, "") for minute in minutes.unread], START_MS)
    assert minutes.unread == {NOW}


async def test_a_reader_stores_where_it_began_with_the_moment_that_it_has_every_event_of(
    store: Spoiled, clock: Clock
) -> None:
    """So that a second one of its name does not begin later, and one that had stood still knows what it missed."""
    until = PublishedUntil("far", clock, kept_s=14_400)
    minutes = MinuteCursor(
        store, Index.EXPIRY, clock, KEEP_S, look_back=3, reader="far", until=until, waits=StoreWaits()
    )
    await minutes.begin(START_MS)
    until_row = RowKey(Kind.CURSOR, "until")
    partition = Partition(Table.CURSORS, "", "expiry of far")
    writes = [Write(CURSOR, None, {"reached": NOW - 3}), RAN, Write(until_row, {}, {"reached": START_MS})]
    assert store.sent == [(partition, writes, ())]
    clock.pass_s(20_000)
    late = PublishedUntil("far", clock, kept_s=14_400)
    again = MinuteCursor(store, Index.EXPIRY, clock, KEEP_S, look_back=3, reader="far", until=late, waits=StoreWaits())
    await again.begin(START_MS + MINUTE_MS)
    assert (again.first, late.missed_s) == (NOW - 2, 5_600)
    await again.begin(START_MS + 2 * MINUTE_MS)
    clock.pass_s(3_600)
    await again.begin(START_MS + 3 * MINUTE_MS)
    opened_ms = clock.now_ms()
    clock.pass_s(3_600)
    await again.begin(START_MS + 4 * MINUTE_MS)
    await again.settled(range(NOW - 2, NOW + 3), START_MS + 30 * MINUTE_MS)
    assert store.sent[-1][1][-1] == Write(until_row, {}, {"reached": opened_ms - 600_000}), "it saw that one open"


async def test_a_job_without_a_name_stores_nothing_before_it_closed_a_minute(store: Spoiled, clock: Clock) -> None:
    minutes = cursor_of(store, clock, look_back=1)
    await minutes.begin(START_MS)
    assert store.sent == []
    await visit(minutes, after_end(NOW - 1, 130))
    await visit(minutes, after_end(NOW - 1, 131))
    await visit(minutes, after_end(NOW, 130))
    partition = Partition(Table.CURSORS, "", "expiry")
    assert store.sent == [
        (partition, [Write(CURSOR, None, {"reached": NOW}), RAN], ()),
        (partition, [Write(CURSOR, {"reached": NOW}, {"reached": NOW + 1}), RAN], ()),
    ]


async def test_where_another_process_has_moved_the_cursor_is_as_good(store: Spoiled, clock: Clock) -> None:
    minutes, other = cursor_of(store, clock, look_back=1), cursor_of(store, clock, look_back=5)
    for each in (minutes, other):
        await each.begin(START_MS)
    await minutes.settled([NOW - 1], after_end(NOW - 1, 130))
    await other.settled([NOW - 5], after_end(NOW - 5, 130))
    await other.settled([NOW - 4], after_end(NOW - 4, 130))
    assert [sent[1] for sent in store.sent[1:]] == [
        [Write(CURSOR, None, {"reached": NOW - 4}), RAN],
        [Write(CURSOR, {"reached": NOW}, {"reached": NOW - 3}), RAN],
    ]


async def test_minutes_that_another_job_left_open_are_unseen_until_they_are_read(store: Spoiled, clock: Clock) -> None:
    await close_all_before_now(store, clock)
    minutes = cursor_of(store, clock)
    await minutes.begin(START_MS + 2 * MINUTE_MS)
    assert minutes.unseen == {NOW, NOW + 1, NOW + 2}
    minutes.reaches(NOW + 3)
    assert minutes.unseen == {NOW, NOW + 1, NOW + 2, NOW + 3}
    await minutes.named([NOW + 3])
    await minutes.named([NOW + 1])
    assert minutes.unseen == {NOW, NOW + 2}
    late_ms = START_MS + (KEEP_S + 120) * 1_000
    await minutes.carry([Place(NOW, ""), Place(NOW + 2, "")], late_ms)
    assert minutes.unseen == {NOW + 2}, "the older one is given up"
    first = cursor_of(Spoiled(), clock)
    await first.begin(START_MS)
    first.reaches(NOW + 1)
    assert first.unseen == set(), "nobody left anything"


async def test_minutes_that_are_carried_on_whole_are_unread_until_they_are_read(store: Spoiled, clock: Clock) -> None:
    minutes = cursor_of(store, clock)
    await minutes.begin(after_end(NOW, 130))
    store.unreadable = {bucket_of(NOW)}
    await minutes.named([NOW])
    assert minutes.waits.take() == f"minutes of expiry: {NOW}: {StoreUnavailable.__name__}: no answer"
    await minutes.named([NOW + 1])
    assert minutes.unread == {NOW}
    store.unreadable.clear()
    clock.pass_ms(250)
    await minutes.named([NOW])
    assert minutes.unread == set()


async def test_what_is_wrong_with_the_program_is_raised(clock: Clock) -> None:
    minutes = cursor_of(Wrong(), clock)
    await minutes.begin(START_MS)
    with pytest.raises(ZeroDivisionError):
        await minutes.named([NOW])
