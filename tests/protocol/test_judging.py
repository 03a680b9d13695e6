"""What the home row of an owner decides, to the millisecond: what is over is ended, what was abandoned is fenced."""

import pytest

from tests.protocol.parts import Overtaken, hold_row, noted, unused_id
from travio_inventory.protocol.batches import Kind, Row, RowKey
from travio_inventory.protocol.fencing import ABANDONED, RETRY
from travio_inventory.protocol.hold import Title
from travio_inventory.protocol.judging import Judged, Judging, Verdict
from travio_inventory.seats.hold import NEVER_MS, Hold
from verification.kit.clocks import START_MS
from verification.kit.sale import CLOCK_BOUND_MS, GRACE_S, TTL_S, Sale

GRACE_MS = GRACE_S * 1_000
LAPSES_MS = TTL_S * 1_000 + CLOCK_BOUND_MS
FENCED = {"status": "aborted", "reason": ABANDONED}


@pytest.fixture
def judging(sale: Sale) -> Judging[Hold]:
    return sale.process.holds.judging


async def test_an_attempt_without_a_row_is_contended_for_its_grace_then_fenced(
    sale: Sale, judging: Judging[Hold]
) -> None:
    org, hold_id = sale.trip.key.organization, unused_id(sale)
    sale.clock.pass_ms(GRACE_MS - 1)
    sent = noted(sale)
    assert await judging.home(org, hold_id) is None
    assert await judging.home_unless_abandoned(org, hold_id, since_ms=START_MS) is None
    assert await judging.judge(org, hold_id, since_ms=START_MS) == Judged(Verdict.CONTENDED, {})
    assert sent == []
    sale.clock.pass_ms(1)
    assert await judging.judge(org, hold_id, since_ms=START_MS) == Judged(Verdict.DEAD, FENCED)
    assert await hold_row(sale, hold_id) == FENCED
    assert await judging.home_unless_abandoned(org, hold_id, since_ms=START_MS) == FENCED
    assert len(sent) == 1


async def test_attempts_of_a_clock_that_is_ahead_have_their_grace_each(sale: Sale, judging: Judging[Hold]) -> None:
    org, ahead_ms = sale.trip.key.organization, START_MS + 3_600_000
    one, two = unused_id(sale, 1), unused_id(sale, 2)
    assert await judging.home_unless_abandoned(org, one, since_ms=ahead_ms) is None
    sale.clock.pass_ms(GRACE_MS - 1)
    assert await judging.home_unless_abandoned(org, one, since_ms=ahead_ms) is None
    assert await judging.home_unless_abandoned(org, two, since_ms=ahead_ms) is None
    sale.clock.pass_ms(1)
    assert await judging.home_unless_abandoned(org, one, since_ms=ahead_ms) == FENCED
    assert await judging.home_unless_abandoned(org, two, since_ms=ahead_ms) is None


async def test_a_hold_has_its_claims_until_it_ends(sale: Sale, judging: Judging[Hold]) -> None:
    hold = await sale.hold("A1")
    sale.clock.pass_ms(GRACE_MS)
    sent = noted(sale)
    row = await hold_row(sale, hold.id)
    assert await judging.judge(hold.organization, hold.id, since_ms=START_MS) == Judged(Verdict.TAKEN, row)
    assert await judging.neighbour(hold.organization, hold.id) == row
    assert sent == []
    await sale.release(hold)
    row = await hold_row(sale, hold.id)
    assert await judging.judge(hold.organization, hold.id, since_ms=START_MS) == Judged(Verdict.DEAD, row)


async def test_a_booking_has_its_claims_for_ever(sale: Sale, judging: Judging[Hold]) -> None:
    booking = await sale.confirm(await sale.hold("A1"))
    sale.clock.pass_ms(LAPSES_MS)
    sent = noted(sale)
    judged = await judging.judge(booking.organization, booking.id, since_ms=START_MS)
    assert judged == Judged(Verdict.TAKEN, await hold_row(sale, booking.id))
    assert await judging.neighbour(booking.organization, booking.id) == judged.row
    assert sent == []


async def test_a_hold_is_ended_when_its_time_is_over_by_every_clock(sale: Sale, judging: Judging[Hold]) -> None:
    hold = await sale.hold("A1")
    sale.clock.pass_ms(LAPSES_MS - 1)
    row = await hold_row(sale, hold.id)
    assert judging.left_ms(hold.id, row) == 1
    assert not judging.has_lapsed(hold.id, row)
    assert await judging.judge(hold.organization, hold.id, since_ms=START_MS) == Judged(Verdict.TAKEN, row)
    assert await judging.neighbour(hold.organization, hold.id) == row
    sale.clock.pass_ms(1)
    assert judging.has_lapsed(hold.id, row)
    judged = await judging.judge(hold.organization, hold.id, since_ms=START_MS)
    assert (judged.verdict, judged.row["status"]) == (Verdict.DEAD, "expired")
    assert (await hold_row(sale, hold.id))["status"] == "expired"


