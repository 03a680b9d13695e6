"""Entries of seat groups that lapse by themselves, within a bound."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from travio_inventory.seats.ports import SeatGroupKey

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_LOOKS_PER_PUT = 2
"""More than 1, so that expired entries are removed faster than new ones come."""


class Entry(NamedTuple, Generic[V]):
    """A value that expires."""

    value: V
    until_ms: int


class Lapsing(Generic[K, V]):
    """At most `entries_max` entries that expire, each of a seat group.

    Nothing scans for expired entries. What was put together is in a queue together, once; each insertion drops a few
    from its head that have expired. Once the queue is half full it puts the others at the tail, so that all are checked
    in turn, whatever their lifetimes.
    """

    def __init__(self, entries_max: int) -> None:
        self._entries_max = entries_max
        self._groups: dict[SeatGroupKey, dict[K, Entry[V]]] = {}
        self._queue: deque[tuple[SeatGroupKey, Sequence[K], Entry[V]]] = deque()
        self._queued = 0
        """The number of keys in the queue."""

    def __contains__(self, group: SeatGroupKey) -> bool:
        """Whether there may be entries of the seat group."""
        return group in self._groups

    def standing(self, group: SeatGroupKey, keys: Iterable[K], now_ms: int) -> dict[K, Entry[V]]:
        """The present entries, in the order of the keys."""
        found: dict[K, Entry[V]] = {}
        entries = self._groups.get(group)
        if entries is None:
            return found
        for key in keys:
            entry = entries.get(key)
            if entry is not None and entry.until_ms > now_ms:
                found[key] = entry
        return found

    def put(self, group: SeatGroupKey, keys: Sequence[K], value: V, now_ms: int, ttl_ms: int) -> None:
        """Store the value under all the keys, whatever is there; under none if there is not room for all."""
        self._drop_lapsed(now_ms)
        if not keys or self._queued + len(keys) > self._entries_max:
            return
        entry = Entry(value, now_ms + ttl_ms)
        self._groups.setdefault(group, {}).update(dict.fromkeys(keys, entry))
        self._queue.append((group, keys, entry))
        self._queued += len(keys)

    def drop(self, group: SeatGroupKey, keys: Iterable[K], is_meant: Callable[[V], bool]) -> None:
        """Drop the selected ones of the keys' values."""
        entries = self._groups.get(group)
        if entries is None:
            return
        for key in keys:
            entry = entries.get(key)
            if entry is not None and is_meant(entry.value):
                del entries[key]
        if not entries:
            del self._groups[group]

    def drop_group(self, group: SeatGroupKey) -> None:
        """Drop all of the seat group."""
        self._groups.pop(group, None)

    def _drop_lapsed(self, now_ms: int) -> None:
        for _ in range(_LOOKS_PER_PUT):
            if not self._queue:
                return
            group, keys, entry = self._queue[0]
            entries = self._groups.get(group)
            left = [key for key in keys if entries.get(key) is entry] if entries else []
            if left and entry.until_ms > now_ms and self._queued * 2 < self._entries_max:
                return
            self._queue.popleft()
            self._queued -= len(keys)
            if not left or entries is None:
                continue
            if entry.until_ms > now_ms:
                self._queue.append((group, left, entry))
                self._queued += len(left)
                continue
            for key in left:
                del entries[key]
            if not entries:
                del self._groups[group]
