"""The gate of a simulated process, and a witness of what it remembers of the edge's words."""

from collections.abc import Callable, Collection, Iterable, Sequence

from travio_inventory.edge.occupancies import Found
from travio_inventory.edge.remembering import MEMORY_MS, GateMemory, RememberingGate
from travio_inventory.seats.ports import Attempt, Cell, GateAnswer, Locked, Occupancy, SeatGroupKey, Taken
from travio_inventory.seats.trip import TripKey
from verification.simulation.faulty_edge import FaultyEdge

MEMORY_MS_MAX = MEMORY_MS


class WitnessedGate:
    """Gate and TakenSeats of one process. Complains (E3) of a refusal that the edge did not say to this process, or not
    any more: it counted no longer, was too long ago, or the process has changed the cells or heard of a change since;
    and of one from memory to a claimant that the edge would have let in.
    """

    def __init__(self, edge: FaultyEdge, now_ms: Callable[[], int]) -> None:
        self._heard = _Heard(edge, now_ms)
        self._now_ms = now_ms
        self._memory = GateMemory(now_ms)
        self._gate = RememberingGate(self._heard, self._memory)
        self._complaints = edge.complaints

    async def enter(self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int) -> GateAnswer:
        """See Gate."""
        was_known = attempt.has_key and await self._heard.knows(group, attempt)
        answer = await self._gate.enter(group, cells, attempt, ttl_ms=ttl_ms)
        if (group, attempt.token) in self._heard.asked:
            self._heard.asked.discard((group, attempt.token))
        elif wrong := [seat for seat, named in _named(answer, cells) if not self._heard.count(group, named)]:
            self._complaints.append(f"E3 {attempt} was refused {wrong} from memory: {answer}")
        elif was_known and await self._heard.knows(group, attempt):
            self._complaints.append(f"E3 {attempt} was let in before, and refused from memory: {answer}")
        return answer

    async def leave(self, group: SeatGroupKey, cells: Sequence[Cell], *, token: str) -> None:
        """See Gate."""
        await self._gate.leave(group, cells, token=token)

    async def mark(self, group: SeatGroupKey, cells: Sequence[Cell], occupancy: Occupancy) -> None:
        """See TakenSeats."""
        await self._gate.mark(group, cells, occupancy)

    async def clear(self, group: SeatGroupKey, cells: Sequence[Cell], *, hold: str) -> None:
        """See TakenSeats."""
        await self._gate.clear(group, cells, hold=hold)

    def changed(self, trip: TripKey, groups: Iterable[int]) -> None:
        """A word of the edge about what some process changed."""
        for group in groups:
            self._heard.forget_group(SeatGroupKey(trip, group))
        self._memory.changed(trip, groups)


class _Heard:
    """AskedGate: the edge, and until when what it said to this process of a cell counts."""

    def __init__(self, edge: FaultyEdge, now_ms: Callable[[], int]) -> None:
        self.asked: set[tuple[SeatGroupKey, str]] = set()
        self._edge = edge
        self._now_ms = now_ms
        self._until_ms: dict[tuple[SeatGroupKey, Cell], int] = {}
        self._changes: dict[SeatGroupKey, dict[Cell | None, int]] = {}
        """How often a cell was changed, or (None) all of the group."""

    def count(self, group: SeatGroupKey, cells: Sequence[Cell]) -> bool:
        """Whether a refusal of one of the cells may still be given."""
        return any(self._until_ms.get((group, cell), -1) >= self._now_ms() for cell in cells)

    async def knows(self, group: SeatGroupKey, attempt: Attempt) -> bool:
        """Whether the edge would let the claimant in, whatever it remembers."""
        return await self._edge.knows_now(group, attempt.claimant)

    def forget_group(self, group: SeatGroupKey) -> None:
        """What was said of the group counts no longer."""
        self._note(group, [None])
        self._until_ms = {place: until_ms for place, until_ms in self._until_ms.items() if place[0] != group}

    async def ask(
        self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int
    ) -> Sequence[Found]:
        """See AskedGate."""
        self.asked.add((group, attempt.token))
        before = {cell: self._changed(group, cell) for cell in cells}
        found = await self._edge.ask(group, cells, attempt, ttl_ms=ttl_ms)
        for cell, _, _, left_ms in found:
            if before[cell] == self._changed(group, cell):
                self._until_ms[group, cell] = self._now_ms() + min(left_ms, MEMORY_MS_MAX)
        return found

    async def known(self, group: SeatGroupKey, claimants: Collection[str]) -> Collection[str]:
        """See AskedGate."""
        return await self._edge.known(group, claimants)

    async def leave(self, group: SeatGroupKey, cells: Sequence[Cell], *, token: str) -> None:
        """See Gate."""
        self._forget(group, cells)
        await self._edge.leave(group, cells, token=token)
        self._forget(group, cells)

    async def mark(self, group: SeatGroupKey, cells: Sequence[Cell], occupancy: Occupancy) -> None:
        """See TakenSeats."""
        self._forget(group, cells)
        await self._edge.mark(group, cells, occupancy)

    async def clear(self, group: SeatGroupKey, cells: Sequence[Cell], *, hold: str) -> None:
        """See TakenSeats."""
        self._forget(group, cells)
        await self._edge.clear(group, cells, hold=hold)
        self._forget(group, cells)

    def _forget(self, group: SeatGroupKey, cells: Sequence[Cell]) -> None:
        self._note(group, cells)
        for cell in cells:
            self._until_ms.pop((group, cell), None)

    def _note(self, group: SeatGroupKey, cells: Iterable[Cell | None]) -> None:
        changes = self._changes.setdefault(group, {})
        for cell in cells:
            changes[cell] = changes.get(cell, 0) + 1

    def _changed(self, group: SeatGroupKey, cell: Cell) -> tuple[int, int]:
        changes = self._changes.get(group, {})
        return changes.get(cell, 0), changes.get(None, 0)


def _named(answer: GateAnswer, cells: Sequence[Cell]) -> list[tuple[str, list[Cell]]]:
    """Each seat that a refusal names, and the cells of which one must be refused: a lock does not name its own."""
    match answer:
        case Taken(cells=taken):
            return [(cell.seat, [Cell(cell.seat, cell.segment)]) for cell in taken]
        case Locked(seats=seats):
            return [(seat, [cell for cell in cells if cell.seat == seat]) for seat in seats]
        case _:
            return []
