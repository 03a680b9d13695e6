"""The gate and the taken seats in Redis, shared by all processes; while Redis is down everyone passes."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from urllib.parse import unquote

from travio_inventory.edge import scripts
from travio_inventory.edge.connection import Redis
from travio_inventory.edge.keys import known_key, left_key, lock_keys, taken_keys, word
from travio_inventory.edge.occupancies import KNOWN_MS, Found
from travio_inventory.edge.pipelined_connection import RedisDown
from travio_inventory.seats.audit.ports import Entry
from travio_inventory.seats.ports import Attempt, Cell, Occupancy, SeatGroupKey

_LOCKED = 1
"""The first value of `enter.lua`'s answer if others lock the cells, rather than own them."""


class RedisGate:
    """AskedGate. Each cell has a key for its lock and one for its owner.

    Attempts that pass because Redis did not answer are counted until they leave. With `unguarded_max` of them inside,
    the next one is refused as contended and may retry in a moment. `now_ms` is a monotonic clock.
    """

    def __init__(self, redis: Redis, now_ms: Callable[[], int], *, taken_ttl_ms: int, unguarded_max: int) -> None:
        self._redis = redis
        self._taken_ttl_ms = taken_ttl_ms
        self._unguarded = UnguardedAttempts(now_ms, attempts_max=unguarded_max)

    async def ask(
        self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int
    ) -> Sequence[Found]:
        """See AskedGate. An existing lock stays as it is if the attempt may pass it, so an attempt whose answer was
        lost does not lock out its own claimant.
        """
        if not cells:
            return ()
        keys = [known_key(group, attempt.claimant), *lock_keys(group, cells), *taken_keys(group, cells)]
        known_ms = KNOWN_MS if attempt.has_key else 0
        words = (word(attempt.claimant), word(attempt.token), ttl_ms, known_ms, int(attempt.settles))
        try:
            reply = await self._redis.run(scripts.ENTER, keys, words)
        except RedisDown:
            if self._unguarded.enter(attempt.token, ttl_ms):
                return ()
            return [Found(cell, "", None, 0) for cell in cells]
        if reply == 0:
            return ()
        kind, *found = reply
        read = _lock if kind == _LOCKED else _taken
        return [
            read(cells[position - 1], entry, left_ms)
            for position, entry, left_ms in zip(found[::3], found[1::3], found[2::3], strict=True)
        ]

    async def known(self, group: SeatGroupKey, claimants: Collection[str]) -> Collection[str]:
        """See AskedGate. All of them while Redis is down, so that all pass."""
        try:
            found = await self._redis.run(scripts.MGET, [known_key(group, claimant) for claimant in claimants])
        except RedisDown:
            return claimants
        return {claimant for claimant, entry in zip(claimants, found, strict=True) if entry is not None}

    async def look(self, group: SeatGroupKey, cells: Sequence[Cell]) -> Sequence[Entry] | None:
        """See GateSight."""
        if not cells:
            return ()
        try:
            reply = await self._redis.run(scripts.LOOK, [*lock_keys(group, cells), *taken_keys(group, cells)])
        except RedisDown:
            return None
        return [
            _entry(cells[(position - 1) % len(cells)], position <= len(cells), entry, left_ms)
            for position, entry, left_ms in zip(reply[::3], reply[1::3], reply[2::3], strict=True)
        ]

    # Unlocks and marks are told to Redis in order, and nobody waits for them. What Redis does not get expires there.

    async def leave(self, group: SeatGroupKey, cells: Sequence[Cell], *, token: str) -> None:
        """Unlock the cells that `token` still locks."""
        self._unguarded.leave(token)
        if cells:
            self._redis.tell(scripts.LEAVE, lock_keys(group, cells), (word(token),))

    async def mark(self, group: SeatGroupKey, cells: Sequence[Cell], occupancy: Occupancy) -> None:
        """Mark the cells as taken until `taken_ttl_ms` after the batch; see `occupancies.replaces`."""
        hold, claimant, status, until_ms, as_of_ms = occupancy
        keys = [left_key(group, hold), *taken_keys(group, cells)]
        words = (word(claimant), word(hold), status, until_ms, as_of_ms, self._taken_ttl_ms)
        self._redis.tell(scripts.MARK, keys, words)

    async def clear(self, group: SeatGroupKey, cells: Sequence[Cell], *, hold: str) -> None:
        """Remove the hold's entries, and accept none of it there while they could have lasted. Awaited: whoever
        learns that the cells are free finds them so, by whichever process it asks.
        """
        if not cells:
            return
        keys = [left_key(group, hold), *taken_keys(group, cells)]
        with suppress(RedisDown):
            await self._redis.run(scripts.CLEAR, keys, (word(hold), self._taken_ttl_ms))


def _lock(cell: Cell, entry: bytes, left_ms: int) -> Found:
    """A lock as `enter.lua` writes it."""
    claimant, _ = entry.decode().split(" ")
    return Found(cell, unquote(claimant, errors="surrogatepass"), None, left_ms)


def _entry(cell: Cell, is_lock: bool, entry: bytes, left_ms: int) -> Entry:
    """A lock's token, or the hold of a mark; nobody's ("") where it is in no form of ours."""
    words = entry.decode(errors="surrogateescape").split(" ")
    owner = words[1] if len(words) > 1 else ""
    return Entry(cell, is_lock, unquote(owner, errors="surrogatepass"), left_ms)


def _taken(cell: Cell, entry: bytes, left_ms: int) -> Found:
    """An entry as `mark.lua` writes it."""
    claimant, hold, status, until_ms, as_of_ms = entry.decode().split(" ")
    claimant = unquote(claimant, errors="surrogatepass")
    by = Occupancy(unquote(hold, errors="surrogatepass"), claimant, status, int(until_ms), int(as_of_ms))
    return Found(cell, claimant, by, left_ms)


class UnguardedAttempts:
    """Counts attempts from entering to leaving, or until their time to live ends if they never leave."""

    def __init__(self, now_ms: Callable[[], int], *, attempts_max: int) -> None:
        self._now_ms = now_ms
        self._attempts_max = attempts_max
        self._until_ms: OrderedDict[str, int] = OrderedDict()

    def enter(self, token: str, ttl_ms: int) -> bool:
        """Whether there is room. An attempt that is inside already counts once, for all seat groups that it enters."""
        now_ms = self._now_ms()
        if token not in self._until_ms and len(self._until_ms) >= self._attempts_max:
            self._drop_lapsed(now_ms)
            if len(self._until_ms) >= self._attempts_max:
                return False
        self._until_ms[token] = now_ms + ttl_ms
        self._until_ms.move_to_end(token)
        return True

    def leave(self, token: str) -> None:
        """The attempt is over; an unknown one is ignored."""
        self._until_ms.pop(token, None)

    def _drop_lapsed(self, now_ms: int) -> None:
        """All attempts have about the same time to live, so the first to enter are the first to expire."""
        while self._until_ms:
            token, until_ms = next(iter(self._until_ms.items()))
            if until_ms > now_ms:
                return
            del self._until_ms[token]
