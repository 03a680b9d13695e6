"""The loop that these tests run on."""

import pytest


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """The loop that the service runs on."""
    return "asyncio"
