"""A traceback in a log fails a test, whatever else it finds."""

import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from verification.kit.service_process import serving

ROOT = Path(__file__).parent.parent
PLANTED = """
import logging
import pytest

def break_down(name="travio_inventory.app"):
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        logging.getLogger(name).exception("unexpected")

def test_it_is_noticed():
    break_down()

def test_what_a_library_logs_and_raises_too_is_not():
    break_down("cassandra.cluster")

@pytest.mark.breakdown
def test_it_may_be_meant():
    break_down()

def test_the_log_may_be_read(caplog):
    break_down()
"""


@pytest.mark.once
def test_a_test_in_whose_process_something_breaks_down_fails_unless_it_is_meant(tmp_path: Path) -> None:
    (tmp_path / "test_planted.py").write_text(PLANTED)
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "tests.conftest", "-c", "pyproject.toml"]
    said = subprocess.run([*words, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert "ERROR at teardown of test_it_is_noticed" in said
    assert "4 passed, 1 error" in said.splitlines()[-1]


async def test_a_service_that_broke_down_fails_its_test(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="Traceback"):
        await break_down(tmp_path)


async def break_down(folder: Path) -> None:
    async with serving(folder) as service:
        log = anyio.Path(folder / f"serve-{service.port}.log")
        await log.write_text(f"{service.log} | Traceback (most recent call last):\n")
