"""How many requests may be in flight: in all, to one server, and on one partition."""

import asyncio
from collections import deque
from collections.abc import Hashable


class NoTurn(Exception):
    """The wait for the limit was too long; nothing was sent."""


class Lanes:
    """Up to `limit` at once in each lane; the others wait in order."""

    __slots__ = ("_inside", "_limit", "_waiting")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside: dict[Hashable, int] = {}
        """How many are in each lane that is not empty."""
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}
        """Those for whom a lane has no room; empty until the next one leaves where all have gone away."""

    def try_enter(self, name: Hashable) -> bool:
        """Enter at once, where there is room."""
        inside = self._inside.get(name, 0)
        if inside >= self._limit:
            return False
        self._inside[name] = inside + 1
        return True

    async def enter(self, name: Hashable, wait_s: float) -> None:
        """Enter, or wait for room and take it. Raises NoTurn."""
        if self.try_enter(name):
            return
        turn = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(name, deque())
        waiting.append(turn)
        try:
            async with asyncio.timeout(wait_s):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave(name)
            elif turn in waiting:
                waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise NoTurn(f"limit not free within {wait_s} s") from None
            raise

    def leave(self, name: Hashable) -> None:
        """Make room, for the first who waits if there is one."""
        if name in self._waiting and self._gives_turn(name):
            return
        left = self._inside[name] - 1
        if left:
            self._inside[name] = left
        else:
            del self._inside[name]

    def _gives_turn(self, name: Hashable) -> bool:
        """Whether somebody still waits, who is told."""
        waiting = self._waiting[name]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return True
        del self._waiting[name]
        return False


class InFlightLimit:
    """One limit for all, one per busy partition, and one per server."""

    def __init__(self, *, limit: int, per_node: int, per_partition: int, wait_s: float) -> None:
        self._all = Lanes(limit)
        self._nodes = Lanes(per_node)
        self._partitions = Lanes(per_partition)
        self._wait_s = wait_s

    def try_enter(self, partition: Hashable | None, node: Hashable | None = None) -> bool:
        """Enter the limits at once, where each has room; see `enter`."""
        if partition is not None and not self._partitions.try_enter(partition):
            return False
        if node is None or self._nodes.try_enter(node):
            if self._all.try_enter(None):
                return True
            if node is not None:
                self._nodes.leave(node)
        if partition is not None:
            self._partitions.leave(partition)
        return False

    async def enter(self, partition: Hashable | None, node: Hashable | None = None) -> None:
        """Enter the limits; call `leave` once afterwards. None = a request without one. Who waits for a partition or a
        server takes no room from the others. Raises NoTurn.
        """
        if partition is not None:
            await self._partitions.enter(partition, self._wait_s)
        try:
            if node is not None:
                await self._nodes.enter(node, self._wait_s)
            try:
                await self._all.enter(None, self._wait_s)
            except BaseException:
                if node is not None:
                    self._nodes.leave(node)
                raise
        except BaseException:
            if partition is not None:
                self._partitions.leave(partition)
            raise

    def leave(self, partition: Hashable | None, node: Hashable | None = None) -> None:
        """Leave the limits."""
        self._all.leave(None)
        if node is not None:
            self._nodes.leave(node)
        if partition is not None:
            self._partitions.leave(partition)
