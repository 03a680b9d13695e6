"""Index entries that gather while others travel: each caller gets the result of its own request, and none waits for
ever.
"""

import asyncio
from collections.abc import Sequence

from travio_inventory.protocol.batches import Index, StoreUnavailable
from travio_inventory.store.scylla.announcer import (
    BUCKETS_MAX,
    TOGETHER_MAX,
    WRITERS_MAX,
    Announcer,
    NotAnnounced,
)
from travio_inventory.store.scylla.failures import Failure
from travio_inventory.store.scylla.statements import PlainWrite


class Writer:
    """Takes requests, and ends them when told."""

    def __init__(self) -> None:
        self.requests: list[list[str]] = []
        self.sent_at: list[float] = []
        self.buckets: list[set[tuple[Index, str]]] = []
        self.go = asyncio.Event()
        self.failing: set[str] = set()
        self.wrong: set[str] = set()

    async def write(self, entries: Sequence[PlainWrite]) -> Failure | None:
        self.sent_at.append(asyncio.get_running_loop().time())
        self.requests.append([each.text for each in entries])
        self.buckets.append({each.bucket for each in entries})
        await self.go.wait()
        texts = {each.text for each in entries}
        if self.wrong & texts:
            raise ZeroDivisionError
        failed = self.failing & texts
        return Failure(StoreUnavailable("spoiled"), was_sent=True) if failed else None


def entries(*names: str, bucket: str = "minute") -> list[PlainWrite]:
    return [PlainWrite(name, name.encode(), (Index.EXPIRY, bucket)) for name in names]


async def until_quiet() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_requests_that_arrive_while_others_travel_are_sent_together() -> None:
    writer = Writer()
    announcer = Announcer(writer.write, wait_s=5, gap_s=0, slow_s=0)
    early = []
    for n in range(WRITERS_MAX):
        early.append(asyncio.create_task(announcer.announce(entries(f"early-{n}"))))
        await until_quiet()
    late = [asyncio.create_task(announcer.announce(entries(f"late-{n}a", f"late-{n}b"))) for n in range(4)]
    await until_quiet()
    assert writer.requests == [["early-0"], ["early-1"]]
    writer.go.set()
    assert await asyncio.gather(*early, *late) == [None] * 6
    assert writer.requests[WRITERS_MAX:] == [[f"late-{n}{part}" for n in range(4) for part in "ab"]]


async def test_no_request_has_too_many_unless_one_caller_asks_for_them() -> None:
    writer = Writer()
    announcer = Announcer(writer.write, wait_s=5, gap_s=0, slow_s=0)
    many = entries(*(f"many-{n}" for n in range(2 * TOGETHER_MAX)))
    asked = [
        entries("first"),
        entries("second"),
        entries("third"),
        many,
        *(entries(f"{n}") for n in range(TOGETHER_MAX + 1)),
    ]
    tasks = [asyncio.create_task(announcer.announce(one)) for one in asked]
    await until_quiet()
    writer.go.set()
    await asyncio.gather(*tasks)
    sizes = [len(request) for request in writer.requests]
    assert sum(sizes) == sum(map(len, asked))
    assert [size for size in sizes if size > TOGETHER_MAX] == [len(many)]


async def test_no_request_has_entries_of_too_many_buckets() -> None:
    """Each is a partition of its own; those of holders' lists are in as many buckets as there are holders."""
    writer = Writer()
    announcer = Announcer(writer.write, wait_s=5, gap_s=0, slow_s=0)
    busy = [asyncio.create_task(announcer.announce(entries(f"busy-{n}"))) for n in range(WRITERS_MAX)]
    await until_quiet()
    lists = [asyncio.create_task(announcer.announce(entries(f"{n}", bucket=f"holder-{n}"))) for n in range(25)]
    await until_quiet()
    writer.go.set()
    await asyncio.gather(*busy, *lists)
    assert sorted(map(len, writer.buckets[-3:])) == [5, BUCKETS_MAX, BUCKETS_MAX]


async def test_what_many_callers_announce_of_one_seat_group_is_written_once() -> None:
    writer = Writer()
    writer.go.set()
    announcer = Announcer(writer.write, wait_s=5, gap_s=0, slow_s=0)
    assert await asyncio.gather(*(announcer.announce(entries("a", "b")) for _ in range(40))) == [None] * 40
    assert writer.requests == [["a", "b"]]


