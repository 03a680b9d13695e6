"""Races: all callers start at once, and the winners are counted."""

import asyncio
from collections.abc import Awaitable, Sequence
from random import Random

import pytest

from travio_inventory.seats.hold import Confirmed, Expired, Hold, Released, late_id
from travio_inventory.seats.refusals import (
    HoldConfirmed,
    HoldExpired,
    HoldReleased,
    SeatContended,
    SeatHeld,
    SeatTaken,
)
from verification.kit.sale import TTL_S, Sale

CONTENDERS = 200
RACES = 6
TURNS_MAX = 40


async def race(runners: Sequence[Awaitable[object]], random: Random) -> list[object]:
    """Start them all at once, each up to TURNS_MAX turns of the loop later."""
    start = asyncio.Event()

    async def run(runner: Awaitable[object], turns: int) -> object:
        await start.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        return await runner

    tasks = [asyncio.ensure_future(run(runner, random.randrange(TURNS_MAX))) for runner in runners]
    await asyncio.sleep(0)
    start.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("with_keys", [False, True])
async def test_of_two_hundred_contenders_no_two_win_the_same_cell(sale: Sale, with_keys: bool) -> None:
    """Four processes, four seats, every journey; each loser is told why, and nothing is left half taken."""
    random = Random(7)
    processes = [sale, sale.elsewhere(), sale.elsewhere(), sale.elsewhere()]
    asked = []
    for n in range(CONTENDERS):
        first = random.randrange(3)
        ends = f"{'ABCD'[first]}-{'ABCD'[random.randrange(first + 1, 4)]}"
        seats = " ".join(random.sample(["A1", "A2", "A17", "A18"], random.choice((1, 2, 2, 3))))
        asked.append(processes[n % 4].hold(seats, ends, by=f"u{n}", key=f"k{n}" if with_keys else None))
    answers = await race(asked, random)
    winners = [answer for answer in answers if isinstance(answer, Hold)]
    cells = [(seat, segment) for hold in winners for seat in hold.seats for segment in hold.journey.segments]
    assert winners
    assert len(set(cells)) == len(cells)
    assert {type(answer) for answer in answers if answer not in winners} <= {SeatContended, SeatHeld}
    await sale.assert_legal()
    held = {cell for cell in cells if (await sale.statuses(cell[0]))[cell[1]] == "held"}
    assert held == set(cells)


async def test_of_two_hundred_contenders_for_one_seat_exactly_one_wins(sale: Sale) -> None:
    processes = [sale, sale.elsewhere(), sale.elsewhere(), sale.elsewhere()]
    answers = await race([processes[n % 4].hold("A18", by=f"u{n}") for n in range(CONTENDERS)], Random(3))
    assert sum(isinstance(answer, Hold) for answer in answers) == 1
    await sale.assert_legal()


@pytest.mark.parametrize("seed", range(RACES))
async def test_a_race_of_confirm_release_and_expire_has_one_outcome(sale: Sale, seed: int) -> None:
    """The hold has lapsed but is not ended: each of the three may win, and all three answers agree."""
    random = Random(seed)
    hold = await sale.hold("A1 A2 A18")
    confirming, releasing, sweeper = sale, sale.elsewhere(), sale.elsewhere()
    await sweeper.sweep()
    sale.clock.pass_s(TTL_S + 1)
    runners: list[Awaitable[object]] = [confirming.confirm(hold), releasing.release(hold), sweeper.sweep()]
    confirmed, released, _ = await race(runners, random)
    outcome = await sale.find(hold)
    match outcome.state:
        case Confirmed():
            assert confirmed == outcome
            was_late = outcome.id == late_id(hold.id)
            assert isinstance(released, HoldExpired | HoldConfirmed if was_late else HoldConfirmed)
        case Released():
            assert released == outcome
            assert isinstance(confirmed, HoldReleased)
        case Expired():
            assert isinstance(confirmed, HoldExpired)
            assert isinstance(released, HoldExpired)
        case other:
            pytest.fail(f"the hold is {other}")
    await sale.assert_legal()


@pytest.mark.parametrize("seed", range(RACES))
async def test_a_confirm_and_a_contender_for_a_lapsed_hold_never_both_win(sale: Sale, seed: int) -> None:
    hold = await sale.hold("A1 A18")
    sale.clock.pass_s(TTL_S + 1)
    contender = sale.elsewhere()
    runners: list[Awaitable[object]] = [sale.confirm(hold), contender.hold("A17 A18", by="bob")]
    confirmed, won = await race(runners, Random(seed))
    assert not (isinstance(confirmed, Hold) and isinstance(won, Hold))
    assert isinstance(confirmed, Hold | HoldExpired)
    assert isinstance(won, Hold | SeatTaken | SeatContended)
    await sale.assert_legal()
