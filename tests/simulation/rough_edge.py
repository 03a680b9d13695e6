"""A gate that all processes share, as they share Redis, and that forgets, lies and lets through on a seed."""

from collections.abc import Callable, Sequence
from random import Random

from travio_inventory.edge.local import LocalGate
from travio_inventory.engine.ports import BlockKey, Cell, GateAnswer, Locked, Passed

FORGETS = 0.02
LETS_THROUGH = 0.06
LIES = 0.02
LOSES = 0.10
ENTRIES_MAX = 1_000


class RoughGate:
    """Implements `engine.ports.Gate` and `TakenSeats`. Once `is_calm`, it is a LocalGate like any other."""

    def __init__(self, now_ms: Callable[[], int], random: Random) -> None:
        self.is_calm = False
        self._now_ms = now_ms
        self._random = random
        self._gate = self._empty()

    async def enter(
        self, block: BlockKey, cells: Sequence[Cell], *, token: str, claimant: str, ttl_ms: int
    ) -> GateAnswer:
        """See Gate."""
        if self._happens(FORGETS):
            self._gate = self._empty()
        if self._happens(LETS_THROUGH):
            return Passed()
        if self._happens(LIES):
            return Locked((cells[0].seat,))
        return await self._gate.enter(block, cells, token=token, claimant=claimant, ttl_ms=ttl_ms)

    async def leave(self, block: BlockKey, cells: Sequence[Cell], *, token: str) -> None:
        """See Gate."""
        if not self._happens(LOSES):
            await self._gate.leave(block, cells, token=token)

    async def mark(self, block: BlockKey, cells: Sequence[Cell], *, claimant: str) -> None:
        """See TakenSeats."""
        if not self._happens(LOSES):
            await self._gate.mark(block, cells, claimant=claimant)

    async def clear(self, block: BlockKey, cells: Sequence[Cell]) -> None:
        """See TakenSeats."""
        if not self._happens(LOSES):
            await self._gate.clear(block, cells)

    def _empty(self) -> LocalGate:
        return LocalGate(self._now_ms, entries_max=ENTRIES_MAX)

    def _happens(self, chance: float) -> bool:
        return not self.is_calm and self._random.random() < chance
