"""Days on which what has ended is forgotten and met again; and that a very long one needs no more than a long one."""

from collections import Counter
from functools import cache

import pytest

from travio_inventory.protocol.batches import Kind
from travio_inventory.protocol.retention import Retention
from verification.simulation.broken_retention import STANDING
from verification.simulation.long_day import PER, SHORT, Day, Sample, in_memory, verdicts
from verification.simulation.plan import Plan
from verification.simulation.searching import Ran, ran
from verification.simulation.simulate import simulate
from verification.simulation.slope import slope_of
from verification.simulation.world import World

SEEN_IF_LEFT_BY_EACH_HOLD = PER
QUICK = 1
"""The day that `make test` has."""
SEEDS = (0, QUICK, 2, 3, 8, 11)
"""With waiting lists and without, with limits and without; 3 found a place on a list that was left by halves."""


@cache
def day(seed: int) -> World:
    """A forgetful day; each is run once for all tests."""
    return simulate(Plan.forgetful(seed))


@pytest.mark.long
@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=() if seed == QUICK else pytest.mark.once) for seed in SEEDS]
)
def test_no_promise_is_broken_where_things_are_forgotten(seed: int) -> None:
    assert day(seed).violations == [], f"see it with: {day(seed).plan.command()}"


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_process_that_stood_still_does_not_take_up_what_was_forgotten(seed: int) -> None:
    assert simulate(STANDING.with_seed(seed)).violations == []


@pytest.mark.once
@pytest.mark.long
@pytest.mark.timeout(600)
def test_everything_that_ends_was_forgotten_and_met_again() -> None:
    """On the days above, on which the promises were kept."""
    gone, together = Counter[Kind](), Ran(Plan(0), seeds=0)
    for seed in SEEDS:
        world = day(seed)
        assert world.forgetting is not None
        gone += world.forgetting.gone
        together.add(ran(world))
    assert set(gone) == {Kind.HOLD, Kind.EVENT, Kind.KEY, Kind.SLOT, Kind.ENTRY, Kind.LEASE}
    met = {f"{op} HOLD_NOT_FOUND" for op in ("find", "confirm", "release", "cancel", "extend")}
    assert met <= together.told.keys(), "asked for after they were forgotten"


def test_a_forgetful_day_is_replayed_by_its_command() -> None:
    assert Plan.forgetful(7).command() == "python -m verification.simulation 7 --forgetful"


@pytest.mark.once
@pytest.mark.long
@pytest.mark.timeout(600)
def test_five_thousand_holds_leave_no_rows() -> None:
    """And many more, with the same program, no memory either."""
    slope, is_flat = verdicts(in_memory(5_000, 3, lambda _line: None, SHORT))["rows"]
    assert is_flat, slope
    assert slope.error < SEEN_IF_LEFT_BY_EACH_HOLD / 5, "one row that each hold leaves would be seen"


def test_what_grows_is_told_from_what_goes_up_and_down() -> None:
    assert slope_of([(number, 5 + number % 2) for number in range(20)]).is_flat(0.01)
    assert not slope_of([(number, number + number % 2) for number in range(20)]).is_flat(0.5)


def test_a_day_that_is_over_before_anything_is_forgotten_says_nothing() -> None:
    lengths = (1.0, 2.0, 3.0, 4.0, 5.0)
    short = _day([Sample(round(at_s), at_s, {"rows": 1.0}) for at_s in lengths])
    with pytest.raises(ValueError, match="too few"):
        verdicts(short)
    long = _day([Sample(round(at_s), at_s * 10_000, {"rows": 1.0}) for at_s in lengths])
    assert [is_flat for _, is_flat in verdicts(long).values()] == [True]


def _day(samples: list[Sample]) -> Day:
    day = in_memory(0, 0, lambda _line: None)
    assert day.pace.retention != Retention()
    day.samples = samples
    return day
