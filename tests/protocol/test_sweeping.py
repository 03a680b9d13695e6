"""What a sweeper ends in a partition, in how many batches, and which claims of other homes it brings in line there."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.protocol.parts import Pauses, hold_row, noted, unused_id
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol import lapses, rows
from travio_inventory.protocol.batches import Kind, Row, RowKey, Write
from travio_inventory.protocol.fencing import ABANDONED
from travio_inventory.protocol.lapses import AT_ONCE, LapseFinder, _a_few_at_once
from travio_inventory.seats.hold import Hold
from verification.kit.clocks import START_MS
from verification.kit.faulty_batches import Spoil, cells_alone, commits
from verification.kit.passing import Batch
from verification.kit.sale import CLOCK_BOUND_MS, GRACE_S, TTL_S, Market, Sale

TTL_MS, GRACE_MS = TTL_S * 1_000, GRACE_S * 1_000
LAPSES_MS = TTL_MS + CLOCK_BOUND_MS
ROWS_OF_A_HOLD = 5
"""Its own, its event, and three cells."""


@pytest.fixture
async def group(market: Market) -> Sale:
    """Eighteen seats in one seat group."""
    sale = await market.open(seats_per_group=18)
    sale.process.sender.random = Pauses()
    return sale


async def sweep(sale: Sale, seat: str = "A1") -> None:
    """One sweep of the seat's partition, to the end of what it began."""
    await LapseFinder(sale.process.holds).sweep(sale.group_partition(seat))
    await sale.settled()


async def status(sale: Sale, hold_id: str) -> object:
    """What the row of a hold on A1 says."""
    return (await hold_row(sale, hold_id)).get("status")


async def says(sale: Sale, hold: Hold, status: str) -> None:
    """The row of a hold on A1 says that, and the claims elsewhere do not know."""
    write = Write(rows.hold_key(hold.id), {}, {"status": status})
    await sale.market.store.apply(sale.group_partition("A1"), [write])


async def claim(sale: Sale, owner: str, *segments: int, status: str = "held", **row: int) -> None:
    """Claims on A2 say that they are of that hold."""
    values: Row = {"status": status, "owner": owner, **row}
    writes = [Write(RowKey(Kind.CELL, "A2", segment), {}, values) for segment in segments]
    await sale.market.store.apply(sale.group_partition("A2"), writes)


async def lapsed(sale: Sale, count: int) -> list[Hold]:
    """Holds of so many seats that have lapsed, in the order of their claims."""
    holds = [await sale.hold(f"A{number + 1}", by=f"u{number}") for number in range(count)]
    sale.clock.pass_ms(LAPSES_MS)
    return holds


def sizes(sent: Sequence[Batch]) -> list[int]:
    """Of how many holds each batch has the row."""
    return [sum(write.key.kind is Kind.HOLD for write in batch.writes) for batch in sent]


# ---- holds at home


async def test_a_hold_is_ended_when_its_time_is_over_by_every_clock(sale: Sale) -> None:
    hold = await sale.hold("A1")
    sale.clock.pass_ms(LAPSES_MS - 1)
    sent = noted(sale)
    await sweep(sale)
    assert (await status(sale, hold.id), sent, sale.store.rows_read[Kind.HOLD]) == ("held", [], 0)
    sale.clock.pass_ms(1)
    await sweep(sale)
    assert (await status(sale, hold.id), len(sent)) == ("expired", 1)


@pytest.mark.parametrize(
    ("rows_max", "count", "batches"),
    [
        (2 * ROWS_OF_A_HOLD, 5, [2, 2, 1]),
        (3 * ROWS_OF_A_HOLD - 1, 4, [2, 2]),
        (1, 2, [1, 1]),
    ],
)
async def test_holds_that_lapse_together_end_in_batches_of_a_bounded_number_of_rows(
    group: Sale, monkeypatch: pytest.MonkeyPatch, rows_max: int, count: int, batches: list[int]
) -> None:
    """A hold with more rows has a batch of its own."""
    monkeypatch.setattr(lapses, "ROWS_TOGETHER_MAX", rows_max)
    await lapsed(group, count)
    sent = noted(group)
    await sweep(group)
    assert sizes(sent) == batches


async def test_their_rows_are_read_in_portions(group: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lapses, "HOLDS_READ_TOGETHER", 2)
    holds = await lapsed(group, 5)
    sent = noted(group)
    await sweep(group)
    assert sizes(sent) == [2, 2, 1]
    assert group.store.rows_read[Kind.HOLD] == 5
    assert [await status(group, hold.id) for hold in holds] == ["expired"] * 5


