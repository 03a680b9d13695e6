"""What `make proof` runs and writes: programs that there are, and a page of all results that are kept."""

from importlib.util import find_spec

import pytest

from verification.proof import KEPT, PAGE, Part, arguments, kept, page, parts

PARTS = parts(arguments().parse_args([]))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.title)
def test_each_part_is_a_program_that_there_is(part: Part) -> None:
    assert find_spec(f"{part.command[0]}.__main__")


def test_the_page_shows_the_results_that_are_kept() -> None:
    assert page(PARTS, kept()) == PAGE.read_text(), f"{PAGE} is not what {KEPT} says: run a part of make proof"


def test_a_result_is_kept_of_each_part_and_of_no_other() -> None:
    assert kept().keys() == {part.what for part in PARTS}


def test_every_part_that_is_kept_held() -> None:
    assert {what: one.verdict for what, one in kept().items() if one.status} == {}
