"""The service that the tests share, and services that a test starts."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from verification.kit.service_process import ServiceProcess, serving


@pytest.fixture(
    scope="package",
    params=[
        pytest.param({"TRAVIO_SERVER": "lean"}, id="lean"),
        pytest.param({"TRAVIO_SERVER": "grpclib"}, id="grpclib", marks=pytest.mark.once),
        pytest.param({"TRAVIO_LOOP": "uvloop"}, id="uvloop", marks=pytest.mark.thorough),
    ],
)
async def shared(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[ServiceProcess]:
    """A service for tests that do not disturb each other: each opens its own trips. Each of our servers in turn."""
    async with serving(tmp_path_factory.mktemp("shared"), **request.param) as service:
        yield service
        assert await service.stop() == 0


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Callable[..., ServiceProcess]]:
    """Services that are not started yet, by their settings, all on one data folder; killed in the end. Nothing in
    them may break down.
    """
    made: list[ServiceProcess] = []

    def make(role: str = "serve", **variables: str) -> ServiceProcess:
        made.append(ServiceProcess(tmp_path, role, **variables))
        return made[-1]

    yield make
    for service in made:
        service.kill()
    for service in made:
        service.assert_nothing_broke_down()
