"""What one process sells is told in another: each change once, in order."""

from pathlib import Path

import pytest

from verification.watched_elsewhere.__main__ import measured


@pytest.mark.thorough
async def test_watchers_in_another_process_are_told_all_that_is_sold(tmp_path: Path) -> None:
    assert await measured(tmp_path, 1, "--watchers=5", "--changes=5", "--seconds=3") == 0
