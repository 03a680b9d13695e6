"""Too many holds of one holder are noticed, and so is a refusal without a cause."""

from itertools import count

import pytest

from verification.chaos.limits import judge_limits
from verification.simulation.history import Call, CallOutcome, History

LIMIT = 3
UNTIL_S = 60.0
_numbers = count()


def test_four_holds_at_once_are_noticed_even_on_two_trips() -> None:
    trips = [History([_held("a", 1), _held("b", 2)]), History([_held("c", 3), _held("d", 4)])]
    assert judge_limits(trips, LIMIT) == ["I9 u had 4 holds at 4.000, and may have 3"]


def test_four_holds_of_two_holders_are_right() -> None:
    assert (
        judge_limits([History([_held("a", 1), _held("b", 1), _held("c", 1), _held("d", 1, holder="v")])], LIMIT) == []
    )


@pytest.mark.parametrize("step", ["release", "confirm"])
def test_a_hold_counts_until_its_end_or_booking_was_requested(step: str) -> None:
    calls = [_held("a", 1), _held("b", 1), _held("c", 1), _held("d", 5)]
    assert judge_limits([History([*calls, _step(step, "a", 4)])], LIMIT) == []
    assert judge_limits([History([*calls, _step(step, "a", 6)])], LIMIT) != []


@pytest.mark.parametrize(("ahead_ms", "is_seen"), [(0, True), (5_000, False)])
def test_a_hold_counts_until_its_time_by_the_fastest_clock(ahead_ms: int, is_seen: bool) -> None:
    calls = [_held("a", 1), _held("b", 1), _held("c", 1), _held("d", UNTIL_S - 1, until_s=2 * UNTIL_S)]
    assert bool(judge_limits([History(calls, clock_bound_ms=ahead_ms)], LIMIT)) is is_seen
    late = [*calls[:3], _held("d", UNTIL_S + 1, until_s=2 * UNTIL_S)]
    assert judge_limits([History(late)], LIMIT) == []


def test_an_extended_hold_counts_until_its_later_time() -> None:
    calls = [_held("a", 1), _held("b", 1), _held("c", 1), _held("d", UNTIL_S + 1, until_s=2 * UNTIL_S)]
    extended = [_step("extend", name, 2, until_s=2 * UNTIL_S) for name in ("a", "b", "c")]
    assert judge_limits([History([*calls, *extended])], LIMIT) != []


def test_a_refusal_with_enough_holds_is_right() -> None:
    calls = [_held("a", 1), _held("b", 1), _held("c", 1), _refused("d", 5)]
    assert judge_limits([History(calls[:2]), History(calls[2:])], LIMIT) == []


def test_a_refusal_with_too_few_holds_is_noticed() -> None:
    refused = _refused("d", 5)
    calls = [_held("a", 1), _held("b", 1), _held("c", 6), _held("v", 1, holder="v"), refused]
    assert judge_limits([History(calls)], LIMIT) == [
        f"I9 refused for a limit of 3, with 2 at most in the way: {refused}"
    ]


def test_a_hold_that_was_released_long_ago_explains_no_refusal() -> None:
    calls = [_held("a", 1), _held("b", 1), _held("c", 1), _step("release", "c", 2), _refused("d", 5)]
    assert judge_limits([History(calls)], LIMIT) != []


def test_an_unanswered_attempt_may_count_and_one_refused_for_the_limit_does_not() -> None:
    calls = [_held("a", 1), _held("b", 1), _refused("d", 5)]
    lost = Call(next(_numbers), "hold", "c", 2, holder="u")
    assert judge_limits([History([*calls, lost])], LIMIT) == []
    assert judge_limits([History([*calls, _refused("e", 5)])], LIMIT) != []


def _held(name: str, at_s: float, *, until_s: float = UNTIL_S, holder: str = "u") -> Call:
    """A hold with a key, answered then."""
    call = _answered("hold", name, at_s, CallOutcome.OK, until_s=until_s)
    call.told, call.status, call.holder = name, "held", holder
    return call


def _refused(name: str, at_s: float) -> Call:
    call = _answered("hold", name, at_s, CallOutcome.AGAIN)
    call.told = "HOLD_LIMIT"
    return call


def _step(op: str, name: str, at_s: float, *, until_s: float = 0.0) -> Call:
    return _answered(op, name, at_s, CallOutcome.OK, until_s=until_s)


def _answered(op: str, subject: str, at_s: float, answer: CallOutcome, *, until_s: float = 0.0) -> Call:
    until_ms = round(until_s * 1_000)
    return Call(next(_numbers), op, subject, at_s - 0.1, until_ms=until_ms, returned_s=at_s, answer=answer, holder="u")
