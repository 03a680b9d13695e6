"""What every test may use: servers, the installed package, commands to type. Long tests start first."""

import gc
from collections.abc import Generator

import pytest
from hypothesis import settings

from travio_inventory.app.run import GARBAGE_THRESHOLDS
from verification.pages.architecture import modules

settings.register_profile("patient", settings(), deadline=None)
settings.load_profile("patient")
"""On a busy machine an example may take long."""

pytest_plugins = ["verification.servers.fixtures", "tests.typed", "tests.wheel"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop of the service, for all tests."""
    return "asyncio"


@pytest.fixture(scope="module")
def trees_forgotten() -> Generator[None]:
    """Forgets the syntax trees of all our modules in the end, since they take much memory."""
    yield
    modules.cache_clear()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector from what stays: modules and thousands of tests, an eighth of all time otherwise."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(*GARBAGE_THRESHOLDS)
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take long first, so that no worker is left alone with one in the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
