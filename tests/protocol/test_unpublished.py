"""Which old events a sink lacks: those before its cursor, and those that it passed without a note."""

import pytest

from tests.protocol.parts import Visits
from tests.protocol.recorded import JOURNAL, event, indexed, opens, record
from travio_inventory.protocol.batches import FOR_EVER, Index, Kind, RowKey, Table, Write
from travio_inventory.protocol.journal import EventJournal
from travio_inventory.protocol.late_events import LateEvents
from travio_inventory.protocol.minute_cursor import cursor_of
from travio_inventory.protocol.open_epochs import LOOK_EVERY_MS
from travio_inventory.protocol.told_notes import HOUR_MS
from travio_inventory.protocol.unpublished import LATE_MS, PASSED_AFTER_MS, Unpublished
from verification.kit.sale import Sale

OPEN = 1_000
"""The open epoch."""
FIRST = OPEN - 6
"""The first that is open to the sink."""


def unpublished(sale: Sale, *, are_noted: bool = True) -> Unpublished:
    return Unpublished(sale.process.sender, ["told"], are_noted=[Table.SEAT_GROUPS] if are_noted else [])


async def begins(sale: Sale) -> None:
    await opens(sale, OPEN)
    await sale.store.apply(JOURNAL, [Write(RowKey(Kind.CURSOR, ""), {}, {"reached": FIRST}, FOR_EVER)])


async def lacking(sale: Sale, of: Unpublished) -> dict[str, list[str]]:
    found = await of.of(sale.group_partition("A1"))
    return {each.sink: [one.event.id for one in each.events] for each in found}


def test_the_position_of_a_sink_is_where_its_journal_keeps_it() -> None:
    assert cursor_of(Index.JOURNAL, "told")[0] == JOURNAL


async def test_an_event_before_the_cursor_is_late_once_it_is_old(sale: Sale) -> None:
    await begins(sale)
    name = await record(sale, "A1", 1, epoch=FIRST)
    sale.clock.pass_ms(LATE_MS - 1)
    assert await lacking(sale, unpublished(sale)) == {}
    sale.clock.pass_ms(1)
    assert await lacking(sale, unpublished(sale)) == {"told": [name]}


async def test_an_event_that_the_cursor_passed_is_told_once_the_slow_round_must_have_found_it(sale: Sale) -> None:
    await begins(sale)
    name = await record(sale, "A1", 1, epoch=FIRST - 1)
    sale.clock.pass_ms(PASSED_AFTER_MS - 1)
    assert await lacking(sale, unpublished(sale)) == {}
    sale.clock.pass_ms(1)
    assert await lacking(sale, unpublished(sale)) == {"told": [name]}


async def test_what_was_noted_as_published_is_not_lacking(sale: Sale) -> None:
    await begins(sale)
    name = await record(sale, "A1", 1, epoch=OPEN - 2)
    await indexed(sale, "A1", OPEN - 2)
    sender = sale.process.sender
    late = LateEvents(
        EventJournal(sender, "told"), sender, "told", Visits([]), table=Table.SEAT_GROUPS, every_ms=HOUR_MS
    )
    events = await late.unpublished()
    assert [each.id for each in events] == [name]
    await late.mark_published(events)
    other = await record(sale, "A1", 2, epoch=OPEN - 2)
    sale.clock.pass_ms(PASSED_AFTER_MS)
    assert await lacking(sale, unpublished(sale)) == {"told": [other]}


@pytest.mark.parametrize("epoch", [OPEN - LATE_MS // 60_000 - 1, OPEN - LATE_MS // 60_000])
async def test_where_nothing_is_noted_how_old_an_event_is_is_counted_in_epochs_too(sale: Sale, epoch: int) -> None:
    """After a stop of a day the last events are in open epochs still, and were published."""
    await opens(sale, OPEN)
    await sale.store.apply(JOURNAL, [Write(RowKey(Kind.CURSOR, ""), {}, {"reached": epoch}, FOR_EVER)])
    before = await record(sale, "A1", 1, epoch=epoch - 1)
    name = await record(sale, "A1", 2, epoch=epoch)
    sale.clock.pass_ms(LATE_MS)
    found = await lacking(sale, unpublished(sale, are_noted=False))
    assert found == ({"told": [name]} if epoch < OPEN - LATE_MS // 60_000 else {})
    assert before not in str(found)


async def test_what_is_given_again_is_published_by_the_relay(sale: Sale) -> None:
    """Though its epoch is closed and no index names it; once."""
    await begins(sale)
    name = await record(sale, "A1", 1, epoch=FIRST - 1)
    sale.clock.pass_ms(PASSED_AFTER_MS)
    await opens(sale, OPEN)
    of, partition = unpublished(sale), sale.group_partition("A1")
    assert await sale.relay_all() == []
    (found,) = await of.of(partition)
    await of.give_again(partition, found)
    sale.clock.pass_ms(LOOK_EVERY_MS)
    assert [each.id for each in await sale.relay_all()] == [name]
    assert await lacking(sale, of) == {}


async def test_events_that_are_kept_no_more_are_not_lacking(sale: Sale) -> None:
    await begins(sale)
    await record(sale, "A1", 1, epoch=FIRST)
    sale.clock.pass_ms(sale.process.sender.rules.retention.events_s * 1_000)
    assert await lacking(sale, unpublished(sale)) == {}
    assert event(sale, "A1", 1, 0, epoch=FIRST).keep_s == 1_000_000
