"""A clock that is wrong by a minute, an hour or a day, and then right: it hides nothing and delays nothing for long."""

import pytest

from tests.seats.test_expiry import sweep_until_caught_up
from travio_inventory.kernel.events import Event
from travio_inventory.protocol.batches import Batches, Index
from travio_inventory.protocol.index_entries import minute_of
from travio_inventory.protocol.minute_cursor import MinuteCursor
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.seats.hold import Expired, Hold
from travio_inventory.seats.refusals import SeatContended, SeatHeld
from verification.kit.clocks import Clock
from verification.kit.faulty_batches import commits
from verification.kit.sale import CLOCK_BOUND_MS, FOUND_WITHIN_S, GRACE_S, TOLD_WITHIN_S, TTL_S, Market, Sale

FAR_S = (3_600, 86_400)
AHEAD_S = [70, *(pytest.param(far, marks=pytest.mark.once) for far in FAR_S)]
ROUNDS = 40
IN_AN_EPOCH_S = 625
"""After so long a time of relaying, whatever happens in the next half minute is in one epoch."""
LATE_S_MAX = 180


async def work(sale: Sale, *, seconds: int) -> list[Event]:
    """A round of sweeper and relay each second: what they published."""
    told = []
    for _ in range(seconds):
        sale.clock.pass_s(1)
        await sale.sweep()
        told += await sale.relay()
    return told


def are_of(hold: Hold, told: list[Event]) -> list[str]:
    return [str(event.type) for event in told if event.subject == hold.id]


@pytest.mark.once
@pytest.mark.parametrize("ahead_s", AHEAD_S)
async def test_workers_whose_clock_was_ahead_hide_nothing_from_those_after_them(
    single_seats: Sale, ahead_s: int
) -> None:
    sale = single_seats
    wrong = sale.elsewhere(ahead_s=ahead_s)
    for _ in range(ROUNDS):
        sale.clock.pass_ms(300)
        await wrong.sweep()
        await wrong.relay()
    hold = await sale.hold("A1")
    told = await work(sale.elsewhere(), seconds=TTL_S + FOUND_WITHIN_S + TOLD_WITHIN_S)
    assert are_of(hold, told) == ["hold.created", "hold.expired"]


@pytest.mark.once
@pytest.mark.parametrize("ahead_s", AHEAD_S)
async def test_a_worker_whose_clock_is_set_back_visits_earlier_minutes_again(single_seats: Sale, ahead_s: int) -> None:
    """In one process, which keeps running; another one holds a seat meanwhile and afterwards."""
    sale = single_seats
    worker = sale.elsewhere(ahead_s=ahead_s)
    for _ in range(ROUNDS):
        sale.clock.pass_ms(300)
        await worker.sweep()
        await worker.relay()
    first = await sale.hold("A1")
    told = await worker.relay()
    worker.clock.set_by_s(-ahead_s)
    second = await sale.hold("A2")
    for _ in range(TTL_S + FOUND_WITHIN_S + TOLD_WITHIN_S):
        sale.clock.pass_s(1)
        await worker.sweep()
        told += await worker.relay()
    for hold in (first, second):
        assert are_of(hold, told) == ["hold.created", "hold.expired"]


@pytest.mark.parametrize("ahead_s", AHEAD_S)
async def test_a_hold_made_by_a_clock_that_was_ahead_ends_after_its_time(single_seats: Sale, ahead_s: int) -> None:
    """Its process continues with a right clock: the hold ends after its promised time, and not much later."""
    sale = single_seats.elsewhere(ahead_s=ahead_s)
    right = single_seats.clock
    await sweep_until_caught_up(sale)
    hold = await sale.hold("A1")
    told = await sale.relay()
    right.pass_s(TTL_S / 2)
    sale.clock.set_by_s(-ahead_s)
    for _ in range(TTL_S):
        await sale.sweep()
        assert await sale.find(hold) == hold
        right.pass_s(1)
    for _ in range(FOUND_WITHIN_S):
        right.pass_s(1)
        await sale.sweep()
        told += await sale.relay()
    assert isinstance((await sale.find(hold)).state, Expired)
    assert are_of(hold, told) == ["hold.created", "hold.expired"]


@pytest.mark.parametrize("ahead_s", AHEAD_S)
async def test_a_process_that_meets_a_hold_of_a_clock_that_is_ahead_waits_for_as_long_as_it_was_to_last(
    single_seats: Sale, ahead_s: int
) -> None:
    hold = await single_seats.elsewhere(ahead_s=ahead_s).hold("A1")
    with pytest.raises(SeatHeld):
        await single_seats.elsewhere().hold("A1", by="bob")
    other = single_seats.elsewhere()
    with pytest.raises(SeatHeld):
        await other.hold("A1", by="bob")
    single_seats.clock.pass_ms(TTL_S * 1_000 + CLOCK_BOUND_MS - 1)
    with pytest.raises(SeatHeld):
        await other.hold("A1", by="bob")
    single_seats.clock.pass_s(3)
    assert (await other.hold("A1", by="bob")).seats == hold.seats


