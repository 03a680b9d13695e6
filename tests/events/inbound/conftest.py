"""Sales on every store at which events come in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.events.inbound.arriving import Arrivals
from travio_inventory.protocol.batches import Batches
from verification.kit.sale import Market, Sale
from verification.kit.stores import STORES, store_of

HERE = Path(__file__).parent
IMPORTANT_ON_SERVERS = (
    "test_a_payment_books_its_hold",
    "test_a_late_payment_for_what_another_has_is_to_be_refunded",
    "test_an_event_takes_effect_once_however_late_it_is_repeated",
    "test_an_amount_must_be_the_price",
)
"""What is run on a real database by `make test-servers`; the rest by `make test-thorough`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Most of these tests say the same on every store."""
    for item in items:
        if "[scylla" in item.name and not item.name.startswith(IMPORTANT_ON_SERVERS) and item.path.parent == HERE:
            item.add_marker("thorough")


@pytest.fixture(scope="module", params=[*STORES, pytest.param("scylla", marks=pytest.mark.scylla)])
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
