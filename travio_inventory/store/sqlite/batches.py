"""Conditional batches in SQLite: waiting batches share one transaction and one commit.

The statements run on the event loop; only the commit, which waits for the disk, runs in a thread. A thread that also
executed the statements would have to regain the interpreter lock from a busy loop after each of them.
"""

import asyncio
import logging
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from travio_inventory.protocol.batches import (
    ANY_TIME,
    TOO_OLD,
    IndexEntry,
    NotDone,
    Outcome,
    Partition,
    Unknown,
    Write,
)
from travio_inventory.store.sqlite.committer import Committer
from travio_inventory.store.sqlite.database import open_writer
from travio_inventory.store.sqlite.folder import locked_folder
from travio_inventory.store.sqlite.group import Batch, GroupOutcome, try_group
from travio_inventory.store.sqlite.purge import Pace, Purge, Seconds
from travio_inventory.store.sqlite.reads import CommittedRows, Reads
from travio_inventory.store.sqlite.statements import partition_text
from travio_inventory.store.threads import switching_fast

QUEUE_BATCHES_MAX = 4096
GROUP_ROWS_MAX = 512
WAIT_MS_MAX = 5_000
CLOSE_S_MAX = 10.0
"""How long the close waits for what is being written."""

# A commit costs the loop as much as a few batches do, whatever is in it. Under load it is worth a short wait: with 64
# callers the groups grew from 5 batches to 15, and a batch cost a third less.
GATHER_S = 0.005
GATHER_AFTER_BATCHES = 4

BUSY_S = 0.002
"""After so long it is looked whether a guest (`guest.py`) has left."""

_log = logging.getLogger(__name__)


class _Waiting(NamedTuple):
    batch: Batch
    answer: asyncio.Future[Outcome]
    since: float
    send_by: float


@dataclass(slots=True)
class Counts:
    """What was done since the store was opened. `failures`: groups that could not be written; `forgotten`: rows."""

    batches: int = 0
    steps: int = 0
    failures: int = 0
    forgotten: int = 0


