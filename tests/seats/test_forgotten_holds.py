"""What has ended is forgotten, in its order; what lives is not."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.batches import Kind, Rows
from travio_inventory.protocol.retention import Retention
from travio_inventory.seats.hold import Confirmed, Expired, Hold, HoldRequest, late_id
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.refusals import HoldExpired, HoldNotFound, HoldReleased
from travio_inventory.seats.trip import Journey
from travio_inventory.store.memory import MemoryBatches
from verification.kit.asking import open_trip
from verification.kit.trips import a_trip, row_of
from verification.simulation.plan import Plan
from verification.simulation.process import Process, adopting, steady_process
from verification.simulation.virtual_loop import run_virtually
from verification.simulation.world import KEY

LAYOUT = row_of(4, seat="s{}", start=0, seat_class="standard")
TRIP = a_trip(KEY.trip, organization=KEY.organization, stops="AB", seats=LAYOUT, seats_per_group=1)
ANN = Actor("o", "ann")
KEPT = Retention()
LIVES_S = 20
A_WEEK_S = 8 * 86_400

Play = Callable[[Process, MemoryBatches], Coroutine[Any, Any, None]]


def asked(seat: str = "s0", *more: str, key: str | None = None, lives_s: int = LIVES_S) -> HoldRequest:
    """Of these seats, by Ann."""
    return HoldRequest(ANN, TRIP, Journey(0, 0), (seat, *more), lives_s * 1_000, key)


def run(play: Play, holds_max: int = 0) -> None:
    """In virtual time, with a trip on sale."""

    async def day() -> None:
        asyncio.get_running_loop().set_task_factory(adopting)
        store = MemoryBatches(None, Random(1), asyncio.sleep)
        process = steady_process(store, Plan(0, holds_max=holds_max))
        await open_trip(process.inventory, TRIP)
        await play(process, store)

    run_virtually(0, day())


def left(store: MemoryBatches, kind: Kind) -> Rows:
    """All rows of the kind, wherever they are."""
    rows_ = {key: row for partition in store.partitions() for key, row in store.snapshot(partition).items()}
    return {key: row for key, row in rows_.items() if key.kind is kind}


async def passed(store: MemoryBatches, seconds: float) -> None:
    """So long afterwards."""
    await asyncio.sleep(seconds)
    await store.get(seat_rows.group_partition(KEY, 0), [])


async def released(process: Process, hold: Hold) -> None:
    await process.holds.release(ANN, hold.id)


async def expired(process: Process, hold: Hold) -> None:
    await asyncio.sleep(LIVES_S + 1)
    await process.holds.expiring.expire(hold)


async def cancelled(process: Process, hold: Hold) -> None:
    await process.holds.confirm(ANN, hold.id, Confirmed("order"))
    await process.holds.cancel(ANN, hold.id)


@pytest.mark.parametrize("end", [released, expired, cancelled])
def test_a_hold_is_forgotten_some_time_after_its_end(end: Callable[[Process, Hold], Awaitable[None]]) -> None:
    async def play(process: Process, store: MemoryBatches) -> None:
        hold = await process.holds.hold(asked("s0", "s1"))
        await end(process, hold)
        await passed(store, KEPT.ended_s - 1)
        assert not (await process.holds.find(ANN, hold.id)).is_live
        await passed(store, 2)
        with pytest.raises(HoldNotFound):
            await process.holds.find(ANN, hold.id)
        assert left(store, Kind.HOLD) == {}

    run(play)


def test_a_hold_that_lives_and_a_booking_are_kept() -> None:
    async def play(process: Process, store: MemoryBatches) -> None:
        held = await process.holds.hold(asked("s0", lives_s=2 * A_WEEK_S))
        booked = await process.holds.hold(asked("s1"))
        extended = await process.holds.extend(
            ANN, held.id, expires_at_ms=held.created_at_ms + 3 * A_WEEK_S * 1_000, total_ms_max=10**12
        )
        booking = await process.holds.confirm(ANN, booked.id, Confirmed("order"))
        await passed(store, A_WEEK_S)
        assert [await process.holds.find(ANN, hold.id) for hold in (held, booked)] == [extended, booking]
        assert left(store, Kind.EVENT) == {}, "they are told already"

    run(play)


def test_events_are_kept_for_their_time() -> None:
    async def play(process: Process, store: MemoryBatches) -> None:
        await released(process, await process.holds.hold(asked()))
        await passed(store, KEPT.events_s - 1)
        assert len(left(store, Kind.EVENT)) == 2
        await passed(store, 2)
        assert left(store, Kind.EVENT) == {}

    run(play)


def test_a_late_booking_keeps_its_hold_and_goes_after_it() -> None:
    """Without it the hold, expired, would be booked late once more."""

    async def play(process: Process, store: MemoryBatches) -> None:
        hold = await process.holds.hold(asked("s0", "s1"))
        await expired(process, hold)
        await passed(store, KEPT.ended_s - 5)
        booking = await process.holds.confirm(ANN, hold.id, Confirmed("order"))
        await passed(store, A_WEEK_S)
        assert booking.id == late_id(hold.id)
        assert await process.holds.confirm(ANN, hold.id, Confirmed("order")) == booking
        await process.holds.cancel(ANN, hold.id)
        await passed(store, KEPT.ended_s - 1)
        assert {key.id for key in left(store, Kind.HOLD)} == {hold.id, booking.id}
        await passed(store, KEPT.apart_s)
        assert {key.id for key in left(store, Kind.HOLD)} == {booking.id}
        await passed(store, 2)
        assert left(store, Kind.HOLD) == {}

    run(play)


def test_a_late_booking_that_is_cut_down_keeps_its_hold() -> None:
    """It lives as long as some of its seats are booked."""

    async def play(process: Process, store: MemoryBatches) -> None:
        hold = await process.holds.hold(asked("s0", "s1"))
        await expired(process, hold)
        booking = await process.holds.confirm(ANN, hold.id, Confirmed("order"))
        cut = await process.holds.cancel(ANN, booking.id, ["s1"])
        assert (cut.state, cut.seats) == (Confirmed("order"), ("s0",))
        await passed(store, A_WEEK_S)
        assert await process.holds.find(ANN, hold.id) == cut
        await process.holds.cancel(ANN, hold.id)
        await passed(store, KEPT.ended_s + KEPT.apart_s + 1)
        assert left(store, Kind.HOLD) == {}

    run(play)


def test_a_late_booking_of_a_hold_that_was_forgotten_meanwhile_is_refused() -> None:
    """A copy of its batch that lands then makes nothing: it asks for its hold."""

    async def play(process: Process, store: MemoryBatches) -> None:
        hold = await process.holds.hold(asked())
        await expired(process, hold)
        seen = await process.holds.find(ANN, hold.id)
        await passed(store, KEPT.ended_s + 1)
        with pytest.raises(HoldExpired):
            await process.holds._confirming._late.confirm(replace(seen, state=Expired(0)), Confirmed("order"))
        assert (await process.holds.hold(asked())).is_live

    run(play)


def test_a_fenced_id_is_kept_as_long_as_an_ended_hold() -> None:
    async def play(process: Process, store: MemoryBatches) -> None:
        await process.holds.judging._fencing.fence("o", f"{KEY.trip}~0~{'0' * 32}", "retry")
        await passed(store, KEPT.ended_s - 1)
        assert len(left(store, Kind.HOLD)) == 1
        await passed(store, 2)
        assert left(store, Kind.HOLD) == {}

    run(play)


def test_a_key_is_a_new_request_after_its_time_and_never_meets_its_older_life() -> None:
    async def play(process: Process, store: MemoryBatches) -> None:
        first = await process.holds.hold(asked(key="k"))
        await released(process, first)
        await passed(store, KEPT.keys_s - 1)
        with pytest.raises(HoldReleased):
            await process.holds.hold(asked(key="k"))
        await passed(store, 2)
        assert left(store, Kind.KEY) == {}
        assert left(store, Kind.HOLD), "a key goes before its hold"
        second = await process.holds.hold(asked(key="k"))
        assert second.is_live
        assert second.id != first.id

    run(play)


def test_a_slot_outlives_the_hold_that_has_it() -> None:
    async def play(process: Process, store: MemoryBatches) -> None:
        await process.holds.hold(asked(lives_s=KEPT.held_s_max))
        await passed(store, KEPT.held_s_max - 1)
        assert len(left(store, Kind.SLOT)) == 1
        await passed(store, KEPT.slots_s)
        assert left(store, Kind.SLOT) == {}

    run(play, holds_max=1)


@pytest.mark.parametrize("keys", [[None, None], ["k", "l"]])
def test_nothing_but_cells_is_left_of_holds_that_ended_long_ago(keys: list[str | None]) -> None:
    async def play(process: Process, store: MemoryBatches) -> None:
        for key in keys:
            await released(process, await process.holds.hold(asked("s0", "s1", key=key)))
        await process.steps.drain(5)
        await passed(store, A_WEEK_S)
        kinds = {key.kind for partition in store.partitions() for key in store.snapshot(partition)}
        assert kinds - {Kind.CURSOR, Kind.TRIP} == {Kind.CELL}
        assert {row["status"] for row in left(store, Kind.CELL).values()} == {"available"}

    run(play)
