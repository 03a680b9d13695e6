"""What a process remembers of a distant gate: little, not for long, and nothing that was freed."""

import asyncio
from collections.abc import Collection, Sequence

import pytest

from tests.edge.edges import HandMovedClock, cells, who_has
from travio_inventory.edge.local import LocalGate
from travio_inventory.edge.occupancies import Found
from travio_inventory.edge.remembering import CELLS_MAX, MEMORY_MS, GateMemory, RememberingGate
from travio_inventory.seats.ports import Attempt, Cell, Gate, GateAnswer, Locked, Occupancy, Passed, SeatGroupKey
from travio_inventory.seats.trip import TripKey

GROUP = SeatGroupKey(TripKey("o", "t"), 0)
TTL_MS = 5_000


class CountedGate(LocalGate):
    """A gate that counts how often it is asked, and answers once it may."""

    def __init__(self, clock: HandMovedClock) -> None:
        super().__init__(lambda: clock.now_ms, lambda: clock.now_ms, entries_max=CELLS_MAX)
        self.asked = 0
        self.asked_who_is_known = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def ask(
        self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int
    ) -> Sequence[Found]:
        """See AskedGate. The answer is found at once, and given later."""
        self.asked += 1
        found = await super().ask(group, cells, attempt, ttl_ms=ttl_ms)
        await self.may_answer.wait()
        return found

    async def known(self, group: SeatGroupKey, claimants: Collection[str]) -> Collection[str]:
        """See AskedGate."""
        self.asked_who_is_known += 1
        await asyncio.sleep(0)
        return await super().known(group, claimants)


class Process:
    """A process at a gate that others use too."""

    def __init__(self) -> None:
        self.clock = HandMovedClock()
        self.distant = CountedGate(self.clock)
        self.memory = GateMemory(lambda: self.clock.now_ms)
        self.gate = RememberingGate(self.distant, self.memory)

    async def enter(self, claimant: str, words: str, *, has_key: bool = False, settles: bool = False) -> GateAnswer:
        attempt = Attempt(f"token-{claimant}", claimant, has_key, settles)
        return await self.gate.enter(GROUP, cells(words), attempt, ttl_ms=TTL_MS)

    async def taken_elsewhere(self, words: str, *, status: str = "sold", left_ms: int = 2_000) -> None:
        """Another process has sold these."""
        as_of_ms = self.clock.now_ms + left_ms - 2_000
        await self.distant.mark(GROUP, cells(words), Occupancy("h", "ann", status, 0, as_of_ms))


async def leave(gate: Gate, claimant: str) -> None:
    """Leave A1, here or as another process."""
    await gate.leave(GROUP, cells("A1:0"), token=f"token-{claimant}")


async def test_a_crowd_on_one_seat_asks_once() -> None:
    process = Process()
    await process.taken_elsewhere("A1:0 A1:1")
    answers = [await process.enter(f"c{number}", "A1:0 A1:1") for number in range(500)]
    assert all(who_has(answer) == {"A1": "sold"} for answer in answers)
    assert process.distant.asked == 1


async def test_a_miss_asks_once_for_all_who_wait() -> None:
    process = Process()
    await process.taken_elsewhere("A1:0")
    process.distant.may_answer.clear()
    crowd = [asyncio.ensure_future(process.enter(f"c{number}", "A1:0")) for number in range(500)]
    await asyncio.sleep(0)
    process.distant.may_answer.set()
    assert all(who_has(answer) == {"A1": "sold"} for answer in await asyncio.gather(*crowd))
    assert process.distant.asked == 1


async def test_of_a_crowd_on_a_free_seat_two_ask() -> None:
    """The first passes; the second is told of its lock, as all others are then."""
    process = Process()
    process.distant.may_answer.clear()
    crowd = [asyncio.ensure_future(process.enter(f"c{number}", "A1:0")) for number in range(500)]
    await asyncio.sleep(0)
    process.distant.may_answer.set()
    answers = await asyncio.gather(*crowd)
    assert (answers.count(Passed()), answers.count(Locked(("A1",)))) == (1, 499)
    assert process.distant.asked == 2


async def test_whoever_waits_asks_if_the_one_before_is_cancelled() -> None:
    process = Process()
    await process.taken_elsewhere("A1:0")
    process.distant.may_answer.clear()
    first, second = (asyncio.ensure_future(process.enter(name, "A1:0")) for name in ("bob", "eve"))
    await asyncio.sleep(0)
    first.cancel()
    process.distant.may_answer.set()
    assert who_has(await second) == {"A1": "sold"}


