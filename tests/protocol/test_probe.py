"""What a probe of the store writes, and what it says of the answer."""

import asyncio
from random import Random

import pytest

from tests.protocol.parts import Noted
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Kind,
    NotDone,
    Outcome,
    Partition,
    Refused,
    RowKey,
    Table,
    Unknown,
    Write,
)
from travio_inventory.protocol.probe import StoreProbe
from travio_inventory.store.memory import MemoryBatches
from verification.kit.passing import Batch, PassingMemory, Send

ROW = RowKey(Kind.CURSOR, "")


class Answering(PassingMemory):
    """Answers every batch in one way, and does nothing."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(None, Random(1), asyncio.sleep)
        self.outcome = outcome

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        return self.outcome


async def test_a_probe_counts_on_from_what_it_finds() -> None:
    store = Noted(MemoryBatches(None, Random(1), asyncio.sleep))
    first, second = StoreProbe(store, Random(7)), StoreProbe(store, Random(7))
    for probe in (first, first, second, second, first):
        assert await probe.problem() == ""
    assert {batch.partition for batch in store.sent} == {Partition(Table.CURSORS, "", "probe 10")}
    assert [write for batch in store.sent for write in batch.writes] == [
        Write(ROW, ABSENT, {"reached": 1}),
        Write(ROW, {"reached": 1}, {"reached": 2}),
        Write(ROW, ABSENT, {"reached": 1}),
        Write(ROW, {"reached": 2}, {"reached": 3}),
        Write(ROW, {"reached": 2}, {"reached": 3}),
    ]


@pytest.mark.parametrize("outcome", [Unknown("no answer"), NotDone("no room")])
async def test_what_was_not_decided_is_a_problem(outcome: Unknown | NotDone) -> None:
    assert await StoreProbe(Answering(outcome), Random(7)).problem() == outcome.cause


async def test_a_row_that_a_refusal_does_not_show_is_probed_as_absent() -> None:
    answering = Answering(Applied())
    store = Noted(answering)
    probe = StoreProbe(store, Random(7))
    await probe.problem()
    answering.outcome = Refused({})
    assert await probe.problem() == ""
    await probe.problem()
    assert store.sent[-1].writes == [Write(ROW, ABSENT, {"reached": 1})]
