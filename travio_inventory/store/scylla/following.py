"""Adds the entries that follow applied batches, in the background; who reads them here meanwhile is shown them."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple, TypeAlias

from travio_inventory.protocol.batches import Index, IndexEntry
from travio_inventory.store.scylla.announcer import BUCKETS_MAX, TOGETHER_MAX

GAP_S = 0.25
"""How long an entry waits for others to go with it."""
RETRY_S = 1.0
"""After a request that may have failed, nothing is sent for so long."""
LEFT_AFTER_S = 60.0
"""What could not be written for so long is left to whoever publishes the event of its batch."""
WAITING_MAX = 10_000
"""Of more entries the oldest are left, too."""
REQUESTS_MAX = 16
"""At once."""
KNOWN_MAX, KNOWN_S = 10_000, 30.0
"""So many entries are known to be written, each for so long: the event of their batch need not write them again."""

_Bucket: TypeAlias = tuple[Index, str]

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Waiting:
    """Entries of one bucket, by name, with how long each is kept. The oldest waits since that time of the loop."""

    since: float
    keep_s: dict[str, int] = field(default_factory=dict)


class FollowingEntries:
    """Entries on their way. `write` says whether they are durable. Those of one bucket are written in their order.

    Nobody waits for them. What a process has not written when it dies, the events of the same batches lead to.
    """

    def __init__(self, write: Callable[[Sequence[IndexEntry]], Awaitable[bool]], *, gap_s: float = GAP_S) -> None:
        self._write = write
        self._gap_s = gap_s
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[_Bucket, _Waiting] = {}
        self._count = 0
        self._sent: dict[_Bucket, _Waiting] = {}
        self._requests: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._not_before = 0.0
        self._is_closing = False

    def __len__(self) -> int:
        return self._count + sum(len(sent.keep_s) for sent in self._sent.values())

    def add(self, entries: Sequence[IndexEntry]) -> None:
        """Their batch was applied."""
        now = self._loop.time()
        for index, bucket, entry, keep_s in entries:
            self._put((index, bucket), {entry: keep_s}, since=now)
        self._go_on()

    def of(self, index: Index, bucket: str) -> set[str]:
        """The entries of the bucket that may not be there yet."""
        found = (entries.get((index, bucket)) for entries in (self._sent, self._waiting))
        return {entry for waiting in found if waiting is not None for entry in waiting.keep_s}

    async def close(self, within_s: float) -> None:
        """Write what waits, within this time. What cannot be written is left."""
        self._is_closing, self._not_before = True, 0.0
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self._send(is_all=True) or self._requests:
                    await asyncio.wait(self._requests)
        for request in self._requests:
            request.cancel()
        if self._timer is not None:
            self._timer.cancel()

    def _put(self, bucket: _Bucket, keep_s: Mapping[str, int], *, since: float) -> None:
        """Let them wait, since then. Of more than WAITING_MAX the oldest go."""
        waiting = self._waiting.get(bucket)
        if waiting is None:
            waiting = self._waiting[bucket] = _Waiting(since)
        self._count -= len(waiting.keep_s)
        waiting.keep_s.update(keep_s)
        self._count += len(waiting.keep_s)
        while self._count > WAITING_MAX:
            self._leave_oldest()

    def _leave_oldest(self) -> None:
        bucket, waiting = next(iter(self._waiting.items()))
        del waiting.keep_s[next(iter(waiting.keep_s))]
        self._count -= 1
        if not waiting.keep_s:
            del self._waiting[bucket]

    def _go_on(self) -> None:
        """Send what fills a request; the rest when others had time to come."""
        if len(self._waiting) >= BUCKETS_MAX or self._count >= TOGETHER_MAX:
            self._send(is_all=False)
        if self._waiting and self._timer is None and not self._is_closing:
            self._timer = self._loop.call_later(self._gap_s, self._look)

    def _look(self) -> None:
        self._timer = None
        self._send(is_all=True)
        self._go_on()

    def _send(self, *, is_all: bool) -> bool:
        """Send full requests, or all that waits; whether anything was sent."""
        before = len(self._requests)
        while len(self._requests) < REQUESTS_MAX and self._loop.time() >= self._not_before:
            buckets, is_full = self._next()
            if not buckets or not (is_full or is_all):
                break
            part = {bucket: self._taken(bucket) for bucket in buckets}
            self._sent |= part
            request = self._loop.create_task(self._request(part))
            self._requests.add(request)
            request.add_done_callback(self._ended)
        return len(self._requests) > before

    def _next(self) -> tuple[list[_Bucket], bool]:
        """The buckets that go together next, and whether nothing fits in with them. One that is under way waits."""
        buckets: list[_Bucket] = []
        entries = 0
        for bucket, waiting in self._waiting.items():
            if bucket not in self._sent:
                buckets.append(bucket)
                entries += len(waiting.keep_s)
                if len(buckets) == BUCKETS_MAX or entries >= TOGETHER_MAX:
                    return buckets, True
        return buckets, False

    def _taken(self, bucket: _Bucket) -> _Waiting:
        """What is sent of the bucket: its first entries, up to TOGETHER_MAX."""
        waiting = self._waiting[bucket]
        part = dict(islice(waiting.keep_s.items(), TOGETHER_MAX))
        self._count -= len(part)
        if len(part) == len(waiting.keep_s):
            del self._waiting[bucket]
        else:
            for entry in part:
                del waiting.keep_s[entry]
        return _Waiting(waiting.since, part)

    async def _request(self, part: Mapping[_Bucket, _Waiting]) -> None:
        entries = [
            IndexEntry(*bucket, entry, keep_s) for bucket, sent in part.items() for entry, keep_s in sent.keep_s.items()
        ]
        is_over = True
        try:
            is_over = await self._write(entries)
        except Exception as error:  # noqa: BLE001 - nobody waits who could be told
            _log.warning("%d entries of lists are left to their events: %s", len(entries), error)
        finally:
            for bucket in part:
                del self._sent[bucket]
        if not is_over:
            self._put_back(part)

    def _ended(self, request: asyncio.Task[None]) -> None:
        self._requests.discard(request)
        self._go_on()

    def _put_back(self, part: Mapping[_Bucket, _Waiting]) -> None:
        """They may not be there: they go again, unless they did for too long. What has come since says how long."""
        now = self._loop.time()
        self._not_before = now + RETRY_S
        for bucket, sent in part.items():
            if now < sent.since + LEFT_AFTER_S:
                newer = self._waiting.get(bucket)
                self._put(bucket, sent.keep_s | (newer.keep_s if newer else {}), since=sent.since)


class _Written(NamedTuple):
    keep_s: int
    at: float


class JustWritten:
    """Entries that this process wrote a moment ago, and for how long they are kept."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._written: OrderedDict[tuple[Index, str, str], _Written] = OrderedDict()

    def without(self, entries: Sequence[IndexEntry]) -> list[IndexEntry]:
        """Those that are not known to be there for as long."""
        return [index_entry for index_entry in entries if not self._is_known(*index_entry)]

    def note(self, entries: Sequence[IndexEntry]) -> None:
        """They are durable."""
        now = self._loop.time()
        for index, bucket, entry, keep_s in entries:
            self._written[index, bucket, entry] = _Written(keep_s, now)
            self._written.move_to_end((index, bucket, entry))
        while len(self._written) > KNOWN_MAX:
            self._written.popitem(last=False)

    def _is_known(self, index: Index, bucket: str, entry: str, keep_s: int) -> bool:
        written = self._written.get((index, bucket, entry))
        return written is not None and written.keep_s == keep_s and self._loop.time() < written.at + KNOWN_S
