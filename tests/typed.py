"""A way to type commands, and a service to type them against."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from travio_inventory.cli import main
from verification.kit.service_process import ServiceProcess, serving

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "travio_inventory" / "cli" / "examples"


class Typed(NamedTuple):
    """What a command answered."""

    status: int
    out: str
    err: str

    @property
    def plain(self) -> dict[str, Any]:
        """What it said in JSON."""
        return cast(dict[str, Any], json.loads(self.out))


Type = Callable[..., Typed]


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """A command that serves sets up logs for its process: here that is the tests', whose streams close."""
    root, driver = logging.getLogger(), logging.getLogger("cassandra")
    handlers, levels = root.handlers[:], (root.level, driver.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    driver.setLevel(levels[1])


@pytest.fixture
def typed(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    logging_as_before: None,  # noqa: ARG001 - it must be as before in the end
) -> Type:
    """Types a command at the root of the tree, with variables of the environment."""
    monkeypatch.chdir(ROOT)

    def type_words(*words: str, **environment: str) -> Typed:
        with monkeypatch.context() as patched:
            for name, value in environment.items():
                patched.setenv(name, value)
            capsys.readouterr()
            with pytest.raises(SystemExit) as ended:
                main(words)
        return Typed(int(ended.value.code or 0), *capsys.readouterr())

    return type_words


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    """An event loop beside the tests, for servers: a command has a loop of its own."""
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture(scope="session")
def server(portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """The service, one for all tests: each works for an organization of its own."""
    with portal.wrap_async_context_manager(serving(tmp_path_factory.mktemp("server"))) as server:
        yield server
