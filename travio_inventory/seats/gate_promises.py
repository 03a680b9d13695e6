"""What every gate promises, as cases that any can be held to: an operator's own Redis as well as ours."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

from travio_inventory.kernel.promises import Promise, PromiseBroken, expect
from travio_inventory.seats.ports import Attempt, Cell, Gate, GateAnswer, Locked, Occupancy, Passed, SeatGroupKey, Taken
from travio_inventory.seats.ports import TakenSeats as TakenSeatsPort
from travio_inventory.seats.refusals import TakenCell
from travio_inventory.seats.trip import TripKey

TTL_MS = 30_000
SHORT_MS = 300
WAIT_S = 20.0
STEP_S = 0.05
CELLS = [Cell("A1", 0), Cell("A1", 1)]
ANN, BOB, CYD = "ann", "bob", "cyd"
ANNS_HOLD, SOLD = "hold-1", "sold"
_RIVALS = 16


class GateAndSeats:
    """A gate, the seats that it knows to be taken, the time of day in milliseconds, and a pause of some seconds."""

    def __init__(
        self,
        gate: Gate,
        taken: TakenSeatsPort,
        now_ms: Callable[[], int],
        pause: Callable[[float], Awaitable[object]],
    ) -> None:
        self.pause = pause
        self.gate = gate
        self.taken = taken
        self.now_ms = now_ms

    async def enter(self, group: SeatGroupKey, who: str, *cells: Cell, ttl_ms: int = TTL_MS) -> GateAnswer:
        """An attempt of that claimant, with a token of its name."""
        return await self.gate.enter(group, cells or CELLS, Attempt(who, who), ttl_ms=ttl_ms)


def new_group() -> SeatGroupKey:
    """One that nobody has used."""
    return SeatGroupKey(TripKey("verify", f"trip-{uuid4().hex}"), 0)


async def _one_of_many_passes(edge: GateAndSeats) -> None:
    group = new_group()
    answers = await asyncio.gather(*(edge.enter(group, f"rival-{number}") for number in range(_RIVALS)))
    expect(sum(isinstance(answer, Passed) for answer in answers), 1, "attempts that passed")


async def _all_cells_or_none(edge: GateAndSeats) -> None:
    group = new_group()
    expect(await edge.enter(group, ANN, CELLS[1]), Passed(), "the first attempt")
    expect(await edge.enter(group, BOB), Locked(("A1",)), "an attempt on that cell and another")
    expect(await edge.enter(group, CYD, CELLS[0]), Passed(), "an attempt on the other cell")


async def _only_its_own_token_unlocks(edge: GateAndSeats) -> None:
    group = new_group()
    expect(await edge.enter(group, ANN), Passed(), "the first attempt")
    await edge.gate.leave(group, CELLS, token=BOB)
    expect(await edge.enter(group, BOB), Locked(("A1",)), "after a stranger's unlock")
    await edge.gate.leave(group, CELLS, token=ANN)
    await _until_passed(edge, group, "after its own unlock")


async def _a_lock_lapses(edge: GateAndSeats) -> None:
    group = new_group()
    expect(await edge.enter(group, ANN, ttl_ms=SHORT_MS), Passed(), "the first attempt")
    await _until_passed(edge, group, f"after the {SHORT_MS} ms of a lock")


async def _taken_seats_turn_away_and_lapse(edge: GateAndSeats) -> None:
    group = new_group()
    as_of_ms = edge.now_ms()
    await edge.taken.mark(group, CELLS, Occupancy(ANNS_HOLD, ANN, SOLD, 0, as_of_ms))
    await edge.pause(STEP_S)
    answer = await edge.enter(group, BOB)
    if not isinstance(answer, Taken):
        raise PromiseBroken(f"{answer} for a seat that is sold: is the clock of Redis right?")
    sold = tuple(TakenCell(*cell, SOLD, ANN, ANNS_HOLD) for cell in CELLS)
    expect(answer, Taken(sold, as_of_ms), "what is said of a seat that is sold")
    await _until_passed(edge, group, "two seconds after a seat was marked as sold")


async def _until_passed(edge: GateAndSeats, group: SeatGroupKey, when: str) -> None:
    for _ in range(round(WAIT_S / STEP_S)):
        if isinstance(await edge.enter(group, BOB), Passed):
            return
        await edge.pause(STEP_S)
    raise PromiseBroken(f"nobody passed {when}")


PROMISES: tuple[Promise[GateAndSeats], ...] = (
    Promise("one of many attempts passes", _one_of_many_passes),
    Promise("an attempt locks all its cells or none", _all_cells_or_none),
    Promise("only its own token unlocks", _only_its_own_token_unlocks),
    Promise("a lock lapses by itself", _a_lock_lapses),
    Promise("a taken seat turns callers away, for two seconds", _taken_seats_turn_away_and_lapse),
)
