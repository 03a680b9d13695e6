"""How reservations end: each end is told with its own moment, and those of one article that come at once are served."""

import asyncio

import pytest

from tests.stock.shop import Shop
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.stock.reservation import Status

EXPIRED_S = 901


async def test_a_step_is_answered_with_its_own_moment_and_so_is_its_repetition(shop: Shop) -> None:
    await shop.entry("cup", 8)
    for number, (order, end) in enumerate({"o1": shop.commit, "o2": shop.cancel, "o3": shop.commit}.items()):
        made = await shop.reserve(order, ("cup", 3))
        shop.clock.pass_s(5 if number < 2 else EXPIRED_S)
        if number == 2:
            await shop.stock.expire(HOUSE)
        first = await end(order)
        shop.clock.pass_s(5)
        again = await end(order)
        assert first.updated_at_ms == again.updated_at_ms == shop.clock.at_ms - 5_000
        assert made.updated_at_ms < first.updated_at_ms


@pytest.mark.parametrize("end", ["commit", "cancel"])
async def test_buyers_of_one_article_who_end_at_once_are_all_served(shop: Shop, end: str) -> None:
    """Each end changes the counter from which the others were computed."""
    cup = await shop.entry("cup", 8)
    await asyncio.gather(*(shop.reserve(f"o{number}", ("cup", 1)) for number in range(8)))
    ended = await asyncio.gather(*(getattr(shop, end)(f"o{number}") for number in range(8)))
    assert {each.status for each in ended} == {Status.COMMITTED if end == "commit" else Status.CANCELLED}
    assert await shop.totals(cup) == [(0, 0) if end == "commit" else (8, 0)]
