"""How many requests may be in flight: in all, and on one partition."""

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
    """One limit for all, and one per busy partition."""

    def __init__(self, *, limit: int, per_partition: int, wait_s: float) -> None:
        self._all = Lane(limit)
        self._per_partition = per_partition
        self._wait_s = wait_s
        self._lanes: dict[Hashable, Lane] = {}

    async def enter(self, partition: Hashable | None) -> None:
        """Enter the limits; call `leave` once afterwards. None = a request without a partition. Raises NoTurn."""
        if partition is not None:
            lane = self._lanes.get(partition)
            if lane is None:
                lane = self._lanes[partition] = Lane(self._per_partition)
            if not lane.try_enter():
                await lane.wait(self._wait_s)
        if not self._all.try_enter():
            try:
                await self._all.wait(self._wait_s)
            except BaseException:
                self._leave_lane(partition)
                raise

    def leave(self, partition: Hashable | None) -> None:
        """Leave the limits."""
        self._all.leave()
        self._leave_lane(partition)

    def _leave_lane(self, partition: Hashable | None) -> None:
        if partition is not None:
            lane = self._lanes[partition]
            lane.leave()
            if lane.is_empty:
                del self._lanes[partition]
