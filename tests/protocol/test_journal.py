"""Where a sink's journal looks for events, how much it reads at once, and in what order the events come."""

import asyncio

import pytest

from tests.protocol.recorded import (
    EPOCHS,
    JOURNAL,
    OPEN,
    begun,
    ids,
    indexed,
    opens,
    own,
    published,
    record,
    recorded,
    stored,
    turned,
)
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import journal, to_read
from travio_inventory.protocol.batches import FOR_EVER, Kind, RowKey, Write
from travio_inventory.protocol.epochs import EPOCH_MS, KNOWN_MS
from travio_inventory.protocol.journal import EventJournal
from travio_inventory.protocol.minute_cursor import MINUTES_AT_ONCE
from travio_inventory.protocol.open_epochs import LOOK_EVERY_MS, LOOKBACK_MS
from travio_inventory.protocol.published_until import ROW
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.rules import Rules
from verification.kit.clocks import START_MS
from verification.kit.sale import Sale

FIRST = OPEN - 6
"""The first epoch that is not closed after a round."""


# ---- where it begins


@pytest.mark.parametrize("events_s", [604_800, 14_400])
async def test_a_new_sink_begins_with_the_oldest_event_that_is_kept(sale: Sale, events_s: int) -> None:
    """Of an epoch that old, its last visit is some epochs later."""
    sale.process.sender.rules = Rules(retention=Retention(events_s=events_s))
    await begun(sale, epoch=20_000)
    assert await stored(sale, "") == 20_000 - events_s // 60 - 6 + MINUTES_AT_ONCE
    assert await stored(sale, "until") == START_MS


@pytest.mark.parametrize("sink", ["told", "other"])
async def test_each_sink_begins_where_it_stopped(sale: Sale, sink: str) -> None:
    events = [await recorded(sale, f"A{n}", 1, epoch=n) for n in (1, FIRST)]
    await opens(sale, OPEN)
    assert await published(EventJournal(sale.process.sender, "told")) == events
    again = EventJournal(sale.process.sender, sink)
    assert await published(again) == events[-1:] if sink == "told" else events


async def test_it_says_of_how_many_seconds_the_events_are_no_longer_kept(
    sale: Sale, caplog: pytest.LogCaptureFixture
) -> None:
    until = Write(ROW, {}, {"reached": START_MS - (Retention().events_s + 7) * 1_000}, FOR_EVER)
    await sale.store.apply(JOURNAL, [until])
    assert (await begun(sale)).missed_s() == 7
    assert caplog.messages[0].startswith("events for told from ")


async def test_a_process_that_never_learned_of_an_epoch_cannot_say_what_is_unpublished(sale: Sale) -> None:
    sale.store.cannot_read(EPOCHS)
    with pytest.raises(BackendUnavailable):
        await EventJournal(sale.process.sender, "told").unpublished()


async def test_while_the_store_does_not_answer_it_goes_on_with_its_process(sale: Sale) -> None:
    reader = await begun(sale)
    sale.store.cannot_read(EPOCHS)
    sale.clock.pass_ms(KNOWN_MS)
    mine = await own(sale, "A1", 1)
    assert await published(reader) == [mine]


# ---- which epochs are read


async def test_the_open_epoch_and_the_one_before_are_read_every_ten_seconds(sale: Sale) -> None:
    reader = await begun(sale)
    events = [await recorded(sale, "A1", number, epoch=OPEN - number) for number in (0, 1)]
    sale.clock.pass_ms(LOOK_EVERY_MS - 1)
    assert await published(reader) == []
    sale.clock.pass_ms(1)
    assert sorted(await published(reader)) == events
    events = [await recorded(sale, "A2", number, epoch=OPEN - number) for number in (0, 1, 2)]
    sale.clock.pass_ms(LOOK_EVERY_MS - 1)
    assert await published(reader) == []
    sale.clock.pass_ms(1)
    assert sorted(await published(reader)) == events[:2]


async def test_a_process_that_is_alone_reads_them_once(sale: Sale) -> None:
    before = await recorded(sale, "A1", 1)
    await opens(sale, OPEN)
    reader = EventJournal(sale.process.sender, "told", is_alone=True)
    assert await published(reader) == [before]
    await recorded(sale, "A2", 1)
    sale.clock.pass_ms(LOOK_EVERY_MS)
    assert await published(reader) == []


async def test_an_epoch_is_read_again_one_three_and_six_epochs_after_its_end_and_then_closed(sale: Sale) -> None:
    reader = await begun(sale)
    await own(sale, "A1", 0, after_ms=2 * LOOKBACK_MS)
    sale.clock.pass_ms(LOOK_EVERY_MS)
    await published(reader)
    found: dict[int, int | str | None] = {}
    for number, epoch in enumerate(range(OPEN, OPEN + 10)):
        late = await record(sale, "A1", number + 1, epoch=OPEN)
        await turned(sale, epoch)
        if late in await published(reader):
            found[epoch] = await stored(sale, "")
    assert found == {OPEN + 2: OPEN - 4, OPEN + 4: OPEN - 2, OPEN + 7: OPEN + 1}


