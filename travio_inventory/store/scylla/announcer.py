"""Writes index entries: entries that arrive during a write share the next request."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from travio_inventory.protocol.batches import Index
from travio_inventory.store.scylla.failures import Failure
from travio_inventory.store.scylla.statements import PlainWrite

WRITERS_MAX = 2
"""Concurrent requests: few, so that entries gather; more than one, so that a slow one does not block all."""
SLOW_S = 0.05
"""A second request is sent while the first has no answer for so long."""
GAP_S = 0.006
"""Between the beginnings of two requests that have room left: who comes alone does not wait, and a crowd gathers."""
BUCKETS_MAX = 10
"""Each is a partition, and servers warn of batches over more of them."""
TOGETHER_MAX = 80
"""Entries in one request: servers warn of 5 KiB. Those of many seat groups are in few buckets, of a minute or epoch."""


class NotAnnounced(Exception):
    """The wait was too long; the index entries may be written later or never."""


class _Waiting(NamedTuple):
    entries: Sequence[PlainWrite]
    written: asyncio.Future[Failure | None]


class Announcer:
    """Writes index entries by `write`, which takes those of several callers and says why they may not be durable.

    No caller waits longer than `wait_s` until the end of the write.
    """

    def __init__(
        self,
        write: Callable[[Sequence[PlainWrite]], Awaitable[Failure | None]],
        *,
        wait_s: float,
        gap_s: float = GAP_S,
        slow_s: float = SLOW_S,
    ) -> None:
        self._write = write
        self._gap_s = gap_s
        self._slow_s = slow_s
        self._wait_s = wait_s
        self._waiting: deque[_Waiting] = deque()
        self._writers: set[asyncio.Task[None]] = set()
        self._writing = 0
        self._began = 0.0
        """When the last request was sent."""
        self._looking: asyncio.TimerHandle | None = None

    async def announce(self, entries: Sequence[PlainWrite]) -> Failure | None:
        """None once the entries are durable; a failure, perhaps of another's entry, where that is not known. Raises
        what `write` does.
        """
        waiting = _Waiting(entries, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if not self._writing:
            self._begin()
        elif self._writing < WRITERS_MAX and self._looking is None:
            self._look_later()
        try:
            async with asyncio.timeout(self._wait_s):
                return await waiting.written
        except TimeoutError:
            return Failure(NotAnnounced(f"index entries were not written within {self._wait_s} s"), was_sent=True)

    def _begin(self) -> None:
        self._writing += 1
        writer = asyncio.create_task(self._write_all())
        self._writers.add(writer)
        writer.add_done_callback(self._writers.discard)

    def _look_later(self) -> None:
        self._looking = asyncio.get_running_loop().call_later(self._slow_s, self._look)

    def _look(self) -> None:
        """Let another one write, if somebody waits behind a request that is slow."""
        self._looking = None
        if self._waiting and self._writing < WRITERS_MAX:
            if asyncio.get_running_loop().time() - self._began >= self._slow_s:
                self._begin()
            else:
                self._look_later()

    async def _write_all(self) -> None:
        try:
            while together := await self._gathered():
                await self._write_those(together)
        finally:
            self._writing -= 1  # before anybody who was told comes again

    async def _write_those(self, together: Sequence[_Waiting]) -> None:
        try:
            failure = await self._write(_different(together))
        except Exception as error:  # noqa: BLE001 - it is theirs who wait, and is raised there
            for waiting in _still(together):
                waiting.written.set_exception(error)
        else:
            for waiting in _still(together):
                waiting.written.set_result(failure)

    async def _gathered(self) -> list[_Waiting]:
        """Those who go together, once it is time; none where nobody waits."""
        loop = asyncio.get_running_loop()
        left_s = self._began + self._gap_s - loop.time()
        if 0 < len(self._waiting) < BUCKETS_MAX and left_s > 0:
            await asyncio.sleep(left_s)
        if together := self._next_together():
            self._began = loop.time()
        return together

    def _next_together(self) -> list[_Waiting]:
        """Those who have waited longest, as many as fit in one request but at least one; none where nobody waits."""
        together: list[_Waiting] = []
        buckets: set[tuple[Index, str]] = set()
        room = TOGETHER_MAX
        while self._waiting:
            waiting = self._waiting[0]
            if not waiting.written.done():
                theirs = buckets.union(each.bucket for each in waiting.entries)
                if together and (len(waiting.entries) > room or len(theirs) > BUCKETS_MAX):
                    break
                buckets = theirs
                room -= len(waiting.entries)
                together.append(waiting)
            self._waiting.popleft()
        return together


def _different(together: Sequence[_Waiting]) -> list[PlainWrite]:
    """Their entries, each once: those of one hot seat group are all the same."""
    named = {entry.packed: entry for waiting in together for entry in waiting.entries}
    return list(named.values())


def _still(together: Sequence[_Waiting]) -> list[_Waiting]:
    """Those who wait still: others have left, or were told that it took too long."""
    return [waiting for waiting in together if not waiting.written.done()]
