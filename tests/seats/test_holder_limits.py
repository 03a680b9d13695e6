"""The limit of live holds for each holder is exact, however they are requested."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from travio_inventory.seats.hold import Hold
from travio_inventory.seats.refusals import HoldExpired, HoldLimitReached, SeatTaken
from verification.kit.faulty_batches import commits
from verification.kit.sale import GRACE_S, TTL_S, Market, Sale
from verification.kit.trips import PerGroup

LIMIT = 3


@pytest.fixture(params=[1, 16, "all"], ids="groups-of-{}".format)
async def limited(request: pytest.FixtureRequest, market: Market) -> Sale:
    """A sale with three holds a holder."""
    per_group: PerGroup = request.param
    return await market.open(seats_per_group=per_group, holds_per_holder_max=LIMIT)


@pytest.mark.parametrize("with_keys", [False, True])
async def test_the_limit_is_exact_under_twenty_requests_at_once(limited: Sale, with_keys: bool) -> None:
    processes = [limited, limited.elsewhere(), limited.elsewhere()]
    asked = [
        processes[n % 3].hold(f"A{n % 18 + 1}", f"{'AC'[n // 18]}-{'BD'[n // 18]}", key=f"k{n}" if with_keys else None)
        for n in range(20)
    ]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    winners = [answer for answer in answers if isinstance(answer, Hold)]
    assert len(winners) == LIMIT
    assert {type(answer) for answer in answers if answer not in winners} == {HoldLimitReached}
    assert len(await limited.holds(include_ended=False)) == LIMIT
    await limited.assert_legal()


async def test_every_holder_has_slots_of_their_own(limited: Sale) -> None:
    await fill(limited)
    await limited.hold("A17 A18", by="bob")


async def run_out(sale: Sale, _: Hold) -> None:
    """It lapses; no sweeper runs."""
    sale.clock.pass_s(TTL_S + 1)


async def cancel(sale: Sale, hold: Hold) -> None:
    await sale.confirm(hold)
    await sale.cancel(hold)


@pytest.mark.parametrize("end", [Sale.release, Sale.confirm, cancel, run_out])
async def test_a_slot_is_free_again_when_its_hold_is_over(
    limited: Sale, end: Callable[[Sale, Hold], Awaitable[object]]
) -> None:
    holds = await fill(limited)
    with pytest.raises(HoldLimitReached) as refused:
        await limited.hold("A17 A18")
    assert refused.value.holds_max == LIMIT
    await end(limited, holds[1])
    await limited.hold("A17 A18")
    if end is not run_out:
        with pytest.raises(HoldLimitReached):
            await limited.hold("A16")


async def test_a_slot_is_not_free_before_its_hold_is_over(limited: Sale) -> None:
    await fill(limited)
    limited.clock.pass_ms(TTL_S * 1_000 + 249)
    with pytest.raises(HoldLimitReached):
        await limited.hold("A17")
    limited.clock.pass_ms(1)
    await limited.hold("A17")


async def test_a_slot_taken_over_from_a_lapsed_hold_ends_it(limited: Sale) -> None:
    """A slot is never freed by the clock alone: its hold is expired first, so it cannot be confirmed any more."""
    holds = await fill(limited)
    limited.clock.pass_s(TTL_S + 1)
    for seat in ("A16", "A17", "A18"):
        await limited.hold(seat)
    await limited.hold(" ".join(holds[0].seats), by="bob")
    with pytest.raises(HoldExpired):
        await limited.confirm(holds[0])
    assert len(await limited.holds(include_ended=False)) == LIMIT


async def test_a_refused_hold_takes_no_slot(limited: Sale) -> None:
    await limited.hold("A18", by="bob")
    for _ in range(LIMIT + 1):
        with pytest.raises(SeatTaken):
            await limited.elsewhere().hold("A1 A18")
    await fill(limited)


async def test_the_same_key_again_is_no_further_hold(limited: Sale) -> None:
    holds = [await limited.hold(f"A{n}", key=f"k{n}") for n in range(1, LIMIT + 1)]
    for n, hold in enumerate(holds, 1):
        assert await limited.hold(f"A{n}", key=f"k{n}") == hold
    with pytest.raises(HoldLimitReached):
        await limited.hold("A17", key="k17")
    await limited.release(holds[0])
    assert (await limited.hold("A17", key="k17")).is_live


async def test_a_slot_of_a_dead_attempt_is_free_after_the_grace_period(limited: Sale) -> None:
    doomed = limited.elsewhere()
    await doomed.dies(doomed.hold("A1 A18"), at=doomed.store.stall(commits))
    for seat in ("A2", "A3"):
        await limited.hold(seat)
    with pytest.raises(HoldLimitReached):
        await limited.hold("A4")
    limited.clock.pass_s(GRACE_S)
    await limited.hold("A4")
    await limited.hold("A1 A18", by="bob")
    await limited.assert_legal()


async def fill(sale: Sale) -> list[Hold]:
    """Use all of ann's slots, with seats of several seat groups where there are any."""
    return [await sale.hold(seats) for seats in ("A1 A5", "A2 A6", "A3 A7")]
