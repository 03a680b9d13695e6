"""The joins and leaves of one waiting list that this process has to do: those that wait go together in one batch."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

from travio_inventory.kernel.refusals import OutcomeUnknown, RetryableRefusal
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    ABSENT,
    FOR_EVER,
    Applied,
    IndexEntry,
    Kind,
    Partition,
    Row,
    RowKey,
    Rows,
    StoreUnavailable,
    Write,
)
from travio_inventory.protocol.failed_batches import FailedBatches
from travio_inventory.protocol.sending import Sender
from travio_inventory.seats.refusals import NotOnWaitlist, TripNotFound

TOGETHER_MAX = 64
LAST_PLACES_MAX = 2
"""So many rows of places are read with the tail, before it is known which are needed."""
TRIES_MAX = 20
PATIENCE_S = 8.0
"""No batch is tried for a call that has waited for so long."""

TAIL = RowKey(Kind.TAIL, "")
"""The row that says which number was given to the last who joined, and how many wait (`position`)."""


PLACES_PER_ROW = 60


def places_key(sequence: int) -> RowKey:
    """The row that says whether the holder of the place with that number waits: one bit of `places_bit`."""
    return RowKey(Kind.PLACES, f"{sequence // PLACES_PER_ROW:010d}")


def places_bit(sequence: int) -> int:
    """The place's bit in its row."""
    return 1 << sequence % PLACES_PER_ROW


def entry_key(holder: str) -> RowKey:
    """The holder's row on a list."""
    return RowKey(Kind.ENTRY, holder)


@dataclass(slots=True, eq=False, kw_only=True)
class Step:
    """What one call has to do on a list, and how far it has come.

    `seen` is the number of the holder's place at the first look; `is_under_way` whether a batch of it was sent whose
    outcome nobody has heard: so it stays where who sent it is gone.
    """

    holder: str
    seen: int | None = None
    tries: int = 0
    is_under_way: bool = False
    failed: FailedBatches = field(default_factory=FailedBatches)
    is_done: bool = False
    refusal: NotOnWaitlist | TripNotFound | None = None

    def give_up(self) -> RetryableRefusal:
        """What the caller is told: that it is unknown only where a batch was not answered."""
        return OutcomeUnknown() if self.is_under_way else self.failed.refusal()


@dataclass(slots=True, eq=False, kw_only=True)
class Join(Step):
    """Take the next place, for so many seats. `entry` is the row of the place, `is_new` whether it was taken since this
    call began.
    """

    seats: int
    listed: IndexEntry
    entry: Row = field(default_factory=dict)
    is_new: bool = False

    def look(self, entry: Row) -> None:
        """Who joined since the first look has joined, even if they have left again: this call may have done it. A row
        that is there no more was forgotten: nobody joined.
        """
        last = rows.number(entry, "sequence")
        self.seen = last if self.seen is None else self.seen
        self.is_new = last > self.seen
        if entry.get("status") == "waiting" or self.is_new:
            self.entry, self.is_done = entry, True

    def done(self) -> None:
        """The place was taken."""
        self.is_new = self.is_done = True

    def refuse_closed(self) -> None:
        """The list is closed, as its trip is over."""
        self.refusal, self.is_done = TripNotFound(), True

    def write(self, entry: Row, *, sequence: int, position: int, now_ms: int) -> Write:
        """The row of the place."""
        self.entry = {
            "status": "waiting",
            "sequence": sequence,
            "position": position,
            "requested_seats": self.seats,
            "joined_at_ms": now_ms,
        }
        condition = {"status": "left", "sequence": entry.get("sequence")} if entry else ABSENT
        return Write(entry_key(self.holder), condition, self.entry, FOR_EVER)


@dataclass(slots=True, eq=False, kw_only=True)
class Leave(Step):
    """Give the place up. `entry` is the row of the place."""

    entry: Row = field(default_factory=dict)

    def look(self, entry: Row) -> None:
        """Where the place is over it does not matter who ended it; what the holder waits for since is another place."""
        place = rows.number(entry, "sequence") if entry.get("status") == "waiting" else None
        if place is None and self.seen is None:
            self.refusal = NotOnWaitlist()
        self.is_done = self.refusal is not None or self.seen not in (None, place)
        self.seen = place if self.seen is None else self.seen
        self.entry = entry

    def done(self) -> None:
        """The place was given up."""
        self.is_done = True

    def refuse_closed(self) -> None:
        """The list is closed, as its trip is over."""
        self.refusal, self.is_done = NotOnWaitlist(), True

    def write(self, keep_s: int) -> Write:
        """The row of the place, given up, and kept for so long, whole: a join that took it may still be told of it."""
        condition: Row = {"status": "waiting", "sequence": self.seen}
        return Write(entry_key(self.holder), condition, {**self.entry, "status": "left"}, keep_s)


