"""The checker is trusted because another judge, which tries every order of the calls, agrees with it."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from travio_inventory.seats.ports import Cell
from verification.simulation import checker, moments
from verification.simulation.checker import violations
from verification.simulation.exhaustive import is_explained
from verification.simulation.history import (
    CANCEL_TRIP,
    HOUSE,
    Call,
    CallOutcome,
    FoundHold,
    History,
    Place,
    PublishedEvent,
    Waits,
)
from verification.simulation.small_histories import right, tampered

HISTORIES = 1_000
A, B = Cell("a", 0), Cell("b", 0)


@pytest.mark.once
def test_both_judges_find_the_same_histories_right() -> None:
    """Thousands of small histories: possible ones, and each with one thing changed."""
    found: Counter[tuple[str, bool]] = Counter()
    for seed in range(HISTORIES):
        random = Random(seed)
        history = right(random)
        for kind, judged in (("right", history), ("tampered", tampered(history, random))):
            broken = violations(judged)
            assert is_explained(judged) == (not broken), f"seed {seed}, {kind}: {broken}\n{judged}"
            found[kind, not broken] += 1
    assert found["right", True] == HISTORIES
    assert min(found["tampered", True], found["tampered", False]) > HISTORIES / 3, found


@pytest.mark.once
@pytest.mark.parametrize("rule", ["rows", "keys", "answers", "makers", "steps", "order"])
def test_a_checker_that_lacks_a_rule_is_noticed(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    others = tuple(judge for judge in checker.RULES if judge.__name__ != f"judge_{rule}")
    assert len(others) == len(checker.RULES) - 1
    monkeypatch.setattr(checker, "RULES", others)
    assert any(_differ(seed) for seed in range(HISTORIES))


def _differ(seed: int) -> bool:
    random = Random(seed)
    history = tampered(right(random), random)
    return is_explained(history) != (not violations(history))


def _hold(number: int, from_s: float, to_s: float, **said: object) -> Call:
    call = Call(number, "hold", "", from_s, (A,), returned_s=to_s, holder="u", answer=CallOutcome.OK, status="held")
    for name, value in said.items():
        setattr(call, name, value)
    return call


ROW = FoundHold("held", "u", "-", (A,), expires_at_ms=1_000_000)
TOLD = [PublishedEvent("1", "hold.created", "h", 0)]
RIGHT = History([_hold(0, 1, 2, told="h")], {"h": ROW}, {A: "h"}, TOLD, holds_max=1)
SECOND = _hold(1, 3, 4, told="i", cells=(B,))
AGAIN = _hold(1, 3, 4, answer=CallOutcome.AGAIN, told="SEAT_CONTENDED")
RETRY = _hold(0, 1, 2, told="h", subject="k")
OVER = _hold(0, 1, 9, answer=CallOutcome.ENDED, told="HOLD_EXPIRED", status="")
OVER_TOO = _hold(1, 1, 9, answer=CallOutcome.ENDED, told="HOLD_EXPIRED", status="")
LAPSED = replace(
    RIGHT, calls=[OVER], holds={"h": ROW._replace(status="expired", expires_at_ms=5_000)}, owners={}, events=None
)
"""A caller without a key is told that the hold expired before the answer."""


def _list_call(number: int, op: str, from_s: float, to_s: float, holder: str = "u", *places: Place) -> Call:
    return Call(number, op, "", from_s, returned_s=to_s, holder=holder, answer=CallOutcome.OK, places=places)


FIRST, SECOND_PLACE = Place("", 1, 2, 100), Place("", 2, 1, 200)
JOINED = [_list_call(0, "join", 1, 2, "u", FIRST), _list_call(1, "join", 3, 4, "v", SECOND_PLACE)]
WAITING = History(JOINED, waits={("", "u"): Waits(True, 1, 2, 100), ("", "v"): Waits(True, 2, 1, 200)})
LEFT = replace(
    WAITING, calls=[*JOINED, _list_call(2, "leave", 5, 6)],
    waits={**WAITING.waits, ("", "u"): Waits(False, 1, 2, 100)},
)  # fmt: skip
NOT_THERE = _list_call(3, "leave", 7, 8)
NOT_THERE.answer, NOT_THERE.told = CallOutcome.NO, "NOT_ON_WAITLIST"
OF_ENDED = _list_call(3, "join", 7, 8)
OF_ENDED.answer, OF_ENDED.told = CallOutcome.NO, "TRIP_CANCELLED"
UNHEARD = _list_call(2, "leave", 5, 6)
UNHEARD.answer = CallOutcome.UNKNOWN

ENDED = Call(1, CANCEL_TRIP, "", 3, returned_s=4, answer=CallOutcome.OK)
UNENDED = replace(RIGHT, calls=[*RIGHT.calls, replace(ENDED, answer=CallOutcome.UNKNOWN)])
OF_ENDED_TRIP = replace(
    RIGHT, calls=[*RIGHT.calls, ENDED], holds={"h": ROW._replace(status="released")}, owners={},
    events=[*TOLD, PublishedEvent("2", "hold.released", "h", 1)],
)  # fmt: skip
"""Nobody but the end of the trip has released it."""

WRONG = {
    "I1 two have it at once": replace(
        RIGHT, calls=[*RIGHT.calls, _hold(1, 3, 4, told="i")], holds={"h": ROW, "i": ROW}, events=None, holds_max=0
    ),
    "I2 a cell is not the hold's that says so": replace(RIGHT, owners={}),
    "I2 a cell is nobody's": replace(RIGHT, owners={A: "h", B: "gone"}),
    "I2 told of another holder's": replace(RIGHT, holds={"h": ROW._replace(holder="v")}),
    "I2 told of another key's": replace(RIGHT, calls=[_hold(0, 1, 2, told="h", subject="k")]),
    "I3 what was acknowledged is gone": replace(RIGHT, holds={}, owners={}, events=None),
    "I3 an extension is gone": replace(
        RIGHT, calls=[*RIGHT.calls, Call(1, "extend", "h", 3, until_ms=2_000_000, returned_s=4, answer=CallOutcome.OK)]
    ),
    "I4 released unasked": replace(RIGHT, holds={"h": ROW._replace(status="released")}, owners={}, events=None),
    "I5 refused, and yet there": replace(RIGHT, calls=[_hold(0, 1, 2, answer=CallOutcome.NO, told="SEAT_UNAVAILABLE")]),
    "I5 nobody had it": replace(
        RIGHT, calls=[*RIGHT.calls, _hold(1, -3, -2, answer=CallOutcome.NO, told="SEAT_UNAVAILABLE")]
    ),
    "I6 one key, two holds": History(
        [RETRY], {"h": ROW._replace(claimant="k"), "i": ROW._replace(claimant="k", cells=(B,))}, {A: "h", B: "i"}
    ),
    "I7 read before it was": replace(
        RIGHT, calls=[*RIGHT.calls, Call(1, "find", "h", 3, returned_s=4, answer=CallOutcome.NO, told="HOLD_NOT_FOUND")]
    ),
    "I8 an event is missing": replace(RIGHT, events=[]),
    "I8 one step told under two ids": replace(RIGHT, events=[*TOLD, TOLD[0]._replace(id="2")]),
    "I8 an event without a step": replace(RIGHT, events=[*TOLD, PublishedEvent("2", "hold.created", "ghost", 0)]),
    "I8 one id, two events": replace(RIGHT, events=[*TOLD, TOLD[0]._replace(type="hold.expired")]),
    "I9 more than allowed": replace(
        RIGHT, calls=[*RIGHT.calls, SECOND], holds={"h": ROW, "i": ROW._replace(cells=(B,))}, owners={A: "h", B: "i"},
        events=None,
    ),
    "I10 expired early": replace(
        RIGHT, calls=[*RIGHT.calls, Call(1, "find", "h", 3, returned_s=4, answer=CallOutcome.OK, status="expired")],
        holds={"h": ROW._replace(status="expired")}, owners={}, events=None,
    ),
    "I5 over, and it never was": replace(LAPSED, holds={}),
    "I5 over, and it was another's": replace(LAPSED, holds={"h": ROW._replace(holder="v", status="expired")}),
    "I5 over, and it is not": replace(LAPSED, holds={"h": ROW}, owners={A: "h"}),
    "I5 two are over, and one was": replace(LAPSED, calls=[OVER, OVER_TOO]),
    "I3 a place on a list is gone": replace(WAITING, waits={}),
    "I3 a place on a list is another one": replace(
        WAITING, waits={**WAITING.waits, ("", "u"): Waits(True, 3, 2, 300)}
    ),
    "I5 left, and still there": replace(LEFT, waits=WAITING.waits),
    "I5 left twice": replace(LEFT, calls=[*LEFT.calls, _list_call(3, "leave", 7, 8)]),
    "I5 not there, and it was": replace(WAITING, calls=[*JOINED, NOT_THERE]),
    "I5 refused as of a cancelled trip, and it is none": replace(WAITING, calls=[*JOINED, OF_ENDED]),
    "I5 told of a place that was left": replace(LEFT, calls=[*LEFT.calls, _list_call(3, "waits", 7, 8, "u", FIRST)]),
    "I5 told of none where there is one": replace(WAITING, calls=[*JOINED, _list_call(3, "waits", 7, 8)]),
    "I7 before who joined sooner": replace(
        WAITING, waits={("", "u"): Waits(True, 2, 2, 100), ("", "v"): Waits(True, 1, 1, 200)}
    ),
    "I14 held when the trip has ended": replace(UNENDED, calls=OF_ENDED_TRIP.calls),
    "I14 released after the trip has ended": replace(
        OF_ENDED_TRIP,
        calls=[
            *OF_ENDED_TRIP.calls, Call(2, "find", "h", 5, returned_s=6, answer=CallOutcome.OK, told="h", status="held")
        ],
    ),
    "I4 released before the trip ended": replace(
        OF_ENDED_TRIP,
        calls=[
            *OF_ENDED_TRIP.calls,
            Call(2, "find", "h", 2.1, returned_s=2.2, answer=CallOutcome.OK, told="h", status="released"),
        ],
    ),
    "L2 a probe is refused": replace(RIGHT, calls=[*RIGHT.calls, AGAIN], probes=frozenset({1})),
    "L3 an answer after too long": replace(RIGHT, answer_s_max=0.5),
}  # fmt: skip


def test_a_possible_history_is_right() -> None:
    assert violations(RIGHT) == []
    assert violations(replace(WAITING, calls=[*JOINED, ENDED, OF_ENDED])) == []
    assert violations(replace(RIGHT, events=[*TOLD, *TOLD])) == [], "at least once means perhaps twice"


def test_the_end_of_a_trip_ends_its_holds() -> None:
    assert violations(OF_ENDED_TRIP) == violations(UNENDED) == []


def test_a_caller_without_a_key_may_be_told_that_the_hold_is_over() -> None:
    assert violations(LAPSED) == []


def test_what_was_seen_is_one_order_among_others() -> None:
    """It ends the search where it explains all answers; where it does not, it convicts nobody."""
    for seen_s in (1.5, 0.5, 9.0):
        seen = {"h": [seen_s]}
        assert violations(replace(RIGHT, seen_s=seen)) == []
        assert all(violations(replace(wrong, seen_s=seen)) for wrong in WRONG.values())


def test_no_order_is_searched_for_where_the_one_that_was_seen_explains_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "BRANCHES_MAX", 0)
    assert violations(RIGHT) == ["I7 no order was found that explains all answers"]
    assert violations(replace(RIGHT, seen_s={"h": [1.5]})) == []


KEPT_S = 100.0


def _of_key(number: int, from_s: float, to_s: float, **said: object) -> Call:
    return _hold(number, from_s, to_s, subject="k", **said)


def _twice(*calls: Call) -> History:
    """A key's calls, under which two holds were made, in a world that forgets keys."""
    first, second = (ROW._replace(claimant="k", status="released"), ROW._replace(claimant="k"))
    released = Call(9, "release", "h", 3, returned_s=4, answer=CallOutcome.OK, told="h", status="released", holder="u")
    return History([*calls, released], {"h": first, "i": second}, {A: "i"}, keys_kept_s=KEPT_S)


