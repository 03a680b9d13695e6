"""A gate that asks a distant one, and remembers for a moment what it said, so that a crowd on one seat asks once."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, Protocol

from travio_inventory.edge.lapsing import Lapsing
from travio_inventory.edge.occupancies import NOBODY, Found, refusing, told
from travio_inventory.kernel.hits import Hits
from travio_inventory.seats.gate_recall import Recalled
from travio_inventory.seats.ports import Attempt, Cell, GateAnswer, Occupancy, SeatGroupKey
from travio_inventory.seats.trip import TripKey

MEMORY_MS: Final = 250
"""How long an answer is remembered at most."""
CELLS_MAX: Final = 100_000
"""How many cells are remembered."""
WAITS_MAX: Final = 2
"""How often an attempt waits for the answers of others before it asks for itself."""


class AskedGate(Protocol):
    """The distant gate; also TakenSeats. Never raises: if it fails, everyone passes."""

    async def ask(
        self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int
    ) -> Sequence[Found]:
        """Lock all the cells for the attempt and find nothing; or lock none, and find what is taken, or else locked."""
        ...

    async def known(self, group: SeatGroupKey, claimants: Collection[str]) -> Collection[str]:
        """Those who were let in a moment ago with a key, and so pass whatever is remembered."""
        ...

    async def leave(self, group: SeatGroupKey, cells: Sequence[Cell], *, token: str) -> None:
        """See Gate."""
        ...

    async def mark(self, group: SeatGroupKey, cells: Sequence[Cell], occupancy: Occupancy) -> None:
        """See TakenSeats."""
        ...

    async def clear(self, group: SeatGroupKey, cells: Sequence[Cell], *, hold: str) -> None:
        """See TakenSeats."""
        ...


def kept_ms(left_ms: int) -> int:
    """For how long something is remembered that counts that much longer."""
    return min(left_ms, MEMORY_MS)


class GateMemory:
    """What a gate said of cells, and the questions under way.

    What makes a cell be forgotten also keeps an answer under way from being remembered. `now_ms` is a monotonic clock.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._said: Lapsing[Cell, Found | None] = Lapsing(CELLS_MAX)
        """None: the cell was free, or the asker's own."""
        self._asking: dict[SeatGroupKey, list[Asking]] = {}

    def has_any(self, group: SeatGroupKey) -> bool:
        """Whether anything is remembered of the seat group, or asked about it."""
        return group in self._asking or group in self._said

    def refusal(self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt) -> Sequence[Found]:
        """What is remembered of the cells that another has; nothing unless all of them were asked about."""
        said = self._said.standing(group, cells, self._now_ms())
        if not all(cell in said for cell in cells):
            return ()
        found = [entry.value for entry in said.values() if entry.value is not None]
        return [each for each in found if not each.claimant or each.claimant != attempt.claimant]

    def recall(self, group: SeatGroupKey, cells: Sequence[Cell], last: Recalled | None) -> Recalled | None:
        """See GateRecall."""
        said = self._said.standing(group, cells, self._now_ms())
        if last is not None and said == last.by:
            return last
        answer = refusing(self.refusal(group, cells, NOBODY))
        return None if answer is None else Recalled(answer, said)

    def changed(self, trip: TripKey, groups: Iterable[int]) -> None:
        """Forget these seat groups: some process has changed them."""
        for number in groups:
            group = SeatGroupKey(trip, number)
            self._said.drop_group(group)
            for asking in self._asking.get(group, ()):
                asking.cells.clear()

    def forget(self, group: SeatGroupKey, cells: Collection[Cell]) -> None:
        """Forget these cells."""
        self._said.drop(group, cells, lambda _found: True)
        for asking in self._asking.get(group, ()):
            asking.cells.difference_update(cells)

    def forget_all(self) -> None:
        """Forget everything."""
        self._said = Lapsing(CELLS_MAX)
        for asked in self._asking.values():
            for asking in asked:
                asking.cells.clear()

    def asked_about(self, group: SeatGroupKey, cells: Sequence[Cell]) -> "Asking | None":
        """A question about one of the cells that is under way; None if there is none."""
        for each in self._asking.get(group, ()):
            if each.is_about(cells):
                return each
        return None

    def asking(self, group: SeatGroupKey, cells: Sequence[Cell]) -> "Asking":
        """A question about the cells is under way from now on, until it has `ended`."""
        asking = Asking(group, cells, self._now_ms())
        self._asking.setdefault(group, []).append(asking)
        return asking

    def ended(self, asking: "Asking") -> None:
        """It is answered, or nobody asks any more."""
        asked = self._asking[asking.group]
        asked.remove(asking)
        if not asked:
            del self._asking[asking.group]
        asking.end()

    def remember(self, asking: "Asking", found: Sequence[Found]) -> None:
        """It was answered by a refusal, which counts from when it was asked for, so that nothing is remembered for
        longer than it counts.
        """
        by_cell = {each.cell: each for each in found}
        for cell in asking.cells:
            each = by_cell.get(cell)
            left_ms = kept_ms(each.left_ms if each else MEMORY_MS)
            self._said.put(asking.group, [cell], each, asking.at_ms, left_ms)


