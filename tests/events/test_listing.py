"""The relay lists holds whose listing was lost; where none can be lost, it lists nothing again."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from tests.events.selling import RecordingSink, Service, put_on_sale, sell
from travio_inventory.app.service import rules_of
from travio_inventory.protocol.batches import ANY_TIME, IndexEntry, Outcome, Partition, Write
from travio_inventory.settings import load_settings
from travio_inventory.store.memory import MemoryBatches
from verification.kit.clocks import Clock


class Listed(MemoryBatches):
    """Keeps what is added to lists alone."""

    def __init__(self) -> None:
        super().__init__(None, Random(0), asyncio.sleep)
        self.alone: list[IndexEntry] = []

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        """See Batches."""
        if not writes:
            self.alone += entries
        return await super().apply(partition, writes, entries, send_by=send_by)


@pytest.mark.parametrize("lists_are_whole", [False, True])
async def test_the_relay_lists_again_only_where_a_listing_may_be_lost(lists_are_whole: bool) -> None:
    store, sink = Listed(), RecordingSink()
    service = Service(store, Clock(), is_alone=True, lists_are_whole=lists_are_whole, sink=sink)
    await put_on_sale(service)
    sold = await sell(service, [1, 2])
    store.alone.clear()
    await service.relay_to("sink")
    assert sorted(sink.ids) == sorted(sold)
    assert len({entry.entry for entry in store.alone}) == (0 if lists_are_whole else 2)


@pytest.mark.parametrize(("kind", "are_whole"), [("embedded", True), ("memory", False)])
def test_lists_are_whole_where_one_transaction_has_all_that_a_batch_brings(
    kind: str, are_whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAVIO_STORE", kind)
    assert rules_of(load_settings()).lists_are_whole is are_whole
