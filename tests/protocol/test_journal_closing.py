"""What a journal does with what it cannot read, and what it still knows of an epoch that it has closed."""

import pytest

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
    stored,
    turned,
)
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import rows
from travio_inventory.protocol.back_off import WAITS_MS
from travio_inventory.protocol.batches import Index, StoreUnavailable, Write
from travio_inventory.protocol.index_entries import bucket_of
from travio_inventory.protocol.journal import EventJournal
from travio_inventory.protocol.minute_cursor import MINUTES_AT_ONCE
from travio_inventory.protocol.open_epochs import LOOK_EVERY_MS
from verification.kit.faulty_batches import Spoil
from verification.kit.sale import Sale

CLOSED = OPEN + 7
"""In that epoch the one in which a journal begins is visited for the last time, and closed."""


async def odd(sale: Sale, seat: str, number: int, ordinal: int = 0, *, before: int = 0) -> Write:
    """An event that this release cannot read; the one that a later release would read."""
    write = event(sale, seat, number, ordinal, epoch=OPEN, before=before)
    group = sale.group_partition(seat)
    await sale.market.store.apply(group, [write._replace(values={**write.values, "actor": "nobody"})])
    await indexed(sale, seat, OPEN)
    return write


async def entries(sale: Sale, epoch: int) -> list[str]:
    """What the index has of that epoch."""
    return sorted(await sale.store.read_index(Index.JOURNAL, bucket_of(epoch)))


# ---- an event that cannot be read


async def test_an_event_that_cannot_be_read_holds_up_only_its_hold(sale: Sale) -> None:
    reader = await begun(sale)
    write = await odd(sale, "A1", 1, 0)
    later = await recorded(sale, "A1", 1, 1, before=OPEN)
    other = await recorded(sale, "A1", 2)
    sale.clock.pass_ms(LOOK_EVERY_MS)
    assert await published(reader) == [other]
    for ms in WAITS_MS:
        sale.clock.pass_ms(ms)
        assert await published(reader) == []
    await sale.market.store.apply(sale.group_partition("A1"), [write])
    sale.clock.pass_ms(WAITS_MS[1])
    told = [name for _ in range(3) for name in await published(reader)]
    assert told == [later.replace("~1", "~0"), later]


async def test_what_cannot_be_noted_as_unreadable_is_read_again(sale: Sale) -> None:
    reader = await begun(sale)
    write = await odd(sale, "A1", 1, 0)
    sale.store.spoil(Spoil.NOT_DONE, lambda partition, writes: partition == JOURNAL and not writes)
    sale.clock.pass_ms(LOOK_EVERY_MS)
    assert await published(reader) == []
    sale.store.mend()
    await sale.market.store.apply(sale.group_partition("A1"), [write])
    assert await published(reader) == []
    sale.clock.pass_ms(WAITS_MS[0])
    assert len(await published(reader)) == 1


async def test_while_it_is_known_to_be_unreadable_it_is_not_noted_again(sale: Sale) -> None:
    reader = await begun(sale)
    await odd(sale, "A1", 1)
    sale.clock.pass_ms(LOOK_EVERY_MS)
    assert await published(reader) == []
    sale.clock.pass_ms(WAITS_MS[0])
    assert await rounds(sale, reader, OPEN + 1) == []
    assert (len(await entries(sale, OPEN)), await entries(sale, OPEN + 1)) == (2, [])


# ---- a partition that cannot be read


async def test_a_partition_that_cannot_be_read_waits_and_its_events_come_in_order(sale: Sale) -> None:
    reader = await begun(sale)
    events = [await recorded(sale, "A1", 1, 0), await own(sale, "A1", 1, 1, before=OPEN)]
    other = await recorded(sale, "A2", 1)
    sale.store.cannot_read(sale.group_partition("A1"))
    sale.clock.pass_ms(LOOK_EVERY_MS)
    assert await published(reader) == [other]
    sale.store.mend()
    sale.clock.pass_ms(WAITS_MS[0] - 1)
    assert await published(reader) == []
    sale.clock.pass_ms(1)
    assert await published(reader) == events


async def test_the_process_hears_that_it_waits_for_the_store(sale: Sale, caplog: pytest.LogCaptureFixture) -> None:
    reader = await begun(sale)
    await recorded(sale, "A1", 1)
    sale.store.cannot_read(sale.group_partition("A1"))
    sale.clock.pass_ms(LOOK_EVERY_MS)
    assert await published(reader) == []
    assert sale.process.sender.waits.take().split(": ")[-2] == StoreUnavailable.__name__
    assert not caplog.records


