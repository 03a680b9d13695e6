"""What every test may use: servers, the installed package, commands to type. Long tests start first."""

import gc
import logging
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from travio_inventory.app.run import GARBAGE_THRESHOLDS
from verification.pages.architecture import modules

settings.register_profile("patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
"""On a busy machine an example may take long, to make as to try."""

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


JUDGED = ("travio_inventory", "uvicorn")


class Breakdowns(logging.Handler):
    """Keeps what we and our server of HTTP log with a traceback, which only an error that nobody had foreseen has.
    asyncio logs what nobody awaited when its memory is freed, which may be in another test.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        if record.exc_info and record.name.startswith(JUDGED):
            self.told.append(self.format(record))


@pytest.fixture(autouse=True)
def nothing_breaks_down(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test asks of what is ours, nothing breaks down, but where the test says so or reads the log."""
    breakdowns, root = Breakdowns(), logging.getLogger()
    root.addHandler(breakdowns)
    yield
    root.removeHandler(breakdowns)
    is_meant = "caplog" in request.fixturenames or request.node.get_closest_marker("breakdown")
    assert is_meant or not breakdowns.told, "\n".join(breakdowns.told)


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
