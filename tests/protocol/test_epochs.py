"""When a process reads the open epoch, when it counts on by itself, and when it ends one."""

import asyncio
from collections.abc import Coroutine, Sequence
from random import Random
from typing import Any

import pytest

from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import (
    ANY_TIME,
    Index,
    IndexEntry,
    Kind,
    Outcome,
    Partition,
    RowKey,
    Rows,
    StoreUnavailable,
    Table,
    Write,
)
from travio_inventory.protocol.epochs import EPOCH_MS, KNOWN_MS, LOOK_AGAIN_MS, Epochs
from travio_inventory.store.memory import MemoryBatches
from verification.kit.clocks import Clock

PARTITION = Partition(Table.CURSORS, "", Index.JOURNAL)
OPEN = RowKey(Kind.CURSOR, "open")


class Counting(MemoryBatches):
    """Counts reads, each of which takes `takes_ms` of the clock, and answers none while it `is_down`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(None, Random(1), asyncio.sleep)
        self.clock = clock
        self.takes_ms = 0
        self.is_down = False
        self.reads = 0
        self.batches = 0

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        self.batches += 1
        return await super().apply(partition, writes, entries, send_by=send_by)

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        self.reads += 1
        self.clock.pass_ms(self.takes_ms)
        await asyncio.sleep(0)
        if self.is_down:
            raise StoreUnavailable("no answer")
        return await super().get(partition, keys)


class Known:
    """What one process knows; what it does in the background waits for `look`."""

    def __init__(self, store: Counting, clock: Clock) -> None:
        self.works: list[Coroutine[Any, Any, None]] = []
        self.epochs = Epochs(store, clock, self.works.append)

    async def look(self) -> None:
        """Does what is to be done in the background."""
        while self.works:
            await self.works.pop(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Counting:
    return Counting(clock)


async def reads_of(store: Counting, known: Known) -> int:
    """How often a caller reads it, who is told the epoch."""
    before = store.reads
    await known.epochs.current()
    return store.reads - before


async def test_the_first_process_begins_the_first_epoch_and_all_agree(store: Counting, clock: Clock) -> None:
    known, other = Known(store, clock), Known(store, clock)
    assert await known.epochs.current() == 1
    assert (await store.get(PARTITION, [OPEN]))[OPEN] == {"reached": 1}
    assert await other.epochs.keep() == 1
    assert store.batches == 1, "a read of what is there is only a read"


async def test_what_is_known_is_read_again_in_the_background_and_after_a_minute_before_the_answer(
    store: Counting, clock: Clock
) -> None:
    known = Known(store, clock)
    await known.epochs.current()
    clock.pass_ms(KNOWN_MS - 1)
    assert (await reads_of(store, known), len(known.works)) == (0, 0)
    clock.pass_ms(1)
    assert (await reads_of(store, known), len(known.works)) == (0, 1)
    await known.look()
    assert (await reads_of(store, known), len(known.works)) == (0, 0)
    clock.pass_ms(EPOCH_MS - 1)
    assert (await reads_of(store, known), len(known.works)) == (0, 1)
    await known.look()
    clock.pass_ms(EPOCH_MS)
    assert (await reads_of(store, known), len(known.works)) == (1, 0)
    assert await known.epochs.current() == 1, "nobody ends it"


async def test_one_that_may_be_open_by_now_is_counted_from_the_beginning_of_the_read(
    store: Counting, clock: Clock
) -> None:
    known = Known(store, clock)
    await known.epochs.keep()
    clock.pass_ms(EPOCH_MS)
    store.takes_ms = 1_000
    assert await known.epochs.current() == 1
    clock.pass_ms(EPOCH_MS - 1_001)
    assert await known.epochs.current() == 1
    await known.look()
    store.is_down = True
    clock.pass_ms(EPOCH_MS - 1_000)
    assert await known.epochs.current() == 2


async def test_a_store_that_does_not_answer_is_asked_again_after_a_pause(store: Counting, clock: Clock) -> None:
    known = Known(store, clock)
    await known.epochs.current()
    store.is_down = True
    clock.pass_ms(EPOCH_MS)
    assert await reads_of(store, known) == 1
    clock.pass_ms(LOOK_AGAIN_MS - 1)
    assert await reads_of(store, known) == 0
    clock.pass_ms(1)
    assert await reads_of(store, known) == 1
    store.is_down = False
    clock.pass_ms(LOOK_AGAIN_MS)
    assert await reads_of(store, known) == 1
    assert await known.epochs.current() == 1


async def test_the_background_asks_no_more_often_while_the_store_does_not_answer(store: Counting, clock: Clock) -> None:
    known = Known(store, clock)
    await known.epochs.current()
    store.is_down = True
    clock.pass_ms(KNOWN_MS)
    assert (await reads_of(store, known), len(known.works)) == (0, 1)
    await known.look()
    clock.pass_ms(LOOK_AGAIN_MS - 1)
    assert (await reads_of(store, known), len(known.works)) == (0, 0)
    clock.pass_ms(1)
    assert (await reads_of(store, known), len(known.works)) == (0, 1)
    await known.look()


async def test_each_crowd_asks_once_while_nothing_is_known(store: Counting, clock: Clock) -> None:
    known = Known(store, clock)
    store.is_down = True
    for crowds in range(1, 4):
        await asyncio.gather(*(known.epochs.current() for _ in range(9)), return_exceptions=True)
        assert store.reads == crowds


async def test_while_nothing_is_known_every_caller_asks(store: Counting, clock: Clock) -> None:
    known = Known(store, clock)
    store.is_down = True
    for _ in range(3):
        before = store.reads
        with pytest.raises(BackendUnavailable):
            await known.epochs.current()
        assert store.reads == before + 1
    with pytest.raises(StoreUnavailable):
        await known.epochs.keep()


async def test_an_epoch_is_ended_when_this_process_has_seen_it_open_for_a_minute(store: Counting, clock: Clock) -> None:
    known, other = Known(store, clock), Known(store, clock)
    clock.pass_ms(5 * EPOCH_MS)
    assert await known.epochs.keep() == 1
    clock.pass_ms(EPOCH_MS - 1)
    assert await known.epochs.keep() == 1
    assert await other.epochs.keep() == 1
    clock.pass_ms(1)
    assert await known.epochs.keep() == 2
    assert (await store.get(PARTITION, [OPEN]))[OPEN] == {"reached": 2}
    clock.pass_ms(EPOCH_MS - 1)
    assert (await known.epochs.keep(), await other.epochs.keep()) == (2, 2)
    clock.pass_ms(1)
    assert await known.epochs.keep() == 3
    assert await other.epochs.keep() == 2, "what it knew a moment ago is good enough"
    clock.pass_ms(EPOCH_MS - 2)
    assert await other.epochs.keep() == 3, "a read shows that it saw only the one before for a minute"


async def test_what_keeps_the_epochs_reads_as_seldom_as_others(store: Counting, clock: Clock) -> None:
    known = Known(store, clock)
    await known.epochs.keep()
    store.reads = 0
    clock.pass_ms(KNOWN_MS - 1)
    await known.epochs.keep()
    assert store.reads == 0
    clock.pass_ms(1)
    await known.epochs.keep()
    assert store.reads == 1
