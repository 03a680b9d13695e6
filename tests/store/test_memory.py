"""The store in memory: each fault does what it promises, and a seed makes a run, in virtual time."""

import asyncio
import random
import selectors
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from tests.store.partitions import index_entry
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Index,
    Kind,
    NotDone,
    Partition,
    Refused,
    RowKey,
    StoreUnavailable,
    Table,
    Unknown,
    Write,
)
from travio_inventory.store.memory import LATE_S, SLOW_S, Change, Fault, Faults, MemoryBatches

GROUP = Partition(Table.SEAT_GROUPS, "org", "trip")
HOLD = RowKey(Kind.HOLD, "hold-1")
A1 = RowKey(Kind.CELL, "A1")
A2 = RowKey(Kind.CELL, "A2")
BIRTH = Write(HOLD, ABSENT, {"status": "held"})
TOUCH = Write(A1, {}, {"owner": "x"})
LONG_S = 60


class Jumps(selectors.DefaultSelector):
    """Makes the next event due instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now_s += max(timeout or 0.0, 0.0)
        return super().select(None if timeout is None else 0)


class VirtualTime(asyncio.SelectorEventLoop):
    """A loop on which a minute passes in no time."""

    def __init__(self) -> None:
        self._jumps = Jumps()
        super().__init__(self._jumps)

    def time(self) -> float:
        return self._jumps.now_s


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, Mapping[str, object]]:
    """All tests here run in virtual time."""
    return "asyncio", {"loop_factory": VirtualTime}


class Watched:
    """A store, with the times at which something was applied to it."""

    def __init__(self, faults: Faults | None, seed: int = 1) -> None:
        self.batches = MemoryBatches(faults, random.Random(seed), asyncio.sleep)
        self.applied: list[tuple[float, Sequence[Change]]] = []
        self.batches.observe = self._observe

    def _observe(self, partition: Partition, changes: Sequence[Change]) -> None:
        assert partition == GROUP
        self.applied.append((now_s(), changes))

    @property
    def times(self) -> list[float]:
        """When something was applied."""
        return [at for at, _ in self.applied]


def now_s() -> float:
    """The time of the loop."""
    return asyncio.get_running_loop().time()


async def test_a_lost_batch_is_unknown_and_never_applied() -> None:
    watched = Watched(Faults(lost=1))
    assert isinstance(await watched.batches.apply(GROUP, [TOUCH], [index_entry("x", "b")]), Unknown)
    await asyncio.sleep(LONG_S)
    assert watched.applied == []
    assert await watched.batches.read_index(Index.EXPIRY, "b") == ["x"]


async def test_an_unanswered_batch_is_unknown_and_applied() -> None:
    watched = Watched(Faults(unanswered=1))
    assert isinstance(await watched.batches.apply(GROUP, [TOUCH]), Unknown)
    assert watched.batches.snapshot(GROUP) == {A1: {"owner": "x"}}
    await asyncio.sleep(LONG_S)
    assert len(watched.applied) == 1


@pytest.mark.parametrize("seed", range(20))
async def test_a_late_batch_is_unknown_and_applied_once_afterwards(seed: int) -> None:
    watched, start_s = Watched(Faults(late=1), seed), now_s()
    assert isinstance(await watched.batches.apply(GROUP, [TOUCH], [index_entry("x", "b")]), Unknown)
    assert await watched.batches.read_index(Index.EXPIRY, "b") == ["x"]
    await asyncio.sleep(LONG_S)
    (at_s,) = watched.times
    assert LATE_S[0] <= at_s - start_s <= LATE_S[1] + 0.001


async def test_a_batch_that_comes_twice_is_applied_twice_answered_or_not() -> None:
    answers: Counter[type] = Counter()
    for seed in range(40):
        watched = Watched(Faults(twice=1), seed)
        answers[type(await watched.batches.apply(GROUP, [TOUCH]))] += 1
        await asyncio.sleep(LONG_S)
        first_s, second_s = watched.times
        assert LATE_S[0] <= second_s - first_s <= LATE_S[1] + 0.001
    assert set(answers) == {Applied, Unknown}
    assert min(answers.values()) > 5


async def test_a_batch_that_was_answered_refused_never_comes_again_and_one_that_was_not_does() -> None:
    """The condition is not met when it first arrives, and from then on it is."""
    again: Counter[tuple[type, int]] = Counter()
    for seed in range(40):
        watched = Watched(Faults(twice=1), seed)
        outcome = await watched.batches.apply(GROUP, [Write(A1, {"owner": "x"}, {"owner": "y"})])
        watched.batches.faults = Faults.none()
        await watched.batches.apply(GROUP, [TOUCH])
        await asyncio.sleep(LONG_S)
        again[type(outcome), len(watched.applied) - 1] += 1
    assert again[Refused, 1] == 0
    assert min(again[Refused, 0], again[Unknown, 1]) > 5


@pytest.mark.parametrize("seed", range(20))
async def test_a_slow_batch_is_applied_and_answered_seconds_later(seed: int) -> None:
    watched, start_s = Watched(Faults(slow=1), seed), now_s()
    assert isinstance(await watched.batches.apply(GROUP, [TOUCH]), Applied)
    assert SLOW_S[0] <= now_s() - start_s <= SLOW_S[1] + 0.001
    assert len(watched.applied) == 1


async def test_a_batch_that_is_not_done_has_no_effect_and_never_will() -> None:
    watched = Watched(Faults(not_done=1))
    assert isinstance(await watched.batches.apply(GROUP, [TOUCH], [index_entry("x", "b")]), NotDone)
    await asyncio.sleep(LONG_S)
    assert watched.applied == []
    assert await watched.batches.read_index(Index.EXPIRY, "b") == []


async def test_reads_fail() -> None:
    batches = Watched(Faults(read_failed=1)).batches
    for read in (batches.get(GROUP, [A1]), batches.read(GROUP, Kind.CELL), batches.read_index(Index.EXPIRY, "b")):
        with pytest.raises(StoreUnavailable):
            await read
    assert batches.seen == {Fault.READ_FAILED: 3}


async def test_faults_can_be_switched_off_and_batches_in_flight_still_arrive() -> None:
    watched = Watched(Faults(late=1))
    await watched.batches.apply(GROUP, [TOUCH])
    watched.batches.faults = Faults.none()
    assert isinstance(await watched.batches.apply(GROUP, [BIRTH]), Applied)
    assert await watched.batches.get(GROUP, [A1, HOLD]) == {HOLD: {"status": "held"}}
    await asyncio.sleep(LONG_S)
    assert await watched.batches.get(GROUP, [A1]) == {A1: {"owner": "x"}}


async def test_the_observer_sees_each_row_before_and_after_and_the_rows_already_changed() -> None:
    watched = Watched(None)
    stood: list[object] = []
    inner = watched.batches.observe
    assert inner is not None

    def observe(partition: Partition, changes: Sequence[Change]) -> None:
        stood.append(watched.batches.snapshot(partition))
        inner(partition, changes)

    watched.batches.observe = observe
    await watched.batches.apply(GROUP, [TOUCH])
    await watched.batches.apply(GROUP, [Write(A1, {"owner": "x"}, {"owner": None, "until_ms": 3}), BIRTH])
    await watched.batches.apply(GROUP, [Write(A1, {"owner": "x"}, {"owner": "y"})])
    assert [changes for _, changes in watched.applied] == [
        [(A1, {}, {"owner": "x"})],
        [(A1, {"owner": "x"}, {"until_ms": 3}), (HOLD, {}, {"status": "held"})],
    ]
    assert stood == [{A1: {"owner": "x"}}, {A1: {"until_ms": 3}, HOLD: {"status": "held"}}]


async def test_a_snapshot_stays_as_it_was_taken() -> None:
    batches = Watched(None).batches
    await batches.apply(GROUP, [TOUCH])
    taken = batches.snapshot(GROUP)
    await batches.apply(GROUP, [Write(A1, {}, {"owner": "y"}), BIRTH])
    assert taken == {A1: {"owner": "x"}}
    assert batches.partitions() == [GROUP]
    assert batches.snapshot(GROUP._replace(number=1)) == {}


async def test_what_the_caller_does_to_its_batch_afterwards_is_not_seen() -> None:
    batches = Watched(Faults(late=1)).batches
    values: dict[str, str | int | None] = {"owner": "x"}
    writes = [Write(A1, {}, values)]
    await batches.apply(GROUP, writes)
    values["owner"] = "y"
    writes.append(BIRTH)
    await asyncio.sleep(LONG_S)
    assert batches.snapshot(GROUP) == {A1: {"owner": "x"}}


async def test_a_caller_that_is_cancelled_does_not_undo_its_batch() -> None:
    watched = Watched(Faults(slow=1))
    task = asyncio.create_task(watched.batches.apply(GROUP, [TOUCH]))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert watched.applied == []
    await asyncio.sleep(LONG_S)
    assert len(watched.applied) == 1


def test_faults_happen_as_often_as_requested() -> None:
    faults, draws = Faults.share(0.4), random.Random(1)
    drawn = Counter(faults.draw(draws) for _ in range(50_000))
    asked = {
        Fault.LOST: 0.1,
        Fault.UNANSWERED: 0.1,
        Fault.LATE: 0.12,
        Fault.TWICE: 0.08,
        Fault.SLOW: 0.06,
        Fault.NOT_DONE: 0.04,
        None: 0.5,
    }
    assert {fault: count / 50_000 for fault, count in drawn.items()} == pytest.approx(asked, abs=0.008)


async def _life(seed: int) -> tuple[list[object], object, Counter[Fault]]:
    """Twenty callers, sixty steps each, on two cells; everything that anybody saw, and when."""
    watched, start_s = Watched(Faults.share(0.5), seed), now_s()
    choices, trace = random.Random(seed), list[object]()

    async def caller(name: str) -> None:
        for step in range(60):
            cell = choices.choice((A1, A2))
            write = Write(cell, {"owner": choices.choice((None, name))}, {"owner": choices.choice((None, name))})
            try:
                seen: object = await watched.batches.apply(GROUP, [write], [index_entry(f"{name}{step}", "b")])
                seen = seen, await watched.batches.read(GROUP, Kind.CELL)
            except StoreUnavailable as error:
                seen = str(error)
            trace.append((name, step, round(now_s() - start_s, 6), repr(seen)))

    await asyncio.gather(*(caller(f"caller-{number}") for number in range(20)))
    await asyncio.sleep(LONG_S)
    trace.append([round(at_s - start_s, 6) for at_s in watched.times])
    return trace, watched.batches.snapshot(GROUP), watched.batches.seen


@pytest.mark.once
async def test_one_seed_is_one_run_and_another_seed_another() -> None:
    once, again, other = await _life(1), await _life(1), await _life(2)
    assert once == again
    assert once[0] != other[0]
    assert set(once[2]) == set(Fault)