async def test_of_the_open_epochs_only_the_newest_events_are_read_again(sale: Sale) -> None:
    reader = await begun(sale)
    newest_ms = 5_000
    await recorded(sale, "A1", 0, after_ms=newest_ms)
    sale.clock.pass_ms(LOOK_EVERY_MS)
    await published(reader)
    await record(sale, "A1", 1, epoch=OPEN, after_ms=newest_ms - LOOKBACK_MS - 1)
    late = await record(sale, "A1", 2, epoch=OPEN, after_ms=newest_ms - LOOKBACK_MS)
    sale.clock.pass_ms(LOOK_EVERY_MS)
    assert await published(reader) == [late]
    later = await record(sale, "A1", 3, epoch=OPEN, after_ms=newest_ms - LOOKBACK_MS)
    sale.clock.pass_ms(LOOK_EVERY_MS)
    assert await published(reader) == [later], "what was read last does not make newer what is the newest"


async def test_an_event_of_a_clock_that_is_ahead_hides_none_since_the_last_read(sale: Sale) -> None:
    reader = await begun(sale)
    await recorded(sale, "A1", 0, after_ms=1_000_000)
    sale.clock.pass_ms(LOOK_EVERY_MS)
    await published(reader)
    await record(sale, "A1", 1, epoch=OPEN, after_ms=LOOK_EVERY_MS - LOOKBACK_MS - 1)
    late = await record(sale, "A1", 2, epoch=OPEN, after_ms=LOOK_EVERY_MS - LOOKBACK_MS)
    sale.clock.pass_ms(LOOK_EVERY_MS)
    assert await published(reader) == [late]


async def test_a_journal_that_is_far_behind_reads_the_open_epochs_last(sale: Sale) -> None:
    newest = await recorded(sale, "A1", 1, epoch=MINUTES_AT_ONCE + 2)
    await opens(sale, MINUTES_AT_ONCE + 2)
    reader = EventJournal(sale.process.sender, "told")
    assert [await published(reader) for _ in range(2)] == [[], [newest]]


async def test_a_partition_that_is_named_without_an_event_keeps_nothing_back(sale: Sale) -> None:
    reader = await begun(sale)
    await indexed(sale, "A1", OPEN)
    sale.clock.pass_ms(LOOK_EVERY_MS)
    assert await published(reader) == []
    mine = await own(sale, "A1", 1)
    assert await published(reader) == [mine]


# ---- how much at once


async def test_a_partition_is_read_in_portions_each_from_where_the_last_one_ended(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "EVENTS_PER_READ", 2)
    events = [await recorded(sale, "A1", n) for n in range(4)]
    await opens(sale, OPEN)
    reader = EventJournal(sale.process.sender, "told")
    assert await published(reader) == events
    assert (sale.store.reads[Kind.EVENT], sale.store.rows_read[Kind.EVENT]) == (3, 4)


async def test_an_empty_last_portion_does_not_hide_what_is_the_newest(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "EVENTS_PER_READ", 2)
    reader = await begun(sale)
    events = [await recorded(sale, "A1", n, after_ms=2 * LOOKBACK_MS * n) for n in (0, 1)]
    sale.clock.pass_ms(LOOK_EVERY_MS)
    assert await published(reader) == events
    await record(sale, "A1", 2, epoch=OPEN, after_ms=LOOKBACK_MS - 1)
    sale.clock.pass_ms(LOOK_EVERY_MS)
    assert await published(reader) == []


