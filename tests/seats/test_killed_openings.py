"""Large trips whose opening is killed at every batch, in virtual time: they are on sale whole, and forgotten whole."""

import asyncio
from collections.abc import Callable

import pytest

from tests.seats.long_after import KEY, SOON_S, WHOLE, Shop, Store, a_trip, run, sold, until_it_is_due
from travio_inventory.kernel.actor import Actor, house_of
from travio_inventory.kernel.refusals import BackendUnavailable, RetryableRefusal
from travio_inventory.protocol.batches import IndexEntry, Kind
from travio_inventory.seats.commands import trip_id
from travio_inventory.seats.opening import Opening, Portions
from travio_inventory.seats.records import definitions, trip_rows
from travio_inventory.seats.records.openings import STALLED_MS, Openings, opening_entry
from travio_inventory.seats.records.trip_rows import FORGOTTEN_S
from travio_inventory.seats.records.trip_seats import WAITS_S, TripSeats
from travio_inventory.seats.refusals import TripNotFound, TripOpening
from travio_inventory.seats.trip import Trip, TripKey
from travio_inventory.store.memory import Faults
from verification.kit.asking import definition, seat_map

PORTIONS = Portions(seats_at_once_max=4, cells_at_once_max=30, seats_per_part_max=2, groups_max=2)
TRIP = a_trip(seats=13)
"""Seven parts, seven seat groups, four portions."""
WHOLE_OPENING = Opening(26, 26)
BATCHES = 40
"""More than it takes to open the trip."""
OPENED_WITHIN_S = 30


def shop(store: Store, seed: int = 0) -> Shop:
    """A process for which the trip is large."""
    return Shop(store, seed=seed, portions=PORTIONS)


async def call(by: Shop, *, times: int = 1) -> Opening | None:
    """Open the trip, with as many calls as necessary; None if none of them was answered."""
    for _ in range(times):
        try:
            return await by.inventory.open_trip(house_of("acme"), TRIP)
        except RetryableRefusal:
            await asyncio.sleep(1)
    return None


async def progress(of: Shop) -> Opening:
    """How far it is."""
    return await of.inventory.read_trips.opening(Actor("acme", "ann"), trip_id(KEY.trip))


async def is_on_sale(store: Store) -> None:
    """The trip is whole, as a new process sees it."""
    new = shop(store, seed=9)
    assert await progress(new) == WHOLE_OPENING
    assert await definition(new.inventory, KEY) == TRIP
    assert len(list((await seat_map(new.inventory, KEY, WHOLE)).seats())) == len(TRIP.seats)


async def opened(store: Store) -> Shop:
    """A process that has opened the trip."""
    first = shop(store)
    assert await call(first) == Opening(0, 26)
    assert await first.go_on_opening(for_s=3) == []
    await is_on_sale(store)
    return first


def test_a_large_trip_goes_whole() -> None:
    async def play() -> None:
        store = Store()
        await sold(await opened(store), TRIP)
        await until_it_is_due(TRIP)
        assert await shop(store).forget(for_s=SOON_S) == []
        assert await store.left() == []

    run(play())


@pytest.mark.parametrize("batches", [9, 12, 24])
def test_a_trip_that_is_never_opened_to_the_end_goes_too(batches: int) -> None:
    """Its seats are not kept; only some are; some of its cells are made."""

    async def play() -> None:
        store = Store()
        await call(shop(store))
        store.dies_after = batches
        await shop(store).go_on_opening(for_s=3)
        store.dies_after = None
        assert not (await progress(shop(store))).is_over
        await until_it_is_due(TRIP)
        assert await shop(store).forget(for_s=SOON_S) == []
        assert await shop(store).go_on_opening(for_s=3) == []
        with pytest.raises(TripNotFound):
            await progress(shop(store))
        assert await store.left() == []

    run(play())


