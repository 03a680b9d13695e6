"""Which recorded events count as missed, how they are published, and what is noted of those that were."""

from collections.abc import Sequence
from hashlib import blake2b

import pytest

from tests.protocol import recorded
from tests.protocol.parts import Visits, noted
from tests.protocol.recorded import JOURNAL, ids, indexed, opens
from travio_inventory.protocol import event_rows
from travio_inventory.protocol.back_off import WAITS_MS
from travio_inventory.protocol.batches import FOR_EVER, Index, IndexEntry, Kind, Partition, RowKey, Rows, Table, Write
from travio_inventory.protocol.index_entries import MINUTE_MS
from travio_inventory.protocol.journal import EventJournal
from travio_inventory.protocol.late_events import EVENTS_PER_READ, LOOKS_BACK, SETTLED_EPOCHS, LateEvents
from travio_inventory.protocol.minute_cursor import Place
from travio_inventory.protocol.open_epochs import LOOK_EVERY_MS
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.rows import partition_entry
from travio_inventory.protocol.told_notes import HOUR_MS
from verification.kit.clocks import START_MS
from verification.kit.sale import Sale

OPEN = 1_000
"""The open epoch."""
OLDEST = OPEN - SETTLED_EPOCHS - LOOKS_BACK * 60
"""The oldest epoch that is compared, if every partition is visited once an hour."""
SETTLED = OPEN - SETTLED_EPOCHS - 1
"""The newest one."""


async def late_events(sale: Sale, *visits: list[Partition]) -> LateEvents:
    """What a sink of a process finds, that visits these partitions; its journal has caught up."""
    await opens(sale, OPEN)
    await reaches(sale, OPEN - 6)
    sender = sale.process.sender
    journal = EventJournal(sender, "told")
    return LateEvents(journal, sender, "told", Visits(*visits), table=Table.SEAT_GROUPS, every_ms=HOUR_MS)


async def reaches(sale: Sale, first: int) -> None:
    """The journal stopped at that epoch."""
    await sale.store.apply(JOURNAL, [Write(RowKey(Kind.CURSOR, ""), {}, {"reached": first}, FOR_EVER)])


async def carried(sale: Sale, late: LateEvents, epoch: int) -> None:
    """The journal has still to read the partition in that epoch, which is closed."""
    place = Place(epoch, partition_entry(sale.group_partition("A1")))
    await late._journal._minutes.carry([place], OPEN * MINUTE_MS)
    sale.clock.pass_ms(LOOK_EVERY_MS)


async def record(
    sale: Sale, seat: str, number: int, ordinal: int = 0, *, epoch: int = SETTLED, after_ms: int = 0
) -> str:
    """An event that no index names; its id."""
    return await recorded.record(sale, seat, number, ordinal, epoch=epoch, after_ms=after_ms)


async def found(late: LateEvents) -> list[str]:
    return ids(await late.unpublished())


async def publish(late: LateEvents) -> list[str]:
    events = await late.unpublished()
    await late.mark_published(events)
    return ids(events)


def digest(event_id: str) -> str:
    return blake2b(event_id.encode(), digest_size=8).hexdigest()


@pytest.mark.parametrize(
    ("epoch", "is_missed"), [(OLDEST - 1, False), (OLDEST, True), (SETTLED, True), (SETTLED + 1, False)]
)
async def test_an_event_is_missed_if_its_epoch_is_settled_and_not_too_old(
    sale: Sale, epoch: int, is_missed: bool
) -> None:
    name = await record(sale, "A1", 1, epoch=epoch)
    late = await late_events(sale, [sale.group_partition("A1")])
    assert await found(late) == [name] * is_missed


async def test_missed_events_come_in_order_of_each_hold_and_only_once(sale: Sale) -> None:
    visit = [sale.group_partition("A1")]
    names = [await record(sale, "A1", hold, n, after_ms=-n) for hold in (2, 1) for n in (1, 0)]
    late = await late_events(sale, visit, visit, visit)
    assert await publish(late) == sorted(names)
    assert await found(late) == []
    assert await found(await late_events(sale, visit)) == [], "nor by another process"


