"""The slow round over open trips: each seat group once in an hour, by any process; and what it finds."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from random import Random
from typing import Any, TypeVar

import pytest

from travio_inventory.events.relay import EventRelay
from travio_inventory.kernel.actor import HOUSE, Actor
from travio_inventory.kernel.events import Event
from travio_inventory.protocol import event_rows, rows
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Index,
    Kind,
    Partition,
    Row,
    RowKey,
    Rows,
    StoreUnavailable,
    Table,
    Write,
)
from travio_inventory.protocol.journal import EventJournal
from travio_inventory.protocol.lapses import LapseFinder
from travio_inventory.protocol.late_events import LateEvents
from travio_inventory.protocol.retention import Retention
from travio_inventory.seats.hold import Held, Hold, HoldId, HoldRequest, Recorded
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.definitions import Definitions
from travio_inventory.seats.records.listed_trips import EVERY_MS
from travio_inventory.seats.records.open_trips import GROUPS_AT_ONCE, KEPT_S, SlowRound
from travio_inventory.seats.records.seats import Seats
from travio_inventory.seats.route import Segment
from travio_inventory.seats.trip import Journey, Trip, TripKey
from travio_inventory.seats.use_cases.expire_holds import ExpireHolds
from travio_inventory.store.memory import MemoryBatches
from verification.kit.asking import open_trip
from verification.kit.legal_ids import AWKWARD
from verification.kit.trips import row_of
from verification.simulation.oracle import START_MS
from verification.simulation.process import Process, adopting, steady_process
from verification.simulation.virtual_loop import run_virtually

T = TypeVar("T")

HOUR_S = EVERY_MS / 1_000
TRIPS, GROUPS = 40, 3
DAY_S = 86_400


class Store(MemoryBatches):
    """Some partitions, or the list of trips, cannot be read, which takes `silent_s` to find out."""

    def __init__(self) -> None:
        super().__init__(None, Random(1), asyncio.sleep)
        self.unreadable: set[Partition] = set()
        self.silent_s = 0.0
        self.are_trips_lost = False

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        if partition in self.unreadable:
            await asyncio.sleep(self.silent_s)
            raise StoreUnavailable("no answer")
        return await super().read(partition, kind, start=start, end=end, most=most)

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> list[str]:
        if index is Index.TRIPS and self.are_trips_lost:
            raise StoreUnavailable("no answer")
        return list(await super().read_index(index, bucket, after=after, most=most))


def run(play: Coroutine[Any, Any, T]) -> T:
    """In virtual time."""
    return run_virtually(0, play)


def trip(name: str, *, ends_s: int = 0, groups: int = GROUPS) -> Trip:
    """A trip with this number of seat groups of one seat."""
    layout = row_of(groups, seat="s{}", start=0)
    departs_s = ends_s - 60 if ends_s else 0
    return Trip(TripKey("o", name), (Segment("A", "B", departs_s, ends_s),), layout, seats_per_group=1)


def slow_round(store: Store, seed: int = 0) -> SlowRound:
    """The slow round of one process."""
    return SlowRound(store, steady_process(store).clock, name="test", random=Random(seed))


async def opened(*trips: Trip) -> Store:
    """The trips are on sale."""
    asyncio.get_running_loop().set_task_factory(adopting)
    store = Store()
    definitions = Definitions(store, steady_process(store).clock)
    for each in trips:
        await definitions.define(each)
    return store


async def visits(going: SlowRound, *, for_s: float) -> list[tuple[float, Partition]]:
    """What is visited in that time, and when, with a round every second."""
    found: list[tuple[float, Partition]] = []
    until_s = asyncio.get_running_loop().time() + for_s
    while (now_s := asyncio.get_running_loop().time()) < until_s:
        some = await going.next_partitions()
        assert len(some) <= GROUPS_AT_ONCE
        found += [(now_s, group) for group in some]
        await asyncio.sleep(1)
    return found


def all_groups() -> set[Partition]:
    return {seat_rows.group_partition(TripKey("o", f"t{n}"), group) for n in range(TRIPS) for group in range(GROUPS)}


def many() -> list[Trip]:
    return [trip(f"t{n}") for n in range(TRIPS)]


def test_each_seat_group_is_visited_once_an_hour_a_few_a_minute() -> None:
    async def play() -> None:
        found = await visits(slow_round(await opened(*many())), for_s=HOUR_S)
        assert Counter(group for _, group in found) == Counter(all_groups())
        per_minute = Counter(at_s // 60 for at_s, _ in found)
        assert max(per_minute.values()) < TRIPS * GROUPS / 4

    run(play())


def test_several_processes_share_the_work() -> None:
    async def play() -> None:
        store = await opened(*many())
        found = await asyncio.gather(*(visits(slow_round(store, seed), for_s=2 * HOUR_S) for seed in range(4)))
        times = Counter(group for each in found for _, group in each)
        assert times.keys() == all_groups()
        assert sum(times.values()) < 2.6 * TRIPS * GROUPS
        assert min(len(each) for each in found) > TRIPS * GROUPS / 8

    run(play())


def test_what_a_dead_process_had_begun_is_visited_by_another() -> None:
    async def play() -> None:
        store = await opened(*many())
        dying = slow_round(store, 1)
        for _ in range(3):
            await dying.next_partitions()
        found = await visits(slow_round(store, 2), for_s=HOUR_S)
        assert {group for _, group in found} == all_groups()

    run(play())


def test_a_large_trip_is_visited_in_portions() -> None:
    async def play() -> None:
        found = await visits(slow_round(await opened(trip("large", groups=5 * GROUPS_AT_ONCE))), for_s=HOUR_S)
        assert len(found) == 5 * GROUPS_AT_ONCE

    run(play())


def test_marks_of_a_clock_that_was_ahead_do_not_prevent_visits() -> None:
    async def play() -> None:
        store = await opened(*many())
        ahead = steady_process(store)
        ahead.clock.skew_ms = DAY_S * 1_000
        await visits(SlowRound(store, ahead.clock, name="test", random=Random(0)), for_s=HOUR_S)
        found = await visits(slow_round(store), for_s=HOUR_S)
        assert {group for _, group in found} == all_groups()

    run(play())


def test_a_trip_is_visited_whatever_characters_are_in_its_id() -> None:
    async def play() -> None:
        found = await visits(slow_round(await opened(*map(trip, AWKWARD))), for_s=HOUR_S)
        assert {group.name for _, group in found} == set(AWKWARD)

    run(play())


@pytest.mark.parametrize(("past_its_end_s", "visited"), [(KEPT_S - HOUR_S - 60, 1), (KEPT_S + 60, 0)])
def test_a_trip_is_visited_until_it_is_long_over(past_its_end_s: float, visited: int) -> None:
    async def play() -> None:
        store = await opened(trip("t", ends_s=START_MS // 1_000, groups=1))
        await asyncio.sleep(past_its_end_s)
        assert len(await visits(slow_round(store), for_s=HOUR_S)) == visited

    run(play())


def test_a_trip_that_was_over_when_it_was_opened_is_visited_too() -> None:
    async def play() -> None:
        store = await opened(trip("t", ends_s=START_MS // 1_000 - 10 * DAY_S, groups=1))
        assert len(await visits(slow_round(store), for_s=HOUR_S)) == 1

    run(play())


# ---- what it finds: a cell


async def attempt_lands_very_late(store: Store, group: Partition) -> None:
    """An intent lands when everything that its index entries named is closed, and its home row never existed."""
    stranger = str(HoldId("t", 0, "0" * 32, is_late=False))
    values: Row = {"status": "held", "owner": stranger, "since_ms": START_MS, "until_ms": START_MS + 20_000}
    await asyncio.sleep(250)
    assert isinstance(
        await store.apply(group, [Write(RowKey(Kind.CELL, "s1", 0), seat_rows.IF_AVAILABLE, values)]), Applied
    )


async def status_after(store: Store, sweeper: ExpireHolds, *, for_s: float) -> str:
    """The status of the cell, after this time of sweeping."""
    until_s = asyncio.get_running_loop().time() + for_s
    while asyncio.get_running_loop().time() < until_s:
        await sweeper(HOUSE)
        await asyncio.sleep(5)
    group = seat_rows.group_partition(TripKey("o", "t"), 1)
    cell = RowKey(Kind.CELL, "s1", 0)
    return str((await store.get(group, [cell]))[cell]["status"])


@pytest.mark.parametrize(("is_sweeping_slowly", "status"), [(True, "available"), (False, "held")])
def test_what_landed_very_late_is_freed_within_about_an_hour(
    monkeypatch: pytest.MonkeyPatch,
    is_sweeping_slowly: bool,
    status: str,
) -> None:
    async def none(_self: SlowRound) -> list[Partition]:
        return []

    if not is_sweeping_slowly:
        monkeypatch.setattr(SlowRound, "next_partitions", none)

    async def play() -> str:
        store, process = await on_sale()
        await attempt_lands_very_late(store, seat_rows.group_partition(TripKey("o", "t"), 1))
        return await status_after(store, ExpireHolds(LapseFinder(process.holds, sweeping(process))), for_s=1.3 * HOUR_S)

    assert run(play()) == status


def test_a_sweeper_continues_if_the_trips_cannot_be_listed() -> None:
    async def play() -> None:
        store, process = await on_sale()
        store.are_trips_lost = True
        request = HoldRequest(Actor("o", "u"), trip("t"), Journey(0, 0), ("s1",), 20_000, None)
        await process.holds.hold(request)
        await asyncio.sleep(21)
        assert (
            await status_after(store, ExpireHolds(LapseFinder(process.holds, sweeping(process))), for_s=1)
            == "available"
        )

    run(play())


async def on_sale() -> tuple[Store, Process]:
    """A trip with its cells, and a process."""
    store = await opened(trip("t"))
    process = steady_process(store)
    await open_trip(process.inventory, trip("t"))
    return store, process


# ---- what it finds: an event


class RecordingSink:
    """A sink that keeps what a relay publishes."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def publish(self, events: Sequence[Event]) -> None:
        """See Sink."""
        self.ids += [event.id for event in events]


