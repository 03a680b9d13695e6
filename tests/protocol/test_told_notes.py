"""Notes of what was published: found by partition and hour, written a few at a time."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from tests.protocol.recorded import event
from travio_inventory.kernel.events import Event
from travio_inventory.protocol import event_rows, told_notes
from travio_inventory.protocol.batches import ANY_TIME, IndexEntry, Outcome, Partition, Write
from travio_inventory.protocol.told_notes import DIGEST_BYTES, HOUR_MS, ToldNotes
from travio_inventory.store.memory import MemoryBatches
from verification.kit.sale import Sale


class Counted(MemoryBatches):
    """Notes how many batches are under way at once, and what each adds."""

    def __init__(self) -> None:
        super().__init__(None, Random(1), asyncio.sleep)
        self.under_way = self.at_once = 0
        self.added: list[Sequence[IndexEntry]] = []

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        self.under_way += 1
        self.at_once = max(self.at_once, self.under_way)
        self.added.append(entries)
        outcome = await super().apply(partition, writes, entries, send_by=send_by)
        self.under_way -= 1
        return outcome


def happened(sale: Sale, number: int, *, after_ms: int = 0) -> tuple[Write, Event]:
    """An event of a hold on A1, as it is stored and as it is told."""
    write = event(sale, "A1", number, 0, epoch=20, after_ms=after_ms)
    return write, event_rows.read_event(sale.group_partition("A1"), write.values)


async def test_those_of_a_partitions_rows_are_known_that_are_noted(sale: Sale) -> None:
    group, told = sale.group_partition("A1"), ToldNotes(sale.store, "told", kept_s=60)
    both = [happened(sale, 1), happened(sale, 2, after_ms=HOUR_MS + 1)]
    other, _ = happened(sale, 3)
    await told.note((group, each) for _, each in both)
    rows = {write.key: write.values for write, _ in both}
    assert await told.of_rows(group, {**rows, other.key: other.values}) == rows.keys()
    assert await ToldNotes(sale.store, "another sink", kept_s=60).of_rows(group, rows) == set()
    assert await told.of_rows(sale.group_partition("A2"), rows) == set()


async def test_notes_are_written_a_few_at_a_time(sale: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("DIGESTS_PER_ENTRY", 2), ("ENTRIES_AT_ONCE", 2), ("BATCHES_AT_ONCE", 3)):
        monkeypatch.setattr(told_notes, name, value)
    store = Counted()
    group, told = sale.group_partition("A1"), ToldNotes(store, "told", kept_s=60)
    events = [happened(sale, number)[1] for number in range(30)]
    await told.note((group, each) for each in events)
    assert store.at_once == 3
    assert [len(entries) for entries in store.added] == [2] * 7 + [1]
    assert {each.keep_s for entries in store.added for each in entries} == {60}
    assert {len(each.entry) for entries in store.added for each in entries} == {2 * 2 * DIGEST_BYTES + 1}
    known = await told.read(group, [each.at_ms for each in events])
    assert all(known.has(each.id, each.at_ms) for each in events)
