"""Which old events a sink lacks: those before its cursor, and those that it passed without a note."""

import pytest

from tests.protocol.parts import Visits, noted
from tests.protocol.recorded import EPOCHS, JOURNAL, event, indexed, opens, record, single
from travio_inventory.protocol import unpublished as looks
from travio_inventory.protocol.batches import FOR_EVER, Index, IndexEntry, Kind, RowKey, StoreUnavailable, Table, Write
from travio_inventory.protocol.index_entries import bucket_of
from travio_inventory.protocol.journal import EventJournal
from travio_inventory.protocol.late_events import LateEvents
from travio_inventory.protocol.minute_cursor import carried_entry, cursor_of
from travio_inventory.protocol.open_epochs import LOOK_EVERY_MS
from travio_inventory.protocol.told_notes import HOUR_MS
from travio_inventory.protocol.unpublished import ENTRIES_AT_ONCE, LATE_MS, PASSED_AFTER_MS, Lacking, Unpublished
from verification.kit.faulty_batches import Spoil
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


async def test_a_sink_that_never_published_lacks_all_that_is_old(sale: Sale) -> None:
    await opens(sale, OPEN)
    name = await record(sale, "A1", 1, epoch=1)
    sale.clock.pass_ms(LATE_MS)
    assert await lacking(sale, unpublished(sale)) == {"told": [name]}


async def test_without_a_sink_no_event_is_read(sale: Sale) -> None:
    await record(sale, "A1", 1, epoch=1)
    assert await lacking(sale, Unpublished(sale.process.sender, [])) == {}
    assert sale.store.reads[Kind.EVENT] == 0


async def test_a_partition_is_read_in_portions(sale: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "EVENTS_PER_READ", 2)
    await begins(sale)
    names = [await record(sale, "A1", number, epoch=FIRST) for number in range(4)]
    sale.clock.pass_ms(LATE_MS)
    assert await lacking(sale, unpublished(sale)) == {"told": names}
    assert (sale.store.reads[Kind.EVENT], sale.store.rows_read[Kind.EVENT]) == (3, 4)


async def test_many_are_given_again_in_portions_for_as_long_as_the_index_keeps_them(sale: Sale) -> None:
    await begins(sale)
    await record(sale, "A1", 1, epoch=FIRST)
    sale.clock.pass_ms(LATE_MS)
    of, partition = unpublished(sale), sale.group_partition("A1")
    (found,) = await of.of(partition)
    of = Unpublished(sale.process.sender, ["told"])
    sent = noted(sale)
    of._batches = sale.process.sender.batches
    await of.give_again(partition, Lacking("told", [*found.events] * (2 * ENTRIES_AT_ONCE + 1)))
    place = carried_entry("told", single(sale, "A1", 1, 0, epoch=FIRST))
    keep_s = sale.process.sender.rules.retention.entries_s
    entry = IndexEntry(Index.JOURNAL, bucket_of(OPEN), place, keep_s)
    mine = [batch for batch in sent if batch.entries]
    assert [(batch.partition, list(batch.writes), list(batch.entries)) for batch in mine] == [
        (JOURNAL, [], [entry] * count) for count in (ENTRIES_AT_ONCE, ENTRIES_AT_ONCE, 1)
    ]


async def test_what_may_not_be_given_again_fails(sale: Sale) -> None:
    await begins(sale)
    await record(sale, "A1", 1, epoch=FIRST)
    sale.clock.pass_ms(LATE_MS)
    of, partition = unpublished(sale), sale.group_partition("A1")
    (found,) = await of.of(partition)
    sale.store.spoil(Spoil.LOST, lambda where, _: where == JOURNAL)
    with pytest.raises(StoreUnavailable, match=r"^not given to the relay$"):
        await of.give_again(partition, found)


async def test_while_nobody_knows_the_open_epoch_it_fails(sale: Sale) -> None:
    await record(sale, "A1", 1, epoch=1)
    sale.clock.pass_ms(LATE_MS)
    sale.store.cannot_read(EPOCHS)
    with pytest.raises(StoreUnavailable, match=r"^the store is unavailable; retry$"):
        await lacking(sale, unpublished(sale, are_noted=False))
