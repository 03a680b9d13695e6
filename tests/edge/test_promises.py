"""The cases with which an operator verifies a Redis: every edge that remembers passes them; one that lies does not."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest

from tests.edge.edges import EdgeUnderTest
from travio_inventory.edge.local import LocalGate
from travio_inventory.kernel.promises import Promise, PromiseBroken
from travio_inventory.seats.gate_promises import PROMISES, STEP_S, WAIT_S, GateAndSeats, new_group
from travio_inventory.seats.ports import Attempt, Cell, GateAnswer, Locked, Occupancy, Passed, SeatGroupKey


def named(promise: Promise[GateAndSeats]) -> str:
    """Its id among the tests."""
    return promise.says.replace(" ", "-")


@pytest.mark.parametrize("promise", PROMISES, ids=named)
async def test_every_edge_that_remembers_keeps_the_promise(
    present_edge: EdgeUnderTest, promise: Promise[GateAndSeats]
) -> None:
    async def pause(seconds: float) -> None:
        await present_edge.wait(round(seconds * 1_000))

    await promise.hold_to(GateAndSeats(present_edge.gate, present_edge.taken, present_edge.today_ms, pause))


class Honest(LocalGate):
    """A gate whose time passes while somebody pauses, which counts its answers and wants a claimant."""

    def __init__(self, *, taken_ttl_ms: int = 2_000) -> None:
        self.clock_ms = 1_000_000
        self.answers = 0
        super().__init__(self.now_ms, self.now_ms, entries_max=1_000, taken_ttl_ms=taken_ttl_ms)

    def now_ms(self) -> int:
        """The time."""
        return self.clock_ms

    async def enter(self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int) -> GateAnswer:
        assert group.trip.organization == "verify"
        assert attempt.claimant
        number, self.answers = self.answers, self.answers + 1
        return self.said(number, await super().enter(group, cells, attempt, ttl_ms=ttl_ms))

    async def leave(self, group: SeatGroupKey, cells: Sequence[Cell], *, token: str) -> None:
        assert token
        await super().leave(group, cells, token=token)

    def said(self, _number: int, answer: GateAnswer) -> GateAnswer:
        """What it makes of an answer."""
        return answer


class LetsAllPass(Honest):
    def said(self, _number: int, _answer: GateAnswer) -> GateAnswer:
        return Passed()


class LetsNobodyPass(Honest):
    def said(self, _number: int, _answer: GateAnswer) -> GateAnswer:
        return Locked(("A1",))


class LooksAtOneCell(Honest):
    async def enter(self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int) -> GateAnswer:
        return await super().enter(group, cells[:1], attempt, ttl_ms=ttl_ms)


class LocksWhatIsFree(Honest):
    """Also for an attempt that it turns away."""

    async def enter(self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int) -> GateAnswer:
        answers = [await super(LocksWhatIsFree, self).enter(group, [cell], attempt, ttl_ms=ttl_ms) for cell in cells]
        return next((answer for answer in answers if answer != Passed()), Passed())


class NamesAnotherSeat(Honest):
    def said(self, _number: int, answer: GateAnswer) -> GateAnswer:
        return Locked(("A9",)) if isinstance(answer, Locked) else answer


class UnlocksForAnyone(Honest):
    async def leave(self, group: SeatGroupKey, cells: Sequence[Cell], *, token: str) -> None:
        for each in (token, "ann"):
            await super().leave(group, cells, token=each)


class NeverUnlocks(Honest):
    async def leave(self, group: SeatGroupKey, cells: Sequence[Cell], *, token: str) -> None:
        pass


class LocksForAMinute(Honest):
    async def enter(self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int) -> GateAnswer:
        return await super().enter(group, cells, attempt, ttl_ms=max(ttl_ms, 60_000))


class ForgetsMarks(Honest):
    async def mark(self, group: SeatGroupKey, cells: Sequence[Cell], occupancy: Occupancy) -> None:
        pass


class MarksOneCell(Honest):
    async def mark(self, group: SeatGroupKey, cells: Sequence[Cell], occupancy: Occupancy) -> None:
        await super().mark(group, cells[:1], occupancy)


class MarksForAMinute(Honest):
    def __init__(self) -> None:
        super().__init__(taken_ttl_ms=60_000)


async def broken_by(gate: Honest, promise: Promise[GateAndSeats]) -> str:
    """How the gate breaks the promise, "" if it keeps it."""

    async def pause(seconds: float) -> None:
        gate.clock_ms += round(seconds * 1_000)

    try:
        await promise.hold_to(GateAndSeats(gate, gate, gate.now_ms, pause))
    except PromiseBroken as broken:
        return str(broken)
    return ""


class Case(NamedTuple):
    """A gate that lies, the promise that it breaks, and what is said of that."""

    gate: Callable[[], Honest]
    breaks: str
    said: str


LOCKED = "Locked(seats=('A1',))"
SOLD_1, SOLD_2 = (
    f"TakenCell(seat='A1', segment={segment}, status='sold', claimant='ann', hold='hold-1', until_ms=0)"
    for segment in range(2)
)
CASES = (
    Case(LetsAllPass, "one of many attempts passes", "attempts that passed: 16 instead of 1"),
    Case(LetsNobodyPass, "one of many attempts passes", "attempts that passed: 0 instead of 1"),
    Case(
        LetsNobodyPass,
        "an attempt locks all its cells or none",
        f"the first attempt: {LOCKED} instead of Passed()",
    ),
    Case(
        LooksAtOneCell,
        "an attempt locks all its cells or none",
        f"an attempt on that cell and another: Passed() instead of {LOCKED}",
    ),
    Case(
        NamesAnotherSeat,
        "an attempt locks all its cells or none",
        f"an attempt on that cell and another: Locked(seats=('A9',)) instead of {LOCKED}",
    ),
    Case(
        LocksWhatIsFree,
        "an attempt locks all its cells or none",
        f"an attempt on the other cell: {LOCKED} instead of Passed()",
    ),
    Case(LetsNobodyPass, "only its own token unlocks", f"the first attempt: {LOCKED} instead of Passed()"),
    Case(UnlocksForAnyone, "only its own token unlocks", f"after a stranger's unlock: Passed() instead of {LOCKED}"),
    Case(NeverUnlocks, "only its own token unlocks", "nobody passed after its own unlock"),
    Case(LetsNobodyPass, "a lock lapses by itself", f"the first attempt: {LOCKED} instead of Passed()"),
    Case(LocksForAMinute, "a lock lapses by itself", "nobody passed after the 300 ms of a lock"),
    Case(
        ForgetsMarks,
        "a taken seat turns callers away, for two seconds",
        "Passed() for a seat that is sold: is the clock of Redis right?",
    ),
    Case(
        MarksOneCell,
        "a taken seat turns callers away, for two seconds",
        f"what is said of a seat that is sold: Taken(cells=({SOLD_1},), as_of_ms=1000000) instead of "
        f"Taken(cells=({SOLD_1}, {SOLD_2}), as_of_ms=1000000)",
    ),
    Case(
        MarksForAMinute,
        "a taken seat turns callers away, for two seconds",
        "nobody passed two seconds after a seat was marked as sold",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.gate.__name__}-{case.said[:20]}")
async def test_a_gate_that_lies_is_found_out_and_the_reason_told(case: Case) -> None:
    promise = next(promise for promise in PROMISES if promise.says == case.breaks)
    assert await broken_by(case.gate(), promise) == case.said


class WrongOnce(Honest):
    """Passes whom it must not, or turns away who may pass, in one answer."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def said(self, number: int, answer: GateAnswer) -> GateAnswer:
        if number != self.number:
            return answer
        return Locked(("A1",)) if isinstance(answer, Passed) else Passed()


