"""Writes the list of broken designs of docs/invariants.md: `python -m verification.pages.invariants`."""

from verification.pages.architecture import ROOT, parts
from verification.simulation.broken_designs import BROKEN

DOCUMENT = ROOT / "docs" / "invariants.md"
BEGIN = "<!-- broken designs: written by `make docs` from verification/simulation -->"
END = "<!-- end of broken designs -->"


def design_list() -> list[str]:
    """One line per broken design: what it does, and the promises that it breaks."""
    return [f"- {design.name}: {', '.join(design.promises.split())}" for design in BROKEN.values()]


def listed() -> list[str]:
    """The lines that the document has."""
    return parts(DOCUMENT.read_text(), BEGIN, END)[1]


if __name__ == "__main__":
    before, _, after = parts(DOCUMENT.read_text(), BEGIN, END)
    DOCUMENT.write_text(before + "\n".join([BEGIN, *design_list(), END]) + after)
