"""The edges that the contract suites run on."""

from collections.abc import AsyncIterator

import pytest

from tests.edge.edges import EDGES, LASTING_MS, PRESENT, Edge, EdgeOpener, opener


@pytest.fixture(scope="module", params=EDGES)
def edge_opener(request: pytest.FixtureRequest) -> EdgeOpener:
    """Opens every edge."""
    return opener(request.param, request)


@pytest.fixture(scope="module")
async def edge(edge_opener: EdgeOpener) -> AsyncIterator[Edge]:
    """Every edge."""
    async with edge_opener() as opened:
        yield opened


@pytest.fixture(scope="module", params=PRESENT)
def present_edge_opener(request: pytest.FixtureRequest) -> EdgeOpener:
    """Opens every edge that remembers."""
    return opener(request.param, request)


@pytest.fixture(scope="module")
async def present_edge(present_edge_opener: EdgeOpener) -> AsyncIterator[Edge]:
    """Every edge that remembers."""
    async with present_edge_opener() as opened:
        yield opened


@pytest.fixture(scope="module", params=PRESENT)
async def lasting_edge(request: pytest.FixtureRequest) -> AsyncIterator[Edge]:
    """Every edge that remembers, and forgets nothing while a test lasts."""
    async with opener(request.param, request, memory_ms=LASTING_MS)() as opened:
        yield opened
