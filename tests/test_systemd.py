"""The unit in deploy/systemd: systemd understands it, finds little to attack, and it fits what the service does."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.test_deployment import is_command
from travio_inventory.app.listening import LINGER_SECONDS_MAX
from travio_inventory.app.relayed import FLUSH_SECONDS_MAX
from travio_inventory.settings import KEYS, PREFIX, LimitSettings, names

FOLDER = Path(__file__).parent.parent / "deploy" / "systemd"
UNIT = (FOLDER / "travio-inventory.service").read_text()
OPERATIONS = (FOLDER.parent.parent / "docs" / "operations.md").read_text()
TOOL_SECONDS_MAX = 200
EXPOSURE_MAX = 1.5
"""Of 10. What is left is that it talks to the network, and may use the machine's own files read-only."""


def keys() -> dict[str, str]:
    """Of the section Service; of a key that is there twice the last value."""
    section = UNIT.partition("[Service]")[2].partition("[Install]")[0]
    return dict(re.findall(r"^(\w+)=(.*)$", section, re.MULTILINE))


def ran(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=TOOL_SECONDS_MAX, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit where its program is a file that is there."""
    made = tmp_path / "travio-inventory.service"
    made.write_text(UNIT.replace("/opt/travio/bin/travio-inventory", "/bin/true"))
    return made


@pytest.mark.usefixtures("systemd_tools")
def test_systemd_understands_every_line(unit: Path) -> None:
    assert ran("systemd-analyze", "verify", "--man=no", str(unit)) == ""


@pytest.mark.usefixtures("systemd_tools")
def test_a_misspelt_line_is_noticed(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("PrivateDevices=", "PrivateDevice="))
    assert "PrivateDevice" in ran("systemd-analyze", "verify", "--man=no", str(unit))


@pytest.mark.usefixtures("systemd_tools")
def test_little_is_left_to_attack(unit: Path) -> None:
    said = ran("systemd-analyze", "security", "--offline=yes", "--no-pager", str(unit))
    exposure = re.search(r"exposure level for \S+: ([\d.]+)", said)
    assert exposure
    assert float(exposure[1]) <= EXPOSURE_MAX


@pytest.mark.usefixtures("systemd_tools")
def test_its_user_can_be_made() -> None:
    assert "Creating user 'travio'" in ran("systemd-sysusers", "--dry-run", str(FOLDER / "travio-inventory.conf"))


def test_a_stop_is_given_the_time_it_takes() -> None:
    longest = 2 * LimitSettings().drain_seconds + LINGER_SECONDS_MAX + FLUSH_SECONDS_MAX
    assert int(keys()["TimeoutStopSec"].removesuffix("s")) > longest


def test_its_command_and_its_variables_are_ours() -> None:
    program, *words = keys()["ExecStart"].split()
    assert (Path(program).name, words) == ("travio-inventory", ["serve"])
    assert is_command(words)
    ours = dict(pair.split("=") for pair in keys()["Environment"].split())
    assert keys()["StateDirectory"] == Path(ours["TRAVIO_DATA"]).name
    assert {name for name in ours if name.startswith(PREFIX)} <= {name for key in KEYS for name in names(key)}


def test_the_document_says_the_time_after_which_a_silent_process_is_killed() -> None:
    assert f"{keys()['WatchdogSec'].removesuffix('s')} s (`WatchdogSec`)" in OPERATIONS
