"""What every page for people must do: each link leads to a file and a heading that are there, each table has a head."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    ROOT / name
    for name in subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607 - of whoever runs it
    .stdout.split()
)  # fmt: skip
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s#]*)(?:#([^)\s]*))?\)")
RULE = re.compile(r"\|(?: *:?-+:? *\|)+")


def anchors(page: Path) -> set[str]:
    """The headings, as their links have them."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


def tables(text: str) -> Iterator[list[str]]:
    """The lines of each table."""
    for part in re.split(r"\n(?!\|)", text):
        lines = [line for line in part.split("\n") if line.startswith("|")]
        if lines:
            yield lines


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = LINK.findall(CODE.sub("``", page.read_text()))
    files = {(page.parent / name if name else page, anchor) for name, anchor in links}
    assert [str(file) for file, _ in files if not file.exists()] == []
    assert [(str(file), anchor) for file, anchor in files if anchor and anchor not in anchors(file)] == []


def test_every_page_is_found_from_the_first_one() -> None:
    linked = {name for name, _ in LINK.findall((ROOT / "README.md").read_text())}
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} - linked == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_table_has_a_head(page: Path) -> None:
    """A line left empty in a table ends it: what follows is shown as it is typed."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert [table[0] for table in tables(text) if not RULE.fullmatch(table[1] if len(table) > 1 else "")] == []
