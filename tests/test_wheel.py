"""What whoever installs the wheel finds: commands that work without a checkout, as their help and the demo say them."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wheel import Installed
from travio_inventory.cli.commands import BEGIN, COMMANDS, NAME
from verification.kit.service_process import free_port

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

SECONDS_MAX = 120
STARTS_A_SERVICE = {"serve", "work", "demo"}
WITHOUT_A_CLUSTER = {"schema apply", "schema check", "bench claims"}


@pytest.fixture(scope="module")
def shell(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Shell"]:
    """A shell in an empty folder, beside a service that it started."""
    shell = Shell(installed, tmp_path_factory.mktemp("elsewhere"))
    with subprocess.Popen([NAME, "serve"], cwd=shell.folder, env=shell.environment, stderr=subprocess.PIPE) as service:
        assert service.stderr is not None
        assert b"ready: " in service.stderr.readline()
        yield shell
        service.terminate()
        service.communicate(timeout=SECONDS_MAX)


class Shell:
    """Runs lines as they are pasted into a terminal."""

    def __init__(self, installed: Installed, folder: Path) -> None:
        self.folder = folder
        port = str(free_port())
        self.environment = installed.environment | {"GRPC_PORT": port, "TRAVIO_TARGET": f"localhost:{port}"}

    def run(self, line: str) -> str:
        """What the line says on standard output."""
        done = subprocess.run(
            ["bash", "-c", line],  # noqa: S607 - whichever shell there is
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), f"{line}: {done.stdout}{done.stderr}"
        return done.stdout

    def held(self, seat: str) -> str:
        """The id of a hold of the seat."""
        said = self.run(f"{NAME} hold coach-dhaka-coxs-bazar dhaka chattogram {seat} --json")
        (found,) = re.findall(r'"hold": "([^"]+)"', said)
        return str(found)


def test_the_wheel_is_what_runs_here(installed: Installed, tmp_path: Path) -> None:
    where = "import travio_inventory; print(travio_inventory.__file__)"
    said = subprocess.run(
        ["python", "-c", where],  # noqa: S607 - the one that the environment finds
        cwd=tmp_path, env=installed.environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert Path(said.strip()).is_relative_to(installed.folder)


def test_all_that_the_help_says_to_begin_with_works(shell: Shell) -> None:
    lines = re.findall(rf"^  ({NAME} .*)$", BEGIN.partition("Exit status")[0], re.MULTILINE)
    assert len(lines) == 6
    said = ""
    for line in lines[1:]:  # the service runs already
        hold = re.search(r"^hold +(\S+)$", said, re.MULTILINE)
        said = shell.run(line.replace("HOLD", hold[1] if hold else "HOLD"))
    assert re.search(r"^booking +\S+$", said, re.MULTILINE)


def test_the_demo_and_all_that_it_says_to_go_on_with_work(shell: Shell) -> None:
    said = shell.run(f"{NAME} demo 2>/dev/null")
    _, next_steps = said.split("To continue with your own:\n")
    lines = [line.strip() for line in next_steps.splitlines()]
    assert [line.split()[:2] for line in lines] == [
        [NAME, "serve"], [NAME, "trip"], [NAME, "trip"], [NAME, "map"],
    ]  # fmt: skip
    for line in lines[1:]:
        shell.run(line)


def test_the_example_of_every_command_works(shell: Shell) -> None:
    shell.run(f"{NAME} trip example coach > coach.toml && {NAME} trip open coach.toml")
    shell.run(f"{NAME} plan example hall-pretix > hall.json")
    seats = (f"seat-{row}{number}" for row in "CDEFGH" for number in range(1, 5))
    for command in COMMANDS:
        if command.words in STARTS_A_SERVICE | WITHOUT_A_CLUSTER or command.words.startswith("bench"):
            continue
        example = command.example.replace("--follow", "")
        if "HOLD" in example:
            example = example.replace("HOLD", shell.held(next(seats)))
        if "BOOKING" in example:
            hold = shell.held(next(seats))
            example = example.replace("BOOKING", shell.run(f"{NAME} confirm {hold} order-2").split()[1])
        if command.words == "hold":
            example = re.sub(r"seat-\w+", lambda _: next(seats), example)
        shell.run(f"{NAME} {command.words} {example}")
