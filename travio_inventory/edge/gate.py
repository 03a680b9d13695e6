"""The gate and the taken seats in Redis, shared by all processes; while Redis is down everyone passes."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import unquote

from travio_inventory.edge import scripts
from travio_inventory.edge.connection import Redis
from travio_inventory.edge.keys import ended_key, known_key, lock_keys, taken_keys, word
from travio_inventory.edge.occupancies import KNOWN_MS, told
from travio_inventory.edge.pipelined_connection import RedisDown
from travio_inventory.seats.ports import Attempt, Cell, GateAnswer, Locked, Occupancy, Passed, SeatGroupKey

_LOCKED = 1
"""The first value of `enter.lua`'s answer if others lock the cells, rather than own them."""


class RedisGate:
    """Gate and TakenSeats in one, since the gate reads both. Each cell has a key for its lock and one for its owner.

    Attempts that pass because Redis did not answer are counted until they leave. With `unguarded_max` of them inside,
    the next one is refused as contended and may retry in a moment. `now_ms` is a monotonic clock.
    """

    def __init__(self, redis: Redis, now_ms: Callable[[], int], *, taken_ttl_ms: int, unguarded_max: int) -> None:
        self._redis = redis
        self._taken_ttl_ms = taken_ttl_ms
        self._unguarded = UnguardedAttempts(now_ms, attempts_max=unguarded_max)

    async def enter(self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int) -> GateAnswer:
        """Lock all the cells or none, for `ttl_ms`. An existing lock stays as it is if the attempt may pass it, so an
        attempt whose answer was lost does not lock out its own claimant.
        """
        if not cells:
            return Passed()
        keys = [known_key(group, attempt.claimant), *lock_keys(group, cells), *taken_keys(group, cells)]
        known_ms = KNOWN_MS if attempt.has_key else 0
        words = (word(attempt.claimant), word(attempt.token), ttl_ms, known_ms, int(attempt.settles))
        try:
            reply = await self._redis.run(scripts.ENTER, keys, *words)
        except RedisDown:
            if self._unguarded.enter(attempt.token, ttl_ms):
                return Passed()
            return _locked(cells)
        if reply == 0:
            return Passed()
        kind, *found = reply
        if kind == _LOCKED:
            return _locked(cells[position - 1] for position in found)
        positions, entries = found[::2], found[1::2]
        return told({cells[at - 1]: _read(entry) for at, entry in zip(positions, entries, strict=True)})

    async def leave(self, group: SeatGroupKey, cells: Sequence[Cell], *, token: str) -> None:
        """Unlock the cells that `token` still locks. Nobody waits for it: if Redis does not get it, they stay locked
        until their time to live ends.
        """
        self._unguarded.leave(token)
        if cells:
            self._redis.tell(scripts.LEAVE, lock_keys(group, cells), word(token))

    async def mark(self, group: SeatGroupKey, cells: Sequence[Cell], occupancy: Occupancy) -> None:
        """Mark the cells as taken until `taken_ttl_ms` after the batch; see `occupancies.replaces`."""
        hold, claimant, status, until_ms, as_of_ms = occupancy
        keys = [ended_key(group, hold), *taken_keys(group, cells)]
        words = (word(claimant), word(hold), status, until_ms, as_of_ms, self._taken_ttl_ms)
        await self._run(scripts.MARK, keys, *words)

    async def clear(self, group: SeatGroupKey, cells: Sequence[Cell], *, hold: str) -> None:
        """Remove the hold's entries, and accept none of it for as long as they could have lasted."""
        keys = [ended_key(group, hold), *taken_keys(group, cells)]
        await self._run(scripts.CLEAR, keys, word(hold), self._taken_ttl_ms)

    async def _run(self, script: scripts.Script, keys: Sequence[bytes], *words: scripts.Word) -> None:
        try:
            await self._redis.run(script, keys, *words)
        except RedisDown:
            return  # every entry expires by itself


def _locked(cells: Iterable[Cell]) -> Locked:
    return Locked(tuple(dict.fromkeys(cell.seat for cell in cells)))


def _read(entry: bytes) -> Occupancy:
    """An entry as `mark.lua` writes it."""
    claimant, hold, status, until_ms, as_of_ms = entry.decode().split(" ")
    return Occupancy(unquote(hold, errors="surrogatepass"), unquote(claimant), status, int(until_ms), int(as_of_ms))


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