class SqliteBatches(CommittedRows):
    """Conditional batches on one SQLite database, of which this process is the only user, but for guests.

    An answer is given after its commit is on disk. A batch waits at most `wait_ms_max` to begin (then NotDone) and as
    long again for the disk (then Unknown). A caller that is cancelled does not undo its batch. Raises ValueError and
    the like for an impossible batch: an unknown column, an integer too wide.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        reads: Reads,
        purge: Purge,
        *,
        queue_batches_max: int,
        wait_ms_max: int,
        now_s: Seconds,
    ) -> None:
        super().__init__(reads)
        self.counts = Counts()
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._purge = purge
        self._now_s = now_s
        self._committer = Committer(connection, self._loop)
        self._queue: deque[_Waiting] = deque()
        self._queue_batches_max = queue_batches_max
        self._wait_s_max = wait_ms_max / 1000
        self._closed = False
        self._disk_hangs = False
        self._failing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._alarm = self._loop.call_soon(self._look_for_ended)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        folder: Path,
        *,
        queue_batches_max: int = QUEUE_BATCHES_MAX,
        wait_ms_max: int = WAIT_MS_MAX,
        pace: Pace = Pace(),  # noqa: B008 - frozen
        now_s: Seconds = time.time,
    ) -> AsyncIterator["SqliteBatches"]:
        """The store in this folder, created if needed; on leaving, waiting batches are finished first. `now_s` is Unix
        time. Raises DataFolderInUse, UnfitDatabase, OSError.
        """
        with locked_folder(folder), switching_fast():
            path = folder / "inventory.db"
            connection = open_writer(path)
            reads = Reads(path, wait_ms_max=wait_ms_max)
            purge = Purge(connection, pace, now_s, time.monotonic)
            batches = cls(
                connection, reads, purge, queue_batches_max=queue_batches_max, wait_ms_max=wait_ms_max, now_s=now_s
            )
            try:
                yield batches
            finally:
                is_ours = await batches._close()
                reads.close()
                if is_ours:
                    connection.close()

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        if self._closed:
            return NotDone("the store is closed")
        if self._disk_hangs:
            return NotDone("the disk does not answer")
        if len(self._queue) >= self._queue_batches_max:
            return NotDone(f"{self._queue_batches_max} batches are waiting")
        answer: asyncio.Future[Outcome] = self._loop.create_future()
        batch = Batch(partition.table, partition_text(partition), writes, entries)
        self._queue.append(_Waiting(batch, answer, self._loop.time(), send_by))
        self._begin()
        return await answer

    def _begin(self) -> None:
        """See to what waits, unless that is being done."""
        if self._idle.is_set():
            self._idle.clear()
            self._loop.call_soon(self._next_group)

    def _look_for_ended(self) -> None:
        """Let nothing that has ended wait for the next batch."""
        if self._purge.is_due():
            self._begin()
        self._alarm = self._loop.call_later(self._purge.due_in_s, self._look_for_ended)

    def _gather(self, last: int) -> None:
        """Start the next group: at once after a small one; a little later after a larger one, so that a busy loop
        brings in as many again.
        """
        if last >= GATHER_AFTER_BATCHES:
            self._loop.call_later(GATHER_S, self._next_group)
        else:
            self._loop.call_soon(self._next_group)

    def _next_group(self) -> None:
        group = self._take_group()
        if not group and (self._closed or not self._purge.is_due()):
            self._idle.set()
            return
        try:
            tried = try_group(self._connection, [waiting.batch for waiting in group], self._now_s())
            changed = (self._purge.is_due() and self._purge.step()) or tried.changed
            if not changed:
                self._connection.rollback()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                self._put_back(group)
            else:
                self._not_written(group, NotDone(str(error)))
            return
        except Exception as error:  # noqa: BLE001 - whatever it was, all of them wait, and those behind them
            self._not_written(group, NotDone(str(error)))
            return
        if changed:
            watch = self._loop.call_later(self._wait_s_max, self._not_answered, group)
            self._committer.commit(lambda error: self._committed(group, tried, watch, error))
        else:
            self._written(group, tried)

    def _put_back(self, group: Sequence[_Waiting]) -> None:
        """A guest is at the database: nothing has begun, and the same batches are tried when it has left."""
        self._queue.extendleft(reversed(group))
        self._loop.call_later(BUSY_S, self._next_group)

    def _take_group(self) -> list[_Waiting]:
        """The batches that wait longest, GROUP_ROWS_MAX rows of them but at least one."""
        group: list[_Waiting] = []
        rows = 0
        now = self._loop.time()
        while self._queue:
            waiting = self._queue[0]
            rows += len(waiting.batch.writes) + len(waiting.batch.entries)
            if group and rows > GROUP_ROWS_MAX:
                break
            self._queue.popleft()
            if now > waiting.send_by:
                _answer(waiting, NotDone(TOO_OLD))
            elif now > waiting.since + self._wait_s_max:
                _answer(waiting, NotDone(f"not begun within {self._wait_s_max} s"))
            else:
                group.append(waiting)
        return group

    def _committed(
        self, group: Sequence[_Waiting], tried: GroupOutcome, watch: asyncio.TimerHandle, error: Exception | None
    ) -> None:
        watch.cancel()
        self._disk_hangs = False
        if error is None:
            self.counts.steps += 1
            self.counts.forgotten += self._purge.written()
            self._written(group, tried)
        else:
            self._not_written(group, Unknown(str(error)))

    def _written(self, group: Sequence[_Waiting], tried: GroupOutcome) -> None:
        self.counts.batches += len(group)
        if self._failing:
            self._failing = False
            _log.warning("the database is written to again")
        for waiting, answer in zip(group, tried.answers, strict=True):
            _answer(waiting, answer)
        self._gather(len(group))

    def _not_written(self, group: Sequence[_Waiting], answer: NotDone | Unknown) -> None:
        try:
            self._connection.rollback()
        except sqlite3.Error as error:
            answer = Unknown(str(error))
        self.counts.batches += len(group)
        self.counts.failures += 1
        self._purge.put_off()
        if not self._failing:
            self._failing = True
            _log.error("the database cannot be written to: %s", answer.cause)
        for waiting in group:
            _answer(waiting, answer)
        self._gather(len(group))

    def _not_answered(self, group: Sequence[_Waiting]) -> None:
        """No call waits longer for a disk that hangs; the rows show the outcome later."""
        self._disk_hangs = True
        _log.error("the disk has not answered for %s s", self._wait_s_max)
        for waiting in group:
            _answer(waiting, Unknown("the disk does not answer"))
        while self._queue:
            _answer(self._queue.popleft(), NotDone("the disk does not answer"))

    async def _close(self) -> bool:
        """Finish waiting batches; returns whether the connection is unused. A disk that hangs keeps it."""
        self._closed = True
        self._alarm.cancel()
        try:
            async with asyncio.timeout(CLOSE_S_MAX):
                await self._idle.wait()
        except TimeoutError:
            self._committer.leave()
            return False
        self._committer.close()
        return True


def _answer(waiting: _Waiting, answer: Outcome | Exception) -> None:
    """Answer the caller, unless it was answered or cancelled before."""
    future = waiting.answer
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
