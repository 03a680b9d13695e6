"""Operators are told the rights that the edge's user of Redis needs."""

import re
from pathlib import Path

from travio_inventory.edge.redis_options import RIGHTS

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def test_operators_are_told_the_rights_that_the_edge_needs() -> None:
    (told,) = re.findall(r"`ACL SETUSER edge (.*?) in a cluster\.", OPERATIONS.read_text(), re.DOTALL)
    needed = {word for word in RIGHTS.split() if word.startswith("+")}
    assert set(re.findall(r"\+[a-z|]+", told)) == needed
