"""The edges that the contract suites run on, and two processes on one Redis."""

from collections.abc import AsyncIterator

import pytest

from tests.edge.edges import EDGES, LASTING_MS, PRESENT, EdgeOpener, EdgeUnderTest, opener, redis_edge
from tests.edge.redis_edges import STALE_MS_MAX
from travio_inventory.edge.redis_options import RedisOptions, Standalone
from verification.kit.edges import redis_options
from verification.servers.redis import HOST, RedisServer


@pytest.fixture(scope="module", params=EDGES)
def edge_opener(request: pytest.FixtureRequest) -> EdgeOpener:
    """Opens every edge."""
    return opener(request.param, request)


@pytest.fixture(scope="module")
async def edge(edge_opener: EdgeOpener) -> AsyncIterator[EdgeUnderTest]:
    """Every edge."""
    async with edge_opener() as opened:
        yield opened


@pytest.fixture(scope="module", params=PRESENT)
def present_edge_opener(request: pytest.FixtureRequest) -> EdgeOpener:
    """Opens every edge that remembers."""
    return opener(request.param, request)


@pytest.fixture(scope="module")
async def present_edge(present_edge_opener: EdgeOpener) -> AsyncIterator[EdgeUnderTest]:
    """Every edge that remembers."""
    async with present_edge_opener() as opened:
        yield opened


@pytest.fixture(scope="module", params=PRESENT)
async def lasting_edge(request: pytest.FixtureRequest) -> AsyncIterator[EdgeUnderTest]:
    """Every edge that remembers, and forgets nothing while a test lasts."""
    async with opener(request.param, request, memory_ms=LASTING_MS)() as opened:
        yield opened


@pytest.fixture(scope="module")
def options(redis_node: RedisServer) -> RedisOptions:
    return redis_options(Standalone((HOST, redis_node.port)))


@pytest.fixture
async def here(options: RedisOptions) -> AsyncIterator[EdgeUnderTest]:
    async with redis_edge(options, taken_ttl_ms=LASTING_MS, stale_ms_max=STALE_MS_MAX) as opened:
        yield opened


@pytest.fixture
async def there(options: RedisOptions) -> AsyncIterator[EdgeUnderTest]:
    """The edge of another process: it shares nothing with `here` but the server."""
    async with redis_edge(options, taken_ttl_ms=LASTING_MS, stale_ms_max=STALE_MS_MAX) as opened:
        yield opened