async def test_its_later_epochs_wait_with_it(sale: Sale) -> None:
    events = [await recorded(sale, "A1", 1, n, epoch=OPEN - 1 + n, before=OPEN - 1) for n in (0, 1)]
    await opens(sale, OPEN)
    reader = EventJournal(sale.process.sender, "told")
    sale.store.cannot_read(sale.group_partition("A1"))
    for _ in range(8):
        assert await published(reader) == []
        sale.clock.pass_ms(WAITS_MS[1])
    sale.store.mend()
    assert await published(reader) == events


async def test_it_is_carried_on_when_its_epoch_is_closed_and_found_by_the_next_journal(sale: Sale) -> None:
    reader = await begun(sale)
    event = await recorded(sale, "A1", 1)
    sale.store.cannot_read(sale.group_partition("A1"))
    assert await rounds(sale, reader, *range(OPEN, CLOSED)) == []
    assert await stored(sale, "") == OPEN
    assert await entries(sale, CLOSED) == []
    assert await rounds(sale, reader, CLOSED) == []
    assert await stored(sale, "") == OPEN + 1
    group = rows.partition_entry(sale.group_partition("A1"))
    assert await entries(sale, CLOSED) == [f"\x1etold\x1e{OPEN}\x1e{group}"]
    sale.store.mend()
    again = EventJournal(sale.process.sender, "told")
    assert await rounds(sale, again, CLOSED) == [event]
    sale.clock.pass_ms(WAITS_MS[1])
    assert await rounds(sale, reader, CLOSED) == [event], "the first one has not forgotten it either"
    assert await rounds(sale, reader, *range(CLOSED, CLOSED + 10)) == []


async def test_what_was_published_of_it_is_not_published_again_with_what_is_carried_on(sale: Sale) -> None:
    reader = await begun(sale)
    event = await recorded(sale, "A1", 1)
    assert await rounds(sale, reader, OPEN) == [event]
    sale.store.cannot_read(sale.group_partition("A1"))
    assert await rounds(sale, reader, *range(OPEN + 1, CLOSED + 1)) == []
    sale.store.mend()
    sale.clock.pass_ms(WAITS_MS[1])
    assert await rounds(sale, reader, *range(CLOSED, CLOSED + 10)) == []


async def test_the_event_before_one_is_fetched_from_a_closed_epoch_if_its_partition_was_carried_on(sale: Sale) -> None:
    """A hold's later event may be of an earlier epoch, by the count of another process."""
    reader = await begun(sale)
    missing = await record(sale, "A1", 1, 0, epoch=OPEN + 1)
    later = [await recorded(sale, "A1", 1, 1, before=OPEN + 1), await recorded(sale, "A2", 1)]
    sale.store.cannot_read(sale.group_partition("A1"))
    assert await rounds(sale, reader, *range(OPEN, CLOSED + 2)) == later[1:]
    assert await stored(sale, "") == OPEN + 2
    sale.store.mend()
    sale.clock.pass_ms(WAITS_MS[1])
    assert await rounds(sale, reader, CLOSED + 1) == [missing, later[0]]


async def test_a_later_epoch_of_a_partition_that_failed_waits_also_if_an_earlier_one_can_be_read(sale: Sale) -> None:
    reader = await begun(sale)
    later = await recorded(sale, "A1", 1)
    sale.store.cannot_read(sale.group_partition("A1"))
    for wait_ms in (LOOK_EVERY_MS, *(WAITS_MS[0] * 2**n for n in range(6))):
        sale.clock.pass_ms(wait_ms)
        assert await published(reader) == []
    sale.store.mend()
    earlier = await recorded(sale, "A1", 2, epoch=OPEN - 1)
    sale.clock.pass_ms(LOOK_EVERY_MS)
    assert await published(reader) == [earlier]
    sale.clock.pass_ms(WAITS_MS[1] - LOOK_EVERY_MS)
    assert await published(reader) == [later]


async def test_one_that_could_be_read_again_waits_only_shortly_when_it_fails_next(sale: Sale) -> None:
    reader = await begun(sale)
    told = []
    for number in range(2):
        await recorded(sale, "A1", number)
        sale.store.cannot_read(sale.group_partition("A1"))
        sale.clock.pass_ms(LOOK_EVERY_MS)
        assert await published(reader) == []
        sale.store.mend()
        sale.clock.pass_ms(WAITS_MS[0])
        told.append(len(await published(reader)))
    assert told == [1, 1]


# ---- an epoch that cannot be read