async def test_a_neighbour_that_has_lapsed_is_ended(sale: Sale, judging: Judging[Hold]) -> None:
    hold = await sale.hold("A1")
    assert await judging.neighbour(hold.organization, unused_id(sale)) == {}
    sale.clock.pass_ms(LAPSES_MS)
    assert (await judging.neighbour(hold.organization, hold.id))["status"] == "expired"
    assert (await hold_row(sale, hold.id))["status"] == "expired"


@pytest.mark.parametrize("as_neighbour", [False, True])
async def test_a_hold_of_a_clock_that_is_ahead_has_its_whole_time(
    sale: Sale, judging: Judging[Hold], *, as_neighbour: bool
) -> None:
    async def status(hold: Hold) -> object:
        if as_neighbour:
            return (await judging.neighbour(hold.organization, hold.id))["status"]
        return (await judging.judge(hold.organization, hold.id, since_ms=START_MS)).row["status"]

    ahead = sale.elsewhere(ahead_s=3_600)
    one, two = await ahead.hold("A1"), await ahead.hold("A2")
    assert await status(one) == "held"
    sale.clock.pass_ms(LAPSES_MS - 1)
    assert (await status(one), await status(two)) == ("held", "held")
    sale.clock.pass_ms(1)
    assert (await status(one), await status(two)) == ("expired", "held")


async def test_a_hold_of_the_house_never_lapses(sale: Sale, judging: Judging[Hold]) -> None:
    row: Row = {"status": "held", "created_at_ms": START_MS, "expires_at_ms": NEVER_MS}
    assert judging.left_ms(unused_id(sale), row) == NEVER_MS
    assert not judging.has_lapsed(unused_id(sale), row)


async def test_a_claim_is_its_owners_where_the_row_names_it_or_a_young_move_takes_it(
    sale: Sale, judging: Judging[Hold]
) -> None:
    hold = await sale.move(await sale.hold("A1 A2"), "A2>A3")

    async def verdict(seat: str, move: int) -> Verdict:
        cell, owner = RowKey(Kind.CELL, seat, 0), str(Title(hold.id, move))
        judged = await judging.judge_claim(sale.group_partition(seat), cell, owner, since_ms=START_MS)
        assert judged.row == await hold_row(sale, hold.id)
        return judged.verdict

    assert (await verdict("A1", 0), await verdict("A3", 1)) == (Verdict.TAKEN, Verdict.TAKEN)
    assert (await verdict("A2", 0), await verdict("A2", 1)) == (Verdict.DEAD, Verdict.DEAD)
    sale.clock.pass_ms(GRACE_MS - 1)
    assert await verdict("A2", 2) is Verdict.CONTENDED
    sale.clock.pass_ms(1)
    assert await verdict("A2", 2) is Verdict.DEAD
    assert (await hold_row(sale, hold.id))["moves"] == 2, "it is fenced"
    assert await verdict("A2", 2) is Verdict.DEAD


async def test_moves_of_a_clock_that_is_ahead_have_their_grace_each(sale: Sale, judging: Judging[Hold]) -> None:
    hold = await sale.hold("A1")

    async def verdict(move: int) -> Verdict:
        cell, owner = RowKey(Kind.CELL, "A2", 0), str(Title(hold.id, move))
        there = sale.group_partition("A2")
        return (await judging.judge_claim(there, cell, owner, since_ms=START_MS + 3_600_000)).verdict

    assert await verdict(1) is Verdict.CONTENDED
    sale.clock.pass_ms(GRACE_MS - 1)
    assert (await verdict(1), await verdict(2)) == (Verdict.CONTENDED, Verdict.CONTENDED)
    sale.clock.pass_ms(1)
    assert (await verdict(2), await verdict(1)) == (Verdict.CONTENDED, Verdict.DEAD)


async def test_a_move_that_commits_before_it_is_fenced_has_what_it_took(sale: Sale, judging: Judging[Hold]) -> None:
    hold, other = await sale.hold("A1"), sale.elsewhere()
    sale.clock.pass_ms(GRACE_MS)
    sale.process.sender.batches = Overtaken(sale.store, lambda _: other.move(hold, "A1>A2"))
    cell, owner = RowKey(Kind.CELL, "A2", 0), str(Title(hold.id, 1))
    judged = await judging.judge_claim(sale.group_partition("A2"), cell, owner, since_ms=START_MS)
    assert judged == Judged(Verdict.TAKEN, await hold_row(sale, hold.id))


async def test_an_attempt_is_settled_however_young_it_is(sale: Sale, judging: Judging[Hold]) -> None:
    """Where it is not certain yet whether it commits, it never will."""
    org, hold_id = sale.trip.key.organization, unused_id(sale)
    await judging.settle(org, hold_id)
    assert await hold_row(sale, hold_id) == {"status": "aborted", "reason": RETRY}
    hold = await sale.hold("A1")
    sent = noted(sale)
    await judging.settle(org, hold.id)
    assert sent == [], "it has committed"
    for _ in range(2):
        await judging.settle(org, str(Title(hold.id, 1)))
        assert (await hold_row(sale, hold.id))["moves"] == 1
    assert len(sent) == 1, "nothing more is to be done the second time"
    await sale.release(hold)
    done = len(sent)
    await judging.settle(org, str(Title(hold.id, 2)))
    assert len(sent) == done, "what has ended is moved no more"
