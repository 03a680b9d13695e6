"""The list of all trips, in shards: each is visited about once an hour, by whichever process comes upon it first.

Each process takes a shard that was not visited for an hour, whichever it comes upon first, and notes when it is done:
several processes share the work without talking to each other, one that dies leaves its shard to the others, and what
is done in a minute is bounded.
"""

from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from itertools import islice
from random import Random
from typing import Generic, TypeVar

from travio_inventory.kernel.clock import Clock
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    ABSENT,
    FOR_EVER,
    Batches,
    Index,
    IndexEntry,
    Kind,
    Partition,
    Row,
    RowKey,
    Table,
    Write,
)
from travio_inventory.seats.ports import ListedTrip
from travio_inventory.seats.trip import Trip, TripKey

SHARDS = 60
"""They are in the names of buckets: a release that has fewer leaves trips unvisited."""
EVERY_MS = 3_600_000
SPARE = 1.25
"""So much faster than need be shards are begun: a round takes time too."""

_MARKS = tuple(RowKey(Kind.CURSOR, f"{shard:02d}") for shard in range(SHARDS))

T = TypeVar("T")


def listed(trip: Trip, opened_at_ms: int) -> IndexEntry:
    """Where the trip is found; durable before there is anything in it to be found."""
    ends_s = max(segment.arrives_at_s for segment in trip.segments)
    return entry_of(ListedTrip(trip.key, trip.group_count, ends_s, opened_at_ms))


def entry_of(trip: ListedTrip, *, keep_s: int = FOR_EVER) -> IndexEntry:
    """The trip's entry, kept for so long from now on."""
    (organization, name), *numbers = trip
    entry = rows.SEPARATOR.join((organization, name, *map(str, numbers)))
    return IndexEntry(Index.TRIPS, _bucket(shard_of(trip.key)), entry, keep_s)


def read_entry(entry: str) -> ListedTrip:
    """The trip that an entry names."""
    organization, trip, count, ends_s, opened_at_ms = entry.split(rows.SEPARATOR)
    return ListedTrip(TripKey(organization, trip), int(count), int(ends_s), int(opened_at_ms))


async def listed_in(batches: Batches, shard: int, *, after: str, most: int) -> list[tuple[str, ListedTrip]]:
    """The next trips of the shard, each with its entry. Raises StoreUnavailable."""
    entries = await batches.read_index(Index.TRIPS, _bucket(shard), after=after, most=most)
    return [(entry, read_entry(entry)) for entry in entries]


class TripRound(Generic[T]):
    """What `find` makes of all listed trips, given the second of the day, each once in `every_ms` for all that go by
    the same `name`.
    """

    def __init__(
        self,
        batches: Batches,
        clock: Clock,
        find: Callable[[Iterable[ListedTrip], int], Iterator[T]],
        *,
        name: str,
        random: Random,
        every_ms: int = EVERY_MS,
    ) -> None:
        self._batches = batches
        self._clock = clock
        self._find = find
        self._random = random
        self._every_ms = every_ms
        self._partition = Partition(Table.CURSORS, "", f"slow round of {name}")
        self._begun_ms = 0
        self._pause_ends_ms = 0
        """By our stopwatch."""
        self._shard: int | None = None
        self._marked: Row | None = None
        self._left: Iterator[T] = iter(())

    async def next(self, most: int) -> list[T]:
        """The next to visit, at most so many; asking for more says that the last ones were visited.

        Raises StoreUnavailable.
        """
        found = list(islice(self._left, most))
        if not found:
            await self._end_shard()
            await self._begin_shard()
            found = list(islice(self._left, most))
        return found

    async def _begin_shard(self) -> None:
        """Take one of those whose time has come, unless the last one was begun a moment ago."""
        if self._clock.elapsed_ms() < self._pause_ends_ms:
            return
        self._pause_ends_ms = self._clock.elapsed_ms() + round(self._every_ms / SHARDS / SPARE)
        now_ms = self._begun_ms = self._clock.now_ms()
        marks = await self._batches.read(self._partition, Kind.CURSOR)
        due = [shard for shard, mark in enumerate(_MARKS) if self._is_due(marks.get(mark), now_ms)]
        if due:
            shard = self._random.choice(due)
            entries = await self._batches.read_index(Index.TRIPS, _bucket(shard))
            self._shard, self._marked = shard, marks.get(_MARKS[shard])
            self._left = self._find(map(read_entry, entries), now_ms // 1_000)

    async def _end_shard(self) -> None:
        """Note that the shard was visited; where another process has noted it meanwhile, that is as good."""
        shard, self._shard = self._shard, None
        if shard is not None:
            seen = ABSENT if self._marked is None else {"reached": self._marked.get("reached")}
            await self._batches.apply(self._partition, [Write(_MARKS[shard], seen, {"reached": self._begun_ms})])

    def _is_due(self, mark: Row | None, now_ms: int) -> bool:
        """A mark that is ahead of the present was made by a clock that was wrong."""
        return mark is None or not 0 <= now_ms - rows.number(mark, "reached") < self._every_ms


def shard_of(trip: TripKey) -> int:
    """The shard that lists the trip."""
    digest = blake2b(rows.SEPARATOR.join(trip).encode(), digest_size=4).digest()
    return int.from_bytes(digest) % SHARDS


def _bucket(shard: int) -> str:
    return f"{shard:02d}"
