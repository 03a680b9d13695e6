"""A batch is sent until its outcome is known, a few times, the same each time."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol.batches import (
    ANY_TIME,
    Applied,
    Index,
    IndexEntry,
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
from travio_inventory.protocol.until_known import TRIES_MAX, until_known
from travio_inventory.store.memory import MemoryBatches
from verification.kit.passing import Batch, Passing, Send

PARTITION = Partition(Table.SEAT_GROUPS, "o", "t", 1)
WRITES = [Write(RowKey(Kind.HOLD, "h"), {}, {"status": "aborted"})]
ENTRIES = [IndexEntry(Index.JOURNAL, "1", "e", 9)]
APPLIED, NOT_DONE, UNKNOWN = Applied(), NotDone("busy"), Unknown("lost")


class Answering(Passing):
    """Gives these answers, one after the other."""

    def __init__(self, *answers: Outcome) -> None:
        super().__init__(MemoryBatches(None, Random(1), asyncio.sleep))
        self._answers = iter(answers)
        self.sent: list[Batch] = []

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        self.sent.append(batch)
        return next(self._answers)


@pytest.mark.parametrize(
    ("answers", "sent"),
    [([APPLIED], 1), ([UNKNOWN, APPLIED], 2), ([NOT_DONE] * (TRIES_MAX - 1) + [APPLIED], TRIES_MAX)],
)
async def test_it_is_sent_alike_until_it_is_applied(answers: Sequence[Outcome], sent: int) -> None:
    batches = Answering(*answers)
    assert await until_known(batches, PARTITION, WRITES, ENTRIES, send_by=7.5) is None
    assert batches.sent == [Batch(PARTITION, WRITES, ENTRIES, 7.5)] * sent


async def test_it_may_be_sent_at_any_time_and_without_entries() -> None:
    batches = Answering(APPLIED)
    await until_known(batches, PARTITION, WRITES)
    assert batches.sent == [Batch(PARTITION, WRITES, (), ANY_TIME)]


async def test_what_stands_is_the_answer_of_a_refusal() -> None:
    standing = {WRITES[0].key: {"status": "held"}}
    assert await until_known(Answering(UNKNOWN, Refused(standing)), PARTITION, WRITES) == standing


@pytest.mark.parametrize(
    ("answers", "refusal"),
    [
        ([NOT_DONE] * TRIES_MAX, BackendUnavailable),
        ([UNKNOWN, *[NOT_DONE] * (TRIES_MAX - 1)], OutcomeUnknown),
        ([UNKNOWN] * TRIES_MAX, OutcomeUnknown),
    ],
)
async def test_a_batch_of_which_one_try_may_have_landed_is_not_said_to_be_undone(
    answers: Sequence[Outcome], refusal: type[Exception]
) -> None:
    batches = Answering(*answers)
    with pytest.raises(refusal):
        await until_known(batches, PARTITION, WRITES)
    assert len(batches.sent) == TRIES_MAX
