"""Every broken waiting list is noticed, and what only looks broken is not."""

from itertools import count

import pytest

from verification.chaos.waiting import judge_lists
from verification.simulation.history import Call, CallOutcome
from verification.simulation.possible_answers import TRIP_CANCELLED

_moments = count(1)


def test_a_kept_place_a_left_one_and_an_unanswered_one_are_right() -> None:
    calls = [_join("a"), _join("b"), _leave("b"), _join("c", CallOutcome.UNKNOWN), _join("d", CallOutcome.AGAIN)]
    assert [*judge_lists(calls, {"a": 1})] == []
    assert [*judge_lists(calls, {"a": 1, "c": 3})] == []


def test_a_lost_place_is_noticed() -> None:
    assert _said([_join("a")], {}) == ["I3 I4"]


def test_a_place_that_was_left_and_still_exists_is_noticed() -> None:
    assert _said([_join("a"), _leave("a")], {"a": 1}) == ["I3 I4"]


def test_a_place_that_nobody_requested_is_noticed() -> None:
    assert _said([], {"a": 1}) == ["I5"]


def test_a_wrong_answer_to_a_user_with_a_place_is_noticed() -> None:
    assert _said([_join("a"), _leave("a", CallOutcome.NO)], {}) == ["I3"]
    assert _said([_join("a"), _leave("a", CallOutcome.UNKNOWN), _leave("a", CallOutcome.NO)], {}) == []


@pytest.mark.parametrize("answer", [CallOutcome.UNKNOWN, CallOutcome.AGAIN])
def test_a_failed_second_join_keeps_the_place(answer: CallOutcome) -> None:
    assert _said([_join("a"), _join("a", answer)], {}) == ["I3 I4"]


def test_only_a_cancelled_trip_lets_nobody_join() -> None:
    calls = [_join("a"), _join("a", CallOutcome.NO), _join("b", CallOutcome.NO)]
    assert _said(calls, {"a": 1}) == ["I5", "I5"]
    for call in calls[1:]:
        call.told = TRIP_CANCELLED
    assert _said(calls, {"a": 1}) == ["I5", "I5"]
    assert [*judge_lists(calls, {"a": 1}, cancelled_s=0)] == []


def test_one_place_for_two_users_is_noticed() -> None:
    assert "I1" in _said([_join("a"), _join("b")], {"a": 1, "b": 1})


def test_a_later_user_before_an_earlier_one_is_noticed() -> None:
    assert _said([_join("a"), _join("b")], {"a": 2, "b": 1}) == ["I7"]
    assert _said([_join("a"), _join("b")], {"a": 1, "b": 2}) == []


def test_a_user_who_left_and_joined_again_is_last() -> None:
    assert _said([_join("a"), _join("b"), _leave("a"), _join("a")], {"a": 3, "b": 2}) == []


def test_a_user_without_a_first_answer_may_be_anywhere() -> None:
    assert _said([_join("a", CallOutcome.UNKNOWN), _join("b"), _join("a")], {"a": 2, "b": 1}) == []
    assert _said([_join("a", CallOutcome.UNKNOWN), _join("b"), _join("a")], {"a": 1, "b": 2}) == []


def test_a_user_who_moves_back_is_noticed() -> None:
    assert _said([_join("a", place=1), _join("a", place=2)], {"a": 1}) == ["I7"]
    assert _said([_join("a", place=2), _join("a", place=1)], {"a": 1}) == []
    assert _said([_join("a", place=1), _leave("a"), _join("a", place=2)], {"a": 2}) == []


def _said(calls: list[Call], places: dict[str, int]) -> list[str]:
    """Which promises are said to be broken."""
    return [" ".join(word for word in said.split() if word[0] == "I" and word[1:].isdigit())
            for said in judge_lists(calls, places)]  # fmt: skip


def _join(user: str, answer: CallOutcome = CallOutcome.OK, *, place: int = 1) -> Call:
    return _call("join", user, answer, f"place {place}")


def _leave(user: str, answer: CallOutcome = CallOutcome.OK) -> Call:
    return _call("leave", user, answer, "OK")


def _call(op: str, user: str, answer: CallOutcome, told: str) -> Call:
    """One after the other."""
    at = float(next(_moments))
    call = Call(int(at), op, user, at, holder=user)
    if answer is not CallOutcome.UNKNOWN:
        call.answer, call.told, call.returned_s = answer, told, at + 0.5
    return call
