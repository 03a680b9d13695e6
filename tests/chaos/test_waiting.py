"""Every way to break a waiting list is seen, and what only looks like one is not."""

from itertools import count

import pytest

from verification.chaos.waiting import judge_lists
from verification.simulation.history import Call, CallOutcome

_moments = count(1)


def test_a_kept_place_a_left_one_and_one_that_nobody_answered_are_nothing() -> None:
    calls = [_join("a"), _join("b"), _leave("b"), _join("c", CallOutcome.UNKNOWN), _join("d", CallOutcome.AGAIN)]
    assert [*judge_lists(calls, {"a": 1})] == []
    assert [*judge_lists(calls, {"a": 1, "c": 3})] == []


def test_a_lost_place_is_seen() -> None:
    assert _said([_join("a")], {}) == ["I3 I4"]


def test_a_place_that_was_left_and_stands_is_seen() -> None:
    assert _said([_join("a"), _leave("a")], {"a": 1}) == ["I3 I4"]


def test_a_place_that_nobody_asked_for_is_seen() -> None:
    assert _said([], {"a": 1}) == ["I5"]


def test_somebody_who_has_a_place_and_is_told_otherwise_is_seen() -> None:
    assert _said([_join("a"), _leave("a", CallOutcome.NO)], {}) == ["I3"]
    assert _said([_join("a"), _leave("a", CallOutcome.UNKNOWN), _leave("a", CallOutcome.NO)], {}) == []


@pytest.mark.parametrize("answer", [CallOutcome.UNKNOWN, CallOutcome.AGAIN])
def test_who_asks_again_in_vain_keeps_the_place(answer: CallOutcome) -> None:
    assert _said([_join("a"), _join("a", answer)], {}) == ["I3 I4"]


def test_one_place_for_two_is_seen() -> None:
    assert "I1" in _said([_join("a"), _join("b")], {"a": 1, "b": 1})


def test_who_came_later_and_is_before_is_seen() -> None:
    assert _said([_join("a"), _join("b")], {"a": 2, "b": 1}) == ["I7"]
    assert _said([_join("a"), _join("b")], {"a": 1, "b": 2}) == []


def test_who_left_and_came_again_is_behind() -> None:
    assert _said([_join("a"), _join("b"), _leave("a"), _join("a")], {"a": 3, "b": 2}) == []


def test_who_had_no_answer_at_first_may_be_anywhere() -> None:
    assert _said([_join("a", CallOutcome.UNKNOWN), _join("b"), _join("a")], {"a": 2, "b": 1}) == []
    assert _said([_join("a", CallOutcome.UNKNOWN), _join("b"), _join("a")], {"a": 1, "b": 2}) == []


def test_who_moves_back_is_seen() -> None:
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
