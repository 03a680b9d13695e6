"""Leases on the slices of a sink: which of its relays works on which, shared out evenly among those that live.

A lease decides who works; two that relay one slice at a time repeat events, and lose none. It also fences the slice's
position, which lies in the same partition: only who has the lease moves it, whoever stood still meanwhile. No clock is
read: a lease is over for others when they have seen it stand for LEASE_MS, each by its own stopwatch, without being
renewed; and for its owner as long after it was renewed last. One that a dead process left is thus free a while after
somebody came to look; one that is given back is free at once.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Index,
    Kind,
    Row,
    RowKey,
    Rows,
    StoreUnavailable,
    Write,
)
from travio_inventory.protocol.minute_cursor import cursor_of
from travio_inventory.protocol.rows import number, text
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.slices import SLICES

LEASE_MS = 10_000
BEAT_MS = 3_000
"""How often leases are renewed."""
RETRY_MS = 500
"""The pause after a beat that failed."""
KEPT_S = 120
"""So long rows are kept from when they were written last: a sink that is taken away leaves none."""
_MEMBER = "~"
"""Begins the row of a relay: other rows are slices."""
_FREE = ""


class _Seen(NamedTuple):
    owner: str
    renewed: int
    since_ms: int
    """Since when it stands so, by our stopwatch."""


class SliceLeases:
    """Those of one relay of the sink, which has an id of its own until it is released."""

    def __init__(self, sender: Sender, sink: str) -> None:
        self._batches = sender.batches
        self._clock = sender.clock
        self._random = sender.random
        self._partition = cursor_of(Index.JOURNAL, sink)[0]
        self._new_id = sender.new_digest
        self._me = self._new_id()
        self._mine: set[int] = set()
        self._sure_ms = 0
        """From then on they are ours for LEASE_MS."""
        self._next_ms = 0
        self._beats = 0
        self._seen: dict[RowKey, _Seen] = {}

    async def keep(self) -> frozenset[int]:
        """The slices to work on now: renews what is ours, takes what is free, gives back what is too much, at
        intervals.
        """
        if self._clock.elapsed_ms() >= self._next_ms:
            self._next_ms = self._clock.elapsed_ms() + RETRY_MS
            with suppress(StoreUnavailable):
                if await self._beat():
                    self._next_ms += BEAT_MS - RETRY_MS
        if self._clock.elapsed_ms() - self._sure_ms >= LEASE_MS:
            self._mine = set()
        return frozenset(self._mine)

    def is_mine(self, part: int) -> bool:
        """Whether the slice is ours still: nobody else may have taken it."""
        return part in self._mine and self._clock.elapsed_ms() - self._sure_ms < LEASE_MS

    async def renew(self) -> None:
        """Renew what is ours, while work on it takes long."""
        began_ms = self._clock.elapsed_ms()
        if began_ms - self._sure_ms >= BEAT_MS and await self._write(self._mine, ()):
            self._sure_ms = began_ms

    def fence(self, part: int) -> Write:
        """Holds while the slice is ours: with it in its batch, a position is not moved once another has taken the
        slice.
        """
        return Write(_row_of(part), {"owner": self._me}, self._values(self._me), KEPT_S)

    async def release(self) -> None:
        """Give back what is ours, and be no relay any more: who goes on nevertheless is another one."""
        mine, self._mine = self._mine, set()
        await self._write((), mine, alive=False)
        self._me = self._new_id()

    async def _beat(self) -> bool:
        """Whether it was done. Raises StoreUnavailable."""
        began_ms = self._clock.elapsed_ms()
        self._see(await self._batches.read(self._partition, Kind.LEASE), began_ms)
        quota = self._quota(began_ms)
        mine = [part for part in range(SLICES) if self._owner_of(part) == self._me]
        if not await self._write(mine[:quota], mine[quota:]):
            return False
        self._mine, self._sure_ms = set(mine[:quota]), began_ms
        free = [part for part in range(SLICES) if part not in mine and self._is_free(_row_of(part), began_ms)]
        self._random.shuffle(free)
        for part in free[: max(quota - len(mine), 0)]:
            if await self._take(_row_of(part)):
                self._mine.add(part)
        return True

    async def _write(self, kept: Iterable[int], given: Iterable[int], *, alive: bool = True) -> bool:
        """Say whether we live; renew these, and give back those. Whether all of it was done."""
        self._beats += 1
        # who is gone stays gone, though a late copy of what it wrote when it lived arrives
        member = RowKey(Kind.LEASE, f"{_MEMBER}{self._me}")
        lives: Row | None = {"owner": self._me} if member in self._seen else ABSENT
        writes = [Write(member, lives if alive else {}, self._values(self._me if alive else _FREE), KEPT_S)]
        writes += [self.fence(part) for part in sorted(kept)]
        writes += [Write(_row_of(part), {"owner": self._me}, self._values(_FREE), KEPT_S) for part in sorted(given)]
        return isinstance(await self._batches.apply(self._partition, writes), Applied)

    async def _take(self, row: RowKey) -> bool:
        seen = self._seen.get(row)
        condition: Row | None = ABSENT if seen is None else {"owner": seen.owner, "renewed": seen.renewed}
        taken = [Write(row, condition, self._values(self._me), KEPT_S)]
        return isinstance(await self._batches.apply(self._partition, taken), Applied)

    def _values(self, owner: str) -> Row:
        return {"owner": owner, "renewed": self._beats}

    # ---- what is seen of the others

    def _see(self, found: Rows, now_ms: int) -> None:
        before, self._seen = self._seen, {}
        for key, row in found.items():
            seen, was = _Seen(text(row, "owner"), number(row, "renewed"), now_ms), before.get(key)
            self._seen[key] = was if was is not None and was[:2] == seen[:2] else seen

    def _quota(self, now_ms: int) -> int:
        """How many slices are ours, if each that lives has as many, or one more."""
        living = [key for key in self._seen if key.id.startswith(_MEMBER) and self._lives(key, now_ms)]
        members = sorted({self._me, *(self._seen[key].owner for key in living)} - {_FREE})
        return SLICES // len(members) + (members.index(self._me) < SLICES % len(members))

    def _lives(self, row: RowKey, now_ms: int) -> bool:
        return now_ms - self._seen[row].since_ms < LEASE_MS

    def _is_free(self, row: RowKey, now_ms: int) -> bool:
        return row not in self._seen or self._seen[row].owner == _FREE or not self._lives(row, now_ms)

    def _owner_of(self, part: int) -> str:
        seen = self._seen.get(_row_of(part))
        return _FREE if seen is None else seen.owner


def _row_of(part: int) -> RowKey:
    return RowKey(Kind.LEASE, f"{part:02d}")
