"""Writes the list of broken designs of docs/invariants.md: `python -m tests.invariants`."""

from tests.architecture import ROOT
from tests.simulation.broken_rules import BROKEN

DOCUMENT = ROOT / "docs" / "invariants.md"
BEGIN = "<!-- broken designs: written by `make docs` from tests/simulation -->"
END = "<!-- end of broken designs -->"


def design_list() -> list[str]:
    """One line per broken design: what it does, and the promises that it breaks."""
    return [f"- {design.name}: {', '.join(design.promises.split())}" for design in BROKEN.values()]


def parts(document: str) -> tuple[str, list[str], str]:
    """What is before the markers, the lines between, what is after. Raises ValueError without both."""
    before, rest = document.split(BEGIN)
    between, after = rest.split(END)
    return before, [line for line in between.splitlines() if line], after


if __name__ == "__main__":
    before, _, after = parts(DOCUMENT.read_text())
    DOCUMENT.write_text(before + "\n".join([BEGIN, *design_list(), END]) + after)
