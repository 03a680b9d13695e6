"""What fails for long holds up no other partition, however many places of it there are."""

import pytest

from tests.protocol.recorded import OPEN, begun, own, recorded, rounds, stored
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
