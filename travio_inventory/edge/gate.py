"""The gate and the taken seats in Redis, shared by all processes; with Redis away everyone passes."""

from collections import OrderedDict
from collections.abc import Callable, Sequence

from travio_inventory.edge import scripts
from travio_inventory.edge.connection import Redis
from travio_inventory.edge.keys import cell_name, gate_key, word
from travio_inventory.edge.line import RedisAway
from travio_inventory.engine.ports import BlockKey, Cell, GateAnswer, Locked, Passed, Taken

_ANSWERS: dict[int, type[Locked] | type[Taken]] = {1: Locked, 2: Taken}


class RedisGate:
    """Gate and TakenSeats in one, as the gate asks both.

    Who passes because Redis did not answer is counted until they leave. With `unguarded_max` such attempts inside,
    the next is told that its seats are contended, which it may try again in a moment. `now_ms` is a clock that never
    goes back.
    """

    def __init__(self, redis: Redis, now_ms: Callable[[], int], *, taken_ttl_ms: int, unguarded_max: int) -> None:
        self._redis = redis
        self._taken_ttl_ms = taken_ttl_ms
        self._unguarded = UnguardedAttempts(now_ms, attempts_max=unguarded_max)

    async def enter(
        self, block: BlockKey, cells: Sequence[Cell], *, token: str, claimant: str, ttl_ms: int
    ) -> GateAnswer:
        """Lock all the cells or none, for `ttl_ms`. A lock that the claimant has already stays as it is, so an attempt
        whose answer was lost does not lock its own claimant out.
        """
        if not cells:
            return Passed()
        try:
            reply = await self._redis.run(
                scripts.ENTER, gate_key(block), word(token), word(claimant), ttl_ms, *map(cell_name, cells)
            )
        except RedisAway:
            if self._unguarded.enter(token, ttl_ms):
                return Passed()
            return Locked(tuple(dict.fromkeys(cell.seat for cell in cells)))
        if reply == 0:
            return Passed()
        kind, *positions = reply
        return _ANSWERS[kind](tuple(dict.fromkeys(cells[position - 1].seat for position in positions)))

    async def leave(self, block: BlockKey, cells: Sequence[Cell], *, token: str) -> None:
        """Unlock the cells that `token` still locks. With Redis away they are locked until their time is over."""
        self._unguarded.leave(token)
        await self._tell(scripts.LEAVE, block, cells, word(token))

    async def mark(self, block: BlockKey, cells: Sequence[Cell], *, claimant: str) -> None:
        """The cells are taken, for `taken_ttl_ms`; the latest word on a cell counts."""
        await self._tell(scripts.MARK, block, cells, word(claimant), self._taken_ttl_ms)

    async def clear(self, block: BlockKey, cells: Sequence[Cell]) -> None:
        """The cells may be free again, whoever marked them."""
        await self._tell(scripts.CLEAR, block, cells)

    async def _tell(self, script: scripts.Script, block: BlockKey, cells: Sequence[Cell], *words: scripts.Word) -> None:
        if not cells:
            return
        try:
            await self._redis.run(script, gate_key(block), *words, *map(cell_name, cells))
        except RedisAway:
            return  # every entry lapses by itself


class UnguardedAttempts:
    """Counts attempts from entering to leaving, or until their time is over where they never leave."""

    def __init__(self, now_ms: Callable[[], int], *, attempts_max: int) -> None:
        self._now_ms = now_ms
        self._attempts_max = attempts_max
        self._until_ms: OrderedDict[str, int] = OrderedDict()

    def enter(self, token: str, ttl_ms: int) -> bool:
        """Whether there is room. An attempt that is inside already has its room, for each block that it enters."""
        now_ms = self._now_ms()
        if token not in self._until_ms and len(self._until_ms) >= self._attempts_max:
            self._drop_lapsed(now_ms)
            if len(self._until_ms) >= self._attempts_max:
                return False
        self._until_ms[token] = now_ms + ttl_ms
        self._until_ms.move_to_end(token)
        return True

    def leave(self, token: str) -> None:
        """The attempt is over, if it is known at all."""
        self._until_ms.pop(token, None)

    def _drop_lapsed(self, now_ms: int) -> None:
        """All attempts have about the same time, so the first to enter are the first to lapse."""
        while self._until_ms:
            token, until_ms = next(iter(self._until_ms.items()))
            if until_ms > now_ms:
                return
            del self._until_ms[token]
