"""Writes docs/metrics.md, every metric by name: `python -m verification.pages.metrics_page`."""

from collections.abc import Iterator

from travio_inventory.telemetry.families import FAMILIES, Family, Together
from verification.pages.architecture import ROOT, parts

DOCUMENT = ROOT / "docs" / "metrics.md"
BEGIN = "<!-- metrics: written by `make docs` from travio_inventory/telemetry/families.py -->"
END = "<!-- end of metrics -->"
SAID = {
    Together.SUM: "sum",
    Together.LARGEST: "largest",
    Together.SMALLEST: "smallest",
    Together.EACH: "each, by `worker`",
}


def rewrite(document: str) -> str:
    """The document with today's table between its markers and nothing else changed."""
    before, _, after = parts(document, BEGIN, END)
    return before + "\n".join([BEGIN, *_rows(), END]) + after


def _rows() -> Iterator[str]:
    yield "| name | kind | labels | what it tells | of several processes |"
    yield "| --- | --- | --- | --- | --- |"
    yield from map(_row, FAMILIES)


def _row(family: Family) -> str:
    labels = ", ".join(f"`{label}`" for label in family.labels)
    return f"| `{family.name}` | {family.kind} | {labels} | {family.meaning} | {SAID[family.together]} |"


if __name__ == "__main__":
    DOCUMENT.write_text(rewrite(DOCUMENT.read_text()))
