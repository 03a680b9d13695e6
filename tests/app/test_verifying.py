"""What `verify` makes of a store and a Redis that are silent: nothing is broken that was not seen to be."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from travio_inventory.app import verifying
from travio_inventory.app.verifying import ANSWERS, CountedBatches, Kept, Verdict, verify_edge
from travio_inventory.kernel.promises import Promise, PromiseBroken, PromiseUnchecked
from travio_inventory.protocol.batches import ABSENT, Kind, NotDone, Outcome, StoreUnavailable, Unknown, Write
from travio_inventory.protocol.promises import CELL_1, FREE, new_partition
from travio_inventory.seats.gate_promises import PROMISES
from travio_inventory.settings import load_settings
from travio_inventory.store.memory import MemoryBatches
from verification.kit.faulty_batches import FaultyBatches, Spoil
from verification.servers.fixtures import need
from verification.servers.redis import HOST, RedisServer, redis_server


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis for one test, which may stop it."""
    need("redis")
    with redis_server(tmp_path) as started:
        yield started


@pytest.mark.redis
async def test_a_redis_that_falls_silent_breaks_no_promise(
    redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever meets a silent gate passes, so that sixteen of sixteen rivals do: that says nothing of the gate."""
    monkeypatch.setattr(verifying, "REPLY_S_MAX", 0.5)
    settings = load_settings(data=tmp_path / "data", edge="redis", redis_addr=f"{HOST}:{redis.port}")
    found: list[Verdict] = []
    try:
        async for verdict in verify_edge(settings):
            found.append(verdict)
            redis.pause()
    finally:
        redis.resume()
    first, *others = found
    assert (first.says, first.kept) == (ANSWERS, Kept.YES)
    assert len(others) == len(PROMISES) + 3
    assert {verdict.kept for verdict in others} == {Kept.UNSURE}, others
    assert all("no definite answer" in verdict.why or "no answer" in verdict.why for verdict in others), others


class Case:
    """A promise that goes as the tries say, one after the other; the store misses so many answers in each."""

    def __init__(self, *tries: Exception | None, missed: int = 0) -> None:
        self.tries = list(tries)
        self.missed = missed
        self.unanswered = 0

    async def hold_to(self, _: object) -> None:
        """One try."""
        self.unanswered += self.missed
        if failed := self.tries.pop(0):
            raise failed

    async def verdict(self) -> Verdict:
        """What is said of it."""
        told = verifying._held_to("store", (Promise("it is so", self.hold_to),), object(), lambda: self.unanswered)
        (verdict,) = [each async for each in told]
        return verdict


BROKEN, SILENT = PromiseBroken("3 instead of 1"), PromiseUnchecked("a batch had no definite answer")


@pytest.mark.parametrize(
    ("case", "kept", "why", "left"),
    [
        (Case(None, SILENT), Kept.YES, "", 1),
        (Case(SILENT, None), Kept.YES, "", 0),
        (Case(SILENT, SILENT, None), Kept.UNSURE, "a batch had no definite answer", 1),
        (Case(BROKEN, None), Kept.NO, "3 instead of 1", 1),
        (Case(SILENT, BROKEN), Kept.NO, "3 instead of 1", 0),
        (Case(BROKEN, BROKEN, missed=2), Kept.UNSURE, "2 had no definite answer: 3 instead of 1", 0),
        (Case(None, None, missed=1), Kept.UNSURE, "1 had no definite answer", 0),
        (Case(StoreUnavailable("late"), StoreUnavailable("late")), Kept.UNSURE, "StoreUnavailable: late", 0),
    ],
    ids=[*"abcdefgh"],
)
async def test_a_promise_without_an_answer_is_tried_once_more(case: Case, kept: Kept, why: str, left: int) -> None:
    verdict = await case.verdict()
    assert (verdict.kept, verdict.why, len(case.tries)) == (kept, why, left)


@pytest.mark.parametrize(("spoil", "kind"), [(Spoil.LOST, Unknown), (Spoil.NOT_DONE, NotDone)])
async def test_what_a_store_leaves_unanswered_is_counted(spoil: Spoil, kind: type[Outcome]) -> None:
    faulty = FaultyBatches(MemoryBatches(None, Random(1), asyncio.sleep), "t")
    counted, partition = CountedBatches(faulty), new_partition()
    faulty.spoil(spoil, times=1)
    writes: list[Write] = [Write(CELL_1, ABSENT, FREE)]
    assert isinstance(await counted.apply(partition, writes), kind)
    counts = [counted.unanswered]
    faulty.cannot_read(partition)
    for reading in (counted.get(partition, [CELL_1]), counted.read(partition, Kind.CELL)):
        with pytest.raises(StoreUnavailable):
            await reading
        counts.append(counted.unanswered)
    faulty.mend()
    await counted.apply(partition, writes)
    assert await counted.read(partition, Kind.CELL)
    assert [*counts, counted.unanswered] == [1, 2, 3, 3]


async def test_a_batch_that_is_not_answered_has_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    faulty = FaultyBatches(MemoryBatches(None, Random(1), asyncio.sleep), "t")
    faulty.spoil(Spoil.LOST, times=2)
    monkeypatch.setattr(verifying, "BATCHES_TIMED", 10)
    verdict = await verifying._timed("store", "batches", 10, lambda: verifying._one_batch(faulty))
    assert (verdict.kept, verdict.why.partition(";")[0]) == (Kept.UNSURE, "2 of 10 had no definite answer")
