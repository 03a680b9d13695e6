"""What fails for long holds up no other partition, however many places of it there are."""

import pytest

from tests.protocol.recorded import OPEN, begun, ids, own, published, recorded, rounds, stored, subject, turned
from travio_inventory.protocol import journal, to_read
from travio_inventory.protocol.journal import EventJournal
from travio_inventory.protocol.minute_cursor import MINUTES_AT_ONCE
from verification.kit.sale import Sale

CLOSES_AFTER = 7
"""So many epochs later one is visited for the last time, and closed."""


# ---- a partition that cannot be read


@pytest.mark.parametrize("epochs", [1, 2, 20])
async def test_epochs_are_closed_however_many_of_them_a_partition_has_that_cannot_be_read(
    sale: Sale, epochs: int
) -> None:
    reader = await begun(sale)
    sale.store.cannot_read(sale.group_partition("A1"))
    for epoch in range(OPEN, OPEN + epochs):
        await recorded(sale, "A1", epoch, epoch=epoch)
        await own(sale, "A2", epoch, epoch=epoch)
        assert len(await rounds(sale, reader, epoch)) == 1
    last = OPEN + epochs + CLOSES_AFTER
    assert await rounds(sale, reader, *range(OPEN + epochs, last)) == []
    assert await stored(sale, "") == last - CLOSES_AFTER


async def test_with_more_of_its_epochs_than_are_visited_at_once_the_next_journal_finds_all_others(sale: Sale) -> None:
    await begun(sale)
    sale.store.cannot_read(sale.group_partition("A1"))
    bad = [await recorded(sale, "A1", n, epoch=OPEN + n) for n in range(MINUTES_AT_ONCE + 1)]
    others = [await recorded(sale, "A2", n, epoch=OPEN + MINUTES_AT_ONCE + n) for n in range(1, 4)]
    again = EventJournal(sale.process.sender, "told")
    last = OPEN + MINUTES_AT_ONCE + 4
    assert await rounds(sale, again, last, last + 1) == others
    sale.store.mend()
    assert await rounds(sale, again, *range(last + 1, last + 4)) == bad, "in order of its epochs"


# ---- more refused events than are remembered


async def flooded(sale: Sale, monkeypatch: pytest.MonkeyPatch, *, epochs: int) -> tuple[EventJournal, list[str]]:
    """A journal whose sink refuses six events for so many epochs, of which it can remember two; their ids."""
    monkeypatch.setattr(to_read, "SINGLES_MAX", 2)
    monkeypatch.setattr(to_read, "PLACES_MAX", 3)
    reader = await begun(sale)
    refused = [await own(sale, "A1", n, epoch=OPEN) for n in range(6)]
    for epoch in range(OPEN, OPEN + epochs):
        await turned(sale, epoch)
        await refuse(reader, subject(sale, "A1", 0)[:-1])
        assert len(reader._to_read) <= 2
    return reader, refused


async def refuse(reader: EventJournal, subjects: str) -> list[str]:
    """A round in which the sink refuses these; what was published."""
    events = await reader.unpublished()
    good = [event for event in events if not event.subject.startswith(subjects)]
    await reader.mark_published(good)
    await reader.set_aside({event: ValueError("refused") for event in events if event not in good})
    return ids(good)


async def test_refused_events_hold_up_no_others_however_many_they_are(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, _ = await flooded(sale, monkeypatch, epochs=3)
    told = []
    for epoch in range(OPEN + 3, OPEN + 20):
        late = await recorded(sale, "A2", epoch, epoch=epoch - 2)
        await turned(sale, epoch)
        told += await refuse(reader, subject(sale, "A1", 0)[:-1])
        assert late in told
    assert await stored(sale, "") == OPEN + 20 - CLOSES_AFTER


@pytest.mark.parametrize("epochs", [1, 4, 9, 30])
async def test_all_come_once_when_the_sink_accepts_them_and_none_is_remembered_after(
    sale: Sale, epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, refused = await flooded(sale, monkeypatch, epochs=epochs)
    now = OPEN + epochs
    assert sorted(await rounds(sale, reader, *range(now, now + 30))) == sorted(refused)
    assert len(reader._to_read) == len(reader._to_read._finished) == len(reader._to_read._aside) == 0
    assert reader._to_read.knows_all(reader._minutes.first)


@pytest.mark.parametrize("epochs", [1, 9, 30])
async def test_later_events_of_their_holds_come_after_them(
    sale: Sale, epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, refused = await flooded(sale, monkeypatch, epochs=epochs)
    now = OPEN + epochs
    later = [await own(sale, "A1", n, 1, epoch=now, before=OPEN) for n in range(6)]
    assert await refuse(reader, subject(sale, "A1", 0)[:-1]) == []
    told = await rounds(sale, reader, *range(now, now + 30))
    assert sorted(told) == sorted([*refused, *later])
    for first, second in zip(refused, later, strict=True):
        assert told.index(first) < told.index(second)
    assert await published(reader) == []


async def test_each_is_tried_again_although_others_are_refused_for_ever(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, refused = await flooded(sale, monkeypatch, epochs=1)
    tried: set[str] = set()
    for epoch in range(OPEN + 1, OPEN + 20):
        await turned(sale, epoch)
        events = await reader.unpublished()
        tried |= set(ids(events))
        await reader.set_aside(dict.fromkeys(events, ValueError("refused")))
    assert tried == set(refused)


@pytest.mark.parametrize("count", [2, 3])
async def test_while_few_events_are_refused_epochs_are_closed(
    sale: Sale, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "HELD_UP_MAX", 2)
    reader = await begun(sale)
    for number in range(count):
        await own(sale, "A1", number)
    assert len(await reader.unpublished()) == count
    before = await stored(sale, "")
    await turned(sale, OPEN + 1)
    assert len(await reader.unpublished()) == count
    assert (await stored(sale, "") != before) is (count == 2)
