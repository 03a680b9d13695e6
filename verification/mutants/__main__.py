"""Judges every mutant of some modules, and prints those that no test notices: see --help."""

import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryDirectory

from verification.mutants.judging import SECONDS
from verification.mutants.mutated import CODE, ROOT, modules_of, write_tree

RULES = sorted(str(module.relative_to(ROOT)) for module in (ROOT / CODE / "seats").glob("*.py"))
"""Those of seats, without use cases and records."""
MODULES = (f"{CODE}/kernel", f"{CODE}/protocol", f"{CODE}/store/group_commit.py", *RULES)
TESTS = (
    "tests/kernel", "tests/rules", "tests/protocol", "tests/seats", "tests/stock",
    "tests/store/test_promises.py", "tests/edge/test_promises.py",
    "tests/store/test_group_commit.py", "tests/store/test_group_commit_limits.py",
    "tests/simulation/test_units.py::test_units_are_conserved_and_every_answer_is_true_on_bad_days",
    "tests/simulation/test_simulation.py::test_no_promise_is_broken[0]",
    "tests/simulation/test_hard_days.py::test_a_hard_day_breaks_no_promise[0]",
)  # fmt: skip
UNTOLD = ("--tb=no", "--assert=plain")
"""Why a test fails is not asked: to tell it, pytest reads all mutants of the module each time."""
PATIENT = ("-o", "timeout=0")
"""A test that gets no turn on a busy machine kills nothing; one that waits is stopped by `judging`."""
JUDGED = "judged"
IN_MEMORY = ("-m", "not server", "-k", "not sqlite")


def main() -> int:
    """The exit status of pytest."""
    asked = _asked()
    with TemporaryDirectory(prefix="mutants-") as name:
        write_tree(Path(name), modules_of(asked.module), only_changed=asked.since == JUDGED)
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "verification.mutants.judging", "-p", "no:cacheprovider",
             *UNTOLD, *PATIENT, *IN_MEMORY, *(asked.tests or TESTS)],
            cwd=name, env={**os.environ, SECONDS: str(asked.seconds)}, check=False,
        ).returncode  # fmt: skip


def _asked() -> Namespace:
    parser = ArgumentParser(prog="python -m verification.mutants", description=__doc__)
    parser.add_argument("module", nargs="*", default=MODULES, help="a file or a directory; default: docs/mutants.md")
    parser.add_argument("--seconds", type=float, default=20, help="of CPU time for each mutant (default: %(default)s)")
    parser.add_argument(
        "--since", choices=(JUDGED,), help="leave out functions that docs/mutants.md has judged already"
    )
    parser.add_argument("--tests", nargs="+", help="default: all in memory, and three of the simulation")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
