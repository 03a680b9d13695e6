"""Sales on every store at which events come in."""

from collections.abc import AsyncIterator

import pytest

from tests.events.inbound.arriving import Arrivals
from travio_inventory.protocol.batches import Batches
from verification.kit.sale import Market, Sale
from verification.kit.stores import EVERY_STORE, store_of


@pytest.fixture(scope="module", params=[store for store in EVERY_STORE if store != "cluster"])
async def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Batches]:
    """Every store; many tests share it, each with an organization of its own."""
    async with store_of(request, tmp_path_factory) as opened:
        yield opened


@pytest.fixture
async def market(store: Batches) -> AsyncIterator[Market]:
    """The market in which sales are opened."""
    async with Market(store) as opened:
        yield opened


@pytest.fixture
async def sale(market: Market) -> Sale:
    """Six seats, A1 to A6, on the stops A B C D, in three seat groups."""
    return await market.open(seats_per_group=2, seats=6)


@pytest.fixture
def arrivals(sale: Sale) -> Arrivals:
    """The events that the sale's process takes in."""
    return Arrivals(sale)