async def recorded_unseen(store: Store, *groups: int) -> list[str]:
    """One event in each seat group, which no index names and which is too old for the journal; their ids."""
    ids = []
    for group in groups:
        hold_id = str(HoldId("t", group, f"{group:032d}", is_late=False))
        hold = Hold(
            hold_id, TripKey("o", "t"), "u", (f"s{group}",), (group,), Journey(0, 0), START_MS, "", Held(START_MS)
        )
        write = Seats().event(hold, Recorded(1, START_MS))
        partition = seat_rows.group_partition(hold.trip, group)
        assert isinstance(
            await store.apply(partition, [Write(rows.hold_key(hold_id), ABSENT, seat_rows.hold_row(hold)), write]),
            Applied,
        )
        ids.append(event_rows.stable_id(write.values))
    return ids


def relay_of(process: Process, told: RecordingSink) -> EventRelay:
    """One that also looks for what landed late."""
    journal = late_events(process)
    return EventRelay(journal, told, process.clock, kept_s=Retention().events_s)


def sweeping(process: Process) -> SlowRound:
    """The slow round of the process's sweeper."""
    return SlowRound(process.sender.batches, process.clock, name="sweepers", random=process.sender.random)


def late_events(process: Process) -> LateEvents:
    """What the process's relay finds, the slow round included."""
    slow = SlowRound(process.sender.batches, process.clock, name="the relay to told", random=process.sender.random)
    journal = EventJournal(process.sender, "told")
    return LateEvents(journal, process.sender, "told", slow, table=Table.SEAT_GROUPS, every_ms=EVERY_MS)


