"""A journal that takes up another's work: what that one set aside comes before later events of the same holds."""

import pytest

from tests.protocol.recorded import (
    JOURNAL,
    OPEN,
    begun,
    ids,
    opens,
    own,
    published,
    record,
    recorded,
    rounds,
    single,
    turned,
)
from travio_inventory.protocol.back_off import WAITS_MS
from travio_inventory.protocol.batches import Index, IndexEntry
from travio_inventory.protocol.epochs import EPOCH_MS
from travio_inventory.protocol.index_entries import bucket_of
from travio_inventory.protocol.journal import EventJournal
from travio_inventory.protocol.minute_cursor import MINUTES_AT_ONCE, carried_entry
from verification.kit.sale import Sale

REFUSED = ValueError("refused")
CARRIED = OPEN + 20
"""The event that is refused is carried on until then."""


async def carried_on(sale: Sale) -> str:
    """An event that a sink refuses for so long that its epoch is closed; its id. Then the process ends."""
    reader = await begun(sale)
    refused = await own(sale, "A1", 1, 0)
    await own(sale, "A2", 1)
    events = await reader.unpublished()
    await reader.mark_published([event for event in events if event.id != refused])
    await reader.set_aside({event: REFUSED for event in events if event.id == refused})
    for epoch in range(OPEN + 1, CARRIED + 1):
        await turned(sale, epoch)
        if events := await reader.unpublished():
            await reader.set_aside(dict.fromkeys(events, REFUSED))
    return refused


async def cannot_list(sale: Sale, event_id: str) -> None:
    """No epoch can be listed that names the event."""
    for epoch in range(OPEN, CARRIED + 1):
        if any(event_id in entry for entry in await sale.store.read_index(Index.JOURNAL, bucket_of(epoch))):
            sale.store.cannot_list(Index.JOURNAL, epoch)


@pytest.mark.parametrize("later", [CARRIED, CARRIED + 10])
async def test_a_refused_event_comes_first_also_while_its_note_cannot_be_read(sale: Sale, later: int) -> None:
    refused = await carried_on(sale)
    await cannot_list(sale, refused.rsplit("~", 1)[0])
    again = EventJournal(sale.process.sender, "told")
    assert await rounds(sale, again, *range(CARRIED, later + 1)) == []
    second = await own(sale, "A1", 1, 1, epoch=later, before=OPEN)
    assert await published(again) == [refused, second]
    sale.store.mend()
    sale.clock.pass_ms(WAITS_MS[1])
    assert await rounds(sale, again, *range(later, later + 20)) == [], "its note is known to be done with"


async def test_it_comes_first_where_its_note_is_in_an_epoch_that_the_process_does_not_know_yet(sale: Sale) -> None:
    """The last journal goes on until it has moved its position for the last time."""
    old = sale.elsewhere()
    reader = await begun(old)
    first = await record(sale, "A1", 1, 0, epoch=OPEN)
    await rounds(old, reader, *range(OPEN + 1, CARRIED + 1))
    assert await sale.process.sender.epochs.keep() == CARRIED
    await opens(sale, CARRIED + 1)
    note = carried_entry("told", single(sale, "A1", 1, 0, epoch=OPEN))
    await sale.store.apply(JOURNAL, [], [IndexEntry(Index.JOURNAL, bucket_of(CARRIED + 1), note)])
    again = EventJournal(sale.process.sender, "told")
    second = await own(sale, "A1", 1, 1, epoch=CARRIED, before=OPEN)
    assert await published(again) == [first, second]


async def test_once_published_it_is_carried_on_no_more(sale: Sale) -> None:
    refused = await carried_on(sale)
    await cannot_list(sale, refused)
    again = EventJournal(sale.process.sender, "told")
    await rounds(sale, again, CARRIED)
    await own(sale, "A1", 1, 1, epoch=CARRIED, before=OPEN)
    first, second = await again.unpublished()
    await again.mark_published([first])
    await again.set_aside({second: REFUSED})
    sale.store.mend()
    sale.store.cannot_read(sale.group_partition("A1"))
    later = range(CARRIED + 1, CARRIED + 20)
    assert await rounds(sale, again, *later) == []
    noted = [await sale.store.read_index(Index.JOURNAL, bucket_of(epoch)) for epoch in later]
    singles = [entry.rsplit("~", 1)[1] for entries in noted for entry in entries if refused[:-1] in entry]
    assert set(singles) == {second.id[-1:]}


async def test_it_comes_first_also_if_its_note_is_read_rounds_later(sale: Sale) -> None:
    """The first journal catches up, and so does the next: the note is in the newest epoch."""
    await opens(sale, 5 * MINUTES_AT_ONCE)
    reader = EventJournal(sale.process.sender, "told")
    both = [await recorded(sale, "A1", 1, 0, epoch=1), await recorded(sale, "A1", 1, 1, epoch=80, before=1)]
    events = await reader.unpublished()
    assert ids(events) == both[:1]
    await recorded(sale, "A2", 1, epoch=1)
    await reader.set_aside(dict.fromkeys(events, REFUSED))
    again = EventJournal(sale.process.sender, "told")
    assert [name for _ in range(8) for name in await published(again)] == both


async def test_once_the_open_epochs_were_read_nothing_is_fetched_from_closed_ones(sale: Sale) -> None:
    reader = await begun(sale)
    first = await own(sale, "A1", 1, 0)
    assert await rounds(sale, reader, *range(OPEN, OPEN + 10)) == [first]
    again = EventJournal(sale.process.sender, "told")
    assert await rounds(sale, again, OPEN + 10) == []
    second = await own(sale, "A1", 1, 1, epoch=OPEN + 10, before=OPEN)
    assert await published(again) == [second]


async def test_relays_that_live_for_less_than_an_epoch_tell_what_is_recorded_meanwhile(sale: Sale) -> None:
    """The epoch stays open, and each reads it from its beginning: what an earlier one told is told again."""
    await opens(sale, OPEN)
    told: list[str] = []
    for ordinal in range(4):
        event_id = await recorded(sale, "A1", 1, ordinal, before=OPEN)
        told = await published(EventJournal(sale.process.sender, "told"))
        assert told[-1] == event_id
        sale.clock.pass_ms(EPOCH_MS // 2)
    assert len(told) == 4
