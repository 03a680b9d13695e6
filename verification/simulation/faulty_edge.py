"""An edge that all processes share, like Redis: from a seed, it is slow, forgets, loses messages, lies, lets pass."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from random import Random

from travio_inventory.edge.local import LocalGate, LocalSeatMapCache
from travio_inventory.edge.occupancies import Found
from travio_inventory.seats.ports import Attempt, Cell, Lease, Occupancy, SeatGroupKey
from travio_inventory.seats.trip import TripKey
from verification.simulation.hindsight import ASKING

CHANCES = {
    "edge forgets everything": 0.02,
    "edge lets through": 0.06,
    "edge lies": 0.02,
    "edge loses a word": 0.10,
    "edge hears late": 0.05,
}
SLOW = 0.15
SLOW_S_MAX = 0.060
LATE_S_MAX = 5.0
ENTRIES_MAX = 1_000
LATE_MS_MAX = 2_000
"""How long after the end of a hold a late mark of it could still count."""
LIE = "lie"
"""The hold that a lie is about."""
LIE_MS = 150
"""For how long it says that a lie counts."""


class FaultyEdge:
    """Implements `AskedGate`, `TakenSeats` and `SeatMapCache`. If it `is_honest`, it is like the local edge at a
    distance. `seen` counts the faults, `complaints` lists when it let two attempts in at once.
    """

    def __init__(self, now_ms: Callable[[], int], random: Random, *, is_honest: bool = False) -> None:
        self.is_honest = is_honest
        self.seen: Counter[str] = Counter()
        self.complaints: list[str] = []
        self.listeners: dict[object, Callable[[TripKey, Collection[int]], None]] = {}
        """Called by process for what was changed."""
        self._now_ms = now_ms
        self._random = random
        self._inside: dict[tuple[SeatGroupKey, Cell], tuple[Attempt, int]] = {}
        self._known: set[tuple[SeatGroupKey, str]] = set()
        self._moves: set[str] = set()
        """The tokens of those who move a hold."""
        self._ended: dict[tuple[SeatGroupKey, Cell, str], int] = {}
        self._forget()

    async def ask(
        self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int
    ) -> Sequence[Found]:
        """See AskedGate."""
        if (call := ASKING.get()) is not None and call.op == "move":
            self._moves.add(attempt.token)
        await self._travel()
        if self._happens("edge forgets everything"):
            self._forget()
        if self._happens("edge lets through"):
            return ()
        if self._happens("edge lies"):
            return [self._lie(cells[0])]
        found = await self._gate.ask(group, cells, attempt, ttl_ms=ttl_ms)
        self._judge_words(group, found)
        if not found:
            self._let_in(group, cells, attempt, ttl_ms)
        elif found[0].taken is None and not self._is_another_inside(group, cells, attempt):
            self.complaints.append(f"E1 {attempt} was turned away from where nobody else is: {found}")
        return found

    async def known(self, group: SeatGroupKey, claimants: Collection[str]) -> Collection[str]:
        """See AskedGate."""
        await self._travel()
        return claimants if self._happens("edge lets through") else await self._gate.known(group, claimants)

    async def knows_now(self, group: SeatGroupKey, claimant: str) -> bool:
        """Whether the claimant was let in a moment ago with a key; at once, for those who judge."""
        return claimant in await self._gate.known(group, [claimant])

    async def leave(self, group: SeatGroupKey, cells: Sequence[Cell], *, token: str) -> None:
        """See AskedGate."""
        await self._travel()
        if not self._happens("edge loses a word"):
            left = [(group, cell) for cell in cells]
            self._inside = {
                place: (who, until_ms)
                for place, (who, until_ms) in self._inside.items()
                if place not in left or who.token != token
            }
            await self._gate.leave(group, cells, token=token)

    async def mark(self, group: SeatGroupKey, cells: Sequence[Cell], occupancy: Occupancy) -> None:
        """See TakenSeats."""
        await self._travel()
        if self._happens("edge hears late"):
            await asyncio.sleep(self._random.uniform(0, LATE_S_MAX))
        if not self._happens("edge loses a word"):
            await self._gate.mark(group, cells, occupancy)

    async def clear(self, group: SeatGroupKey, cells: Sequence[Cell], *, hold: str) -> None:
        """See TakenSeats."""
        await self._travel()
        if not self._happens("edge loses a word"):
            for cell in cells:
                self._ended[group, cell, hold] = self._now_ms() + LATE_MS_MAX
            await self._gate.clear(group, cells, hold=hold)

    async def read(self, trip: TripKey) -> Mapping[int, bytes]:
        """See SeatMapCache."""
        await self._travel()
        return await self._maps.read(trip)

    async def lease(self, trip: TripKey, groups: Collection[int]) -> Mapping[int, Lease]:
        """See SeatMapCache."""
        await self._travel()
        return await self._maps.lease(trip, groups)

    async def fill(self, trip: TripKey, packed: Mapping[int, tuple[Lease, bytes]]) -> None:
        """See SeatMapCache."""
        await self._travel()
        await self._maps.fill(trip, packed)

    async def invalidate(self, trip: TripKey, groups: Collection[int]) -> bool:
        """See SeatMapCache."""
        await self._travel()
        if self._happens("edge loses a word"):
            return False
        for listener in self.listeners.values():
            listener(trip, groups)
        return await self._maps.invalidate(trip, groups)

    def _forget(self) -> None:
        self._gate = LocalGate(self._now_ms, self._now_ms, entries_max=ENTRIES_MAX)
        self._maps = LocalSeatMapCache(self._now_ms, trips_max=2)
        self._inside.clear()
        self._known.clear()
        self._ended.clear()

    def _let_in(self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, ttl_ms: int) -> None:
        """Remember who is inside: nobody passes before another's lock on a cell has ended, except claimants that the
        store knows.
        """
        now_ms = self._now_ms()
        may_pass = attempt.settles or (group, attempt.claimant) in self._known
        for cell in cells:
            other, until_ms = self._inside.get((group, cell), (attempt, 0))
            if until_ms <= now_ms:
                self._inside[group, cell] = attempt, now_ms + ttl_ms
            elif not may_pass and not self._is_again(attempt, other):
                self.complaints.append(f"E1 two at {cell} at once: {other} is inside, and {attempt} was let in")
        if attempt.has_key:
            self._known.add((group, attempt.claimant))

    def _is_another_inside(self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt) -> bool:
        inside = [self._inside.get((group, cell), (attempt, 0)) for cell in cells]
        return any(not self._is_again(attempt, other) and until_ms > self._now_ms() for other, until_ms in inside)

    def _is_again(self, attempt: Attempt, other: Attempt) -> bool:
        """Whether they are the same attempt, have the same key, or move the same hold."""
        is_known = attempt.has_key or not self._moves.isdisjoint((attempt.token, other.token))
        return attempt.token == other.token or (is_known and attempt.claimant == other.claimant)

    def _judge_words(self, group: SeatGroupKey, found: Sequence[Found]) -> None:
        """A hold whose end was reported is never shown again, however late another message about it arrives."""
        for cell, _, by, _ in found:
            if by is not None and self._ended.get((group, cell, by.hold), 0) > self._now_ms():
                self.complaints.append(f"E2 {cell} is told of after its hold has ended: {by}")

    def _lie(self, cell: Cell) -> Found:
        """An invented answer."""
        status, now_ms = self._random.choice(("", "held", "sold")), self._now_ms()
        return Found(cell, "", Occupancy(LIE, "", status, now_ms, now_ms) if status else None, LIE_MS)

    def _happens(self, what: str) -> bool:
        happens = not self.is_honest and self._random.random() < CHANCES[what]
        self.seen[what] += happens
        return happens

    async def _travel(self) -> None:
        """An honest edge is slow too."""
        if self._random.random() < SLOW:
            self.seen["edge is slow"] += 1
            await asyncio.sleep(self._random.uniform(0, SLOW_S_MAX))
