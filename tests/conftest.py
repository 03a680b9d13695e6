"""What every test may ask for: servers, the installed package, commands to type. What takes long is begun first."""

import pytest

pytest_plugins = ["verification.servers.fixtures", "tests.typed", "tests.wheel"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The loop that the service runs on, and all tests."""
    return "asyncio"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take long first, so that no worker is left alone with one in the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
