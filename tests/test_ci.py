"""The script that CI runs: on which Pythons, with all that `make check` does, and how long each part took."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = (ROOT / ".ci" / "run").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TARGETS = "install servers style crash-points test-servers test-once test"


def test_the_metadata_names_the_pythons_that_ci_knows() -> None:
    known = re.search(r"^SUPPORTED=\((.*)\)$", SCRIPT, re.MULTILINE)
    assert known is not None
    minors = known[1].split()
    assert minors == sorted(minors, key=int)
    named = [line.rpartition("3.")[2] for line in PROJECT["classifiers"] if ":: Python ::" in line]
    assert named == minors
    assert PROJECT["requires-python"] == f">=3.{minors[0]}"
    assert str(sys.version_info.minor) in minors


def test_ci_runs_all_that_make_check_does() -> None:
    checked = re.search(r"^check:.*\n\t\$\(MAKE\) (.*)$", MAKEFILE, re.MULTILINE)
    ran = re.search(r"^for target in (.*); do$", SCRIPT, re.MULTILINE)
    assert checked is not None
    assert ran is not None
    assert ran[1] == checked[1]


class Ran(NamedTuple):
    """What the script came to, in a tree whose targets do next to nothing."""

    status: int
    said: str

    @property
    def times(self) -> list[str]:
        """The parts named in the end, without the seconds."""
        _, _, told = self.said.partition("how long each part took")
        return re.findall(r"^ *\d+ s  (.*)$", told, re.MULTILINE)


def ci(folder: Path, *, failing: str = "", pythons: dict[str, str]) -> Ran:
    """Run the script beside a Makefile of its own, where only these Pythons are to be found."""
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci" / "run")
    rules = [
        f"{target}:\n\t@{'false' if target == failing else 'echo $@ with $(PYTHON)'}\n" for target in TARGETS.split()
    ]
    (folder / "Makefile").write_text("".join(rules))
    found = folder / "bin"
    found.mkdir()
    for tool in ("bash", "make", "sort", "dirname", "sh", "echo", "false"):
        (found / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    for name, python in pythons.items():
        (found / name).symlink_to(python)
    environment = {"PATH": str(found), "HOME": str(folder), "LC_ALL": os.environ.get("LC_ALL", "C.UTF-8")}
    ran = subprocess.run(
        [str(folder / ".ci" / "run")], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False, timeout=200,
    )  # fmt: skip
    return Ran(ran.returncode, ran.stdout)


@pytest.fixture
def real_python() -> str:
    """The interpreter itself, not that of the virtual environment: a link elsewhere would not find its library."""
    return os.path.realpath(sys.executable)


@pytest.mark.once
def test_on_a_machine_with_one_python_its_tests_run_once(tmp_path: Path, real_python: str) -> None:
    ran = ci(tmp_path, pythons={"python3.12": real_python})
    assert ran.status == 0, ran.said
    assert "no newer Python" in ran.said
    assert ran.times[2:] == [f"make {target}" for target in TARGETS.split()[2:]]
    assert "install with python3.12" in ran.said


def test_the_newest_python_runs_the_quick_tests_too(tmp_path: Path, real_python: str) -> None:
    ran = ci(tmp_path, pythons={"python3.11": real_python, "python3.12": real_python, "python3.13": real_python})
    assert ran.status == 0, ran.said
    assert "install with python3.11" in ran.said
    assert "test with python3.13" in ran.said
    assert len(ran.times) == len(TARGETS.split()) + 1


def test_a_part_that_fails_ends_the_run_and_the_times_are_told(tmp_path: Path, real_python: str) -> None:
    ran = ci(tmp_path, failing="crash-points", pythons={"python3.11": real_python})
    assert ran.status != 0
    assert ran.times[-2:] == ["make style", "make crash-points (not finished)"]
