"""What whoever installs the wheel finds: commands that work without a checkout, as their help and the demo say them."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.wheel import Installed
from travio_inventory.bench.free_ports import free_port
from travio_inventory.cli.commands import BEGIN, COACH, COMMANDS, NAME
from travio_inventory.cli.stock.commands import ORDER, TRANSFER
from travio_inventory.ui import web_files
from verification.kit.child_process import ended

pytestmark = pytest.mark.long

SECONDS_MAX = 120
STARTS_A_SERVICE = {"serve", "work", "demo"}
WITHOUT_A_CLUSTER = {"schema apply", "schema check", "bench claims", "verify"}
WITHOUT_A_SECRET = {"token"}
WITHOUT_A_SERVICE = {"restore", "audit"}
WITHOUT_A_SINK = {"events dead-letters", "events replay"}
NOT_HERE = STARTS_A_SERVICE | WITHOUT_A_CLUSTER | WITHOUT_A_SECRET | WITHOUT_A_SERVICE | WITHOUT_A_SINK
WAITS_ABOVE = 500
"""So many units of stock wait for another person."""
TYPIST = """
import contextlib, io, json, sys
from travio_inventory.cli import main

for line in sys.stdin:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(json.loads(line))
        except SystemExit as ended:
            status = ended.code
    for stream in (out, err):
        stream.flush()
    print(json.dumps([status or 0, out.buffer.getvalue().decode(), err.buffer.getvalue().decode()]), flush=True)