async def test_an_epoch_whose_index_cannot_be_read_is_carried_on_and_read_when_it_can_be(sale: Sale) -> None:
    reader = await begun(sale)
    event = await recorded(sale, "A1", 1)
    sale.store.cannot_list(Index.JOURNAL, OPEN)
    assert await rounds(sale, reader, *range(OPEN, CLOSED + 1)) == []
    assert await stored(sale, "") == OPEN + 1
    assert await entries(sale, CLOSED) == [f"\x1etold\x1e{OPEN}\x1e"]
    sale.store.mend()
    assert await rounds(sale, reader, *range(CLOSED, CLOSED + 10)) == [event]


async def test_an_event_of_such_an_epoch_is_fetched_before_the_next_one(sale: Sale) -> None:
    reader = await begun(sale)
    missing = await recorded(sale, "A1", 1, 0)
    sale.store.cannot_list(Index.JOURNAL, OPEN)
    assert await rounds(sale, reader, *range(OPEN, CLOSED + 1)) == []
    mine = await own(sale, "A1", 1, 1, epoch=CLOSED, before=OPEN)
    assert await published(reader) == [missing, mine]


@pytest.mark.parametrize("until", [CLOSED + 5, CLOSED + 12])
async def test_what_is_published_meanwhile_is_not_fetched_again_before_a_later_one(sale: Sale, until: int) -> None:
    reader = await begun(sale)
    sale.store.cannot_list(Index.JOURNAL, OPEN)
    assert await rounds(sale, reader, *range(OPEN, CLOSED + 1)) == []
    event = await recorded(sale, "A1", 1, epoch=OPEN + 3)
    assert await rounds(sale, reader, *range(CLOSED + 1, until + 1)) == [event]
    later = await own(sale, "A1", 1, 1, epoch=until, before=OPEN + 3)
    assert await published(reader) == [later]


async def test_once_it_is_read_no_more_is_remembered_than_before(sale: Sale) -> None:
    reader = await begun(sale)
    sale.store.cannot_list(Index.JOURNAL, OPEN)
    await rounds(sale, reader, *range(OPEN, CLOSED + 1))
    await own(sale, "A1", 1, epoch=CLOSED)
    await rounds(sale, reader, CLOSED)
    sale.store.mend()
    await rounds(sale, reader, *range(CLOSED + 1, CLOSED + 9))
    assert remembered(reader) == (0, 0, 0, 0)
    missing = await record(sale, "A1", 2, 0, epoch=OPEN)
    later = await own(sale, "A1", 2, 1, epoch=CLOSED + 8, before=OPEN)
    assert missing not in await published(reader), "nothing of that epoch is unread"
    assert later


async def test_an_event_of_it_that_was_carried_on_alone_does_not_make_it_read(sale: Sale) -> None:
    reader = await begun(sale)
    await odd(sale, "A1", 1)
    sale.clock.pass_ms(LOOK_EVERY_MS)
    assert await published(reader) == []
    missing = await record(sale, "A2", 1, 0, epoch=OPEN)
    sale.store.cannot_list(Index.JOURNAL, OPEN)
    assert await rounds(sale, reader, *range(OPEN + 1, CLOSED + 6)) == []
    mine = await own(sale, "A2", 1, 1, epoch=CLOSED + 5, before=OPEN)
    assert await published(reader) == [missing, mine]


async def test_an_event_that_was_carried_into_it_and_published_since_is_not_published_again(sale: Sale) -> None:
    reader = await begun(sale, epoch=OPEN - 10)
    refused = await own(sale, "A1", 1, epoch=OPEN - 10)
    for epoch in range(OPEN - 10, OPEN + 1):
        await turned(sale, epoch)
        if events := await reader.unpublished():
            await reader.set_aside(dict.fromkeys(events, ValueError("refused")))
    sale.store.cannot_list(Index.JOURNAL, OPEN)
    sale.clock.pass_ms(WAITS_MS[1])
    assert await rounds(sale, reader, *range(OPEN, CLOSED + 12)) == [refused]
    sale.store.mend()
    assert await rounds(sale, reader, *range(CLOSED + 12, CLOSED + 24)) == []


# ---- closing


async def test_what_cannot_be_carried_on_keeps_its_epoch_open(sale: Sale) -> None:
    reader = await begun(sale)
    event = await recorded(sale, "A1", 1)
    sale.store.cannot_read(sale.group_partition("A1"))
    assert await rounds(sale, reader, *range(OPEN, CLOSED)) == []
    sale.store.spoil(Spoil.NOT_DONE, lambda partition, writes: partition == JOURNAL and not writes)
    with pytest.raises(BackendUnavailable):
        await rounds(sale, reader, CLOSED)
    assert await stored(sale, "") == OPEN
    sale.store.mend()
    sale.clock.pass_ms(WAITS_MS[1])
    assert await rounds(sale, reader, CLOSED) == [event]
    assert await stored(sale, "") == OPEN + 1


