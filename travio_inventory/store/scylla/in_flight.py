"""How many requests may be in flight: in all, to one server, and on one partition."""

import asyncio
from collections import deque
from collections.abc import Hashable


class NoTurn(Exception):
    """The wait for the limit was too long; nothing was sent."""


class Lane:
    """Up to `limit` at once; the others wait in order."""

    __slots__ = ("_inside", "_limit", "_waiting")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def is_empty(self) -> bool:
        """Whether nobody is inside or waits."""
        return not self._inside and not self._waiting

    def try_enter(self) -> bool:
        """Enter at once, where there is room."""
        if self._inside >= self._limit:
            return False
        self._inside += 1
        return True

    async def wait(self, wait_s: float) -> None:
        """Wait for room and take it. Raises NoTurn."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(wait_s):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise NoTurn(f"limit not free within {wait_s} s") from None
            raise

    def leave(self) -> None:
        """Make room, for the first who waits if there is one."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._inside -= 1


class InFlightLimit:
    """One limit for all, one per busy partition, and one per server."""

    def __init__(self, *, limit: int, per_node: int, per_partition: int, wait_s: float) -> None:
        self._all = Lane(limit)
        self._per_node = per_node
        self._per_partition = per_partition
        self._wait_s = wait_s
        self._lanes: dict[Hashable, Lane] = {}

    async def enter(self, partition: Hashable | None, node: Hashable | None = None) -> None:
        """Enter the limits; call `leave` once afterwards. None = a request without one. Who waits for a partition or a
        server takes no room from the others. Raises NoTurn.
        """
        await self._enter_lane(partition, self._per_partition)
        try:
            await self._enter_lane(node, self._per_node)
            try:
                if not self._all.try_enter():
                    await self._all.wait(self._wait_s)
            except BaseException:
                self._leave_lane(node)
                raise
        except BaseException:
            self._leave_lane(partition)
            raise

    def leave(self, partition: Hashable | None, node: Hashable | None = None) -> None:
        """Leave the limits."""
        self._all.leave()
        self._leave_lane(node)
        self._leave_lane(partition)

    async def _enter_lane(self, name: Hashable | None, limit: int) -> None:
        if name is None:
            return
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = Lane(limit)
        if not lane.try_enter():
            try:
                await lane.wait(self._wait_s)
            except BaseException:
                self._forget_if_empty(name, lane)
                raise

    def _leave_lane(self, name: Hashable | None) -> None:
        if name is not None:
            lane = self._lanes[name]
            lane.leave()
            self._forget_if_empty(name, lane)

    def _forget_if_empty(self, name: Hashable, lane: Lane) -> None:
        if lane.is_empty and self._lanes.get(name) is lane:
            del self._lanes[name]
