"""A server that listens, and a caller that sends what no library would."""

from collections.abc import AsyncIterator

import pytest

from tests.grpc_server.probe import Served, serving
from verification.kit.raw_caller import RawCaller


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


@pytest.fixture
async def caller(served: Served) -> AsyncIterator[RawCaller]:
    async with served.caller() as caller:
        yield caller
