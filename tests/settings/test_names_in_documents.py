"""A setting is called by a name that sets it: one that is shortened in a document is tried, and does nothing."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from travio_inventory.settings import KEYS, names
from travio_inventory.settings.environment import CLIENT_NAMES, RENAMED
from verification.pages.architecture import ROOT

DOCUMENTS = (
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / name for name in ("load_test/README.md", "tests/README.md", "schema.cql", "docker-compose.yml")),
)
ACCEPTED = {name for key in KEYS for name in names(key)} | CLIENT_NAMES | set(RENAMED)
KUBERNETES = "TRAVIO_PORT=tcp://"
WORD = re.compile(r"\b[A-Z_]*_[A-Z0-9_]+\b")


def wrong_names(text: str) -> Iterator[str]:
    """Words with the prefix, and parts of a setting's name, that set nothing."""
    for word in WORD.findall(text.replace(KUBERNETES, "")):
        part = f"_{word.strip('_')}_"
        if word not in ACCEPTED and (
            word.startswith("TRAVIO_") or any(part in f"_{name}_" for name in ACCEPTED if name.startswith("TRAVIO_"))
        ):
            yield word


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_names_settings_as_they_are_read(document: Path) -> None:
    assert list(wrong_names(document.read_text())) == []


@pytest.mark.parametrize("name", ["DRAIN_SECONDS", "HOLD_RETENTION", "_PASSWORD", "TRAVIO_REDIS_", "TRAVIO_DATUM"])
def test_a_shortened_name_is_noticed(name: str) -> None:
    assert list(wrong_names(f"after `{name}` (10), as with SCYLLA_HOSTS and TRAVIO_DATA")) == [name]