class Asking:
    """A question under way. `cells` are those whose answer may be remembered."""

    __slots__ = ("_about", "_ended", "at_ms", "cells", "group")

    def __init__(self, group: SeatGroupKey, cells: Sequence[Cell], at_ms: int) -> None:
        self.group = group
        self.at_ms = at_ms
        self.cells = set(cells)
        self._about = cells
        self._ended: asyncio.Event | None = None
        """For those who wait, where there are any."""

    def is_about(self, cells: Sequence[Cell]) -> bool:
        """Whether it asks about one of these, too."""
        return not set(self._about).isdisjoint(cells)

    async def answered(self) -> None:
        """Wait until it has ended."""
        if self._ended is None:
            self._ended = asyncio.Event()
        await self._ended.wait()

    def end(self) -> None:
        """Tell those who wait."""
        if self._ended is not None:
            self._ended.set()


class RememberingGate:
    """Gate and TakenSeats. Only refusals are given from memory. What this process locks is forgotten; what it leaves,
    marks or clears is forgotten before and after, since answers may come in between.
    """

    def __init__(self, gate: AskedGate, memory: GateMemory) -> None:
        self._gate = gate
        self._memory = memory
        self._who_is_known = WhoIsKnown(gate)
        self.hits = Hits()

    async def enter(self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int) -> GateAnswer:
        """See Gate. Who settles, and who was let in before, asks."""
        if not attempt.settles and self._memory.has_any(group):
            await self._wait_for_others(group, cells, attempt)
            if not await self._is_known(group, cells, attempt):
                await self._wait_for_others(group, cells, attempt)  # the refusal may have lapsed meanwhile
                if refusal := self._memory.refusal(group, cells, attempt):
                    self.hits.found += 1
                    return told(refusal)
        self.hits.missed += 1
        asking = self._memory.asking(group, cells)
        try:
            found = await self._gate.ask(group, cells, attempt, ttl_ms=ttl_ms)
            if found:
                self._memory.remember(asking, found)
            else:
                self._memory.forget(group, cells)
        finally:
            self._memory.ended(asking)
        return told(found)

    def recall(self, group: SeatGroupKey, cells: Sequence[Cell], last: Recalled | None) -> Recalled | None:
        """See GateRecall."""
        recalled = self._memory.recall(group, cells, last)
        if recalled is not None:
            self.hits.found += 1
        return recalled

    async def leave(self, group: SeatGroupKey, cells: Sequence[Cell], *, token: str) -> None:
        """See Gate."""
        self._memory.forget(group, cells)
        await self._gate.leave(group, cells, token=token)
        self._memory.forget(group, cells)

    async def mark(self, group: SeatGroupKey, cells: Sequence[Cell], occupancy: Occupancy) -> None:
        """See TakenSeats."""
        self._memory.forget(group, cells)
        await self._gate.mark(group, cells, occupancy)
        self._memory.forget(group, cells)

    async def clear(self, group: SeatGroupKey, cells: Sequence[Cell], *, hold: str) -> None:
        """See TakenSeats."""
        self._memory.forget(group, cells)
        await self._gate.clear(group, cells, hold=hold)
        self._memory.forget(group, cells)

    async def _wait_for_others(self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt) -> None:
        """Return when there is a refusal, or nobody asks about one of the cells; after two answers in any case."""
        for _ in range(WAITS_MAX):
            asking = self._memory.asked_about(group, cells)
            if asking is None or self._memory.refusal(group, cells, attempt):
                return
            await asking.answered()

    async def _is_known(self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt) -> bool:
        """Whether an attempt that would be refused was let in before; others need not know."""
        if not attempt.has_key or not self._memory.refusal(group, cells, attempt):
            return False
        return await self._who_is_known.ask(group, attempt.claimant)


class WhoIsKnown:
    """Asks who was let in before: for all at once who come while a question about their seat group is under way."""

    def __init__(self, gate: AskedGate) -> None:
        self._gate = gate
        self._next: dict[SeatGroupKey, _Question] = {}
        self._under_way: dict[SeatGroupKey, _Question] = {}

    async def ask(self, group: SeatGroupKey, claimant: str) -> bool:
        question = self._next.get(group)
        if question is None:
            question = self._next[group] = _Question(claimant)
            await self._put(group, question)
        else:
            question.claimants.add(claimant)
            await question.answered.wait()
        return claimant in question.known

    async def _put(self, group: SeatGroupKey, question: "_Question") -> None:
        """The first one asks for the others. If it leaves before the answer, they go to the gate themselves."""
        try:
            if before := self._under_way.get(group):
                await before.answered.wait()
            del self._next[group]
            self._under_way[group] = question
            question.known = await self._gate.known(group, tuple(question.claimants))
        finally:
            for questions in (self._next, self._under_way):
                if questions.get(group) is question:
                    del questions[group]
            question.answered.set()


class _Question:
    """A question for some claimants, who all count as known until it is answered."""

    def __init__(self, claimant: str) -> None:
        self.answered = asyncio.Event()
        self.claimants = {claimant}
        self.known: Collection[str] = self.claimants
