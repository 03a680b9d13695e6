"""The cases with which an operator verifies a cluster: every store of ours passes them, and one that lies does not."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from travio_inventory.kernel.promises import Promise, PromiseBroken
from travio_inventory.protocol.batches import (
    ANY_TIME,
    Applied,
    Batches,
    IndexEntry,
    Outcome,
    Partition,
    Refused,
    RowKey,
    Rows,
    Write,
)
from travio_inventory.protocol.promises import PROMISES
from travio_inventory.store.memory import MemoryBatches


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.says.replace(" ", "-"))
async def test_every_store_keeps_the_promise(store: Batches, promise: Promise[Batches]) -> None:
    await promise.hold_to(store)


class Lying(MemoryBatches):
    """Breaks a promise."""

    def __init__(self, lie: str) -> None:
        super().__init__(None, Random(1), asyncio.sleep)
        self._lie = lie
        self._old: dict[RowKey, Rows] = {}

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        match self._lie:
            case "conditions are ignored":
                writes = [write._replace(condition={}) for write in writes]
            case "the first write is lost":
                writes = writes[1:] if len(writes) > 1 else writes
            case "entries are lost":
                entries = ()
            case "ends are ignored":
                writes = [write._replace(keep_s=None) for write in writes]
            case _:
                pass
        outcome = await super().apply(partition, writes, entries, send_by=send_by)
        if self._lie == "refusals are bare" and isinstance(outcome, Refused):
            return Refused({})
        return Applied() if self._lie == "everybody wins" else outcome

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        found = await super().get(partition, keys)
        if self._lie != "reads are old":
            return found
        old, self._old[keys[0]] = self._old.get(keys[0], {}), found
        return old


@pytest.mark.once
@pytest.mark.parametrize(
    "lie",
    [
        "conditions are ignored",
        "the first write is lost",
        "entries are lost",
        "ends are ignored",
        "refusals are bare",
        "everybody wins",
        "reads are old",
    ],
)
async def test_a_store_that_lies_is_found_out(lie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("travio_inventory.protocol.promises.FORGOTTEN_WITHIN_S", 2.0)
    broken = []
    for promise in PROMISES:
        try:
            await promise.hold_to(Lying(lie))
        except PromiseBroken:
            broken.append(promise.says)
    assert broken, lie
