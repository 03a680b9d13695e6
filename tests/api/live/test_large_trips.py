"""Large trips watched live: what takes long is done beside the event loop, and once."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing

import pytest

from tests.api.live.conftest import RULES
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.api.live.json_told import native
from travio_inventory.api.live.told import Snapshot
from travio_inventory.api.live.view import View
from travio_inventory.kernel import off_loop
from travio_inventory.kernel.actor import service_of
from travio_inventory.seats.commands import SalesAction, SeatMapQuery
from travio_inventory.seats.seat import SeatState
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.trip import Ends
from verification.kit.asking import control_sales
from verification.kit.sale import Market, Sale
from verification.kit.watching import Watcher

LARGE = 12


@pytest.fixture
async def sale(market: Market, monkeypatch: pytest.MonkeyPatch) -> Sale:
    """A trip that counts as large."""
    monkeypatch.setattr(off_loop, "AT_ONCE_MAX", LARGE - 1)
    return await market.open(seats=LARGE, seats_per_group=3)


@pytest.fixture
async def feeds(sale: Sale) -> AsyncIterator[Feeds]:
    """The live feeds of the process that sells."""
    opened = Feeds(sale.inventory.follow_maps, sale.process.signals, sale.clock, RULES)
    yield opened
    await opened.close()


async def test_a_large_map_is_written_once_and_beside_the_loop(feeds: Feeds, sale: Sale) -> None:
    threads: list[threading.Thread] = []

    def write(snapshot: Snapshot) -> str:
        threads.append(threading.current_thread())
        return native(snapshot)

    query = SeatMapQuery(trip_id=sale.trip.key.trip, ends=Ends("A", "D"))
    async with aclosing(feeds.subscribe(service_of(sale.trip.key.organization), query, write=write)) as feed:
        snapshot = await anext(feed)
    assert isinstance(snapshot, Snapshot)
    await asyncio.gather(*(snapshot.prepare(write) for _ in range(10)))
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()
    assert snapshot.written("json", lambda _: "not yet") == native(snapshot) != "not yet"


async def test_a_large_map_is_looked_through_beside_the_loop(
    feeds: Feeds, sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[threading.Thread] = set()
    look = View.differences

    def noted(view: View, seat_map: SeatMap) -> Mapping[int, SeatState]:
        threads.add(threading.current_thread())
        return look(view, seat_map)

    monkeypatch.setattr(View, "differences", noted)
    async with Watcher(feeds, sale.trip.key).following() as ann:
        await control_sales(sale.inventory, sale.trip.key, SalesAction.CLOSE)
        sale.process.signals.changed(sale.trip.key)
        await ann.sees(f"A1 A{LARGE}", "blocked")
    assert ann.wrong == []
    assert threads - {threading.main_thread()}
