"""In how many shards an entry lies is changed on a store whose answers are lost: what is unknown is said to be so."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from tests.stock.shop import Shop
from tests.stock.spread import Frozen, Spread
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol.batches import (
    NotDone,
    Outcome,
    Partition,
    RowKey,
    Rows,
    StoreUnavailable,
    Unknown,
)
from travio_inventory.stock.commands import ChangeEntry
from travio_inventory.stock.refusals import VersionConflict
from verification.kit.passing import Batch, PassingMemory, Send


class Lost(PassingMemory):
    """A store that is gone after so many more batches: the last of them is applied, and its answer lost."""

    left: int | None = None

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        """See PassingMemory."""
        if self.left is None:
            return await send(batch)
        if not self.left:
            return NotDone("gone")
        self.left -= 1
        outcome = await send(batch)
        return outcome if self.left else Unknown("gone")

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        """See Batches."""
        if self.left == 0:
            raise StoreUnavailable("gone")
        return await super().get(partition, keys)


@pytest.mark.parametrize("batches", [0, 1])
async def test_a_change_whose_answer_is_lost_is_unknown_and_one_that_was_never_sent_is_not(batches: int) -> None:
    store = Lost(None, Random(1), asyncio.sleep)
    spread = await Spread.of(Shop(store), 6, 2)
    await spread.shop.settled()
    seen = await spread.shop.now(spread.entry)
    store.left = batches
    with pytest.raises(OutcomeUnknown if batches else BackendUnavailable):
        await spread.shop.stock.keep.change(
            spread.shop.actor, ChangeEntry(spread.entry.id, None, None, seen.version, shards=4)
        )
    store.left = None
    assert (await spread.shop.now(spread.entry)).shards == (4 if batches else 2)


async def test_a_change_that_is_made_is_not_refused_because_the_other_shards_cannot_be_read() -> None:
    store = Frozen(None, Random(1), asyncio.sleep)
    spread = await Spread.of(Shop(store), 6, 2)
    await spread.lies(4)
    await spread.shop.settled()
    seen = await spread.shop.now(spread.entry)
    command = ChangeEntry(spread.entry.id, 3, None, seen.version, shards=1)
    store.is_unread = True
    with pytest.raises(OutcomeUnknown):
        await spread.shop.stock.keep.change(spread.shop.actor, command)
    store.is_unread = False
    now = await spread.shop.now(spread.entry)
    assert (now.shards, now.reorder_point, now.by_shard) == (1, 3, (2, 4))
    with pytest.raises(VersionConflict):
        await spread.shop.stock.keep.change(spread.shop.actor, replace(command, reorder_point=4))
    again = await spread.shop.stock.keep.change(spread.shop.actor, command)
    assert (again.shards, again.reorder_point, again.quantities.total) == (1, 3, 6), "asked again, it is answered"