async def test_a_word_is_remembered_for_a_moment() -> None:
    process = Process()
    await process.taken_elsewhere("A1:0")
    await process.enter("bob", "A1:0")
    await process.distant.clear(GROUP, cells("A1:0"), hold="h")
    await process.clock.wait(MEMORY_MS - 1)
    assert who_has(await process.enter("bob", "A1:0")) == {"A1": "sold"}
    await process.clock.wait(1)
    assert await process.enter("bob", "A1:0") == Passed()


async def test_a_word_is_not_remembered_for_longer_than_it_counts() -> None:
    process = Process()
    await process.taken_elsewhere("A1:0", left_ms=100)
    await process.enter("bob", "A1:0")
    await process.clock.wait(100)
    assert await process.enter("bob", "A1:0") == Passed()


async def test_what_this_process_changes_is_forgotten_at_once() -> None:
    process = Process()
    for number, change in enumerate(
        (
            leave(process.gate, "c0"),
            process.gate.mark(GROUP, cells("A1:0"), Occupancy("h", "c1", "sold", 0, process.clock.now_ms)),
            process.gate.clear(GROUP, cells("A1:0"), hold="h"),
        )
    ):
        await process.enter(f"c{number}", "A1:0")
        await process.enter("bob", "A1:0")
        asked = process.distant.asked
        await change
        await process.enter("eve", "A1:0")
        assert process.distant.asked == asked + 1


async def test_what_another_process_changes_is_forgotten_when_it_is_heard_of() -> None:
    process = Process()
    await process.taken_elsewhere("A1:0")
    await process.enter("bob", "A1:0")
    process.memory.changed(GROUP.trip, [1])
    await process.enter("bob", "A1:0")
    assert process.distant.asked == 1
    process.memory.changed(GROUP.trip, [1, 0])
    await process.enter("bob", "A1:0")
    assert process.distant.asked == 2
    process.memory.forget_all()
    await process.enter("bob", "A1:0")
    assert process.distant.asked == 3


@pytest.mark.parametrize("how", ["left", "heard of", "silence"])
async def test_an_answer_under_way_is_not_remembered_of_what_was_freed_meanwhile(how: str) -> None:
    process = Process()
    await process.enter("ann", "A1:0")
    process.distant.may_answer.clear()
    bob = asyncio.ensure_future(process.enter("bob", "A1:0"))
    await asyncio.sleep(0)
    match how:
        case "left":
            await leave(process.gate, "ann")
        case "heard of":
            await leave(process.distant, "ann")
            process.memory.changed(GROUP.trip, [0])
        case _:
            await leave(process.distant, "ann")
            process.memory.forget_all()
    process.distant.may_answer.set()
    assert await bob == Locked(("A1",))
    assert await process.enter("eve", "A1:0") == Passed()


async def test_a_refusal_from_memory_names_all_that_the_gate_would() -> None:
    """So whoever wants a cell that was not asked about asks."""
    process = Process()
    await process.taken_elsewhere("A1:0 A2:0")
    await process.enter("bob", "A1:0")
    assert who_has(await process.enter("bob", "A1:0 A2:0")) == {"A1": "sold", "A2": "sold"}
    assert who_has(await process.enter("eve", "A2:0 A1:0")) == {"A2": "sold", "A1": "sold"}
    assert process.distant.asked == 2


async def test_its_own_seats_are_never_refused_from_memory() -> None:
    process = Process()
    await process.taken_elsewhere("A1:0")
    await process.enter("bob", "A1:0")
    assert await process.enter("ann", "A1:0") == Passed()


async def test_a_claimant_with_a_key_that_was_let_in_asks() -> None:
    """By any process; for those of one moment there is one question who was, and a crowd asks nothing else."""
    process = Process()
    let_in = Attempt("token-elsewhere", "c7", has_key=True)
    await process.distant.ask(GROUP, cells("A1:0"), let_in, ttl_ms=TTL_MS)
    await leave(process.distant, "elsewhere")
    await process.taken_elsewhere("A1:0")
    await process.enter("bob", "A1:0")
    asked = process.distant.asked
    answers = await asyncio.gather(*(process.enter(f"c{number}", "A1:0", has_key=True) for number in range(100)))
    assert answers.count(Passed()) == 1
    assert answers[7] == Passed()
    assert process.distant.asked <= asked + 2  # who passes locks the seat, so the next one asks again
    assert process.distant.asked_who_is_known <= 2


async def test_whoever_settles_asks() -> None:
    process = Process()
    await process.taken_elsewhere("A1:0")
    await process.enter("bob", "A1:0")
    assert await process.enter("eve", "A1:0", has_key=True, settles=True) == Passed()