async def play_killed(after: int) -> bool:
    """The process dies after so many batches, in its call or in its job. If the call was answered, another process
    opens the trip by itself; if not, the call is repeated there. Whether it died before all was done.
    """
    store = Store()
    store.dies_after = after
    first, second = shop(store, 1), shop(store, 2)
    answered = await call(first) is not None
    await first.go_on_opening(for_s=5)
    is_dead, store.dies_after = store.sent >= after, None
    await _is_whole_or_not_on_sale(store)
    if not answered:
        assert await call(second, times=3) is not None
    await second.go_on_opening(for_s=STALLED_MS / 1_000 + 3)
    await is_on_sale(store)
    await asyncio.sleep(WAITS_S + FORGOTTEN_S)
    await is_on_sale(store)
    await sold(shop(store), TRIP)
    return is_dead


async def _is_whole_or_not_on_sale(store: Store) -> None:
    try:
        await seat_map(shop(store, 3).inventory, KEY, WHOLE)
    except (TripNotFound, TripOpening):
        return
    await is_on_sale(store)


def test_a_process_may_die_between_any_two_batches() -> None:
    died = [run(play_killed(after)) for after in range(BATCHES)]
    assert 20 < sum(died) < len(died)


def test_several_processes_open_it_at_once_over_a_store_that_fails() -> None:
    async def play(seed: int) -> None:
        store = Store(Faults(lost=0.1, unanswered=0.1, late=0.1, twice=0.1), seed)
        shops = [shop(store, each) for each in range(3)]
        answers = await asyncio.gather(*(call(each, times=20) for each in shops))
        assert None not in answers
        await asyncio.gather(*(each.go_on_opening(for_s=120) for each in shops))
        await is_on_sale(store)

    for seed in range(10):
        run(play(seed))


async def play_gone() -> None:
    """Its seats were forgotten before the opening went on: a repeated call puts them again."""
    store = Store()
    await call(shop(store))
    await asyncio.sleep(WAITS_S)
    failures = await shop(store).go_on_opening(for_s=3)
    assert {type(failure) for failure in failures} == {BackendUnavailable}
    await _is_whole_or_not_on_sale(store)
    assert await call(shop(store)) == Opening(0, 26)
    await shop(store).go_on_opening(for_s=3)
    await is_on_sale(store)


def test_a_trip_whose_seats_are_gone_is_opened_by_a_repeated_call() -> None:
    run(play_gone())


# ---- faults that are planted


def _unlisted(patch: pytest.MonkeyPatch) -> None:
    """Nobody finds a killed opening."""

    def entry(key: TripKey, opened_at_ms: int) -> IndexEntry:
        return opening_entry(key, opened_at_ms)._replace(bucket="nowhere")

    patch.setattr(definitions, "opening_entry", entry)


def _noted_before(patch: pytest.MonkeyPatch) -> None:
    """The note is written before the cells are made."""

    async def later(self: Openings, trip: Trip, groups: range, since_s: float) -> None:
        async def soon() -> None:
            await asyncio.sleep(1)
            await seed(self, trip, groups, since_s)

        asyncio.get_running_loop().call_soon(lambda: pending.append(asyncio.ensure_future(soon())))

    seed, pending = Openings._seed, list[asyncio.Future[None]]()
    patch.setattr(Openings, "_seed", later)


def _not_kept(patch: pytest.MonkeyPatch) -> None:
    """The seats go although the trip is on sale."""

    async def keep(_self: TripSeats, _key: TripKey, _definition: str, *, send_by: float) -> bool:
        return send_by > 0

    patch.setattr(TripSeats, "keep", keep)


@pytest.mark.parametrize("broken", [_unlisted, _noted_before, _not_kept])
def test_a_broken_way_to_open_is_caught(
    monkeypatch: pytest.MonkeyPatch, broken: Callable[[pytest.MonkeyPatch], None]
) -> None:
    broken(monkeypatch)
    with pytest.raises((AssertionError, BackendUnavailable, TripOpening)):
        _kill_everywhere()


def _kill_everywhere() -> None:
    for after in range(BATCHES):
        run(play_killed(after))


def test_a_seat_changes_its_part_and_no_other() -> None:
    async def play() -> None:
        store = Store()
        await opened(store)
        kinds = [key.kind for key in store.snapshot(trip_rows.partition(KEY))]
        assert kinds.count(Kind.SEATS) == 7

    run(play())