async def test_what_was_published_is_noted_by_partition_and_hour(sale: Sale) -> None:
    names = [await record(sale, "A1", n, after_ms=n * HOUR_MS) for n in range(2)] + [await record(sale, "A2", 0)]
    late = await late_events(sale, [sale.group_partition("A1"), sale.group_partition("A2")])
    events = await late.unpublished()
    sent = noted(sale)
    late._told._batches = sale.process.sender.batches
    await late.mark_published(events)
    key, hour, keep_s = sale.trip.key, START_MS // HOUR_MS, Retention().told_s
    buckets = [
        f"{hour + later:08d}\x1ftold\x1fseat_groups\x1f{key.organization}\x1f{key.trip}\x1f{group}"
        for later, group in ((0, 0), (1, 0), (0, 1))
    ]
    notes = [IndexEntry(Index.TOLD, bucket, digest(name), keep_s) for bucket, name in zip(buckets, names, strict=True)]
    mine = [batch for batch in sent if any(entry.of is Index.TOLD for entry in batch.entries)]
    assert [(batch.partition, batch.writes) for batch in mine] == [(Partition(Table.CURSORS, "", "told"), [])]
    assert set(mine[0].entries) == set(notes)


async def test_a_note_names_25_events_and_ten_notes_are_written_at_once(sale: Sale) -> None:
    for n in range(280):
        await record(sale, "A1", n)
    late = await late_events(sale, [sale.group_partition("A1")])
    events = await late.unpublished()
    sent = noted(sale)
    late._told._batches = sale.process.sender.batches
    await late.mark_published(events)
    mine = [[len(entry.entry.split(" ")) for entry in batch.entries] for batch in sent if batch.entries]
    assert mine == [[25] * 10, [25, 5]]