async def test_one_that_cannot_be_ended_delays_no_other_and_is_reported(
    group: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lapses, "ROWS_TOGETHER_MAX", ROWS_OF_A_HOLD)
    holds = await lapsed(group, 3)
    key = rows.hold_key(holds[0].id)
    group.store.spoil(Spoil.LOST, lambda _, writes: any(write.key == key for write in writes))
    with pytest.raises(OutcomeUnknown):
        await sweep(group)
    assert [await status(group, hold.id) for hold in holds] == ["held", "expired", "expired"]


async def test_a_hold_that_was_booked_meanwhile_is_left_alone_and_not_due_again(sale: Sale) -> None:
    [hold] = await lapsed(sale, 1)
    sale.process.sender.signals.take_due(LAPSES_MS)
    await says(sale, hold, "confirmed")
    sent = noted(sale)
    await sweep(sale)
    assert (sent, sale.process.sender.signals.all_due()) == ([], set())


@pytest.mark.parametrize("ahead_s", [TTL_S // 2, 3_600])
async def test_a_hold_of_a_clock_that_is_ahead_ends_after_its_whole_time(sale: Sale, ahead_s: int) -> None:
    """Also when this clock has come to where that one was."""
    hold = await sale.elsewhere(ahead_s=ahead_s).hold("A1")
    sent, signals = noted(sale), sale.process.sender.signals
    sale.clock.pass_ms(1)
    await sweep(sale)
    assert (sent, signals.take_due(LAPSES_MS)) == ([], set())
    assert signals.take_due(LAPSES_MS + 1) == {sale.group_partition("A1")}
    sale.clock.pass_ms(LAPSES_MS - 1)
    await sweep(sale)
    assert sent == []
    sale.clock.pass_ms(1)
    await sweep(sale)
    assert await status(sale, hold.id) == "expired"


async def test_seats_off_sale_and_bookings_are_not_read(sale: Sale) -> None:
    await sale.block("A1")
    await sale.confirm(await sale.hold("A2"))
    sale.clock.pass_ms(LAPSES_MS)
    read = sale.store.rows_read[Kind.HOLD]
    sent = noted(sale)
    for seat in ("A1", "A2"):
        await sweep(sale, seat)
    assert (sent, sale.store.rows_read[Kind.HOLD]) == ([], read)


async def test_a_partition_that_cannot_be_read_is_reported(sale: Sale) -> None:
    sale.store.cannot_read(sale.group_partition("A1"))
    with pytest.raises(BackendUnavailable):
        await sweep(sale)


# ---- claims of holds with another home


@pytest.mark.parametrize(
    ("says_now", "shown"), [("released", "available"), ("expired", "available"), ("confirmed", "sold")]
)
async def test_claims_are_brought_in_line_once_an_attempt_had_its_time(sale: Sale, says_now: str, shown: str) -> None:
    hold = await sale.hold("A1 A2")
    await says(sale, hold, says_now)
    sale.clock.pass_ms(GRACE_MS - 1)
    sent = noted(sale)
    await sweep(sale, "A2")
    assert (sent, sale.store.rows_read[Kind.HOLD]) == ([], 0)
    sale.clock.pass_ms(1)
    await sweep(sale, "A2")
    assert await sale.statuses("A2") == [shown] * 3
    assert [batch.partition for batch in sent] == [sale.group_partition("A2")]
    await sweep(sale, "A2")
    assert len(sent) == 1, "they are in line"


async def test_those_of_a_hold_that_lives_are_left_alone(sale: Sale) -> None:
    await sale.hold("A1 A2")
    sale.clock.pass_ms(LAPSES_MS - 1)
    sent = noted(sale)
    await sweep(sale, "A2")
    assert (sent, await sale.statuses("A2")) == ([], ["held"] * 3)


async def test_a_hold_that_has_lapsed_is_ended_where_its_claims_are_met(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    sale.clock.pass_ms(LAPSES_MS)
    await sweep(sale, "A2")
    assert await status(sale, hold.id) == "expired"
    assert await sale.statuses("A2") == ["available"] * 3


@pytest.mark.parametrize(
    ("since_ms", "until_ms", "is_read"),
    [
        (0, 1, False),
        (0, 0, True),
        (CLOCK_BOUND_MS, TTL_MS, False),
        (CLOCK_BOUND_MS + 1, TTL_MS, True),
        (1 - GRACE_MS, TTL_MS, False),
        (-GRACE_MS, TTL_MS, True),
    ],
)
async def test_they_are_looked_up_when_due_or_old_or_of_a_clock_that_is_ahead(
    sale: Sale, since_ms: int, until_ms: int, is_read: bool
) -> None:
    hold = await sale.hold("A1")
    await says(sale, hold, "released")
    await claim(sale, hold.id, 0, since_ms=START_MS + since_ms, until_ms=START_MS + until_ms)
    await claim(sale, hold.id, 1, since_ms=START_MS, until_ms=START_MS + TTL_MS)
    await sweep(sale, "A2")
    assert await sale.statuses("A2") == (["available"] * 3 if is_read else ["held", "held", "available"])


async def test_of_a_hold_that_lives_only_what_its_row_names_is_left_alone(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    sale.store.spoil(Spoil.LOST, lambda at, writes: at == sale.group_partition("A2") and cells_alone(at, writes))
    await sale.move(hold, "A2>A3")
    await sale.settled()
    sale.clock.pass_ms(GRACE_MS)
    sale.store.mend()
    for seat, shown in (("A2", "available"), ("A3", "held")):
        await sweep(sale, seat)
        assert await sale.statuses(seat) == [shown] * 3


async def test_what_a_move_took_is_given_back_once_it_had_its_time(sale: Sale) -> None:
    hold, mover = await sale.hold("A1"), sale.elsewhere()
    await mover.dies(mover.move(hold, "A1>A3"), at=mover.store.stall(commits))
    sale.clock.pass_ms(GRACE_MS - 1)
    await sweep(sale, "A3")
    assert await sale.statuses("A3") == ["held"] * 3
    sale.clock.pass_ms(1)
    await sweep(sale, "A3")
    assert await sale.statuses("A3") == ["available"] * 3
    assert (await hold_row(sale, hold.id))["moves"] == 1


async def test_a_booking_that_was_cancelled_since_is_given_back(sale: Sale) -> None:
    hold = await sale.hold("A1")
    await says(sale, hold, "cancelled")
    await claim(sale, hold.id, 0, 1, status="sold", since_ms=START_MS)
    await sweep(sale, "A2")
    assert await sale.statuses("A2") == ["available"] * 3


@pytest.mark.parametrize(("sold", "batches"), [((0, 1), 0), ((0,), 1), ((1,), 1)])
async def test_a_booking_is_written_where_any_claim_does_not_say_so(
    sale: Sale, sold: tuple[int, ...], batches: int
) -> None:
    hold = await sale.hold("A1")
    await says(sale, hold, "confirmed")
    await claim(sale, hold.id, 0, 1, since_ms=START_MS, until_ms=START_MS)
    await claim(sale, hold.id, *sold, status="sold")
    sent = noted(sale)
    await sweep(sale, "A2")
    assert await sale.statuses("A2") == ["sold", "sold", "available"]
    assert len(sent) == batches


async def test_an_attempt_is_abandoned_when_its_first_claim_is_old_enough(sale: Sale) -> None:
    owner = unused_id(sale)
    await claim(sale, owner, 0, since_ms=START_MS + 1, until_ms=START_MS)
    await claim(sale, owner, 1, since_ms=START_MS, until_ms=START_MS)
    sale.clock.pass_ms(GRACE_MS - 1)
    await sweep(sale, "A2")
    assert await sale.statuses("A2") == ["held", "held", "available"]
    sale.clock.pass_ms(1)
    await sweep(sale, "A2")
    assert await sale.statuses("A2") == ["available"] * 3
    assert await hold_row(sale, owner) == {"status": "aborted", "reason": ABANDONED}


async def test_claims_that_may_not_be_in_line_are_reported(sale: Sale) -> None:
    hold = await sale.hold("A1")
    await says(sale, hold, "released")
    await claim(sale, hold.id, 0, since_ms=START_MS, until_ms=START_MS)
    sale.store.spoil(Spoil.LOST, cells_alone)
    with pytest.raises(OutcomeUnknown):
        await sweep(sale, "A2")


async def test_what_cannot_be_looked_up_is_reported_and_delays_no_other(sale: Sale) -> None:
    holds = [await sale.hold(seat) for seat in ("A3", "A1")]
    await says(sale, holds[1], "released")
    for segment, hold in enumerate(holds):
        await claim(sale, hold.id, segment, since_ms=START_MS, until_ms=START_MS)
    sale.store.cannot_read(sale.group_partition("A3"))
    with pytest.raises(BackendUnavailable):
        await sweep(sale, "A2")
    assert await sale.statuses("A2") == ["held", "available", "available"]


# ---- several at once


async def test_a_few_are_done_at_once_and_the_first_failure_is_raised_after_all() -> None:
    running: list[int] = []
    at_once: list[int] = []
    done: list[int] = []

    async def work(number: int) -> None:
        running.append(number)
        at_once.append(len(running))
        await asyncio.sleep(0)
        running.remove(number)
        done.append(number)
        if number in (1, 2):
            raise ValueError(number)

    with pytest.raises(ValueError, match="1"):
        await _a_few_at_once(map(work, range(3 * AT_ONCE)))
    assert (max(at_once), done) == (AT_ONCE, [*range(3 * AT_ONCE)])
