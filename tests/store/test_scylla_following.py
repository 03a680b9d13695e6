"""Entries that follow their batches on a cluster: nobody waits for them, and none is lost while its process lives."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from travio_inventory.protocol.batches import Index, IndexEntry
from travio_inventory.store.scylla import following
from travio_inventory.store.scylla.announcer import BUCKETS_MAX, TOGETHER_MAX
from travio_inventory.store.scylla.following import (
    GAP_S,
    KNOWN_S,
    LEFT_AFTER_S,
    REQUESTS_MAX,
    RETRY_S,
    WAITING_MAX,
    FollowingEntries,
    JustWritten,
)
from verification.simulation.virtual_loop import now_s, run_virtually

KEEP_S = 600


def entry(name: str, *, of: str = "ann", keep_s: int = KEEP_S) -> IndexEntry:
    return IndexEntry(Index.HOLDS, of, name, keep_s)


def numbered(count: int) -> list[IndexEntry]:
    """An entry for each of so many holders."""
    return [entry("hold", of=f"user-{number}") for number in range(count)]


class Road:
    """Requests to a server, which answers at once unless it is closed, or fails."""

    def __init__(self) -> None:
        self.requests: list[list[IndexEntry]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.is_failing = False
        self.entries = FollowingEntries(self._write)

    async def _write(self, entries: Sequence[IndexEntry]) -> bool:
        self.requests.append(list(entries))
        await self.open.wait()
        return not self.is_failing

    @property
    def written(self) -> list[IndexEntry]:
        return [each for request in self.requests for each in request]


def on_the_road(day: Callable[[Road], Coroutine[Any, Any, None]]) -> None:
    """Such a day, in virtual time."""

    async def run() -> None:
        await day(Road())

    run_virtually(0, run())


def test_who_comes_alone_waits_a_moment_for_company() -> None:
    async def day(road: Road) -> None:
        road.entries.add([entry("a")])
        await asyncio.sleep(GAP_S / 2)
        road.entries.add([entry("b"), entry("c", of="bob")])
        assert not road.requests
        await asyncio.sleep(GAP_S)
        assert road.requests == [[entry("a"), entry("b"), entry("c", of="bob")]]
        assert len(road.entries) == 0

    on_the_road(day)


@pytest.mark.parametrize("entries", [numbered(BUCKETS_MAX), [entry(str(number)) for number in range(TOGETHER_MAX)]])
def test_a_full_request_is_sent_at_once(entries: Sequence[IndexEntry]) -> None:
    async def day(road: Road) -> None:
        road.entries.add(entries)
        await asyncio.sleep(0)
        assert road.requests == [list(entries)]

    on_the_road(day)


def test_what_is_on_its_way_is_shown_until_it_is_there() -> None:
    async def day(road: Road) -> None:
        road.open.clear()
        road.entries.add([entry("sent")])
        await asyncio.sleep(2 * GAP_S)
        road.entries.add([entry("waits"), entry("another's", of="bob")])
        assert road.entries.of(Index.HOLDS, "ann") == {"sent", "waits"}
        assert road.entries.of(Index.ORDERS, "ann") == set()
        road.open.set()
        await asyncio.sleep(2 * GAP_S)
        assert road.entries.of(Index.HOLDS, "ann") == set()

    on_the_road(day)


def test_entries_of_a_bucket_are_written_one_after_the_other_and_the_last_says_how_long() -> None:
    async def day(road: Road) -> None:
        road.open.clear()
        road.entries.add([entry("hold", keep_s=0)])
        await asyncio.sleep(2 * GAP_S)
        for keep_s in (7, 8):
            road.entries.add([entry("hold", keep_s=keep_s)])
        await asyncio.sleep(2 * GAP_S)
        assert road.written == [entry("hold", keep_s=0)]
        road.open.set()
        await asyncio.sleep(2 * GAP_S)
        assert road.written == [entry("hold", keep_s=0), entry("hold", keep_s=8)]

    on_the_road(day)


def test_what_could_not_be_written_goes_again_after_a_pause_and_what_came_since_counts() -> None:
    async def day(road: Road) -> None:
        road.is_failing = True
        road.open.clear()
        road.entries.add([entry("a", keep_s=1), entry("b")])
        await asyncio.sleep(2 * GAP_S)
        road.entries.add([entry("a", keep_s=2)])
        road.open.set()
        await asyncio.sleep(RETRY_S / 2)
        assert len(road.requests) == 1
        assert road.entries.of(Index.HOLDS, "ann") == {"a", "b"}
        road.is_failing = False
        await asyncio.sleep(RETRY_S)
        assert road.requests[1:] == [[entry("a", keep_s=2), entry("b")]]

    on_the_road(day)


def test_what_cannot_be_written_for_long_is_left() -> None:
    async def day(road: Road) -> None:
        road.is_failing = True
        road.entries.add([entry("a")])
        await asyncio.sleep(LEFT_AFTER_S - 2 * RETRY_S)
        assert len(road.entries) == 1
        await asyncio.sleep(4 * RETRY_S)
        assert len(road.entries) == 0

    on_the_road(day)


def test_few_requests_are_under_way_and_of_too_many_entries_the_oldest_are_left() -> None:
    async def day(road: Road) -> None:
        road.open.clear()
        road.entries.add(numbered(REQUESTS_MAX * BUCKETS_MAX + WAITING_MAX + 5))
        await asyncio.sleep(2 * GAP_S)
        assert len(road.requests) == REQUESTS_MAX
        assert len(road.entries) <= WAITING_MAX
        road.entries.add([entry("newest")])
        assert road.entries.of(Index.HOLDS, "ann") == {"newest"}
        road.open.set()
        await asyncio.sleep(1)
        assert len(road.entries) == 0

    on_the_road(day)


def test_all_is_written_when_the_store_is_closed_unless_it_takes_too_long() -> None:
    async def day(road: Road) -> None:
        road.entries.add([*numbered(3), *(entry(str(number)) for number in range(2 * TOGETHER_MAX))])
        await road.entries.close(within_s=1)
        assert len(road.written) == 3 + 2 * TOGETHER_MAX
        road.open.clear()
        stuck = Road()
        stuck.open.clear()
        stuck.entries.add([entry("a")])
        began = now_s()
        await stuck.entries.close(within_s=1)
        assert now_s() - began == pytest.approx(1)

    on_the_road(day)


def test_an_entry_that_no_server_takes_stops_no_other() -> None:
    async def day(road: Road) -> None:
        async def wrong(entries: Sequence[IndexEntry]) -> bool:
            if entry("wrong") in entries:
                raise OverflowError("an id of 70,000 bytes")
            road.requests.append(list(entries))
            return True

        entries = FollowingEntries(wrong)
        entries.add([entry("wrong")])
        await asyncio.sleep(2 * GAP_S)
        entries.add([entry("right")])
        await asyncio.sleep(2 * GAP_S)
        assert (road.written, len(entries)) == ([entry("right")], 0)

    on_the_road(day)


def test_what_was_just_written_is_known_for_a_moment_and_only_as_it_was_written_last() -> None:
    async def day(_: Road) -> None:
        known = JustWritten()
        known.note([entry("a"), entry("b", keep_s=0)])
        known.note([entry("b", keep_s=7)])
        assert known.without([entry("a"), entry("b", keep_s=0), entry("b", keep_s=7), entry("c")]) == [
            entry("b", keep_s=0),
            entry("c"),
        ]
        await asyncio.sleep(KNOWN_S + 1)
        assert known.without([entry("a")]) == [entry("a")]

    on_the_road(day)


def test_so_many_written_entries_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "KNOWN_MAX", 2)

    async def day(_: Road) -> None:
        known = JustWritten()
        known.note(numbered(3))
        assert known.without(numbered(3)) == numbered(1)

    on_the_road(day)
