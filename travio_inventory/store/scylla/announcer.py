"""Hints on their way to the servers: those that come up while others are being written go together in one request."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from travio_inventory.store.scylla.failures import Failure
from travio_inventory.store.scylla.statements import Statement

WRITERS_MAX = 2
"""Requests under way at once: few, so that a crowd gathers; more than one, so that nobody waits for a slow one."""
TOGETHER_MAX = 10
"""Servers warn of batches over more partitions than that."""


class _Waiting(NamedTuple):
    hints: Sequence[Statement]
    written: asyncio.Future[Failure | None]


class Announcer:
    """Writes hints by `write`, which takes those of several callers and says why they may not be durable."""

    def __init__(self, write: Callable[[Sequence[Statement]], Awaitable[Failure | None]]) -> None:
        self._write = write
        self._waiting: deque[_Waiting] = deque()
        self._writers: set[asyncio.Task[None]] = set()

    async def announce(self, hints: Sequence[Statement]) -> Failure | None:
        """None once the hints are durable; a failure, perhaps of another's hint, where that is not known."""
        waiting = _Waiting(hints, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if len(self._writers) < WRITERS_MAX:
            writer = asyncio.create_task(self._write_all())
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        return await waiting.written

    async def _write_all(self) -> None:
        while self._waiting:
            together = [self._waiting.popleft()]
            room = TOGETHER_MAX - len(together[0].hints)
            while self._waiting and len(self._waiting[0].hints) <= room:
                room -= len(self._waiting[0].hints)
                together.append(self._waiting.popleft())
            failure = await self._write([hint for one in together for hint in one.hints])
            for one in together:
                if not one.written.done():
                    one.written.set_result(failure)
