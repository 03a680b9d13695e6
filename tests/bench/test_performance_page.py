"""The page of figures shows what was measured last."""

import json
from typing import Any

from verification.pages.performance import DOCUMENT, MEASURED, figures, rewrite

ONE = {"calls": 200, "per_second": 1_000.4, "server_cpu_seconds": 0.1, "latency_ms": {"p50": 2.0, "p99": 9.0}}


def part(found: dict[str, Any]) -> dict[str, Any]:
    machine = {"cores": 2, "cpu": "a processor", "python": "3.11.7"}
    return {"command": "the command", "commit": "abc", "machine": machine, "found": found}


def test_the_page_has_the_figures_that_were_measured() -> None:
    page = DOCUMENT.read_text()
    assert rewrite(page, json.loads(MEASURED.read_text())) == page


def test_each_way_of_selling_has_a_row_and_each_size_a_bar() -> None:
    sold = {"the service, 32 in flight": ONE, "the service, 32 in flight: database CPU ms a call": 0.7}
    sizes = {"16 seats in a group, 1 process": sold, "16 seats in a group, 4 processes": sold}
    lines = figures(
        {
            "claims": part({"1 node": sold}),
            "seat-groups": part(sizes),
            "hot-group": part({}),
            "browsing": part({"500 seats": {"warm": ONE}}),
        }
    )
    assert "| 1 node | the service, 32 in flight | 1000 | 0.50 | 0.7 | 2.0 | 9.0 |  |" in lines
    assert '    x-axis ["16"]' in lines
    assert lines.count("    bar [1000]") == lines.count("    line [1000]") == 1
    assert "| 500 seats | warm | 1000 | 0.50 | 2.0 | 9.0 |" in lines
