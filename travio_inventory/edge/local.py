"""The edge within one process: locks, taken seats and packed blocks in dictionaries."""

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count
from math import inf
from types import MappingProxyType
from typing import NamedTuple

from travio_inventory.domain.trip import TripKey
from travio_inventory.engine.ports import BlockKey, Cell, GateAnswer, Lease, Locked, Passed, Taken

_LOOKS_PER_CELL = 2
"""More than 1, so that lapsed entries go faster than new ones come."""


class LocalGate:
    """Gate and TakenSeats in one, as the gate asks both.

    Keeps at most `entries_max` locks and as many taken cells; what is beyond is not remembered, so it passes.
    `now_ms` is a clock that never goes back.
    """

    def __init__(self, now_ms: Callable[[], int], *, entries_max: int, taken_ttl_ms: int = 2_000) -> None:
        self._now_ms = now_ms
        self._taken_ttl_ms = taken_ttl_ms
        self._locks = _Entries(entries_max)
        self._taken = _Entries(entries_max)

    async def enter(
        self, block: BlockKey, cells: Sequence[Cell], *, token: str, claimant: str, ttl_ms: int
    ) -> GateAnswer:
        """Lock all the cells or none, for `ttl_ms`. A lock that the claimant has already stays as it is."""
        now_ms = self._now_ms()
        if locked := self._locks.seats_of_others(block, cells, claimant, now_ms):
            return Locked(locked)
        if taken := self._taken.seats_of_others(block, cells, claimant, now_ms):
            return Taken(taken)
        self._locks.add(block, cells, _Entry(claimant, token, now_ms + ttl_ms), now_ms)
        return Passed()

    async def leave(self, block: BlockKey, cells: Sequence[Cell], *, token: str) -> None:
        """Unlock the cells that `token` still locks."""
        self._locks.drop(block, cells, token)

    async def mark(self, block: BlockKey, cells: Sequence[Cell], *, claimant: str) -> None:
        """The cells are taken, for `taken_ttl_ms`; the latest word on a cell counts, unless it names nobody."""
        now_ms = self._now_ms()
        if claimant:
            self._taken.drop(block, cells)
        self._taken.add(block, cells, _Entry(claimant or None, "", now_ms + self._taken_ttl_ms), now_ms)

    async def clear(self, block: BlockKey, cells: Sequence[Cell]) -> None:
        """The cells may be free again, whoever marked them."""
        self._taken.drop(block, cells)


class LocalSeatMapCache:
    """SeatMapCache. Keeps the `trips_max` trips that were asked for last; forgetting a trip voids its leases.

    Blocks filled more than `stale_ms_max` ago are not read. A block filled again with equal bytes is the same
    object as before. `now_ms` is a clock that never goes back.
    """

    def __init__(self, now_ms: Callable[[], int], *, trips_max: int, stale_ms_max: int = 2_000) -> None:
        self._now_ms = now_ms
        self._trips_max = trips_max
        self._stale_ms_max = stale_ms_max
        self._trips: OrderedDict[TripKey, _TripBlocks] = OrderedDict()
        self._lease_numbers = count(1)

    async def read(self, trip: TripKey) -> Mapping[int, bytes]:
        """The blocks that are cached and fresh; what happens later does not change the answer."""
        blocks = self._trips.get(trip)
        if blocks is None:
            return _NO_BLOCKS
        self._trips.move_to_end(trip)
        return blocks.fresh(self._now_ms(), self._stale_ms_max)

    async def lease(self, trip: TripKey, blocks: Collection[int]) -> Mapping[int, Lease]:
        """A lease for each block: the one that stands, or a new one."""
        leases = self._trip(trip).leases
        for block in blocks:
            if block not in leases:
                leases[block] = str(next(self._lease_numbers))
        return {block: leases[block] for block in blocks}

    async def fill(self, trip: TripKey, packed: Mapping[int, tuple[Lease, bytes]]) -> None:
        """Keep each block whose lease still holds. The lease goes on holding."""
        blocks = self._trips.get(trip)
        if blocks is None:
            return
        now_ms = self._now_ms()
        for block, (lease, content) in packed.items():
            if blocks.leases.get(block) == lease:
                blocks.put(block, content, now_ms)

    async def invalidate(self, trip: TripKey, blocks: Collection[int]) -> None:
        """Drop the blocks and void their leases."""
        if standing := self._trips.get(trip):
            for block in blocks:
                standing.drop(block)

    def _trip(self, key: TripKey) -> "_TripBlocks":
        """The trip's blocks, made if need be; the trip asked for the longest ago makes room."""
        blocks = self._trips.get(key)
        if blocks is None:
            blocks = self._trips[key] = _TripBlocks()
            if len(self._trips) > self._trips_max:
                self._trips.popitem(last=False)
        else:
            self._trips.move_to_end(key)
        return blocks


