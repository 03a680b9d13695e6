"""A bad day of stock on real processes, with a broker; and the judge sees what is not as it was told."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.test_chaos import SHORT
from travio_inventory.client.stock import Site
from verification.chaos.shop import Day, run
from verification.kit.buyers import Order, untrue_of_stock
from verification.kit.service_process import serving
from verification.servers.fixtures import need

SECONDS = 60.0
CROWDS_MIN = 200
"""Orders of crowds, so that the day is a day."""


@pytest.mark.thorough
@pytest.mark.server
@pytest.mark.timeout(900)
async def test_every_order_is_as_it_was_told_on_a_bad_day(tmp_path: Path) -> None:
    for server in ("scylla", "redis", "kafka"):
        need(server)
    found = await run(Day(seconds=SECONDS, seed=1, nodes=1, faults=SHORT), tmp_path, print)
    assert found.violations == []
    assert found.struck
    assert found.brokers_killed
    assert sum(len(crowd.orders) for crowd in found.crowds) >= CROWDS_MIN
    assert found.mailed


async def test_orders_and_units_that_are_not_as_they_were_told_are_seen(tmp_path: Path) -> None:
    async with serving(tmp_path) as service, service.client() as client:
        await client.stock.add_warehouse("west", Site("West"))
        await client.stock.add("cup", "west", "cup", quantity=9)
        await client.stock.reserve("o1", [("cup", 2)])
        await client.stock.commit(order="o1")
        sold = Order({"cup": 2}, "COMMITTED")
        assert await untrue_of_stock(client, {"o1": sold}, {"cup": 9}) == []
        assert len(await untrue_of_stock(client, {"o1": sold}, {"cup": 10})) == 1
        assert len(await untrue_of_stock(client, {"o1": replace(sold, status="CANCELLED")}, {"cup": 9})) == 2
        assert len(await untrue_of_stock(client, {"o1": sold, "o2": sold}, {"cup": 9})) == 2
