"""Conditional batches in memory that fail as a distant store does, drawn from a seed: for tests and simulation."""

import asyncio
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from math import inf
from random import Random
from typing import Self, TypeAlias

from travio_inventory.protocol import tables
from travio_inventory.protocol.batches import (
    ABSENT,
    ANY_TIME,
    FOR_EVER,
    TOO_OLD,
    Applied,
    Index,
    IndexEntry,
    Kind,
    NotDone,
    Outcome,
    Partition,
    Refused,
    Row,
    RowKey,
    Rows,
    StoreUnavailable,
    Unknown,
    Write,
    is_met,
    split,
)
from travio_inventory.store.ends import EndTimes

LATE_S = (1.0, 30.0)
SLOW_S = (1.0, 12.0)
TIMEOUTS_S = (0.01, 0.3, 2.0)
READ_TIMEOUT_S = 0.3
TWICE_UNANSWERED = 0.4

Sleep: TypeAlias = Callable[[float], Awaitable[object]]
"""Pauses for so many seconds."""

Change: TypeAlias = tuple[RowKey, Row, Row]
"""A row of an applied batch, before and after; an absent row has no columns."""

_Answer: TypeAlias = asyncio.Future[Outcome]

Observer: TypeAlias = Callable[[Partition, Sequence[Change]], None]


class Fault(Enum):
    """What can happen to a batch or a read."""

    LOST = auto()
    """Unknown, and never applied."""
    UNANSWERED = auto()
    """Applied, and Unknown."""
    LATE = auto()
    """Unknown, and applied LATE_S afterwards, or later still."""
    TWICE = auto()
    """Applied, and applied once more LATE_S afterwards; some of the answers are Unknown."""
    SLOW = auto()
    """Applied after SLOW_S."""
    NOT_DONE = auto()
    """NotDone; its index entries are not kept either."""
    READ_FAILED = auto()
    """StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Probability of each fault; how long a message travels at most, and how late a late one is, in seconds.

    After `queued_s_max` a late batch was not only sent but also begun: it has been judged, and is finished unless a
    later batch or read of its partition was, as consensus has it. `ends_apart_s` is how much earlier or later than
    asked a row may be forgotten.
    """

    lost: float = 0.0
    unanswered: float = 0.0
    late: float = 0.0
    twice: float = 0.0
    slow: float = 0.0
    not_done: float = 0.0
    read_failed: float = 0.0
    delay_s_max: float = 0.0
    late_s_max: float = LATE_S[1]
    queued_s_max: float = inf
    ends_apart_s: float = 0.0

    @classmethod
    def none(cls) -> Self:
        """Everything succeeds, at once."""
        return cls()

    @classmethod
    def share(cls, of_batches: float, *, late_s_max: float = LATE_S[1]) -> Self:
        """This share of the batches (at most 0.8) fails in one way or another."""
        return cls(
            lost=of_batches * 0.25,
            unanswered=of_batches * 0.25,
            late=of_batches * 0.3,
            twice=of_batches * 0.2,
            slow=of_batches * 0.15,
            not_done=of_batches * 0.1,
            read_failed=of_batches * 0.3,
            delay_s_max=0.05,
            late_s_max=late_s_max,
        )

    def draw(self, random: Random) -> Fault | None:
        """The fault of the next batch, if it has one."""
        chances = (self.lost, self.unanswered, self.late, self.twice, self.slow, self.not_done)
        at = random.random()
        for fault, chance in zip(Fault, chances, strict=False):
            if at < chance:
                return fault
            at -= chance
        return None


