"""What the steps of a process did, in numbers."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from travio_inventory.kernel.refusals import OutcomeUnknown, Refusal
from travio_inventory.protocol.batches import ABSENT, Applied, Kind, Partition, Refused, RowKey, Table, Unknown, Write
from travio_inventory.protocol.hold import NEVER_MS, Confirmed, Held, Released
from travio_inventory.protocol.step_counts import OPEN_MAX, Doubts, LiveHolds, ReadsThatSettle, StepCounts
from travio_inventory.store.memory import MemoryBatches
from verification.kit.faulty_batches import Spoil, commits
from verification.kit.sale import TTL_S, Market, Sale

PLACE = Partition(Table.SEAT_GROUPS, "acme", "t1")
EXPIRES_MS = 1_000_000


@pytest.fixture
async def sale() -> AsyncIterator[Sale]:
    async with Market(MemoryBatches(None, Random(0), asyncio.sleep)) as market:
        yield await market.open(seats_per_group=1)


def counts_of(sale: Sale) -> StepCounts:
    return sale.process.sender.counts


def hold_row(name: str = "h") -> Write:
    return Write(RowKey(Kind.HOLD, name), ABSENT, {"status": "held", "holder": "ann"})


async def test_a_hold_lives_until_it_is_booked_released_or_over(sale: Sale) -> None:
    live = counts_of(sale).live
    holds = [await sale.hold(seats) for seats in ("A1 A2", "A3", "A4")]
    assert live.count() == 3
    await sale.confirm(holds[0])
    assert live.count() == 2
    await sale.release(holds[1])
    assert live.count() == 1
    await sale.extend(holds[2], ttl_s=2 * TTL_S)
    assert live.count() == 1
    sale.clock.pass_s(TTL_S + 1)
    assert live.count() == 1
    sale.clock.pass_s(TTL_S)
    assert live.count() == 0


async def test_a_hold_that_gives_a_part_up_lives_on(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    await sale.release(hold, "A2")
    assert counts_of(sale).live.count() == 1


async def test_holds_that_another_process_ends_are_right_in_the_sum(sale: Sale) -> None:
    other = sale.elsewhere()
    await other.confirm(await sale.hold("A1"))
    assert [counts_of(each).live.count() for each in (sale, other)] == [1, -1]


async def test_a_late_expiry_is_counted_with_how_late_it_was(sale: Sale) -> None:
    await sale.hold("A1")
    sale.clock.pass_s(TTL_S + 7)
    await sale.hold("A1", by="bob")
    counts = counts_of(sale)
    assert (counts.lateness.count, counts.lateness.total_ns // 1_000_000_000) == (1, 7)
    assert counts.recorded == {"hold.created": 2, "hold.expired": 1}


def test_holds_without_an_expiry_do_not_count_and_nothing_is_kept_of_those_that_are_over() -> None:
    now_ms = EXPIRES_MS - 1
    live = LiveHolds(lambda: now_ms)
    live.changed(None, Held(NEVER_MS))
    live.changed(Held(NEVER_MS), Released())
    live.changed(None, Confirmed("order"))
    assert live.count() == 0
    live.changed(None, Held(EXPIRES_MS))
    live.changed(None, Held(EXPIRES_MS + 5_000))
    assert live.count() == 2
    now_ms = EXPIRES_MS + 1_000
    assert live.count() == 1
    assert len(live._by_second) == 1


@pytest.mark.parametrize(("spoil", "settled"), [(Spoil.LOST, "applied"), (Spoil.UNANSWERED, "found")])
async def test_a_batch_that_is_sent_again_settles_what_was_unknown(sale: Sale, spoil: Spoil, settled: str) -> None:
    sale.store.spoil(spoil, commits, times=1)
    await sale.hold("A1")
    doubts = counts_of(sale).doubts
    assert (doubts.count, doubts.open_count()) == (1, 0)
    assert {how: count for how, count in doubts.settled().items() if count} == {settled: 1}


async def test_an_attempt_that_is_given_up_is_fenced(sale: Sale) -> None:
    sale.store.spoil(Spoil.LOST, commits)
    with pytest.raises(Refusal):
        await sale.hold("A1", key="k1")
    settled = counts_of(sale).doubts.settled()
    assert settled["fenced"] == 1
    assert settled["open"] == settled["applied"] == settled["found"] == 0


async def test_a_later_read_settles_what_was_unknown(sale: Sale) -> None:
    """The release was applied each time, and no answer came back; who repeats it later is told by the hold's row."""
    hold = await sale.hold("A1")
    sale.store.spoil(Spoil.LATE, commits)
    with pytest.raises(OutcomeUnknown):
        await sale.release(hold)
    doubts = counts_of(sale).doubts
    assert (doubts.count, doubts.open_count()) == (1, 1)
    sale.store.mend()
    await sale.store.deliver_late()
    assert doubts.open_count() == 1
    await sale.release(hold)
    assert doubts.open_count() == 0
    assert {how: count for how, count in doubts.settled().items() if count} == {"found": 1}


