"""Kept events read again: from which epoch on, partition by partition, page by page, in the order of their subjects."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from travio_inventory.kernel.actor import ActorKind
from travio_inventory.protocol import event_rows, index_entries, recorded_events, rows
from travio_inventory.protocol.batches import FOR_EVER, Index, IndexEntry, Kind, Partition, RowKey, Table, Write
from travio_inventory.protocol.epochs import EPOCH_MS
from travio_inventory.protocol.hold import Recorded
from travio_inventory.protocol.minute_cursor import CARRIED
from travio_inventory.protocol.published_until import SLACK_MS
from travio_inventory.protocol.recorded_events import BEGINNING, Piece, Position, Wanted
from travio_inventory.protocol.retention import Retention
from travio_inventory.store.memory import MemoryBatches
from verification.kit.clocks import START_MS, Clock

OPEN = 100
KEPT_S = 7 * 86_400
ALL = Wanted(0)
BUS, TRAIN = (Partition(Table.SEAT_GROUPS, "o", name, 1) for name in ("bus", "train"))
CURSORS = Partition(Table.CURSORS, "", "journal")


class Journal:
    """Events in a store, and the epochs in which they are."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryBatches(None, Random(1), asyncio.sleep)

    async def opens(self, epoch: int) -> None:
        opened = Write(RowKey(Kind.CURSOR, "open"), {}, {"reached": epoch}, FOR_EVER)
        await self.store.apply(CURSORS, [opened])

    async def indexed(self, entry: str, epoch: int) -> None:
        await self.store.apply(BUS, [], [IndexEntry(Index.JOURNAL, f"{epoch:010d}", entry, 10_000_000)])

    async def record(
        self, partition: Partition, subject: str, *, epoch: int, ordinal: int = 0, at_ms: int = START_MS
    ) -> str:
        """An event of the subject; its id."""
        first = event_rows.only_event(subject, "hold.created", 1, ActorKind.USER, "{}", Recorded(epoch, at_ms))
        key = event_rows.key_of(subject, ordinal, Recorded(epoch, at_ms))
        write = Write(key, {}, {**first.values, "ordinal": ordinal}, 10_000_000)
        entry = index_entries.recorded(partition, epoch, Retention())
        await self.store.apply(partition, [write], [entry])
        return f"{subject}~{ordinal}"

    async def pieces(self, wanted: Wanted = ALL, after: Position = BEGINNING, kept_s: int = KEPT_S) -> list[Piece]:
        found = recorded_events.recorded_events(self.store, self.clock, wanted, kept_s=kept_s, after=after)
        return [piece async for piece in found]

    async def ids(self, wanted: Wanted = ALL, after: Position = BEGINNING) -> list[str]:
        return [event.id for piece in await self.pieces(wanted, after) for event in piece.events]


@pytest.fixture
async def journal() -> Journal:
    """The epoch OPEN is open, and nothing was recorded."""
    journal = Journal()
    await journal.opens(OPEN)
    return journal


def entry(partition: Partition) -> str:
    return rows.partition_entry(partition)


def ends(pieces: Sequence[Piece]) -> list[Position]:
    """The ends of the epochs."""
    return [piece.position for piece in pieces if not piece.position.entry]


async def test_nothing_was_recorded_in_a_store_without_an_open_epoch() -> None:
    journal = Journal()
    assert await recorded_events.open_epoch(journal.store) == 0
    assert [piece.position.epoch for piece in await journal.pieces()] == [2, 3, 4]


async def test_all_epochs_are_read_up_to_those_that_steps_count_on_by_themselves(journal: Journal) -> None:
    assert await recorded_events.open_epoch(journal.store) == OPEN
    pieces = await journal.pieces()
    assert pieces == [Piece([], Position(epoch + 1), epoch, OPEN + 3, 0) for epoch in range(1, OPEN + 4)]


@pytest.mark.parametrize("after_ms", [0, 1])
async def test_epochs_before_the_one_that_was_open_then_are_not_read(journal: Journal, after_ms: int) -> None:
    """One was open for EPOCH_MS at least, and was noticed SLACK_MS late at most."""
    ago = 7
    wanted = Wanted(START_MS - ago * EPOCH_MS - after_ms)
    passed = (ago * EPOCH_MS + after_ms + SLACK_MS) // EPOCH_MS
    pieces = await journal.pieces(wanted)
    first = OPEN - passed - 1
    assert (pieces[0].position, pieces[0].epochs_read, pieces[0].epochs) == (Position(first + 1), 1, OPEN + 4 - first)
    assert pieces[-1].position == Position(OPEN + 4)