@pytest.mark.parametrize("ahead_s", AHEAD_S)
async def test_an_attempt_of_a_clock_that_is_ahead_is_in_the_way_only_for_its_grace_period(
    single_seats: Sale, ahead_s: int
) -> None:
    """It died with the seat in another seat group taken, and has no row yet."""
    wrong, other = single_seats.elsewhere(ahead_s=ahead_s), single_seats.elsewhere()
    await wrong.dies(wrong.hold("A1 A2"), wrong.store.stall(commits))
    with pytest.raises(SeatContended):
        await other.hold("A2", by="bob")
    single_seats.clock.pass_s(GRACE_S)
    assert (await other.hold("A2", by="bob")).seats == ("A2",)


@pytest.mark.parametrize("ahead_s", [*AHEAD_S, *(pytest.param(-far, marks=pytest.mark.once) for far in FAR_S), -70])
async def test_a_step_is_published_whatever_the_clock_of_its_process(single_seats: Sale, ahead_s: int) -> None:
    """Its process dies at once; later steps of others in the same seat group are published too."""
    sale, relay = single_seats, single_seats.elsewhere()
    await work(relay, seconds=IN_AN_EPOCH_S)
    hold = await sale.elsewhere(ahead_s=ahead_s).hold("A1")
    sale.clock.pass_s(TOLD_WITHIN_S)
    assert are_of(hold, await relay.relay()) == ["hold.created"]
    await sale.release(hold)
    sale.clock.pass_s(TOLD_WITHIN_S)
    assert are_of(hold, await relay.relay()) == ["hold.released"]


@pytest.mark.once
@pytest.mark.parametrize("behind_s", AHEAD_S)
async def test_a_step_of_a_clock_that_is_behind_is_published_some_minutes_later(
    single_seats: Sale, behind_s: int
) -> None:
    """After another step in the same seat group was published."""
    sale, relay = single_seats, single_seats.elsewhere()
    await work(relay, seconds=IN_AN_EPOCH_S)
    hold = await sale.hold("A1")
    told = await work(relay, seconds=TOLD_WITHIN_S)
    await sale.elsewhere(ahead_s=-behind_s).release(hold)
    told += await work(relay, seconds=LATE_S_MAX)
    assert are_of(hold, told) == ["hold.created", "hold.released"]


async def test_a_clock_that_is_set_back_does_not_keep_a_seat_group_from_being_visited(market: Market) -> None:
    """For holds of another process, of which the sweeper knows by the index alone: a long one, seen before, and a short
    one, made since.
    """
    sale = await market.open(seats=6, seats_per_group=3)
    sweeper = sale.elsewhere(ahead_s=50)
    await sale.hold("A1", ttl_s=59)
    await sweep_until_caught_up(sweeper)
    sweeper.clock.set_by_s(-50)
    await sweep_until_caught_up(sweeper)
    hold = await sale.hold("A2", ttl_s=20)
    for _ in range(20 + FOUND_WITHIN_S):
        sale.clock.pass_s(1)
        await sweeper.sweep()
    assert isinstance((await sale.find(hold)).state, Expired)


async def test_a_minute_that_was_closed_before_it_was_over_is_visited_again(single_seats: Sale) -> None:
    """By a clock that was set back when no cursor was ahead of it any more."""
    sale, ahead_s = single_seats, 150
    sweeper = sale.elsewhere(ahead_s=ahead_s)
    sale.clock.pass_s(41)
    await sweep_until_caught_up(sweeper)
    hold = await sale.hold("A1", ttl_s=5)
    sale.clock.pass_s(20)
    await sweeper.sweep()
    sweeper.clock.set_by_s(-ahead_s)
    await sweep_until_caught_up(sweeper)
    assert isinstance((await sale.find(hold)).state, Expired)


async def test_no_visit_by_a_clock_that_was_ahead_counts(store: Batches) -> None:
    """It came before the end of what it visited."""
    clock, ahead_ms = Clock(), 200_000
    minutes = MinuteCursor(store, Index.EXPIRY, clock, Retention().entries_s, waits=StoreWaits(), look_back=1)
    await minutes.begin(clock.now_ms() + ahead_ms)
    visited = minutes.settling(clock.now_ms() + ahead_ms)
    await minutes.settled(visited, clock.now_ms() + ahead_ms)
    await minutes.begin(clock.now_ms())
    clock.pass_ms(ahead_ms)
    await minutes.begin(clock.now_ms())
    assert minute_of(clock.now_ms()) - 1 in visited
    assert minutes.settling(clock.now_ms())[-1] == visited[-1]


@pytest.mark.parametrize("ahead_s", AHEAD_S)
async def test_what_an_attempt_of_a_clock_that_is_ahead_left_is_freed_where_a_sweeper_looks(
    market: Market, ahead_s: int
) -> None:
    """It died with a seat in another group taken, for a time that is far off; other holds bring a sweeper there."""
    sale = await market.open(seats=6, seats_per_group=3)
    wrong, sweeper = sale.elsewhere(ahead_s=ahead_s), sale.elsewhere()
    await wrong.dies(wrong.hold("A1 A4"), wrong.store.stall(commits))
    await sale.hold("A5", by="bob", ttl_s=GRACE_S)
    await sweep_until_caught_up(sweeper)
    for _ in range(GRACE_S + FOUND_WITHIN_S):
        sale.clock.pass_s(1)
        await sweeper.sweep()
    assert await sale.statuses("A4") == ["available"] * 3
