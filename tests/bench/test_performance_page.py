"""The page of figures shows what was measured last."""

import json
from typing import Any

import pytest

from verification.deployments.__main__ import bench
from verification.deployments.telling import cost, cost_of_telling
from verification.pages.performance import DOCUMENT, MEASURED, figures, rewrite

TOLD = {
    "CPU us a call, told": 103.0, "CPU us a call, untold": 100.0,
    "costs, %": 3.0, "least, %": -1.0, "most, %": 5.3, "rounds": 21, "scrapes": 12,
}  # fmt: skip
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
            "telling": part({"holds": TOLD}),
        }
    )
    assert "| 1 node | the service, 32 in flight | 1000 | 0.50 | 0.7 | 2.0 | 9.0 |  |" in lines
    assert '    x-axis ["16"]' in lines
    assert lines.count("    bar [1000]") == lines.count("    line [1000]") == 1
    assert "| 500 seats | warm | 1000 | 0.50 | 2.0 | 9.0 |" in lines
    assert "| holds | 103.0 | 100.0 | 3.0 % | -1.0 to 5.3 % of 21 | 12 |" in lines


def test_what_telling_costs_is_how_much_more_time_a_call_takes() -> None:
    """The ratio is of calls per CPU second: 0.8 of them is a quarter more time for each."""
    assert cost({"median": 0.8, "min": 0.5, "max": 1.25}) == {"costs, %": 25.0, "least, %": -20.0, "most, %": 100.0}


@pytest.mark.once
def test_what_telling_costs_is_measured_with_scrapes_and_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector gets spans, and metrics are read, while two services work in turns."""
    monkeypatch.setattr("verification.deployments.telling.SCRAPED_EVERY_S", 0.2)
    monkeypatch.setattr("verification.deployments.telling.WORKS", ("refusals",))
    found: Any = cost_of_telling(bench, rounds=3, seconds=0.5)
    assert (found["refusals"]["scrapes"] > 0, found["refusals"]["bytes of spans"] > 0) == (True, True)
    assert found["refusals"]["CPU us a call, told"] > 0


def test_where_nothing_was_told_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verification.deployments.telling.SCRAPED_EVERY_S", 60.0)
    with pytest.raises(RuntimeError, match="0 scrapes and 0 bytes of spans"):
        cost_of_telling(lambda *_: {})
