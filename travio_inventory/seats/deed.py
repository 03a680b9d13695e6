"""A deed of the house: who did what, when, and how it ended."""

from collections.abc import Sequence
from typing import NamedTuple

BEGAN = "began"
DONE = "done"


class Deed(NamedTuple):
    """What was done by whom: `outcome` is done, the reason of a refusal, or began where that is all that is known."""

    at_ms: int
    id: str
    who: str
    verb: str
    about: str
    outcome: str


class DeedPage(NamedTuple):
    """Deeds, each once, in the order in which they began; `next` leads to the next ones, "" behind the last."""

    deeds: Sequence[Deed]
    next: str


def ended(deeds: Sequence[Deed]) -> list[Deed]:
    """Each deed once, as it ended if that is known, in the order in which they began."""
    known: dict[str, Deed] = {}
    for deed in deeds:
        if deed.id not in known or deed.outcome != BEGAN:
            known[deed.id] = deed
    return sorted(known.values())
