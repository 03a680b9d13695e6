"""The sales that these tests open, on every store and cut into blocks in every way."""

from collections.abc import AsyncIterator

import pytest

from tests.engine.sale import Market, PerBlock, Sale
from tests.store.conftest import STORES
from travio_inventory.store.batches import Batches


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """The loop that the service runs on."""
    return "asyncio"


@pytest.fixture(scope="module", params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Batches]:
    """Every store; many tests share it, each with an organization of its own."""
    async with STORES[request.param](tmp_path_factory.mktemp("store")) as opened:
        yield opened


@pytest.fixture
async def market(store: Batches) -> AsyncIterator[Market]:
    """Where sales are opened."""
    async with Market(store) as opened:
        yield opened


@pytest.fixture(params=[1, 16, "all"], ids="blocks-of-{}".format)
async def sale(request: pytest.FixtureRequest, market: Market) -> Sale:
    """Eighteen seats, A1 to A18, on the stops A B C D, cut into blocks in every way."""
    seats_per_block: PerBlock = request.param
    return await market.open(seats_per_block=seats_per_block)


@pytest.fixture
async def single_seats(market: Market) -> Sale:
    """The same with every seat in a block of its own, so that two seats are two blocks."""
    return await market.open(seats_per_block=1)
