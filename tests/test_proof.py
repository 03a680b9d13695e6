"""What `make proof` runs: programs that there are."""

import argparse
from importlib.util import find_spec

import pytest

from verification.proof import Part, parts

ASKED = argparse.Namespace(seeds=1, seed=1, seconds=1, crowd_seconds=1, scale=0.1)


@pytest.mark.parametrize("part", parts(ASKED), ids=lambda part: part.title)
def test_each_part_is_a_program_that_there_is(part: Part) -> None:
    assert find_spec(f"{part.command[0]}.__main__")