async def test_the_next_portion_begins_with_the_very_next_event(sale: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one hold and one moment, the first two of these ids begin alike."""
    monkeypatch.setattr(journal, "EVENTS_PER_READ", 1)
    events = [await recorded(sale, "A1", 1, ordinal) for ordinal in (1, 10)]
    await opens(sale, OPEN)
    assert await published(EventJournal(sale.process.sender, "told")) == events


async def test_an_epoch_that_is_read_in_portions_is_not_begun_again(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "EVENTS_PER_READ", 1)
    monkeypatch.setattr(journal, "EVENTS_PER_ROUND_MAX", 1)
    events = [await recorded(sale, "A1", n) for n in range(3)]
    await opens(sale, OPEN)
    reader = EventJournal(sale.process.sender, "told")
    for event in events:
        assert await published(reader) == [event]
        sale.clock.pass_ms(LOOK_EVERY_MS)
    assert sale.store.rows_read[Kind.EVENT] == 3


async def test_a_round_stops_when_it_has_enough_and_the_next_one_goes_on_from_there(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "EVENTS_PER_READ", 2)
    monkeypatch.setattr(journal, "EVENTS_PER_ROUND_MAX", 4)
    events = [await recorded(sale, "A1", n) for n in range(9)]
    await opens(sale, OPEN)
    reader = EventJournal(sale.process.sender, "told")
    assert [await published(reader) for _ in range(4)] == [events[:4], events[4:8], events[8:], []]
    assert sale.store.rows_read[Kind.EVENT] == 9


async def test_what_its_process_does_waits_until_a_round_has_room_for_it(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "EVENTS_PER_ROUND_MAX", 1)
    monkeypatch.setattr(journal, "EVENTS_PER_READ", 1)
    reader = await begun(sale)
    older = [await recorded(sale, "A1", number) for number in (1, 2)]
    sale.clock.pass_ms(LOOK_EVERY_MS)
    assert await published(reader) == older[:1]
    mine = await own(sale, "A2", 1)
    assert [await published(reader) for _ in range(3)] == [older[1:], [mine], []]


async def test_nothing_is_looked_for_while_a_full_round_waits_to_be_published(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the open epoch stands still meanwhile."""
    monkeypatch.setattr(journal, "EVENTS_PER_ROUND_MAX", 1)
    reader = await begun(sale)
    mine = await own(sale, "A1", 1)
    for _ in range(2):
        assert ids(await reader.unpublished()) == [mine]
        sale.clock.pass_ms(EPOCH_MS)
    key = RowKey(Kind.CURSOR, "open")
    assert (await sale.store.get(EPOCHS, [key]))[key] == {"reached": OPEN}


async def test_so_many_partitions_are_read_at_once_the_oldest_epochs_first(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "EVENTS_PER_ROUND_MAX", 1)
    monkeypatch.setattr(journal, "READS_AT_ONCE", 2)
    events = [await recorded(sale, f"A{n}", 1, epoch=OPEN - n) for n in range(1, 6)]
    await opens(sale, OPEN)
    reader = EventJournal(sale.process.sender, "told")
    assert [await published(reader) for _ in range(3)] == [
        [events[4], events[3]],
        [events[2], events[1]],
        [events[0]],
    ]


async def test_of_one_partition_the_epochs_are_read_one_after_the_other(sale: Sale) -> None:
    events = [await recorded(sale, "A1", OPEN - epoch, epoch=epoch) for epoch in range(FIRST, OPEN + 1)]
    await opens(sale, OPEN)
    assert await published(EventJournal(sale.process.sender, "told")) == events
    assert sale.store.reads_at_once == 1


async def test_while_many_places_wait_no_further_epochs_are_read(sale: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(to_read, "PLACES_MAX", 1)
    monkeypatch.setattr(journal, "EVENTS_PER_ROUND_MAX", 1)
    monkeypatch.setattr(journal, "READS_AT_ONCE", 1)
    seats = ("A1", "A2", "A3")
    events = [await recorded(sale, seat, 1, epoch=1) for seat in seats]
    await opens(sale, OPEN)
    reader = EventJournal(sale.process.sender, "told")
    told = await published(reader)
    for later, seat in enumerate(seats):
        await recorded(sale, seat, 2 + later, epoch=OPEN - 1)
    await turned(sale, OPEN + 1)
    told += await published(reader)
    assert told == events[:2]
    assert (await stored(sale, "")) == 1


# ---- the events of its own process


async def test_events_of_its_own_process_are_published_without_a_read(sale: Sale) -> None:
    reader = await begun(sale)
    events = [await own(sale, seat, number) for seat, number in (("A2", 1), ("A1", 2), ("A1", 1))]
    for seat in ("A1", "A2"):
        sale.store.cannot_read(sale.group_partition(seat))
    assert await published(reader) == [events[2], events[1], events[0]]
    sale.store.mend()
    sale.clock.pass_ms(LOOK_EVERY_MS)
    assert await published(reader) == [], "nor again when they are read"


async def test_those_of_a_closed_epoch_are_left_to_the_slow_round(sale: Sale) -> None:
    reader = await begun(sale)
    await own(sale, "A1", 1, epoch=FIRST - 1)
    mine = await own(sale, "A1", 2, epoch=FIRST)
    assert await published(reader) == [mine]


async def test_it_waits_for_what_its_process_records_before_its_first_round_too(sale: Sale) -> None:
    reader = EventJournal(sale.process.sender, "told")
    waiting = asyncio.ensure_future(reader.news())
    await asyncio.sleep(0)
    mine = await own(sale, "A1", 1)
    async with asyncio.timeout(60):
        await waiting
        await reader.news()
    assert await published(reader) == [mine]
    assert len(sale.process.sender.signals._followers) == 1, "it follows its process once"
