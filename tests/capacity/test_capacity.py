"""What a sale needs: the arithmetic, the queue against what theory says of it, and the document."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from verification.capacity.__main__ import DOCUMENT, MEASURED, PICTURE, PODS, picture, rewrite, scaled
from verification.capacity.costs import Costs, Spread, costs
from verification.capacity.needs import Sale, needs
from verification.capacity.queueing import simulated

STEADY = Spread([(0.0, 1.0), (1.0, 1.0)])
"""Each call takes the mean."""
ROUND = Costs(
    refusal=0.2, refusal_of_redis=0.001, asking_of_redis=0.1,
    step=1.0, step_of_redis=0.1, step_of_database=6.0, step_of_one_node=1.5,
    quiet_map=0.2, sold_map=1.0, refusals=STEADY, maps=STEADY,
)  # fmt: skip
ONLY_REFUSALS = Sale(contenders_per_second=1_000, seats=0, maps_per_hour=0)


def test_cores_are_calls_times_what_each_costs() -> None:
    sale = Sale(
        contenders_per_second=11_000, seats=600_000, sold_within_seconds=600, maps_per_hour=3_600_000,
        lapsed_share=0.0, sold_maps_share=0.5,
    )  # fmt: skip
    found = needs(sale, ROUND)
    assert (sale.holds_per_second, sale.steps_per_second, sale.refusals_per_second) == (1_000, 2_000, 10_000)
    assert (found.refusing, found.selling, found.showing) == pytest.approx((2.0, 2.0, 0.6))
    assert found.pods == 7
    assert found.pods_with_a_zone_less == 11
    assert (found.redis_least, found.redis_most) == pytest.approx((0.21, 1.2))
    assert found.redis_nodes == (1, 3)
    assert found.database == pytest.approx(12.0)
    assert found.database_nodes == 3


def test_holds_that_lapse_are_made_again() -> None:
    assert Sale(lapsed_share=0.5).holds_per_second == 2 * Sale(lapsed_share=0.0).holds_per_second


def test_a_spread_keeps_the_mean_and_the_measured_quantiles() -> None:
    spread = Spread.of({"p50": 1.0, "p95": 4.0, "p99": 8.0, "max": 100.0})
    drawn = [spread.at((number + 0.5) / 10_000) for number in range(10_000)]
    assert sum(drawn) / len(drawn) == pytest.approx(1, rel=0.01)
    assert spread.at(0.95) / spread.at(0.5) == pytest.approx(4)
    assert drawn == sorted(drawn)


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_a_queue_with_steady_calls_waits_as_theory_says(load: float) -> None:
    """Half of the calls of a queue M/D/1 are answered within what its known distribution says: at 0.5, 1.2 times the
    call, at 0.8, 2.4 times.
    """
    found = simulated(1, ONLY_REFUSALS, replace(ROUND, refusal=load / 1.1))
    assert found.load == pytest.approx(load)
    within = {0.5: (1.0, 1.5), 0.8: (2.0, 3.3)}[load]
    assert within[0] <= found.p50_ms / (load / 1.1) <= within[1]
    assert found.turned_away == 0


def test_what_is_too_much_is_turned_away_and_the_rest_waits_for_a_full_queue() -> None:
    found = simulated(1, ONLY_REFUSALS, replace(ROUND, refusal=4 / 1.1))
    assert found.turned_away == pytest.approx(0.75, abs=0.03)
    assert found.p50_ms == pytest.approx(8_192 * 4 / 1.1, rel=0.05)


def test_the_same_seed_says_the_same() -> None:
    assert simulated(9, Sale(), ROUND, seed=3) == simulated(9, Sale(), ROUND, seed=3)
    assert simulated(40, Sale(), ROUND, seed=3) != simulated(40, Sale(), ROUND, seed=4)


def test_a_smaller_sale_is_smaller_in_everything() -> None:
    whole, half = needs(Sale(), ROUND), needs(scaled(50_000), ROUND)
    for name in ("refusing", "selling", "showing", "database"):
        assert getattr(half, name) == pytest.approx(getattr(whole, name) / 2)


def test_the_costs_are_those_that_were_measured(tmp_path: Path) -> None:
    measured = json.loads(MEASURED.read_text())
    crowd = measured["capacity"]["found"]["a crowd on one seat"]["refusals"]
    before = costs(MEASURED).refusal
    crowd["server_cpu_seconds"] *= 2
    changed = tmp_path / "measured.json"
    changed.write_text(json.dumps(measured))
    assert costs(changed).refusal == pytest.approx(2 * before)


@pytest.mark.once
def test_the_document_and_its_picture_are_written_from_what_was_measured() -> None:
    text = DOCUMENT.read_text()
    assert rewrite(text) == text, "run `make docs`"
    assert picture() == PICTURE.read_text(), "run `make docs`"
    rows = re.findall(r"^\| (\d+) \| [\d,]+% \|", text, re.MULTILINE)
    assert [int(pods) for pods in rows] == list(PODS)
