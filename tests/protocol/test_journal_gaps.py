"""Events come in order of each hold: what was missed is fetched first, what is set aside holds up only its hold."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.protocol.parts import noted
from tests.protocol.recorded import (
    JOURNAL,
    OPEN,
    begun,
    event,
    ids,
    indexed,
    opens,
    own,
    published,
    record,
    recorded,
    rounds,
    single,
    stored,
)
from travio_inventory.kernel.log_throttle import LogThrottle
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import journal, rows
from travio_inventory.protocol.back_off import WAITS_MS
from travio_inventory.protocol.batches import Index, IndexEntry, Kind, Partition, RowKey, Rows
from travio_inventory.protocol.index_entries import MINUTE_MS, bucket_of
from travio_inventory.protocol.journal import EventJournal
from travio_inventory.protocol.open_epochs import LOOK_EVERY_MS
from travio_inventory.protocol.retention import Retention
from verification.kit.faulty_batches import Spoil
from verification.kit.sale import Sale

FIRST = OPEN - 6
"""The first epoch that is not closed after a round."""
REFUSED = ValueError("refused")


async def set_aside(reader: EventJournal, *names: str) -> list[str]:
    """A round in which the sink refuses these; what was published."""
    events = await reader.unpublished()
    refused = [each for each in events if each.id in names]
    told = [each for each in events if each.id not in names]
    await reader.mark_published(told)
    await reader.set_aside(dict.fromkeys(refused, REFUSED))
    return ids(told)


def carries(partition: Partition, writes: object) -> bool:
    """Batches that carry something on."""
    return partition == JOURNAL and not writes


# ---- what was missed


@pytest.mark.parametrize(("before", "is_fetched"), [(FIRST - 1, False), (FIRST, True)])
async def test_the_event_before_one_is_fetched_unless_its_epoch_is_closed(
    sale: Sale, before: int, is_fetched: bool
) -> None:
    reader = await begun(sale)
    missing = await record(sale, "A1", 1, 0, epoch=before)
    mine = await own(sale, "A1", 1, 1, before=before)
    assert await published(reader) == [*[missing] * is_fetched, mine]


async def test_also_from_the_very_first_epoch(sale: Sale) -> None:
    reader = await begun(sale, epoch=2)
    missing = await record(sale, "A1", 1, 0, epoch=1)
    mine = await own(sale, "A1", 1, 1, epoch=2, before=1)
    assert await published(reader) == [missing, mine]


async def test_a_journal_that_cannot_read_its_position_publishes_what_its_process_does(sale: Sale) -> None:
    await opens(sale, OPEN)
    reader = EventJournal(sale.process.sender, "told")
    sale.store.cannot_read(JOURNAL)
    assert await published(reader) == []
    missing = await record(sale, "A1", 1, 0, epoch=1)
    mine = await own(sale, "A1", 1, 1, before=1)
    assert await published(reader) == [missing, mine]


@pytest.mark.parametrize("gaps_max", [2, 3, 4])
async def test_several_are_fetched_one_after_the_other_up_to_a_bound(
    sale: Sale, gaps_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "GAPS_MAX", gaps_max)
    reader = await begun(sale)
    missing = [await record(sale, "A1", 1, n, epoch=FIRST, before=FIRST) for n in range(3)]
    before = sale.store.rows_read[Kind.EVENT]
    mine = await own(sale, "A1", 1, 3, before=FIRST)
    told = await published(reader)
    assert sale.store.rows_read[Kind.EVENT] - before == 3
    assert told == ([*missing, mine] if gaps_max >= 3 else [])
    sale.clock.pass_ms(LOOK_EVERY_MS)
    told += await published(reader)
    assert told == [*missing, mine], "more are read with their partition"


async def test_a_longer_gap_in_what_is_read_is_read_first(sale: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "GAPS_MAX", 1)
    reader = await begun(sale)
    missing = [await record(sale, "A1", 1, n, epoch=FIRST + n, before=max(FIRST, FIRST + n - 1)) for n in range(5)]
    last = await recorded(sale, "A1", 1, 5, before=FIRST + 4)
    told = []
    for wait_ms in (LOOK_EVERY_MS, *[WAITS_MS[1]] * 8):
        sale.clock.pass_ms(wait_ms)
        told += await published(reader)
    assert told == [*missing, last]


@pytest.mark.parametrize("others", [0, 2])
@pytest.mark.parametrize("longer", [1, 2, 5])
async def test_a_longer_gap_in_the_place_itself_is_closed_where_it_is_met(
    sale: Sale, longer: int, others: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of who recorded the last event is behind, so it is read before them: first, or after older ones."""
    monkeypatch.setattr(journal, "GAPS_MAX", 1)
    monkeypatch.setattr(journal, "EVENTS_PER_READ", 1)
    older = [await recorded(sale, "A1", 2 + n, after_ms=n - 9) for n in range(others)]
    missing = [await recorded(sale, "A1", 1, n, before=OPEN) for n in range(1 + longer)]
    last = await recorded(sale, "A1", 1, 1 + longer, after_ms=-1, before=OPEN)
    await opens(sale, OPEN)
    reader = EventJournal(sale.process.sender, "told")
    assert await published(reader) == [*older, *missing, last]


