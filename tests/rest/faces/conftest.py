"""The service that the tests share: each opens what it sells."""

from collections.abc import AsyncIterator

import pytest

from tests.rest.faces.serving import Client, serving


@pytest.fixture(scope="package")
async def client() -> AsyncIterator[Client]:
    """A client of a service that authenticates nobody."""
    async with serving() as client:
        yield client