class ListTurns:
    """One list's steps in this process: one batch at a time, and those that wait meanwhile go in the next one."""

    def __init__(self, sender: Sender, partition: Partition) -> None:
        self._sender = sender
        self._partition = partition
        self._turn = asyncio.Lock()
        self._waiting: dict[Join | Leave, None] = {}
        self._last_places: Sequence[RowKey] = ()
        """The rows of places that the last batch named: the next one hardly needs others where many join."""

    @property
    def is_idle(self) -> bool:
        """Whether nobody has anything to do here."""
        return not self._waiting

    async def take(self, step: Join | Leave) -> None:
        """Have the step done. Raises NotOnWaitlist, or TripNotFound where the list is closed; Overloaded and
        BackendUnavailable where it certainly was not done, OutcomeUnknown.
        """
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + PATIENCE_S
        self._waiting[step] = None
        try:
            while True:
                async with self._turn:
                    if not step.is_done:
                        if step.tries >= TRIES_MAX or loop.time() >= give_up_s:
                            raise step.give_up()
                        await self._round(step)
                if step.refusal is not None:
                    raise step.refusal
                if step.is_done:
                    return
                await self._sender.pause()
        finally:
            del self._waiting[step]

    async def _round(self, first: Join | Leave) -> None:
        """Try once for this step and those that have waited longest, one of each holder."""
        together: dict[str, Join | Leave] = {}
        for step in (first, *self._waiting):
            if not step.is_done and len(together) < TOGETHER_MAX:
                together.setdefault(step.holder, step)
        for step in together.values():
            step.tries += 1
        try:
            standing = await self._read([TAIL, *map(entry_key, together), *self._last_places])
        except StoreUnavailable:
            return
        for holder, step in together.items():
            step.look(standing.get(entry_key(holder), {}))
            if not step.is_done and standing.get(TAIL, {}).get("status") is not None:
                step.refuse_closed()
        steps = [step for step in together.values() if not step.is_done]
        if steps:
            with suppress(StoreUnavailable):
                await self._try(steps, {**standing, **await self._read(self._unread_places(steps, standing))})

    def _unread_places(self, steps: Sequence[Join | Leave], standing: Rows) -> Sequence[RowKey]:
        """The rows of these steps' places that were not read with the tail, and that somebody had a place in before."""
        places = list(_places(steps, standing))
        last = places_key(rows.number(standing.get(TAIL, {}), "sequence"))
        unread = [key for key in places if key.id <= last.id and key not in self._last_places]
        self._last_places = places[-LAST_PLACES_MAX:]
        return unread

    async def _read(self, keys: Sequence[RowKey]) -> Rows:
        """Raises StoreUnavailable."""
        return await self._sender.batches.get(self._partition, keys) if keys else {}

    async def _try(self, steps: Sequence[Join | Leave], standing: Rows) -> None:
        """One batch for all of them."""
        left_s = self._sender.rules.retention.ended_s
        writes = _writes(steps, standing, now_ms=self._sender.clock.now_ms(), left_s=left_s)
        asked = [step.listed for step in steps if isinstance(step, Join)]
        were_under_way = [step.is_under_way for step in steps]
        for step in steps:
            step.is_under_way = True
        outcome = await self._sender.apply(self._partition, writes, asked)
        for step, was_under_way in zip(steps, were_under_way, strict=True):
            step.is_under_way = was_under_way
            if isinstance(outcome, Applied):
                step.done()
            else:
                step.failed.add(outcome)


def _writes(steps: Sequence[Join | Leave], standing: Rows, *, now_ms: int, left_s: int) -> list[Write]:
    """The tail and the steps' rows. Who joins is behind all who wait, but for those who leave in the same batch."""
    tail = standing.get(TAIL, {})
    sequence, waiting = rows.number(tail, "sequence"), rows.number(tail, "waiting")
    writes = []
    for step in steps:
        if isinstance(step, Leave):
            waiting -= 1
            writes.append(step.write(left_s))
    for step in steps:
        if isinstance(step, Join):
            sequence, waiting = sequence + 1, waiting + 1
            entry = standing.get(entry_key(step.holder), {})
            writes.append(step.write(entry, sequence=sequence, position=waiting, now_ms=now_ms))
    seen: Row = {"sequence": tail.get("sequence"), "waiting": tail.get("waiting")}
    own = Write(TAIL, seen if tail else ABSENT, {"sequence": sequence, "waiting": waiting})
    return [own, *_marks(_places(steps, standing), standing), *writes]


def _places(steps: Sequence[Join | Leave], standing: Rows) -> Mapping[RowKey, int]:
    """The rows of the places that these take and give up, with the bits that change in each."""
    last = rows.number(standing.get(TAIL, {}), "sequence")
    joined = count(last + 1)
    changed: dict[RowKey, int] = {}
    for step in steps:
        sequence = next(joined) if isinstance(step, Join) else step.seen or 0
        key = places_key(sequence)
        changed[key] = changed.get(key, 0) | places_bit(sequence)
    return changed


def _marks(places: Mapping[RowKey, int], standing: Rows) -> Iterator[Write]:
    """These bits turned: who joins waits from now on, and who leaves no longer does. The tail, which never says the
    same twice, is the condition for all of them.
    """
    for key, bits in places.items():
        yield Write(key, {}, {"waiting": rows.number(standing.get(key, {}), "waiting") ^ bits})