@pytest.mark.parametrize(("promise", "answers"), [*zip(PROMISES, (16, 3, 2, 1, 1), strict=True)])
async def test_each_answer_of_a_promise_counts(promise: Promise[GateAndSeats], answers: int) -> None:
    """Up to where it waits until somebody passes."""
    for number in range(answers):
        assert await broken_by(WrongOnce(number), promise), number


async def test_who_waits_asks_again_after_each_pause_and_not_for_ever() -> None:
    gate = NeverUnlocks()
    began_ms = gate.clock_ms
    assert await broken_by(gate, next(promise for promise in PROMISES if promise.says == "only its own token unlocks"))
    assert gate.clock_ms - began_ms == WAIT_S * 1_000
    assert gate.answers == 2 + WAIT_S / STEP_S


async def test_an_attempt_is_made_with_the_claimant_as_its_token_and_for_as_long_as_asked() -> None:
    gate = Honest()
    edge = GateAndSeats(gate, gate, gate.now_ms, lambda _: pytest.fail("nobody pauses"))
    group = new_group()
    cell = Cell("B7", 3)
    assert await edge.enter(group, "ann", cell, ttl_ms=50) == Passed()
    found = await gate.look(group, [cell])
    assert [(each.owner, each.left_ms) for each in found or ()] == [("ann", 50)]


def test_each_trial_has_a_seat_group_of_its_own() -> None:
    one, other = new_group(), new_group()
    assert one != other
    assert one.trip.organization == "verify"
    assert one.trip.trip.startswith("trip-")
    assert one.group == 0
