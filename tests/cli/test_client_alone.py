"""The command line and the client with only their own packages installed, without those of the service."""

import re
import subprocess
import sys

import pytest

from tests.typed import EXAMPLES
from travio_inventory.cli import SERVICE_PACKAGES
from travio_inventory.cli.commands import COACH
from verification.kit.service_process import ServiceProcess

WITHOUT = f"""
import runpy, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {set(SERVICE_PACKAGES)!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
"""
COMMAND_LINE = "from travio_inventory.cli import main; main()"
PROBE = "runpy.run_module('travio_inventory.cli.probe', run_name='__main__')"


def typed(*words: str, program: str = COMMAND_LINE) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-c", WITHOUT + program, *words]
    return subprocess.run(run, capture_output=True, text=True, check=False)


@pytest.mark.once
def test_a_client_alone_can_call_a_service(server: ServiceProcess) -> None:
    there = ("--target", server.target, "--organization", "a-client-alone")
    for words in (
        ("trip", "open", str(EXAMPLES / "coach.toml")),
        ("map", COACH, "dhaka", "chattogram"),
        ("hold", COACH, "dhaka", "chattogram", "seat-A1"),
        ("holds", "list"),
    ):
        done = typed(*words, *there)
        assert (done.returncode, done.stderr) == (0, ""), words


@pytest.mark.parametrize("shell", ["bash", *(pytest.param(shell, marks=pytest.mark.once) for shell in ("zsh", "fish"))])
def test_a_shell_completes_the_words_of_a_client_alone(shell: str) -> None:
    done = typed("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert "waitlist" in done.stdout
    assert "serve" not in re.sub("service|reserve", "", done.stdout, flags=re.IGNORECASE)


@pytest.mark.parametrize(
    "words",
    [
        ["serve"],
        ["schema", "check"],
        *(pytest.param(words, marks=pytest.mark.once) for words in (["work"], ["settings"], ["bench", "noop"])),
    ],
)
def test_a_command_that_needs_the_service_says_what_to_install(words: list[str]) -> None:
    done = typed(*words)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install 'travio-inventory[server]'" in done.stderr


def test_the_probe_of_a_client_alone_calls_no_service_unwell() -> None:
    done = typed("liveness", program=PROBE)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install 'travio-inventory[server]'" in done.stderr


def test_help_is_there_before_a_client_could_be_imported() -> None:
    done = typed("--help", program=f"try: {COMMAND_LINE}\nfinally: print(*sys.modules)")
    assert "travio_inventory.cli.commands" in done.stdout
    assert "grpclib" not in done.stdout
