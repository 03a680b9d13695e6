"""What every test may ask for: the real servers, the installed package. What takes long is begun first."""

import pytest

pytest_plugins = ["verification.servers.fixtures", "tests.wheel"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take long first, so that no worker is left alone with one in the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