async def test_the_epochs_of_what_is_forgotten_are_not_read_nor_those_of_the_future_only(journal: Journal) -> None:
    slack = SLACK_MS // EPOCH_MS + 1
    assert ends(await journal.pieces(kept_s=0))[0] == Position(OPEN - slack + 1)
    assert ends(await journal.pieces(kept_s=EPOCH_MS // 1_000))[0] == Position(OPEN - slack)
    assert ends(await journal.pieces(Wanted(START_MS + 10**9)))[0] == Position(OPEN - slack + 1)
    await journal.opens(2_000)
    assert ends(await journal.pieces(kept_s=EPOCH_MS))[0] == Position(2_000 - 1_000 - slack + 1)


async def test_reading_goes_on_in_the_epoch_where_it_stopped(journal: Journal) -> None:
    pieces = await journal.pieces(after=Position(OPEN - 1))
    assert pieces == [Piece([], Position(epoch + 1), epoch - OPEN + 2, 5, 0) for epoch in range(OPEN - 1, OPEN + 4)]


async def test_events_come_by_epoch_and_partition_each_with_its_place(journal: Journal) -> None:
    first = await journal.record(TRAIN, "a", epoch=OPEN - 1)
    second = await journal.record(BUS, "b", epoch=OPEN)
    third = await journal.record(TRAIN, "a", epoch=OPEN, ordinal=1)
    pieces = [piece for piece in await journal.pieces(after=Position(OPEN - 1)) if piece.events]
    row_ids = [
        event_rows.key_of(subject, ordinal, Recorded(epoch, START_MS)).id
        for subject, ordinal, epoch in (("a", 0, OPEN - 1), ("b", 0, OPEN), ("a", 1, OPEN))
    ]
    assert [[event.id for event in piece.events] for piece in pieces] == [[first], [second], [third]]
    assert [piece[1:] for piece in pieces] == [
        (Position(OPEN - 1, entry(TRAIN), f"{row_ids[0]}\0"), 0, 5, 0),
        (Position(OPEN, entry(BUS), f"{row_ids[1]}\0"), 1, 5, 0),
        (Position(OPEN, entry(TRAIN), f"{row_ids[2]}\0"), 1, 5, 0),
    ]
    assert [event.partition_key for piece in pieces for event in piece.events] == ["train", "bus", "train"]


async def test_what_was_read_is_not_read_again_and_what_follows_is(journal: Journal) -> None:
    ids = [await journal.record(where, name, epoch=OPEN) for where in (BUS, TRAIN) for name in ("a", "b")]
    later = await journal.record(BUS, "a", epoch=OPEN + 1, ordinal=1)
    row_id = event_rows.key_of("a", 0, Recorded(OPEN, START_MS)).id
    assert await journal.ids() == [*ids, later]
    assert await journal.ids(after=Position(OPEN, entry(BUS), f"{row_id}\0")) == [*ids[1:], later]
    assert await journal.ids(after=Position(OPEN, entry(BUS), row_id)) == [*ids, later]
    assert await journal.ids(after=Position(OPEN, entry(TRAIN), f"{row_id}\0")) == [ids[3], later]
    assert await journal.ids(after=Position(OPEN + 1)) == [later]


async def test_a_partition_is_read_page_by_page_within_its_epoch(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_events, "EVENTS_PER_READ", 2)
    before = await journal.record(BUS, "z", epoch=OPEN - 1)
    ids = [await journal.record(BUS, name, epoch=OPEN) for name in ("a", "b", "c")]
    after = await journal.record(BUS, "z", epoch=OPEN + 1)
    pieces = [piece for piece in await journal.pieces() if piece.events]
    assert [[event.id for event in piece.events] for piece in pieces] == [[before], ids[:2], ids[2:], [after]]


async def test_a_page_that_is_just_full_is_not_the_last_one(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded_events, "EVENTS_PER_READ", 2)
    ids = [await journal.record(BUS, name, epoch=OPEN) for name in ("a", "b", "c", "d")]
    assert await journal.ids() == ids


async def test_only_what_is_wanted_is_told(journal: Journal) -> None:
    early, late = [await journal.record(BUS, name, epoch=OPEN, at_ms=START_MS + at) for at, name in enumerate("ab")]
    train = await journal.record(TRAIN, "c", epoch=OPEN)
    assert await journal.ids(Wanted(START_MS + 1)) == [late]
    assert await journal.ids(Wanted(START_MS, START_MS + 1)) == [early, train]
    assert await journal.ids(Wanted(0, 0, "bus")) == [early, late]
    assert await journal.ids(Wanted(0, 0, "train")) == [train]
    pieces = await journal.pieces(Wanted(0, 0, "bus"))
    assert entry(TRAIN) not in [piece.position.entry for piece in pieces], "it is not even read"


async def test_what_cannot_be_read_is_counted_and_stops_nothing(journal: Journal) -> None:
    kept = await journal.record(BUS, "a", epoch=OPEN)
    for name in ("b", "c"):
        key = event_rows.key_of(name, 0, Recorded(OPEN, START_MS))
        await journal.store.apply(BUS, [Write(key, {}, {"type": "hold.created", "subject": name}, 10_000_000)])
    await journal.indexed("rubbish", OPEN)
    await journal.indexed(f"{CARRIED}sink{CARRIED}{entry(BUS)}", OPEN)
    pieces = [piece for piece in await journal.pieces(after=Position(OPEN)) if piece.position.entry]
    assert pieces[0] == Piece([], Position(OPEN, "rubbish"), 0, 4, unreadable=1)
    assert ([event.id for event in pieces[1].events], pieces[1].unreadable) == ([kept], 2)
    assert len(pieces) == 2, "what a sink's relay carries on is no partition of its own"