async def relayed(process: Process, *, for_s: float) -> list[str]:
    """What a relay of the process publishes in that time."""
    told = RecordingSink()
    relay = relay_of(process, told)
    until_s = asyncio.get_running_loop().time() + for_s
    while asyncio.get_running_loop().time() < until_s:
        await relay()
        await asyncio.sleep(5)
    return told.ids


def test_an_event_that_nothing_leads_to_is_published_once_by_any_number_of_relays() -> None:
    async def play() -> None:
        store, process = await on_sale()
        await asyncio.sleep(600)
        ids = await recorded_unseen(store, 0, 2)
        assert sorted(await relayed(process, for_s=2.5 * HOUR_S)) == ids
        assert await relayed(steady_process(store), for_s=1.3 * HOUR_S) == []

    run(play())


def test_what_the_journal_has_published_is_not_published_again() -> None:
    async def play() -> None:
        store, process = await on_sale()
        await process.holds.hold(HoldRequest(Actor("o", "u"), trip("t"), Journey(0, 0), ("s1",), 20_000, None))
        assert len(await relayed(process, for_s=2.5 * HOUR_S)) == 1
        assert await relayed(steady_process(store), for_s=1.3 * HOUR_S) == []

    run(play())


def test_a_seat_group_that_cannot_be_read_keeps_no_other_from_being_visited() -> None:
    async def play() -> None:
        store, process = await on_sale()
        await asyncio.sleep(600)
        ids = await recorded_unseen(store, 0, 2)
        store.unreadable = {seat_rows.group_partition(TripKey("o", "t"), 0)}
        assert await relayed(process, for_s=1.3 * HOUR_S) == ids[1:]
        store.unreadable.clear()
        assert await relayed(process, for_s=1.3 * HOUR_S) == ids[:1]

    run(play())


def test_the_events_of_the_journal_wait_for_at_most_one_answer() -> None:
    async def play() -> float:
        large = trip("t", groups=GROUPS_AT_ONCE)
        store = await opened(large)
        process = steady_process(store)
        store.unreadable = {seat_rows.group_partition(large.key, group) for group in range(GROUPS_AT_ONCE)}
        store.silent_s = 5.0
        relay = relay_of(process, RecordingSink())
        loop = asyncio.get_running_loop()
        longest_s, until_s = 0.0, loop.time() + HOUR_S
        while (began_s := loop.time()) < until_s:
            await relay()
            longest_s = max(longest_s, loop.time() - began_s)
            await asyncio.sleep(5)
        return longest_s

    assert 5.0 <= run(play()) < 2 * 5.0