def test_a_call_that_nobody_waits_for_may_act_when_its_key_is_forgotten() -> None:
    """Its process stood still meanwhile, and goes on with what is a new request by then."""
    first, given_up = _of_key(0, 1, 2, told="h"), _of_key(1, 50, 60, answer=CallOutcome.UNKNOWN, status="")
    assert violations(_twice(first, given_up)) == []
    assert violations(_twice(first, _of_key(1, 50, 60, told="i"))) != [], "it was known still"


@pytest.mark.parametrize(
    ("promise", "wrong"),
    [
        ("I6 one key, several holds", {"told": "i"}),
        ("I6 several requests", {"answer": CallOutcome.ENDED, "told": "HOLD_RELEASED", "status": "", "cells": (B,)}),
        ("I6 a key was said", {"answer": CallOutcome.REUSED, "told": "IDEMPOTENCY_KEY_REUSED", "status": ""}),
        ("I5 refused for good", {"answer": CallOutcome.NO, "told": "SEAT_HELD", "status": ""}),
    ],
)
def test_until_it_may_be_forgotten_a_key_belongs_to_one_request(promise: str, wrong: dict[str, object]) -> None:
    first, later = _of_key(0, 1, 2, told="h"), _of_key(2, 150, 160, told="i")
    assert violations(_twice(first, later)) == []
    assert any(promise in violation for violation in violations(_twice(first, _of_key(1, 50, 60, **wrong), later)))


