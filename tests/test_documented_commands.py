"""The commands of our own programs that documents name: each is there, and knows the options that it is given."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "Makefile")
COMMAND = re.compile(r"python -m (verification[.\w]*)((?: +(?:-{1,2}[\w-]+|[\w/.,:-]+|'[^']*'|\"[^\"]*\"))*)")


def named() -> Iterator[tuple[str, str]]:
    """Each program that a page names, with each of its options and, of those with a list, what it is given."""
    for page in PAGES:
        for program, said in COMMAND.findall(page.read_text()):
            words = shlex.split(said.rstrip("."))
            yield program.rstrip("."), ""
            for word in words:
                if word.startswith("--"):
                    yield program, word
            yield from ((program, part) for option, part in pairwise(words) if option == "--part")


NAMED = sorted(set(named()))
PROGRAMS = sorted({program for program, _ in NAMED if not program.startswith("verification.pages")})


def test_many_are_named() -> None:
    assert len(PROGRAMS) > 15
    assert ("verification.deployments", "claims-3-nodes") in NAMED
    assert ("verification.simulation", "--find-broken") in NAMED


@pytest.mark.once
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_a_page_names_explains_each_option_that_is_named(program: str) -> None:
    asked = subprocess.run([sys.executable, "-m", program, "--help"], capture_output=True, text=True, check=False)
    assert (asked.returncode, asked.stderr) == (0, "")
    known = set(re.findall(r"[\w-]+", asked.stdout))
    assert {word for of, word in NAMED if of == program and word} <= known
