"""What a process knows of the open epoch while the store does not answer."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import NoReturn

from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import Partition, RowKey, StoreUnavailable
from travio_inventory.protocol.epochs import EPOCH_MS, Epochs
from travio_inventory.store.memory import Faults, MemoryBatches
from verification.kit.clocks import Clock
from verification.simulation.virtual_loop import run_virtually

ANSWER_S = 5.0
ASKING = 100


class Silent(MemoryBatches):
    """Answers no read, and takes its time for that."""

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> NoReturn:
        await asyncio.sleep(ANSWER_S)
        raise StoreUnavailable("no answer")


def test_a_crowd_waits_for_one_read_if_the_store_never_answered() -> None:
    assert run_virtually(0, _seconds_of_a_crowd()) <= 2 * ANSWER_S


async def _seconds_of_a_crowd() -> float:
    """How long the last caller waits, when all ask at the same time."""
    loop = asyncio.get_running_loop()
    epochs = Epochs(Silent(None, Random(0), asyncio.sleep), Clock(), lambda work: work.close())
    began_s = loop.time()
    asked = await asyncio.gather(*(epochs.current() for _ in range(ASKING)), return_exceptions=True)
    assert {type(answer) for answer in asked} == {BackendUnavailable}
    return loop.time() - began_s


def test_a_known_epoch_is_used_while_the_store_is_unavailable() -> None:
    run_virtually(0, _go_on_without_the_store())


async def _go_on_without_the_store() -> None:
    clock, store = Clock(), MemoryBatches(None, Random(0), asyncio.sleep)
    epochs = Epochs(store, clock, lambda work: work.close())
    first = await epochs.current()
    store.faults = replace(Faults.none(), read_failed=1.0)
    for minutes in range(3):
        assert await epochs.current() == first + minutes
        clock.pass_ms(EPOCH_MS)


def test_a_clock_that_is_set_moves_no_epoch() -> None:
    run_virtually(0, _set_the_clock())


async def _set_the_clock() -> None:
    clock = Clock()
    epochs = Epochs(MemoryBatches(None, Random(0), asyncio.sleep), clock, lambda work: work.close())
    first = await epochs.current()
    for seconds in (-3_600, 7_200):
        clock.set_by_s(seconds)
        assert (await epochs.current(), await epochs.keep()) == (first, first)


def test_processes_that_live_for_less_than_an_epoch_end_none_and_all_know_the_open_one() -> None:
    run_virtually(0, _live_shortly())


async def _live_shortly() -> None:
    """Nobody can tell for how long it was open before; who lives for an epoch ends it."""
    clock, store = Clock(), MemoryBatches(None, Random(0), asyncio.sleep)
    known: list[int] = []
    for rounds in (2, 2, 2, 2, 3):
        epochs = Epochs(store, clock, lambda work: work.close())
        for _ in range(rounds):
            known += [await epochs.keep(), await epochs.current()]
            clock.pass_ms(EPOCH_MS // 2)
    assert known == [1] * (len(known) - 2) + [2, 2]