async def test_a_partition_with_many_events_is_read_in_portions(sale: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    portions: list[int | None] = []
    read = sale.store.read

    async def counted(
        partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        if kind is Kind.EVENT:
            portions.append(most)
        return await read(partition, kind, start=start, end=end, most=most)

    asked: list[str] = []
    batches = sale.process.sender.batches
    read_index = batches.read_index

    async def listed(index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        asked.extend([bucket] * (index is Index.TOLD))
        return await read_index(index, bucket, after=after, most=most)

    monkeypatch.setattr(sale.store, "read", counted)
    monkeypatch.setattr(batches, "read_index", listed)
    names = [await record(sale, "A1", n) for n in range(501)]
    visit = [sale.group_partition("A1")]
    late = await late_events(sale, visit, visit)
    assert await publish(late) == sorted(names)
    assert await found(late) == []
    assert portions == [EVENTS_PER_READ] * 4
    assert len(asked) == 2, "the notes of an hour are read once for all portions"


async def test_eight_partitions_are_compared_in_a_round_and_the_rest_in_the_next(sale: Sale) -> None:
    seats = [f"A{n}" for n in range(1, 10)]
    names = [await record(sale, seat, 1) for seat in seats]
    late = await late_events(sale, [sale.group_partition(seat) for seat in seats])
    assert await publish(late) == names[:8]
    assert await publish(late) == names[8:]


async def test_none_are_compared_while_many_missed_ones_wait_to_be_published(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("travio_inventory.protocol.late_events.HELD_UP_MAX", 1)
    names = [await record(sale, seat, 1) for seat in ("A1", "A2", "A3")]
    late = await late_events(sale, *([sale.group_partition(seat)] for seat in ("A1", "A2", "A3")))
    assert [await found(late) for _ in range(3)] == [names[:1], names[:2], names[:2]]
    await late.mark_published(await late.unpublished())
    assert await found(late) == names[2:]


async def test_an_event_behind_one_that_is_set_aside_is_not_late_when_that_one_is_too_old_to_be(sale: Sale) -> None:
    visit = [sale.group_partition("A1")]
    old = await record(sale, "A1", 1, 0, epoch=OLDEST - 1)
    behind = await recorded.record(sale, "A1", 1, 1, epoch=OLDEST, before=OLDEST - 1)
    other = await record(sale, "A1", 2, epoch=OLDEST)
    late = await late_events(sale, [], visit, visit)
    places = [recorded.single(sale, "A1", 1, 0, epoch=OLDEST - 1), recorded.single(sale, "A1", 1, 1, epoch=OLDEST)]
    await late._journal._minutes.carry(places, OPEN * MINUTE_MS)
    events = await late.unpublished()
    assert ids(events) == [old, behind]
    await late.set_aside({events[0]: ValueError("refused")})
    assert await publish(late) == [other]
    sale.clock.pass_ms(WAITS_MS[0])
    assert await publish(late) == [old, behind]


async def test_what_is_before_one_that_is_set_aside_is_late(sale: Sale) -> None:
    visit = [sale.group_partition("A1")]
    late = await late_events(sale, [], visit)
    await recorded.record(sale, "A1", 1, 1, epoch=OLDEST, before=OLDEST - 1)
    await late._journal._minutes.carry([recorded.single(sale, "A1", 1, 1, epoch=OLDEST)], OPEN * MINUTE_MS)
    await late.set_aside(dict.fromkeys(await late.unpublished(), ValueError("refused")))
    before = await record(sale, "A1", 1, 0, epoch=OLDEST)
    assert await publish(late) == [before]


async def test_nothing_counts_as_late_while_it_is_not_known_what_is_set_aside(sale: Sale) -> None:
    name = await record(sale, "A1", 1)
    late = await late_events(sale, [sale.group_partition("A1")])
    sale.store.cannot_list(Index.JOURNAL, OPEN - 3)
    assert await found(late) == []
    sale.store.mend()
    sale.clock.pass_ms(WAITS_MS[1])
    assert await found(late) == [name]


async def test_a_missed_event_that_is_set_aside_comes_again_with_the_next_visit(sale: Sale) -> None:
    name = await record(sale, "A1", 1)
    visit = [sale.group_partition("A1")]
    late = await late_events(sale, visit, [], visit)
    await late.set_aside(dict.fromkeys(await late.unpublished(), ValueError("refused")))
    assert [await found(late), await found(late)] == [[], [name]]


async def test_the_journals_events_come_first_and_are_told_to_it(sale: Sale) -> None:
    missed = await record(sale, "A1", 1)
    late = await late_events(sale, [sale.group_partition("A1")])
    await late._journal.unpublished()
    hold = await sale.hold("A2")
    assert await found(late) == [f"{hold.id}~0", missed]
    assert await publish(late) == [f"{hold.id}~0", missed]
    assert await late._journal.unpublished() == []


async def test_a_partition_that_cannot_be_read_keeps_no_other_from_being_compared(sale: Sale) -> None:
    names = [await record(sale, seat, 1) for seat in ("A1", "A2")]
    visit = [sale.group_partition("A1"), sale.group_partition("A2")]
    late = await late_events(sale, visit, visit)
    sale.store.cannot_read(sale.group_partition("A1"))
    assert await publish(late) == names[1:]
    sale.store.mend()
    assert await publish(late) == names[:1]


async def test_a_row_that_nobody_can_read_is_not_its_matter(sale: Sale) -> None:
    name = await record(sale, "A1", 2)
    odd = RowKey(Kind.EVENT, f"{event_rows.id_from(SETTLED, START_MS)}~odd~0")
    await sale.market.store.apply(
        sale.group_partition("A1"), [Write(odd, {}, {"subject": "odd", "type": "x"}, 1_000_000)]
    )
    assert await found(await late_events(sale, [sale.group_partition("A1")])) == [name]


async def test_an_event_of_the_journal_that_is_set_aside_is_set_aside_there(sale: Sale) -> None:
    missed = await record(sale, "A1", 1)
    late = await late_events(sale, [sale.group_partition("A1")])
    await late._journal.unpublished()
    hold = await sale.hold("A2")
    events = await late.unpublished()
    assert ids(events) == [f"{hold.id}~0", missed]
    await late.set_aside(dict.fromkeys(events, ValueError("refused")))
    assert await found(late) == []
    sale.clock.pass_ms(WAITS_MS[0])
    assert await publish(late) == [f"{hold.id}~0"]


async def test_what_was_published_late_is_not_published_when_the_journal_meets_it(sale: Sale) -> None:
    missed = await record(sale, "A1", 1)
    group = sale.group_partition("A1")
    late = await late_events(sale, [group])
    assert await publish(late) == [missed]
    await carried(sale, late, SETTLED)
    assert await found(late) == []
    assert await late._journal.unpublished() == [], "it is told that this one is published"


async def test_of_late_events_the_last_ones_are_remembered(sale: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("travio_inventory.protocol.late_events.TOLD_LATE_MAX", 1)
    group = sale.group_partition("A1")
    late = await late_events(sale, [group], [group])
    names = []
    for number in range(2):
        names.append(await record(sale, "A1", number))
        assert await publish(late) == names[-1:]
    await carried(sale, late, SETTLED)
    assert await publish(late) == names[:1], "the other one is known"


async def test_what_the_journal_has_still_to_read_is_not_late(sale: Sale) -> None:
    """A relay that catches up publishes old events first; here the latest are of the holds with the first names."""
    visit = [sale.group_partition("A1")]
    epochs = range(OLDEST, SETTLED, 20)
    names = []
    for epoch in epochs:
        await indexed(sale, "A1", epoch)
        names.append(await record(sale, "A1", OPEN - epoch, epoch=epoch))
    late = await late_events(sale, *[visit] * 10)
    await reaches(sale, OLDEST)
    told = [name for _ in range(10) for name in await publish(late)]
    assert told == names
