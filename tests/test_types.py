"""A program of a user's, checked by mypy --strict against the wheel: every call has its types."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_readme import SAMPLES
from tests.wheel import Installed

pytestmark = [pytest.mark.long, pytest.mark.once]

PROGRAM = """
from datetime import datetime
from typing import assert_type

from travio_inventory.client import (
    Availability, AvailabilityQuestion, Booking, BlockingHold, BlockingInventoryClient, Hold, HoldAttempt, HoldRecord,
    InventoryClient, Passenger, Refusal, SeatMap, SeatStatus, SeatUnavailable, TakenCell, Ticket, Trip, WaitlistEntry,
)


def sell(inventory: BlockingInventoryClient) -> None:
    with inventory.hold("t", "A", "B", ["1A"], seconds=60, key="k", retry_contended_s=1.0) as hold:
        assert_type(hold, BlockingHold)
        assert_type(hold.expires_at, datetime)
        assert_type(hold.confirm("order", [Passenger("1A", name="Ada")]), Booking)
    assert_type(inventory.find_hold("h"), HoldRecord)
    assert_type(inventory.seat_map("t", "A", "B").seats[0].status, SeatStatus)
    assert_type(inventory.check_availability(AvailabilityQuestion("t", "A", "B")), Availability)
    assert_type(inventory.trip("t"), Trip)
    assert_type(inventory.acting_for("u"), BlockingInventoryClient)
    inventory.hold("t", "A", "B", "1A", 60)  # type: ignore[call-arg]
    inventory.release(1)  # type: ignore[arg-type]


async def buy() -> None:
    async with InventoryClient("localhost:9083", user="u") as inventory:
        assert_type(inventory.hold("t", "A", "B", ["1A"]), HoldAttempt)
        assert_type(await inventory.hold("t", "A", "B", ["1A"]), Hold)
        try:
            async with inventory.hold("t", "A", "B", ["1A"]) as hold:
                assert_type((await hold.confirm("order")).tickets, tuple[Ticket, ...])
                assert_type(await hold.extend(60), datetime)
        except SeatUnavailable as taken:
            assert_type(taken.cells, tuple[TakenCell, ...])
        except Refusal as refusal:
            assert_type(refusal.reason, str)
        assert_type(await inventory.seat_map("t", "A", "B"), SeatMap)
        assert_type(await inventory.block_seats("t", ["1A"]), int)
        await inventory.find_hold()  # type: ignore[call-arg]
        hold.nothing  # type: ignore[attr-defined]
"""


def test_a_users_program_is_checked_against_the_types_of_the_wheel(installed: Installed, tmp_path: Path) -> None:
    """A call without types would make an `assert_type` fail and an ignored error vanish, which strict tells."""
    for number, program in enumerate([PROGRAM, *SAMPLES]):
        (tmp_path / f"program_{number}.py").write_text(program)
    strict = ("--strict", "--config-file", "", "--cache-dir", str(tmp_path / "cache"), "--verbose")
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *strict, "."],
        cwd=tmp_path, env=installed.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
    parsed = re.findall(r"Parsing (\S+/travio_inventory/client/__init__.py)", checked.stderr)
    assert [Path(path).is_relative_to(installed.folder) for path in parsed] == [True], "another package was checked"