async def test_what_waits_is_carried_on_only_when_an_epoch_is_closed(sale: Sale) -> None:
    reader = await begun(sale)
    waiting = await recorded(sale, "A1", 1)
    for _ in range(3):
        await turned(sale, OPEN)
        assert ids(await reader.unpublished()) == [waiting]
    assert len(await sale.store.read_index(Index.JOURNAL, bucket_of(OPEN))) == 1, "its partition"


async def test_what_waits_is_tried_again_though_its_epoch_cannot_be_closed(sale: Sale) -> None:
    reader = await begun(sale)
    waiting = await recorded(sale, "A1", 1)
    sale.store.spoil(Spoil.NOT_DONE, lambda partition, _: partition == JOURNAL)
    for epoch in range(OPEN, CLOSED + 2):
        await turned(sale, epoch)
        assert ids(await reader.unpublished()) == [waiting]
    sale.store.mend()
    assert await published(reader) == [waiting]
    await rounds(sale, reader, *range(CLOSED + 2, CLOSED + 14))
    assert int(await stored(sale, "") or 0) > OPEN


async def test_a_position_that_cannot_be_stored_is_not_known_to_be(sale: Sale) -> None:
    reader = await begun(sale)
    sale.store.cannot_read(JOURNAL)
    with pytest.raises(BackendUnavailable):
        await rounds(sale, reader, OPEN + 1)


async def test_nothing_is_closed_while_its_events_wait_to_be_published(sale: Sale) -> None:
    events = [await recorded(sale, "A1", n, epoch=1) for n in (1, 2)]
    await opens(sale, OPEN)
    reader = EventJournal(sale.process.sender, "told")
    found = await reader.unpublished()
    assert (ids(found), await stored(sale, "")) == (events, 1)
    await reader.mark_published(found[:1])
    assert await stored(sale, "") == 1
    await reader.mark_published(found[1:])
    assert await stored(sale, "") == OPEN - 6


def remembered(reader: EventJournal) -> tuple[int, int, int, int]:
    """Of how many holds, of how many places, of how many single events, and of how many holds with events that wait to
    be published it remembers something.
    """
    return len(reader._published), len(reader._opened._newest_ms), len(reader._to_read._finished), len(reader._taken)


async def test_all_that_is_remembered_goes_with_its_epoch(sale: Sale) -> None:
    reader = await begun(sale)
    events = [await recorded(sale, "A1", 1), await recorded(sale, "A2", 1)]
    await turned(sale, OPEN)
    found = await reader.unpublished()
    await reader.set_aside({found[1]: ValueError("refused")})
    await reader.mark_published(found[:1])
    assert await rounds(sale, reader, OPEN) == events[1:]
    assert await rounds(sale, reader, *range(OPEN, CLOSED)) == []
    assert remembered(reader) == (2, 2, 1, 0)
    assert await rounds(sale, reader, CLOSED) == []
    assert remembered(reader) == (0, 0, 0, 0)


async def test_however_long_an_event_cannot_be_read_no_more_is_remembered_of_others(sale: Sale) -> None:
    reader = await begun(sale)
    await odd(sale, "A1", 1)
    for epoch in range(OPEN, OPEN + 40):
        other = await recorded(sale, "A1", epoch, epoch=epoch)
        later = await recorded(sale, "A1", epoch, 1, epoch=epoch, before=epoch)
        assert await rounds(sale, reader, epoch) == [other, later]
        assert len(reader._published) <= 10


async def test_what_is_remembered_of_an_epoch_goes_with_it_also_while_it_catches_up(sale: Sale) -> None:
    event = await recorded(sale, "A1", 1, epoch=1)
    await opens(sale, 10 * MINUTES_AT_ONCE)
    reader = EventJournal(sale.process.sender, "told")
    assert await published(reader) == [event]
    assert remembered(reader) == (0, 0, 0, 0)


@pytest.mark.parametrize("marked", [[0, 1], [1, 0]])
async def test_a_hold_is_remembered_until_the_last_epoch_of_its_events_in_whatever_order_they_are_published(
    sale: Sale, marked: list[int]
) -> None:
    """The later event is of an earlier epoch, by the count of another process."""
    reader = await begun(sale)
    await own(sale, "A1", 1, 0, epoch=OPEN + 1)
    await own(sale, "A1", 1, 1, epoch=OPEN, before=OPEN + 1)
    events = await reader.unpublished()
    for number in marked:
        await reader.mark_published([events[number]])
    assert await rounds(sale, reader, *range(OPEN, OPEN + 20)) == []
