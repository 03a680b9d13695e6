"""What this process's own steps did: its workers need not search for it."""

from heapq import heappop, heappush

from travio_inventory.engine.ports import BlockKey

DUE_MAX = 200_000


class News:
    """Blocks with new events, and moments at which something falls due. It may forget: the indexes know it too."""

    def __init__(self) -> None:
        self._recorded: set[BlockKey] = set()
        self._due: list[tuple[int, BlockKey]] = []

    def recorded(self, block: BlockKey) -> None:
        """The block has a new event."""
        self._recorded.add(block)

    def due(self, block: BlockKey, at_ms: int) -> None:
        """Something in the block falls due at that moment."""
        if len(self._due) < DUE_MAX:
            heappush(self._due, (at_ms, block))

    def take_recorded(self) -> set[BlockKey]:
        """The blocks with new events since the last time."""
        taken, self._recorded = self._recorded, set()
        return taken

    def take_due(self, now_ms: int) -> set[BlockKey]:
        """The blocks in which something fell due by now."""
        taken: set[BlockKey] = set()
        while self._due and self._due[0][0] <= now_ms:
            taken.add(heappop(self._due)[1])
        return taken
