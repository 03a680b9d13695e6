"""Holds that expire: never too soon, soon enough, with or without a sweeper."""

import asyncio

import pytest

from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.back_off import WAITS_MS
from travio_inventory.protocol.batches import Partition
from travio_inventory.protocol.minute_cursor import FIRST_LOOK_MINUTES, MINUTES_AT_ONCE
from travio_inventory.seats.hold import Expired, Held
from travio_inventory.seats.records.open_trips import SlowRound
from travio_inventory.seats.refusals import HoldExpired, SeatTaken
from verification.kit.clocks import START_MS
from verification.kit.sale import CLOCK_BOUND_MS, TTL_S, Market, Sale
from verification.kit.trips import PerGroup

SEATS = "A1 A2 A18"
MINUTE_S = 60
ROUND_MS = 300
FREE_WITHIN_MS = 1_000
SEEN_S_MAX = 10


# ---- never too soon


async def test_nobody_expires_a_hold_before_its_time_by_any_clock(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    sale.clock.pass_ms(TTL_S * 1_000 + CLOCK_BOUND_MS - 1)
    await sale.sweep()
    with pytest.raises(SeatTaken):
        await sale.elsewhere().hold("A18", by="bob")
    assert await sale.find(hold) == hold


async def test_the_sweeper_expires_a_hold_when_its_time_has_come(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    sale.clock.pass_ms(TTL_S * 1_000 + CLOCK_BOUND_MS)
    await sale.sweep()
    assert (await sale.find(hold)).state == Expired(START_MS + TTL_S * 1_000)
    await sale.settled()
    for seat in SEATS.split():
        assert await sale.statuses(seat) == ["available"] * 3


async def test_a_contender_expires_a_hold_when_its_time_has_come(sale: Sale) -> None:
    """There is no sweeper: the first contact is enough."""
    hold = await sale.hold(SEATS)
    sale.clock.pass_ms(TTL_S * 1_000 + CLOCK_BOUND_MS)
    won = await sale.elsewhere().hold("A18", by="bob")
    assert (await sale.find(hold)).state == Expired(START_MS + TTL_S * 1_000)
    with pytest.raises(HoldExpired):
        await sale.confirm(hold)
    assert await sale.find(won) == won
    await sale.hold("A1 A2", by="cid")
    await sale.assert_legal()


@pytest.mark.parametrize("past_ms", [-1, 0, 30_000])
@pytest.mark.parametrize("after_ms", [0, 15_000, 131_000])
async def test_holds_are_found_wherever_in_a_minute_they_expire(
    single_seats: Sale, past_ms: int, after_ms: int
) -> None:
    """They expire just before, at and after the turn of a minute; the sweeper is late by any of its visits."""
    sale = single_seats
    sale.clock.pass_ms(past_ms + 1_000)
    await sale.sweep()
    hold = await sale.hold(SEATS, ttl_s=MINUTE_S - 1)
    sale.clock.pass_s(MINUTE_S - 1)
    await sale.sweep()
    assert await sale.find(hold) == hold
    sale.clock.pass_ms(CLOCK_BOUND_MS + after_ms)
    await sweep_until_caught_up(sale)
    assert isinstance((await sale.find(hold)).state, Expired)


async def sweep_until_caught_up(sale: Sale) -> None:
    for _ in range(FIRST_LOOK_MINUTES // MINUTES_AT_ONCE + 2):
        await sale.sweep()


# ---- soon enough


@pytest.mark.parametrize(("ttl_s", "begun_ms"), [(1, 0), (2, 59_000), (7, 53_120)])
async def test_a_sweeper_that_runs_frees_an_abandoned_hold_within_a_second(
    sale: Sale, ttl_s: int, begun_ms: int
) -> None:
    sweeper = sale.elsewhere()
    sale.clock.pass_ms(begun_ms)
    await sweeper.sweep()
    sale.clock.pass_ms(ROUND_MS // 3)
    hold = await sale.hold(SEATS, ttl_s=ttl_s)
    due_ms = sale.clock.at_ms + ttl_s * 1_000
    while isinstance((await sale.find(hold)).state, Held):
        sale.clock.pass_ms(ROUND_MS)
        await sweeper.sweep()
        assert sale.clock.at_ms <= due_ms + FREE_WITHIN_MS
    await sale.market.settled()
    assert await sale.elsewhere().seats("held") == ""


async def test_a_sweeper_that_restarts_at_the_turn_of_a_minute_frees_what_was_due(single_seats: Sale) -> None:
    """Four seconds without a round must not delay the holds of the minute's last moments by fifteen seconds."""
    sale = single_seats
    hold = await sale.hold(SEATS, ttl_s=MINUTE_S - 1)
    sale.clock.pass_s(MINUTE_S - 1)
    await sweep_until_caught_up(sale)
    sale.clock.pass_s(4)
    restarted = sale.elsewhere()
    for _ in range(4):
        await restarted.sweep()
        sale.clock.pass_ms(ROUND_MS)
    assert isinstance((await sale.find(hold)).state, Expired)


async def test_a_sweeper_follows_an_extension(sale: Sale) -> None:
    sweeper = sale.elsewhere()
    hold = await sale.hold(SEATS, ttl_s=20)
    await sweeper.sweep()
    extended = await sale.extend(hold, ttl_s=200)
    for _ in range(19):
        sale.clock.pass_s(10)
        await sweeper.sweep()
    assert await sale.find(hold) == extended
    sale.clock.pass_s(11)
    await sweeper.sweep()
    assert isinstance((await sale.find(hold)).state, Expired)


async def test_two_sweepers_at_once_expire_a_hold_once(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    sale.clock.pass_s(TTL_S + 1)
    both = await asyncio.gather(sale.elsewhere().sweep(), sale.elsewhere().sweep())
    assert [swept.failures for swept in both] == [{}, {}]
    assert isinstance((await sale.find(hold)).state, Expired)
    events = [event.type for event in await sale.relay_all()]
    assert events == ["hold.created", "hold.expired"]
    await sale.assert_legal()


async def test_a_swept_seat_group_is_not_swept_for_ever(single_seats: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    """When no late batch can reach a minute any more, its seat groups are left alone, but for the slow round, which
    comes to any trip at any time on a store that tests share.
    """

    async def nowhere(_: SlowRound) -> list[Partition]:
        return []

    monkeypatch.setattr(SlowRound, "next_partitions", nowhere)
    sale = single_seats
    await sale.hold("A1")
    await sweep_until_caught_up(sale)
    for _ in range(6):
        sale.clock.pass_s(MINUTE_S)
        await sale.sweep()
    assert (await sale.sweep()).count == 0
    assert (await sale.elsewhere().sweep()).count == 0


# ---- failures


async def test_a_seat_group_that_fails_does_not_stop_the_others(single_seats: Sale) -> None:
    sale = single_seats
    stuck = await sale.hold("A3", by="bob")
    others = [await sale.hold(seat, by=seat) for seat in ("A1", "A2", "A4", "A18")]
    sale.clock.pass_s(TTL_S + 1)
    sale.store.cannot_read(sale.group_partition("A3"))
    swept = await sale.sweep()
    assert list(swept.failures) == [sale.group_partition("A3")]
    assert isinstance(swept.failures[sale.group_partition("A3")], BackendUnavailable)
    assert {type((await sale.find(hold)).state) for hold in others} == {Expired}
    sale.store.mend()
    sale.clock.pass_ms(ROUND_MS)
    assert (await sale.sweep()).failures == {}
    assert isinstance((await sale.find(stuck)).state, Expired)


async def test_a_slow_seat_group_delays_no_hold_that_runs_out_meanwhile(single_seats: Sale) -> None:
    sale = single_seats
    slow_one, later = await sale.hold("A3", "A-B"), await sale.hold("A3", "B-C", ttl_s=TTL_S + 5)
    elsewhere = await sale.hold("A1", ttl_s=TTL_S + 5)
    sale.clock.pass_s(TTL_S + 1)
    slow = sale.store.stall_reads(lambda partition, _: partition == sale.group_partition("A3"))
    sweeping = asyncio.ensure_future(sale.sweep())
    await slow.reached.wait()
    sale.clock.pass_s(5)
    async with asyncio.timeout(SEEN_S_MAX):
        while isinstance((await sale.find(elsewhere)).state, Held):  # noqa: ASYNC110 - a sweep sets no event
            await asyncio.sleep(0)
    assert not sweeping.done()
    slow.go.set()
    sale.store.mend()
    assert (await sweeping).failures == {}
    await sale.sweep()
    assert {type((await sale.find(hold)).state) for hold in (slow_one, later)} == {Expired}


async def test_a_seat_group_that_fails_for_long_is_not_forgotten(single_seats: Sale) -> None:
    sale = single_seats
    stuck = await sale.hold("A3")
    await sweep_until_caught_up(sale)
    sale.store.cannot_read(sale.group_partition("A3"))
    for _ in range(10):
        sale.clock.pass_s(MINUTE_S)
        await sale.sweep()
    sale.store.mend()
    sale.clock.pass_ms(WAITS_MS[1])
    await sale.sweep()
    assert isinstance((await sale.find(stuck)).state, Expired)


@pytest.mark.parametrize("per_group", [1, 16])
async def test_a_sweeper_that_stood_still_for_long_catches_up(market: Market, per_group: PerGroup) -> None:
    """Longer than one that never ran looks back: it begins where the last one stopped."""
    sale = await market.open(seats_per_group=per_group)
    await sweep_until_caught_up(sale)
    hold = await sale.hold(SEATS)
    stopped_s = (FIRST_LOOK_MINUTES + 120) * MINUTE_S
    sale.clock.pass_s(stopped_s)
    another = sale.elsewhere()
    for _ in range(stopped_s // MINUTE_S // MINUTES_AT_ONCE + 1):
        await another.sweep()
    assert isinstance((await sale.find(hold)).state, Expired)


async def test_a_read_before_there_was_anything_to_end_does_not_delay_the_next(
    single_seats: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slow round may visit a seat group just before its first hold."""
    sale, sweeper = single_seats, single_seats.elsewhere()
    partition = sale.group_partition("A1")

    async def comes_by(_: SlowRound) -> list[Partition]:
        return [partition]

    with monkeypatch.context() as patch:
        patch.setattr(SlowRound, "next_partitions", comes_by)
        await sweeper.sweep()
    hold = await sale.hold("A1", ttl_s=1)
    sale.clock.pass_ms(1_000 + CLOCK_BOUND_MS)
    await sweeper.sweep()
    assert isinstance((await sale.find(hold)).state, Expired)