async def test_only_reads_that_show_how_it_ended_settle_it() -> None:
    store, doubts = MemoryBatches(None, Random(0), asyncio.sleep), Doubts(lambda: 0)
    reads, row = ReadsThatSettle(store, doubts), hold_row()
    end = Write(row.key, {"status": "held"}, {"status": "released"})
    await store.apply(PLACE, [row])
    doubts.note(PLACE, [end], Unknown("no answer"))
    doubts.note(PLACE, [hold_row("other")], Unknown("no answer"))
    for _ in range(2):
        await reads.get(PLACE, [row.key, hold_row("other").key])
        await reads.read(PLACE, Kind.HOLD)
        await reads.read(PLACE._replace(name="t2"), Kind.HOLD)
        assert doubts.open_count() == 2, "the batches may still be applied"
    await store.apply(PLACE, [end])
    await reads.read(PLACE, Kind.HOLD)
    assert (doubts.open_count(), doubts.settled()["found"]) == (1, 1)
    await store.apply(PLACE, [hold_row("other")._replace(values={"status": "aborted"})])
    await reads.get(PLACE, [hold_row("other").key])
    assert (doubts.open_count(), doubts.settled()["refused"]) == (0, 1)


async def test_a_read_that_began_before_says_nothing_of_it() -> None:
    """What it found is older than the batch."""
    doubts = Doubts(lambda: 0)
    row = hold_row()
    end = Write(row.key, {"status": "held"}, {"status": "released"})
    doubts.note(PLACE, [end], Unknown("no answer"))
    old = {row.key: {"status": "aborted"}}
    doubts.saw(PLACE, old, since=0)
    assert doubts.open_count() == 1
    doubts.saw(PLACE, old, since=1)
    assert doubts.open_count() == 0


def test_a_refusal_by_another_row_settles_it_too() -> None:
    doubts = Doubts(lambda: 0)
    doubts.note(PLACE, [hold_row()], Unknown("no answer"))
    doubts.note(PLACE, [hold_row()], Unknown("again none"))
    assert (doubts.count, doubts.open_count()) == (1, 1)
    doubts.note(PLACE, [hold_row("other")], Refused({}))
    assert doubts.open_count() == 1
    doubts.note(PLACE, [hold_row()], Refused({hold_row().key: {"status": "held", "holder": "bob"}}))
    assert doubts.settled()["refused"] == 1
    assert doubts.open_count() == 0


def test_live_holds_are_counted_by_the_second_in_which_they_end() -> None:
    now_ms = EXPIRES_MS + 999
    live = LiveHolds(lambda: now_ms)
    live.changed(None, Held(EXPIRES_MS))
    live.changed(None, Held(EXPIRES_MS + 999))
    assert (live.count(), len(live._by_second)) == (2, 1)
    live.changed(Held(EXPIRES_MS + 1), Released())
    assert (live.count(), len(live._by_second)) == (1, 1)


def test_two_that_are_settled_in_one_way_are_two() -> None:
    doubts = Doubts(lambda: 0)
    for name in ("a", "b"):
        doubts.note(PLACE, [hold_row(name)], Unknown("no answer"))
    assert doubts.count == 2
    for name in ("a", "b"):
        doubts.note(PLACE, [hold_row(name)], Refused({}))
    assert doubts.settled()["refused"] == 2


def test_a_fence_that_is_sent_again_is_applied_and_no_fence_of_an_attempt() -> None:
    doubts, fence = Doubts(lambda: 0), hold_row()._replace(values={"status": "aborted"})
    doubts.note(PLACE, [fence], Unknown("no answer"))
    doubts.note(PLACE, [fence], Applied())
    assert (doubts.settled()["applied"], doubts.settled()["fenced"]) == (1, 0)


@pytest.mark.parametrize(("late_ms", "counted_ns"), [(-5, 0), (0, 0), (7, 7_000_000)])
def test_an_end_is_never_early(late_ms: int, counted_ns: int) -> None:
    counts = StepCounts(now_ms=lambda: 0, elapsed_ms=lambda: 0)
    counts.expired(Held(EXPIRES_MS), EXPIRES_MS + late_ms)
    assert counts.lateness.total_ns == counted_ns


def test_what_nobody_asks_about_any_more_stays_open_and_is_forgotten() -> None:
    now_ms = 0
    doubts = Doubts(lambda: now_ms)
    for number in range(OPEN_MAX + 3):
        doubts.note(PLACE, [hold_row(str(number))], Unknown("no answer"))
    assert (doubts.open_count(), doubts.settled()["open"]) == (OPEN_MAX, 3)
    now_ms = 59_999
    assert doubts.open_count() == OPEN_MAX
    now_ms = 60_000
    assert (doubts.open_count(), doubts.settled()["open"]) == (0, OPEN_MAX + 3)