class MemoryBatches:
    """Conditional batches in a dictionary. Under one seed and one loop all runs are alike.

    A batch travels by itself: a caller that is cancelled does not undo it. `faults` may be set at any time; batches
    that are under way then still arrive. `observe` is called as each batch is applied, and must not raise.
    With `has_any_rows` kinds and columns are not those of `tables`.
    """

    def __init__(self, faults: Faults | None, random: Random, sleep: Sleep, *, has_any_rows: bool = False) -> None:
        self.faults = faults or Faults.none()
        self._has_any_rows = has_any_rows
        self.observe: Observer | None = None
        self.seen: Counter[Fault] = Counter()
        self._random = random
        self._sleep = sleep
        self._rows: dict[Partition, dict[RowKey, Row]] = {}
        self._entries: defaultdict[tuple[Index, str], set[str]] = defaultdict(set)
        self._row_ends = EndTimes[tuple[Partition, RowKey]]()
        self._outlives: dict[tuple[Partition, RowKey], dict[str, None]] = {}
        """Columns that were written to a row with an end, and have none."""
        self._entry_ends = EndTimes[IndexEntry]()
        self._decided_s: OrderedDict[Partition, float] = OrderedDict()
        """When a batch was last applied in a partition, or a read answered; for as long as a late batch may ask."""
        self._latest_s = 0.0
        """How late a batch has been at most."""

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        if not self._has_any_rows:
            tables.check(partition, writes)
        fault = self.faults.draw(self._random)
        if fault is not None:
            self.seen[fault] += 1
        if fault is Fault.NOT_DONE:
            await self._travel()
            return NotDone("the store is down")
        before, following = split(writes, entries)
        if before:
            self._add(before)
            await self._travel()
        if asyncio.get_running_loop().time() > send_by:
            return NotDone(TOO_OLD)
        copy = [
            Write(key, condition and dict(condition), dict(values), keep_s) for key, condition, values, keep_s in writes
        ]
        answer = asyncio.get_running_loop().create_future() if self._is_answered(fault) else None
        self._send(partition, copy, fault, answer)
        if answer is None:
            await self._sleep(self._random.choice(TIMEOUTS_S))
            return Unknown("no answer")
        outcome: Outcome = await answer
        await self._travel()
        if following and isinstance(outcome, Applied):
            self._add(following)
        return outcome

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        tables.names_of(partition)
        await self._travel_to_read()
        rows = self._rows_read(partition)
        found = {key: rows[key] for key in keys if key in rows}
        await self._travel()
        return found

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        tables.names_of(partition)
        if not self._has_any_rows:
            tables.check_columns(partition.table, kind, ())
        await self._travel_to_read()
        rows = self._rows_read(partition)
        keys = (key for key in rows if key.kind is kind and start <= key.id and (not end or key.id < end))
        found = {key: rows[key] for key in sorted(keys)[:most]}
        await self._travel()
        return found

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        await self._travel_to_read()
        self._forget()
        entries = sorted(entry for entry in self._entries.get((index, bucket), ()) if entry > after)[:most]
        await self._travel()
        return entries

    def snapshot(self, partition: Partition) -> Rows:
        """All rows of the partition as they are now."""
        return dict(self._rows.get(partition, {}))

    def standing(self) -> Mapping[Partition, Rows]:
        """All rows of all partitions as they are now, without what has ended by now."""
        self._forget()
        return {partition: dict(rows) for partition, rows in self._rows.items()}

    def entries(self) -> Sequence[IndexEntry]:
        """All index entries as they are now, without what has ended by now."""
        self._forget()
        return [IndexEntry(*at, entry) for at, entries in self._entries.items() for entry in sorted(entries)]

    def partitions(self) -> Sequence[Partition]:
        """Those that have rows, in the order in which they got their first."""
        return list(self._rows)

    def _add(self, entries: Sequence[IndexEntry]) -> None:
        for index_entry in entries:
            self._entries[index_entry.of, index_entry.bucket].add(index_entry.entry)
            named, keep_s = index_entry._replace(keep_s=FOR_EVER), index_entry.keep_s
            self._entry_ends.set(named, self._end_s(keep_s))

    def _is_answered(self, fault: Fault | None) -> bool:
        if fault is Fault.TWICE:
            return self._random.random() >= TWICE_UNANSWERED
        return fault is None or fault is Fault.SLOW

    def _send(self, partition: Partition, writes: Sequence[Write], fault: Fault | None, answer: _Answer | None) -> None:
        """Let the batch arrive when its fault says, if at all."""
        match fault:
            case Fault.LOST:
                return
            case Fault.LATE:
                self._send_late(partition, writes, self._late_s())
                return
            case Fault.SLOW:
                after_s = self._random.uniform(*SLOW_S)
            case _:
                after_s = self._delay_s()
        asyncio.get_running_loop().call_later(after_s, self._arrive, partition, writes, fault, answer)

    def _arrive(
        self, partition: Partition, writes: Sequence[Write], fault: Fault | None, answer: _Answer | None
    ) -> None:
        """Try the batch; one that was answered Refused never arrives again: the answer is definite."""
        outcome = self._try(partition, writes)
        if fault is Fault.TWICE and (answer is None or isinstance(outcome, Applied)):
            self._send_late(partition, writes, self._late_s())
        if answer is not None and not answer.done():
            answer.set_result(outcome)

    def _send_late(self, partition: Partition, writes: Sequence[Write], late_s: float) -> None:
        """Let it take effect so late; it is judged when its server begins with it: see `Faults.queued_s_max`."""
        queued_s = min(late_s, self.faults.queued_s_max)
        asyncio.get_running_loop().call_later(queued_s, self._begin, partition, writes, late_s - queued_s)

    def _begin(self, partition: Partition, writes: Sequence[Write], left_s: float) -> None:
        loop = asyncio.get_running_loop()
        if not left_s:
            self._try(partition, writes)
        elif self._are_met(partition, writes):
            loop.call_later(left_s, self._finish, partition, writes, loop.time())

    def _finish(self, partition: Partition, writes: Sequence[Write], begun_s: float) -> None:
        """As consensus has it, what was begun is not done if anything was decided or read since."""
        if self._decided_s.get(partition, -inf) <= begun_s:
            self._try(partition, writes)

    def _are_met(self, partition: Partition, writes: Sequence[Write]) -> bool:
        self._forget()
        rows = self._rows.get(partition, {})
        return all(is_met(write.condition, rows.get(write.key)) for write in writes)

    def _try(self, partition: Partition, writes: Sequence[Write]) -> Applied | Refused:
        is_met = self._are_met(partition, writes)
        rows = self._rows.get(partition, {})
        if not is_met:
            return Refused({write.key: rows[write.key] for write in writes if write.key in rows})
        before = {write.key: rows.get(write.key, {}) for write in writes}
        for write in writes:
            self._write(partition, rows, write)
        if rows:
            self._rows[partition] = rows
        self._note_decided(partition)
        if self.observe is not None:
            self.observe(partition, [(key, row, rows.get(key, {})) for key, row in before.items()])
        return Applied()

    def _write(self, partition: Partition, rows: dict[RowKey, Row], write: Write) -> None:
        key, condition, values, keep_s = write
        given = values if keep_s is not None else {**rows.get(key, {}), **values}
        row = {name: value for name, value in given.items() if value is not None}
        if not row and key not in rows and condition is not ABSENT:
            return
        rows[key] = row
        if keep_s is not None:
            self._row_ends.set((partition, key), self._end_s(keep_s))
            self._outlives.pop((partition, key), None)
        elif self._row_ends.has((partition, key)):
            self._outlives.setdefault((partition, key), {}).update(dict.fromkeys(values))

    def _rows_read(self, partition: Partition) -> dict[RowKey, Row]:
        self._forget()
        self._note_decided(partition)
        return self._rows.get(partition, {})

    def _note_decided(self, partition: Partition) -> None:
        now_s = asyncio.get_running_loop().time()
        self._decided_s[partition] = now_s
        self._decided_s.move_to_end(partition)
        while now_s - next(iter(self._decided_s.values())) > self._latest_s:
            self._decided_s.popitem(last=False)

    def _forget(self) -> None:
        """Forget what has ended; of a row, the columns that have an end."""
        now_s = asyncio.get_running_loop().time()
        for partition, key in self._row_ends.take_over(now_s):
            rows, outlives = self._rows[partition], self._outlives.pop((partition, key), {})
            row = {name: value for name, value in rows.pop(key, {}).items() if name in outlives}
            if row:
                rows[key] = row
            if not rows:
                del self._rows[partition]
        for index, bucket, entry, _ in self._entry_ends.take_over(now_s):
            entries = self._entries[index, bucket]
            entries.discard(entry)
            if not entries:
                del self._entries[index, bucket]

    def _end_s(self, keep_s: int) -> float | None:
        if keep_s == FOR_EVER:
            return None
        apart_s = self.faults.ends_apart_s
        early_s = self._random.uniform(-apart_s, apart_s) if apart_s else 0.0
        return asyncio.get_running_loop().time() + keep_s + early_s

    def _late_s(self) -> float:
        late_s = self._random.uniform(LATE_S[0], self.faults.late_s_max)
        self._latest_s = max(self._latest_s, late_s + self.faults.delay_s_max)
        return late_s

    def _delay_s(self) -> float:
        return self._random.uniform(0, self.faults.delay_s_max)

    async def _travel(self) -> None:
        """A message is under way; even the fastest lets others take their turn."""
        await self._sleep(self._delay_s())

    async def _travel_to_read(self) -> None:
        await self._travel()
        if self._random.random() < self.faults.read_failed:
            self.seen[Fault.READ_FAILED] += 1
            await self._sleep(READ_TIMEOUT_S)
            raise StoreUnavailable("no answer")
