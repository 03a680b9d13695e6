"""How many notes of what was published are written at once, and which rows of a partition are noted."""

import asyncio

import pytest

from tests.protocol.recorded import OPEN, event
from travio_inventory.protocol import event_rows, told_notes
from travio_inventory.protocol.batches import Outcome
from travio_inventory.protocol.told_notes import HOUR_MS, ToldNotes
from verification.kit.passing import Batch, Passing, Send
from verification.kit.sale import Sale


class AtOnce(Passing):
    """Counts how many batches are under way at once."""

    now = most = count = 0

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        self.now, self.count = self.now + 1, self.count + 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        return await send(batch)


async def test_few_batches_of_notes_are_under_way_at_once(sale: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    for what, number in (("DIGESTS_PER_ENTRY", 1), ("ENTRIES_AT_ONCE", 1), ("BATCHES_AT_ONCE", 2)):
        monkeypatch.setattr(told_notes, what, number)
    group, store = sale.group_partition("A1"), AtOnce(sale.store)
    rows = (event(sale, "A1", number, 0, epoch=OPEN).values for number in range(5))
    await ToldNotes(store, "told", kept_s=1_000).note((group, event_rows.read_event(group, row)) for row in rows)
    assert (store.most, store.count) == (2, 5)


async def test_rows_are_found_whose_events_are_noted_each_in_its_hour(sale: Sale) -> None:
    group, notes = sale.group_partition("A1"), ToldNotes(sale.store, "told", kept_s=1_000)
    writes = [event(sale, "A1", number, 0, epoch=OPEN, after_ms=number * HOUR_MS) for number in range(4)]
    await notes.note((group, event_rows.read_event(group, write.values)) for write in writes[1:3])
    assert await notes.of_rows(group, {write.key: write.values for write in writes}) == {
        write.key for write in writes[1:3]
    }
