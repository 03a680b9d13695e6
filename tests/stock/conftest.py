"""Shops on every store."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.stock.shop import Shop
from travio_inventory.protocol.batches import Batches
from verification.kit.judged_stock import JudgedStock
from verification.kit.stores import STORES, store_of

IMPORTANT_ON_SERVERS = (
    "test_every_change_of_a_total_is_a_movement",
    "test_every_line_is_reserved_or_none",
    "test_the_last_unit_is_found",
)
SLOW = (
    "test_a_process_that_stops_at_any_call",
    "test_a_planted_fault_is_found_and_repaired",
    "test_nothing_is_told_beside_a_sale",
    "test_events_that_nobody_published_for_hours",
)
OF_SHARDS = ("test_shards.py", "test_late_commits.py", "test_shard_limit.py", "test_shard_scripts.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Most of these tests say the same on every store."""
    for item in items:
        if "[scylla" in item.name and not item.name.startswith(IMPORTANT_ON_SERVERS) and _is_here(item):
            item.add_marker("thorough")
        is_slow = item.name.startswith(SLOW) or item.path.name in OF_SHARDS
        if "[sqlite" in item.name and is_slow and _is_here(item):
            item.add_marker("once")


def _is_here(item: pytest.Item) -> bool:
    return item.path.parent.name == "stock"


@pytest.fixture(scope="module", params=[*STORES, pytest.param("scylla", marks=pytest.mark.scylla)])
async def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Batches]:
    """Every store; many tests share it, each with an organization of its own."""
    async with store_of(request, tmp_path_factory) as opened:
        yield JudgedStock(opened)


@pytest.fixture(autouse=True)
def every_quantity_is_told(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test writes a quantity without its movement and its event, whatever it looks at."""
    store = request.getfixturevalue("store") if "store" in request.fixturenames else None
    yield
    if isinstance(store, JudgedStock):
        wrong, store.wrong = store.wrong, []
        assert wrong == []


@pytest.fixture
def shop(store: Batches) -> Shop:
    """An empty shop."""
    return Shop(store)
