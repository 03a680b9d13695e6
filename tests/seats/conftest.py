"""The sales that these tests open, on every store and cut into seat groups in every way."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from travio_inventory.protocol.batches import Batches
from verification.kit.sale import Market, Sale
from verification.kit.stores import EVERY_STORE, NODES, store_of
from verification.kit.trips import PerGroup

HERE = Path(__file__).parent
CUTS = ("sale", "limited", "per_group")
"""Parameters that say how large the seat groups of a trip are."""
CUT_ON_SERVERS = {3, 16}
"""On real servers, which take long, trips are cut in one way only: into several seat groups of several seats."""
ONCE_ON_SQLITE = {1, "all"}
"""The embedded file is a store like that in memory, on which every way is run with every Python."""
ON_CLUSTER = (
    "test_races",
    "test_late_confirm",
    "test_holding",
    "test_turned_away",
    "test_step_limit",
    "test_abandoned_attempts",
)
"""The tests that run on three servers: those that would show a disagreement."""
ON_SERVERS_FOR_A_RELEASE = ("test_wrong_clocks", "test_any_order")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests that would take long on real servers and show little; those on the embedded file are run once if
    their trips are one seat group or have one for each seat.
    """
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        asked = _asked(item)
        if asked.get("store") == "sqlite" and not {asked.get(cut) for cut in CUTS}.isdisjoint(ONCE_ON_SQLITE):
            item.add_marker("once")
        if asked.get("store") in NODES and item.path.stem in ON_SERVERS_FOR_A_RELEASE:
            item.add_marker("thorough")
        (left_out if asked and _is_left_out(asked, item.path.stem) else kept).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


def _asked(item: pytest.Item) -> Mapping[str, object]:
    """The parameters of a test in this folder that runs on several stores."""
    parameters: Mapping[str, object] = item.callspec.params if hasattr(item, "callspec") else {}
    return parameters if "store" in parameters and item.path.parent == HERE else {}


def _is_left_out(asked: Mapping[str, object], module: str) -> bool:
    if asked["store"] not in NODES:
        return False
    is_cut_otherwise = any(asked[cut] not in CUT_ON_SERVERS for cut in CUTS if cut in asked)
    return is_cut_otherwise or (asked["store"] == "cluster" and module not in ON_CLUSTER)


@pytest.fixture(scope="module", params=EVERY_STORE)
async def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Batches]:
    """Every store; many tests share it, each with an organization of its own."""
    async with store_of(request, tmp_path_factory) as opened:
        yield opened


@pytest.fixture
async def market(store: Batches) -> AsyncIterator[Market]:
    """The market in which sales are opened."""
    async with Market(store) as opened:
        yield opened


@pytest.fixture(params=[1, 16, "all"], ids="groups-of-{}".format)
async def sale(request: pytest.FixtureRequest, market: Market) -> Sale:
    """Eighteen seats, A1 to A18, on the stops A B C D, cut into seat groups in every way."""
    seats_per_group: PerGroup = request.param
    return await market.open(seats_per_group=seats_per_group)


@pytest.fixture
async def single_seats(market: Market) -> Sale:
    """The same with every seat in a seat group of its own, so that two seats are two seat groups."""
    return await market.open(seats_per_group=1)