async def test_who_comes_alone_does_not_wait_and_who_comes_soon_after_gathers() -> None:
    writer = Writer()
    writer.go.set()
    gap_s = 0.5
    announcer = Announcer(writer.write, wait_s=5, gap_s=gap_s)
    began = asyncio.get_running_loop().time()
    await announcer.announce(entries("alone"))
    assert asyncio.get_running_loop().time() - began < gap_s
    soon = [asyncio.create_task(announcer.announce(entries("soon-0")))]
    await until_quiet()
    soon.append(asyncio.create_task(announcer.announce(entries("soon-1"))))
    await asyncio.gather(*soon)
    assert writer.requests == [["alone"], ["soon-0", "soon-1"]]


async def test_a_caller_that_comes_again_at_once_does_not_wait_as_behind_a_slow_request() -> None:
    writer = Writer()
    writer.go.set()
    announcer = Announcer(writer.write, wait_s=5, gap_s=0, slow_s=60)
    async with asyncio.timeout(50):
        for n in range(5):
            assert await announcer.announce(entries(f"{n}")) is None


async def test_a_second_request_is_sent_only_while_the_first_is_slow() -> None:
    writer = Writer()
    slow_s = 0.2
    announcer = Announcer(writer.write, wait_s=60, gap_s=0, slow_s=slow_s)
    waiting = [asyncio.create_task(announcer.announce(entries("first")))]
    await until_quiet()
    waiting += [asyncio.create_task(announcer.announce(entries(f"{n}"))) for n in range(3)]
    async with asyncio.timeout(50):
        while len(writer.requests) < WRITERS_MAX:  # noqa: ASYNC110 - the announcer tells nobody
            await asyncio.sleep(0.01)
    assert writer.requests == [["first"], ["0", "1", "2"]]
    first, second = writer.sent_at
    assert second - first >= slow_s
    writer.go.set()
    assert await asyncio.gather(*waiting) == [None] * 4


async def test_a_failure_is_told_to_those_of_the_request_and_to_nobody_else() -> None:
    writer = Writer()
    writer.failing = {"bad"}
    announcer = Announcer(writer.write, wait_s=5, gap_s=0, slow_s=0)
    alone = []
    for n in range(WRITERS_MAX):
        alone.append(asyncio.create_task(announcer.announce(entries(f"alone-{n}"))))
        await until_quiet()
    shared = [asyncio.create_task(announcer.announce(entries(name))) for name in ("good", "bad")]
    await until_quiet()
    writer.go.set()
    assert await asyncio.gather(*alone) == [None] * WRITERS_MAX
    assert all(isinstance(said, Failure) for said in await asyncio.gather(*shared))
    assert await announcer.announce(entries("later")) is None


async def test_a_caller_that_leaves_takes_nobody_along() -> None:
    writer = Writer()
    announcer = Announcer(writer.write, wait_s=5, gap_s=0, slow_s=0)
    busy = [asyncio.create_task(announcer.announce(entries(f"busy-{n}"))) for n in range(WRITERS_MAX)]
    await until_quiet()
    leaving, staying = (asyncio.create_task(announcer.announce(entries(name))) for name in ("leaving", "staying"))
    await until_quiet()
    leaving.cancel()
    writer.go.set()
    assert await asyncio.gather(*busy, staying) == [None] * (WRITERS_MAX + 1)
    assert leaving.cancelled()


async def test_a_write_that_raises_is_told_to_those_of_the_request_and_the_others_go_on() -> None:
    writer = Writer()
    writer.wrong = {"wrong-0", "wrong-1"}
    announcer = Announcer(writer.write, wait_s=5, gap_s=0, slow_s=0)
    wrong = []
    for n in range(WRITERS_MAX):
        wrong.append(asyncio.create_task(announcer.announce(entries(f"wrong-{n}"))))
        await until_quiet()
    behind = asyncio.create_task(announcer.announce(entries("behind")))
    await until_quiet()
    writer.go.set()
    async with asyncio.timeout(60):
        told = await asyncio.gather(*wrong, return_exceptions=True)
        assert [type(error) for error in told] == [ZeroDivisionError] * WRITERS_MAX
        assert await behind is None


async def test_no_caller_waits_longer_than_promised_and_entries_that_left_the_queue_are_not_written() -> None:
    """Every writer is stuck: those whose index entries are being written and those behind them are told the same."""
    writer = Writer()
    announcer = Announcer(writer.write, wait_s=0.6, gap_s=0, slow_s=0)
    waiting = []
    for n in range(WRITERS_MAX):
        waiting.append(asyncio.create_task(announcer.announce(entries(f"{n}"))))
        await until_quiet()
    waiting.append(asyncio.create_task(announcer.announce(entries("queued"))))
    async with asyncio.timeout(60):
        told = await asyncio.gather(*waiting)
    assert [type(said.error) for said in told if said is not None] == [NotAnnounced] * (WRITERS_MAX + 1)
    writer.go.set()
    assert await announcer.announce(entries("later")) is None
    assert ["queued"] not in writer.requests
