"""Runs steps that take seats past the gate: turned away there, or won and lost in the store."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from itertools import count
from random import Random
from typing import Any, TypeAlias, TypeVar

from travio_inventory.kernel.answer_deadline import only_reading
from travio_inventory.kernel.clock import Clock
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.ports import Attempt, Cell, Gate, Locked, Passed, SeatGroupKey, Taken
from travio_inventory.seats.refusals import Decided, SeatContended, SeatTaken, TakenCell
from travio_inventory.seats.taken import is_final, refusal_of
from travio_inventory.seats.use_cases.step_runner import StepRunner

T = TypeVar("T")

EDGE = "edge"
"""Which part decided, in the gate's refusals."""
CONTENDED_RETRY_MS = (50, 250)
"""When whoever was turned away by a lock may try again: about as long as one lasts."""

Cells: TypeAlias = Mapping[SeatGroupKey, Sequence[Cell]]
"""Cells by their seat groups."""


class GuardedSteps:
    """Steps of this process. `ttl_ms` is the lifetime of their locks at the gate."""

    def __init__(self, gate: Gate, steps: StepRunner, clock: Clock, jitter: Random, *, ttl_ms: int) -> None:
        self._gate = gate
        self._steps = steps
        self._clock = clock
        self._jitter = jitter
        self._ttl_ms = ttl_ms
        self._process = f"{jitter.getrandbits(64):016x}"
        self._attempts = count()

    def new_token(self) -> str:
        """What no other attempt has."""
        return f"{self._process}-{next(self._attempts)}"

    async def run(self, cells: Cells, attempt: Attempt, step: Callable[[], Awaitable[T]]) -> T:
        """What the step makes, with the cells locked for the attempt. Raises SeatHeld, SeatUnavailable and
        SeatContended from the gate, what StepRunner raises, and what the step does.
        """
        leave = partial(self._leave, cells, attempt.token)
        try:
            with only_reading:
                await self._enter(cells, attempt)
        except asyncio.CancelledError:
            self._steps.in_background(leave())
            raise
        return await self._steps.run(_then(step, leave), if_never_begun=leave)

    async def _enter(self, cells: Cells, attempt: Attempt) -> None:
        """Pass the gate of every seat group, or of none; then the reason is raised."""
        entered: dict[SeatGroupKey, Sequence[Cell]] = {}
        taken: list[Taken] = []
        locked: list[str] = []
        for group, wanted in cells.items():
            match await self._gate.enter(group, wanted, attempt, ttl_ms=self._ttl_ms):
                case Passed():
                    entered[group] = wanted
                case Locked(seats=seats):
                    locked += seats
                case Taken() as answer:
                    taken.append(answer)
                    if is_final(answer.cells):
                        break
        if taken or locked:
            await self._leave(entered, attempt.token)
            raise self.taken(taken, attempt.claimant) if taken else self.contended(locked)

    async def _leave(self, cells: Cells, token: str) -> None:
        """Unlock what the token has locked, perhaps not all cells."""
        for group, locked in cells.items():
            await self._gate.leave(group, locked, token=token)

    def taken(self, answers: Sequence[Taken], claimant: str) -> SeatTaken:
        """The refusal that the store would give for cells that others have."""
        cells: list[TakenCell] = [cell for answer in answers for cell in answer.cells]
        return refusal_of(cells, claimant, Decided(EDGE, min([answer.as_of_ms for answer in answers])))

    def contended(self, seats: Sequence[str]) -> SeatContended:
        """The refusal of seats that others are taking."""
        retry_after_ms = self._jitter.randint(*CONTENDED_RETRY_MS)
        return SeatContended(seats, retry_after_ms=retry_after_ms, decided=Decided(EDGE, self._clock.now_ms()))


def cells_of(hold: Hold) -> Iterable[tuple[SeatGroupKey, Cell]]:
    """What the hold has."""
    for seat, group in zip(hold.seats, hold.groups, strict=True):
        key = SeatGroupKey(hold.trip, group)
        yield from ((key, Cell(seat, segment)) for segment in hold.journey.segments)


async def _then(step: Callable[[], Awaitable[T]], leave: Callable[[], Coroutine[Any, Any, None]]) -> T:
    try:
        return await step()
    finally:
        await leave()