class _Entry(NamedTuple):
    """Whose a cell is for the moment; None where it is not known, which is nobody's own."""

    claimant: str | None
    token: str
    until_ms: int


class _Entries:
    """At most `entries_max` cells, each with an entry that lapses.

    Nothing scans for what has lapsed. Every entry is in a queue once; whoever adds one takes a few from its
    head, drops those that are over and puts the others at its tail, so that all are looked at in turn.
    """

    def __init__(self, entries_max: int) -> None:
        self._entries_max = entries_max
        self._blocks: dict[BlockKey, dict[Cell, _Entry]] = {}
        self._queue: deque[tuple[BlockKey, Cell, _Entry]] = deque()

    def seats_of_others(self, block: BlockKey, cells: Sequence[Cell], claimant: str, now_ms: int) -> tuple[str, ...]:
        """The seats, each once and in order, with a cell that is another claimant's now."""
        entries = self._blocks.get(block)
        if entries is None:
            return ()
        seats: dict[str, None] = {}
        for cell in cells:
            entry = entries.get(cell)
            if entry is not None and entry.claimant != claimant and entry.until_ms > now_ms:
                seats[cell.seat] = None
        return tuple(seats)

    def add(self, block: BlockKey, cells: Sequence[Cell], entry: _Entry, now_ms: int) -> None:
        """Enter all the cells but those with an entry that stands; none of them if not all have room."""
        self._drop_lapsed(now_ms, _LOOKS_PER_CELL * len(cells))
        if not cells or len(self._queue) + len(cells) > self._entries_max:
            return
        entries = self._blocks.setdefault(block, {})
        for cell in cells:
            standing = entries.get(cell)
            if standing is None or standing.until_ms <= now_ms:
                entries[cell] = entry
                self._queue.append((block, cell, entry))

    def drop(self, block: BlockKey, cells: Sequence[Cell], token: str | None = None) -> None:
        """Drop the cells' entries: those of the token, or all where none is named."""
        entries = self._blocks.get(block)
        if entries is None:
            return
        for cell in cells:
            entry = entries.get(cell)
            if entry is not None and token in (None, entry.token):
                del entries[cell]
        if not entries:
            del self._blocks[block]

    def _drop_lapsed(self, now_ms: int, looks: int) -> None:
        for _ in range(min(looks, len(self._queue))):
            block, cell, entry = queued = self._queue.popleft()
            if self._blocks.get(block, _NO_ENTRIES).get(cell) is not entry:
                continue
            if entry.until_ms > now_ms:
                self._queue.append(queued)
            else:
                self.drop(block, [cell])


class _TripBlocks:
    """One trip's blocks and leases."""

    def __init__(self) -> None:
        self.leases: dict[int, Lease] = {}
        self._contents: dict[int, bytes] = {}  # the stale and the dropped too, to know equal bytes again
        self._filled_at_ms: dict[int, int] = {}
        self._fresh: Mapping[int, bytes] = _NO_BLOCKS
        self._fresh_until_ms: float = inf

    def fresh(self, now_ms: int, stale_ms_max: int) -> Mapping[int, bytes]:
        """The blocks filled within `stale_ms_max`: the same answer until one changes or goes stale."""
        if now_ms > self._fresh_until_ms:
            self._filled_at_ms = {
                block: at_ms for block, at_ms in self._filled_at_ms.items() if now_ms - at_ms <= stale_ms_max
            }
            self._fresh = MappingProxyType({block: self._contents[block] for block in self._filled_at_ms})
            self._fresh_until_ms = min(self._filled_at_ms.values(), default=inf) + stale_ms_max
        return self._fresh

    def put(self, block: int, content: bytes, now_ms: int) -> None:
        """Keep the content, as the object known before where it is equal."""
        if self._contents.get(block) != content:
            self._contents[block] = content
        self._filled_at_ms[block] = now_ms
        self._fresh_until_ms = -inf

    def drop(self, block: int) -> None:
        """Forget the block and its lease."""
        self.leases.pop(block, None)
        if self._filled_at_ms.pop(block, None) is not None:
            self._fresh_until_ms = -inf


_NO_ENTRIES: Mapping[Cell, _Entry] = MappingProxyType({})
_NO_BLOCKS: Mapping[int, bytes] = MappingProxyType({})