def test_possible_histories_of_waiting_lists_are_right() -> None:
    assert violations(WAITING) == []
    assert violations(LEFT) == []
    assert violations(replace(LEFT, calls=[*LEFT.calls, NOT_THERE])) == []
    assert violations(replace(LEFT, calls=[*JOINED, UNHEARD])) == [], "it may have left"
    assert violations(replace(WAITING, calls=[*JOINED, UNHEARD])) == [], "and may not have"
    twice = [*LEFT.calls, _list_call(3, "leave", 5, 7)]
    assert violations(replace(LEFT, calls=twice)) == [], "two that leave at once end the same wait"


@pytest.mark.parametrize("wrong", WRONG)
def test_each_promise_is_seen_broken(wrong: str) -> None:
    promise = wrong.split(maxsplit=1)[0]
    broken = violations(WRONG[wrong])
    assert any(f"{promise} " in violation for violation in broken), broken


def test_many_blocks_of_one_seat_may_have_come_in_any_order() -> None:
    """Nobody is told the ids of the house's holds, so their order is unknown."""
    last = 3
    calls, holds = list[Call](), dict[str, FoundHold]()
    for number in range(last + 1):
        for op, at_s in (("block", 1), ("unblock", 3)):
            invoked_s = 10.0 * number + at_s
            calls.append(Call(len(calls), op, A.seat, invoked_s, (A,), returned_s=invoked_s + 1, answer=CallOutcome.OK))
    for number in (last, *range(last)):
        status = "held" if number == last else "released"
        holds[f"h{number}"] = FoundHold(status, HOUSE, "", (A,), expires_at_ms=1_000_000)
    assert violations(History(calls[:-1], holds, {A: f"h{last}"}, None)) == []