"""
"""Runs one command after the other, for the price of one start."""


@pytest.fixture(scope="module")
def shell(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Shell"]:
    """A shell in an empty folder, beside a service that it started."""
    shell = Shell(installed, tmp_path_factory.mktemp("elsewhere"))
    environment = {**shell.environment, "TRAVIO_STOCK_APPROVAL_ABOVE": str(WAITS_ABOVE)}
    serve = subprocess.Popen([NAME, "serve"], cwd=shell.folder, env=environment, stderr=subprocess.PIPE)
    with ended(serve) as service:
        assert service.stderr is not None
        assert b"TRAVIO_AUTH=off: " in service.stderr.readline()
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


class Typist:
    """Types the same lines into one process of the installed package."""

    def __init__(self, shell: Shell, process: "subprocess.Popen[str]") -> None:
        self._folder = shell.folder
        self._process = process

    def run(self, line: str) -> str:
        """What the line says on standard output, or would have said there if no file follows it."""
        words, _, file = line.partition(" > ")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(shlex.split(words)[1:]) + "\n")
        self._process.stdin.flush()
        status, out, err = json.loads(self._process.stdout.readline())
        assert (status, err) == (0, ""), f"{line}: {out}{err}"
        if file:
            (self._folder / file).write_text(out)
        return str(out)

    def held(self, seat: str) -> str:
        """The id of a hold of the seat."""
        return str(self.read(f"hold {COACH} dhaka chattogram {seat}")["hold"])

    def read(self, words: str) -> Any:  # noqa: ANN401 - whatever the command answers
        """What the command says to a program."""
        return json.loads(self.run(f"{NAME} {words} --json"))


@pytest.fixture
def typist(shell: Shell) -> Iterator[Typist]:
    """A typist in that shell."""
    pipe, command = subprocess.PIPE, [sys.executable, "-c", TYPIST]
    typing = subprocess.Popen(command, cwd=shell.folder, env=shell.environment, stdin=pipe, stdout=pipe, text=True)
    with ended(typing) as process:
        yield Typist(shell, process)


@pytest.mark.once
def test_the_wheel_is_what_runs_here(installed: Installed, tmp_path: Path) -> None:
    where = "import travio_inventory; print(travio_inventory.__file__)"
    said = subprocess.run(
        ["python", "-c", where],  # noqa: S607 - the one that the environment finds
        cwd=tmp_path, env=installed.environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert Path(said.strip()).is_relative_to(installed.folder)


@pytest.mark.once
def test_the_wheel_has_all_that_browsers_load(installed: Installed, tmp_path: Path) -> None:
    names = "from travio_inventory.ui import web_files; print(*web_files())"
    said = subprocess.run(
        ["python", "-c", names],  # noqa: S607 - the one that the environment finds
        cwd=tmp_path, env=installed.environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert said.split() == list(web_files())


@pytest.mark.once
def test_all_that_the_help_says_to_begin_with_works(shell: Shell) -> None:
    lines = re.findall(rf"^  ({NAME} .*)$", BEGIN.partition("Exit status")[0], re.MULTILINE)
    assert len(lines) == 6
    said = ""
    for line in lines[1:]:  # the service runs already
        hold = re.search(r"^hold +(\S+)$", said, re.MULTILINE)
        said = shell.run(line.replace("HOLD", hold[1] if hold else "HOLD"))
    assert re.search(r"^booking +\S+$", said, re.MULTILINE)


@pytest.mark.once
def test_the_demo_and_all_that_it_says_to_go_on_with_work(shell: Shell) -> None:
    said = shell.run(f"{NAME} demo 2>/dev/null")
    _, next_steps = said.split("To continue with your own:\n")
    lines = re.findall(r"^  (\S.*)$", next_steps, re.MULTILINE)
    assert next_steps.endswith("\nhttp://localhost:8083/\n")
    assert [line.split()[:2] for line in lines] == [
        [NAME, "serve"], [NAME, "trip"], [NAME, "trip"], [NAME, "map"],
    ]  # fmt: skip
    for line in lines[1:]:
        shell.run(line)


def of_stock(typist: Typist, words: str, example: str) -> str:
    """The example, after what it needs was done."""
    if words in {"stock approval", "stock approve", "stock reject"}:
        waits = typist.read(f"stock adjust cup-blue north {WAITS_ABOVE + 1} --reason found")["approval"]
        return re.sub(r"^\S+", waits["id"], example)
    if words == "stock transfer":
        typist.run(f"{NAME} stock warehouse-add south South")
        typist.run(f"{NAME} stock add cup-blue south --product cup --quantity 1")
    if example.startswith(TRANSFER):
        drafted = typist.read("stock transfer cup-blue north south 5")["transfer"]
        if words != "stock ship":
            typist.run(f"{NAME} stock ship {drafted}")
        return example.replace(TRANSFER, drafted)
    if words == "stock order":
        typist.run(f"{NAME} stock supplier-add acme Acme")
    if example.startswith(ORDER):
        return example.replace(ORDER, typist.read("stock order acme cup-blue@north=50")["lines"][0]["order"])
    if words == "stock delete":
        left = typist.read("stock show cup-blue north")["available"]
        while left:
            count = min(left, WAITS_ABOVE)
            typist.run(f"{NAME} stock adjust cup-blue north -{count} --reason sold")
            left -= count
    return example


@pytest.mark.once
def test_the_example_of_every_command_works(typist: Typist) -> None:
    typist.run(f"{NAME} trip example coach > coach.toml")
    typist.run(f"{NAME} trip open coach.toml")
    typist.run(f"{NAME} plan example bus > bus.toml")
    typist.run(f"{NAME} plan example hall-pretix > hall.json")
    seats = (f"seat-{row}{number}" for row in "CDEFGH" for number in range(1, 5))
    for command in COMMANDS:
        if command.words in NOT_HERE or command.words.startswith("bench"):
            continue
        example = command.example.replace("--follow", "")
        if "HOLD" in example:
            seat = next(seats)
            example = example.replace("HOLD", typist.held(seat))
            example = example.replace("seat-A1=seat-B1", f"{seat}={next(seats)}")
        if "BOOKING" in example:
            hold = typist.held(next(seats))
            example = example.replace("BOOKING", typist.run(f"{NAME} confirm {hold} order-2").split()[1])
        if command.words == "hold":
            example = re.sub(r"seat-\w+", lambda _: next(seats), example)
        if command.words.startswith("stock "):
            example = of_stock(typist, command.words, example)
        typist.run(f"{NAME} {command.words} {example}")
        if command.words == "stock shards":
            typist.run(f"{NAME} stock shards cup-blue north 1")  # a count, as others of these import, needs one
