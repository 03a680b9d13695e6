"""A server that listens, and a caller that sends what no library would."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.grpc_server.probe import ENGINE, ENGINES, Served, serving
from verification.kit.raw_caller import RawCaller

USUAL = "lean"
"""The engine that serves unless a setting names another: others say the same on every Python."""


@pytest.fixture(params=[USUAL, *(pytest.param(name, marks=pytest.mark.once) for name in ENGINES if name != USUAL)])
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of each engine in turn, while `serving` serves with it."""
    ENGINE.append(request.param)
    yield request.param
    ENGINE.pop()


@pytest.fixture
def lean_engine() -> Iterator[None]:
    """`serving` serves with our own engine."""
    ENGINE.append("lean")
    yield
    ENGINE.pop()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


@pytest.fixture
async def caller(served: Served) -> AsyncIterator[RawCaller]:
    async with served.caller() as caller:
        yield caller
