"""Writes index entries: entries that arrive during a write share the next request."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from travio_inventory.store.scylla.failures import Failure
from travio_inventory.store.scylla.statements import PlainWrite

WRITERS_MAX = 2
"""Concurrent requests: few, so that entries gather; more than one, so that a slow one does not block all."""
TOGETHER_MAX = 10
"""Servers warn of batches over more partitions than that."""


class NotAnnounced(Exception):
    """The wait was too long; the index entries may be written later or never."""


class _Waiting(NamedTuple):
    entries: Sequence[PlainWrite]
    written: asyncio.Future[Failure | None]


class Announcer:
    """Writes index entries by `write`, which takes those of several callers and says why they may not be durable.

    No caller waits longer than `wait_s` until the end of the write.
    """

    def __init__(self, write: Callable[[Sequence[PlainWrite]], Awaitable[Failure | None]], *, wait_s: float) -> None:
        self._write = write
        self._wait_s = wait_s
        self._waiting: deque[_Waiting] = deque()
        self._writers: set[asyncio.Task[None]] = set()

    async def announce(self, entries: Sequence[PlainWrite]) -> Failure | None:
        """None once the entries are durable; a failure, perhaps of another's entry, where that is not known. Raises
        what `write` does.
        """
        waiting = _Waiting(entries, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if len(self._writers) < WRITERS_MAX:
            writer = asyncio.create_task(self._write_all())
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        try:
            async with asyncio.timeout(self._wait_s):
                return await waiting.written
        except TimeoutError:
            return Failure(NotAnnounced(f"index entries were not written within {self._wait_s} s"), was_sent=True)

    async def _write_all(self) -> None:
        while together := self._next_together():
            try:
                failure = await self._write([index_entry for one in together for index_entry in one.entries])
            except Exception as error:  # noqa: BLE001 - it is theirs who wait, and is raised there
                for waiting in _still(together):
                    waiting.written.set_exception(error)
            else:
                for waiting in _still(together):
                    waiting.written.set_result(failure)

    def _next_together(self) -> list[_Waiting]:
        """Those who have waited longest, TOGETHER_MAX entries of them but at least one; none where nobody waits."""
        together: list[_Waiting] = []
        room = TOGETHER_MAX
        while self._waiting and (not together or len(self._waiting[0].entries) <= room):
            waiting = self._waiting.popleft()
            if not waiting.written.done():
                room -= len(waiting.entries)
                together.append(waiting)
        return together


def _still(together: Sequence[_Waiting]) -> list[_Waiting]:
    """Those who wait still: others have left, or were told that it took too long."""
    return [waiting for waiting in together if not waiting.written.done()]
