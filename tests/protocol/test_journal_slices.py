"""A sink's journal that reads one slice of the index alone, beside the relays of other processes."""

from collections.abc import Callable

import pytest

from tests.protocol.recorded import (
    JOURNAL,
    OPEN,
    event,
    indexed,
    opens,
    own,
    published,
    record,
    recorded,
    subject,
    turned,
)
from travio_inventory.protocol import event_rows
from travio_inventory.protocol.batches import Kind, RowKey, Write
from travio_inventory.protocol.journal import EventJournal
from travio_inventory.protocol.minute_cursor import Place
from travio_inventory.protocol.open_epochs import LOOK_EVERY_MS, YOUNG_MS
from travio_inventory.protocol.rows import partition_entry
from travio_inventory.protocol.slices import slice_of
from travio_inventory.protocol.told_notes import Part, ToldNotes
from verification.kit.sale import Sale

LEASE = RowKey(Kind.LEASE, "ours")


def entry(sale: Sale, seat: str) -> str:
    return partition_entry(sale.group_partition(seat))


def notes(sale: Sale) -> ToldNotes:
    return ToldNotes(sale.process.sender.batches, "told", kept_s=1_000_000)


def free() -> Write:
    """A fence that holds for everybody."""
    return Write(LEASE, {}, {"owner": "me"})


def journal_of(sale: Sale, fence: Callable[[], Write] = free) -> EventJournal:
    """That of the slice that A1 is in."""
    part = Part(slice_of(entry(sale, "A1")), notes(sale), fence)
    return EventJournal(sale.process.sender, "told", part=part)


async def old_enough(sale: Sale) -> None:
    """The epoch is open, and what was recorded at the start is no longer left to the process that recorded it."""
    await opens(sale, OPEN)
    sale.clock.pass_ms(YOUNG_MS)


async def note(sale: Sale, number: int, ordinal: int, *, epoch: int) -> None:
    """Another relay noted that the sink has that event of A1."""
    group, write = sale.group_partition("A1"), event(sale, "A1", number, ordinal, epoch=epoch)
    await notes(sale).note([(group, event_rows.read_event(group, write.values))])


async def test_it_reads_its_slice_alone(sale: Sale) -> None:
    seats = [f"A{number}" for number in range(1, 19)]
    mine = [seat for seat in seats if slice_of(entry(sale, seat)) == slice_of(entry(sale, "A1"))]
    events = {seat: await recorded(sale, seat, 1) for seat in seats}
    assert 0 < len(mine) < len(seats)
    await old_enough(sale)
    reader = journal_of(sale)
    assert sorted(await published(reader)) == sorted(events[seat] for seat in mine)
    assert reader.is_shared


async def test_what_its_process_records_is_left_to_it(sale: Sale) -> None:
    await old_enough(sale)
    reader = journal_of(sale)
    assert await published(reader) == []
    await own(sale, "A1", 1)
    assert await published(reader) == []
    sale.clock.pass_ms(LOOK_EVERY_MS)
    assert len(await published(reader)) == 1


async def test_what_is_noted_is_not_published_again_and_what_comes_after_it_is_not_kept_back(sale: Sale) -> None:
    await recorded(sale, "A1", 1)
    await note(sale, 1, 0, epoch=OPEN)
    after = await recorded(sale, "A1", 1, 1, before=OPEN)
    other = await recorded(sale, "A1", 2)
    await old_enough(sale)
    reader = journal_of(sale)
    assert await published(reader) == [after, other]


async def test_what_is_noted_counts_as_published_as_long_as_its_partition_is_met(sale: Sale) -> None:
    await recorded(sale, "A1", 1)
    await note(sale, 1, 0, epoch=OPEN)
    await old_enough(sale)
    reader = journal_of(sale)
    assert await published(reader) == []
    told, name = reader._published, subject(sale, "A1", 1)
    assert told.upto(name) == 0
    told.carried([Place(OPEN, entry(sale, "A1"))], OPEN + 20)
    told.forget(OPEN + 20)
    assert told.upto(name) == 0


@pytest.mark.parametrize("is_noted", [True, False])
async def test_a_missing_event_is_published_first_unless_it_is_noted(sale: Sale, is_noted: bool) -> None:
    missing = await record(sale, "A1", 1, epoch=OPEN - 1)
    if is_noted:
        await note(sale, 1, 0, epoch=OPEN - 1)
    after = await recorded(sale, "A1", 1, 1, before=OPEN - 1)
    await old_enough(sale)
    assert await published(journal_of(sale)) == [missing, after][is_noted:]


async def test_of_an_open_epoch_young_events_wait_for_the_next_look(sale: Sale) -> None:
    await opens(sale, OPEN)
    sale.clock.pass_ms(YOUNG_MS - 1)
    young = [await recorded(sale, "A1", number, after_ms=after_ms) for number, after_ms in ((1, 0), (2, YOUNG_MS - 1))]
    reader = journal_of(sale)
    assert await published(reader) == []
    sale.clock.pass_ms(LOOK_EVERY_MS)
    assert await published(reader) == young


async def test_of_an_ended_epoch_young_events_do_not_wait(sale: Sale) -> None:
    ended = await recorded(sale, "A1", 1, epoch=OPEN - 2)
    await recorded(sale, "A1", 2, epoch=OPEN - 1)
    await opens(sale, OPEN)
    assert await published(journal_of(sale)) == [ended]


async def test_its_position_moves_only_while_its_fence_holds(sale: Sale) -> None:
    position = RowKey(Kind.CURSOR, f"{slice_of(entry(sale, 'A1')):02d}")
    await sale.store.apply(JOURNAL, [Write(LEASE, None, {"owner": "me"})])
    reader = journal_of(sale, lambda: Write(LEASE, {"owner": "me"}, {"owner": "me"}))
    await opens(sale, OPEN)
    await published(reader)
    reached = await sale.store.get(JOURNAL, [position])
    assert reached == {position: {"reached": reader.first}}
    await sale.store.apply(JOURNAL, [Write(LEASE, {"owner": "me"}, {"owner": "other"})])
    await indexed(sale, "A1", OPEN)
    await turned(sale, OPEN + 1)
    await published(reader)
    assert reader.first > int(reached[position]["reached"] or 0)
    assert await sale.store.get(JOURNAL, [position]) == reached
