"""Promises have one number each, the same in docs/invariants.md and in the simulation."""

import re

from verification.pages.invariants import DOCUMENT
from verification.simulation.broken_designs import BROKEN

SAID = re.findall(r"^\| ([IL]\d+)\b", DOCUMENT.read_text(), re.MULTILINE)
OF_THE_EDGE = {"E1", "E2", "E3"}


def test_each_promise_has_a_number_of_its_own() -> None:
    assert sorted(SAID) == sorted(set(SAID))


def test_a_broken_design_breaks_promises_that_are_made() -> None:
    assert {promise for design in BROKEN.values() for promise in design.promises.split()} <= {*SAID, *OF_THE_EDGE}
