"""An environment in which none of our variables is set."""

import os
from collections.abc import Iterator

import pytest

from travio_inventory import settings as module


class Environment:
    """Sets variables for one test."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def __setitem__(self, name: str, value: str) -> None:
        self._patch.setenv(name, value)

    def update(self, variables: dict[str, str]) -> None:
        for name, value in variables.items():
            self[name] = value


@pytest.fixture
def environment() -> Iterator[Environment]:
    """None of our variables set."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("TRAVIO_") or name in module.BARE_NAMES]:
            patch.delenv(name)
        yield Environment(patch)