async def test_a_longer_gap_in_a_later_epoch_keeps_the_place_from_nothing(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who recorded the last event did not know yet which epoch is open."""
    monkeypatch.setattr(journal, "GAPS_MAX", 1)
    missing = [await recorded(sale, "A1", 1, n, epoch=OPEN + 1, before=OPEN + 1) for n in range(5)]
    last = await recorded(sale, "A1", 1, 5, before=OPEN + 1)
    await opens(sale, OPEN + 1)
    reader = EventJournal(sale.process.sender, "told")
    assert await published(reader) == [*missing, last]


async def test_those_of_several_holds_are_fetched_together(sale: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "GAPS_MAX", 1)
    reader = await begun(sale)
    missing = [await record(sale, "A1", hold, 0, epoch=FIRST) for hold in (1, 2)]
    mine = [await own(sale, "A1", hold, 1, before=FIRST) for hold in (1, 2)]
    assert await published(reader) == [missing[0], mine[0], missing[1], mine[1]]


async def test_nothing_is_fetched_that_is_known_or_published(sale: Sale) -> None:
    reader = await begun(sale)
    told = [await own(sale, "A1", 1, n, before=OPEN) for n in range(2)]
    assert await published(reader) == told
    told = [await own(sale, "A1", 1, n, before=OPEN) for n in range(2, 4)]
    assert ids(await reader.unpublished()) == told
    told.append(await own(sale, "A1", 1, 4, before=OPEN))
    assert await published(reader) == told
    assert sale.store.rows_read[Kind.EVENT] == 0


async def test_one_that_cannot_be_fetched_comes_with_the_next_when_the_partition_is_read(sale: Sale) -> None:
    reader = await begun(sale)
    missing = await record(sale, "A1", 1, 0, epoch=OPEN)
    mine = [await own(sale, "A1", 1, 1, before=OPEN), await own(sale, "A2", 1)]
    sale.store.cannot_read(sale.group_partition("A1"))
    assert await published(reader) == mine[1:]
    sale.store.mend()
    sale.clock.pass_ms(LOOK_EVERY_MS)
    assert await published(reader) == [missing, mine[0]]


# ---- what a sink refuses


async def test_a_refused_event_is_tried_again_after_a_pause(sale: Sale) -> None:
    reader = await begun(sale)
    refused = await own(sale, "A1", 1)
    assert await set_aside(reader, refused) == []
    sale.clock.pass_ms(WAITS_MS[0] - 1)
    assert await published(reader) == []
    sale.clock.pass_ms(1)
    assert await set_aside(reader, refused) == []
    sale.clock.pass_ms(2 * WAITS_MS[0] - 1)
    assert await published(reader) == []
    sale.clock.pass_ms(1)
    assert await published(reader) == [refused]
    assert await rounds(sale, reader, *range(OPEN, OPEN + 10)) == []


async def test_it_is_not_tried_sooner_when_its_partition_is_read(sale: Sale) -> None:
    reader = await begun(sale)
    refused = await own(sale, "A1", 1)
    for wait_ms in (*(WAITS_MS[0] * 2**n for n in range(6)), LOOK_EVERY_MS):
        await set_aside(reader, refused)
        sale.clock.pass_ms(wait_ms)
    assert await published(reader) == []
    sale.clock.pass_ms(WAITS_MS[1] - LOOK_EVERY_MS)
    assert await published(reader) == [refused]


async def test_it_holds_up_the_later_events_of_its_hold_and_no_others(sale: Sale) -> None:
    reader = await begun(sale)
    refused = await own(sale, "A1", 1, 0)
    await set_aside(reader, refused)
    later = [await own(sale, "A1", 1, n, before=OPEN) for n in (1, 2)]
    other = await own(sale, "A1", 2, 0)
    assert await published(reader) == [other]
    sale.clock.pass_ms(WAITS_MS[1])
    told = [name for _ in range(3) for name in await published(reader)]
    assert told == [refused, *later]


async def test_what_is_set_aside_comes_again_while_others_wait_to_be_published(sale: Sale) -> None:
    reader = await begun(sale)
    refused = [await own(sale, "A1", 1, n, before=OPEN) for n in (0, 1)]
    other = await own(sale, "A2", 1)
    events = await reader.unpublished()
    await reader.set_aside({each: REFUSED for each in events if each.id in refused})
    sale.clock.pass_ms(WAITS_MS[0])
    assert ids(await reader.unpublished()) == [other, *refused]


async def test_nothing_is_closed_while_others_wait_and_all_is_once_the_last_is_set_aside(sale: Sale) -> None:
    for seat in ("A1", "A2"):
        await indexed(sale, seat, 1)
        await record(sale, seat, 1, epoch=1)
    await opens(sale, OPEN)
    reader = EventJournal(sale.process.sender, "told")
    for found, reached in zip(await reader.unpublished(), (1, FIRST), strict=True):
        assert await stored(sale, "") == 1
        await reader.set_aside({found: REFUSED})
        assert await stored(sale, "") == reached


async def test_the_log_says_how_many_are_set_aside_now(sale: Sale, caplog: pytest.LogCaptureFixture) -> None:
    reader = await begun(sale)
    await set_aside(reader, await own(sale, "A1", 1))
    sale.clock.pass_ms(WAITS_MS[0])
    assert len(await published(reader)) == 1
    reader._to_read.back_off._log_throttle = LogThrottle()
    await set_aside(reader, await own(sale, "A2", 1))
    told = [record.getMessage().split(" set aside")[0] for record in caplog.records]
    assert told == ["events for told: 1"] * 2


async def test_the_log_says_why_the_first_one_is_set_aside(sale: Sale, caplog: pytest.LogCaptureFixture) -> None:
    reader = await begun(sale)
    refused, _ = [await own(sale, "A1", 1, n, before=OPEN) for n in (0, 1)]
    await set_aside(reader, refused)
    assert [record.getMessage().split(": ")[-2:] for record in caplog.records] == [["ValueError", "refused"]]


async def test_an_event_that_is_tried_again_comes_before_later_ones_that_are_read_at_the_same_moment(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing before it is fetched while nothing is found before another hold's event of the same partition."""
    reader = await begun(sale)
    events = [await recorded(sale, "A1", 1, n, before=OPEN) for n in range(4)]
    await recorded(sale, "A1", 2, 1, before=FIRST)
    await reader._minutes.carry([single(sale, "A1", 1, 2, epoch=OPEN)], OPEN * MINUTE_MS)
    get = sale.store.get

    async def slow(partition: Partition, keys: Sequence[RowKey]) -> Rows:
        steps = {event(sale, "A1", 2, 0, epoch=FIRST).key: 10, event(sale, "A1", 1, 1, epoch=OPEN).key: 30}
        for _ in range(max(steps.get(key, 0) for key in keys)):
            await asyncio.sleep(0)
        return await get(partition, keys)

    monkeypatch.setattr(sale.store, "get", slow)
    again = EventJournal(sale.process.sender, "told")
    told = []
    for _ in range(4):
        told += await published(again)
        sale.clock.pass_ms(WAITS_MS[1])
    assert [name for name in told if name in events] == events


async def test_what_is_set_aside_twice_waits_once(sale: Sale) -> None:
    reader = await begun(sale)
    refused = await own(sale, "A1", 1)
    events = await reader.unpublished()
    for _ in range(2):
        await reader.set_aside(dict.fromkeys(events, REFUSED))
    sale.clock.pass_ms(WAITS_MS[0])
    assert await published(reader) == [refused]


async def test_what_is_set_aside_is_noted_in_the_open_epoch_for_as_long_as_an_entry_is_kept(sale: Sale) -> None:
    reader = await begun(sale)
    refused = await own(sale, "A1", 1, epoch=OPEN - 1)
    sent = noted(sale)
    reader._minutes.batches = sale.process.sender.batches
    await set_aside(reader, refused)
    group = rows.partition_entry(sale.group_partition("A1"))
    row_id = event(sale, "A1", 1, 0, epoch=OPEN - 1).key.id
    carried = f"\x1etold\x1e{OPEN - 1}\x1e{group}\x1f{row_id}"
    assert [(batch.partition, batch.entries) for batch in sent] == [
        (JOURNAL, [IndexEntry(Index.JOURNAL, bucket_of(OPEN), carried, Retention().entries_s)])
    ]


async def test_the_next_journal_of_the_sink_publishes_what_is_set_aside(sale: Sale) -> None:
    reader = await begun(sale)
    refused = await own(sale, "A1", 1)
    await set_aside(reader, refused)
    again = EventJournal(sale.process.sender, "told")
    assert await published(again) == [refused]
    assert await rounds(sale, again, *range(OPEN, OPEN + 10)) == []


async def test_what_cannot_be_noted_stays_unpublished(sale: Sale) -> None:
    reader = await begun(sale)
    refused = await own(sale, "A1", 1)
    sale.store.spoil(Spoil.NOT_DONE, carries)
    with pytest.raises(BackendUnavailable):
        await set_aside(reader, refused)
    sale.store.mend()
    assert await published(reader) == [refused]
