"""The processes that visit crash points for the tests."""

from collections.abc import Iterator
from concurrent.futures import Executor

import pytest

from verification.crash_points.visiting import crew

CORES = 2


@pytest.fixture(scope="package")
def members() -> Iterator[Executor]:
    """Processes that can fork, unlike those of the tests."""
    with crew(CORES) as started:
        yield started
