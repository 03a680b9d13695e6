"""A move that was made in part, or at another price, is noticed, and so are cells that two had because of one."""

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from json import dumps

import pytest

from travio_inventory.protocol.batches import Row
from travio_inventory.seats.ports import Cell
from travio_inventory.seats.refusals import Decided, TakenCell
from travio_inventory.seats.taken import refusal_of
from verification.chaos.aftermath import Remains
from verification.chaos.changes import judge_changes
from verification.chaos.notebook import CLOCK_BOUND_MS, Notebook
from verification.chaos.ownership import Ownership
from verification.chaos.states import State, found_holds, states_of
from verification.chaos.verdict import judge, judge_trip
from verification.kit.trips import trip_of
from verification.simulation.history import AskedMove, Call, CallOutcome, History, Told

HOLD = "t~0~h"
PRICES = {"a": 10, "b": 20, "c": 30, "d": 40}
ONE = range(1)
MINUTE_MS = 60_000
UNKNOWN = CallOutcome.UNKNOWN
_numbers = count()


def _state(ordinal: int, seats: str, event: str = "hold.changed", segments: range = ONE) -> State:
    return State(HOLD, ordinal, event, (*seats,), segments, tuple(PRICES[seat] for seat in seats))


def _call(op: str, *, answer: CallOutcome = CallOutcome.OK, at_s: float = 2.0, parts: str = "") -> Call:
    call = Call(next(_numbers), op, HOLD, at_s, answer=answer, parts=(*parts,), holder="u")
    call.returned_s = at_s + 0.5 if answer is not UNKNOWN else call.returned_s
    return call


def _held(seats: str, hold: str = HOLD, at_s: float = 1.0) -> Call:
    call = replace(_call("hold", at_s=at_s), told=hold, cells=_cells(seats), until_ms=MINUTE_MS, status="held")
    return replace(call, subject="")


def _move(
    old: str, new: str, to: str, *, answer: CallOutcome = CallOutcome.OK, version: int = 1, at_s: float = 2.0
) -> Call:
    """A move after which the hold is to have the seats `to`."""
    call = _call("move", answer=answer, at_s=at_s)
    call.move, call.cells = AskedMove(dict(zip(old, new, strict=True))), _cells(to)
    if answer is CallOutcome.OK:
        call.has = Told(call.cells, sum(PRICES[seat] for seat in to), version)
    return call


def _cells(seats: str) -> tuple[Cell, ...]:
    return tuple(Cell(seat, 0) for seat in seats)


CREATED = _state(0, "ab", "hold.created")
MOVED = _state(1, "bc")


def _said(calls: Sequence[Call], *states: State) -> list[str]:
    """Which promises are said to be broken."""
    return [said.split(maxsplit=1)[0] for said in judge_changes(calls, {HOLD: [CREATED, *states]}, PRICES)]


def test_a_whole_move_and_steps_of_some_seats_are_right() -> None:
    assert _said([_move("a", "c", "bc")], MOVED) == []
    assert _said([_move("a", "c", "bc", answer=UNKNOWN)], MOVED) == []
    assert _said([_move("a", "c", "bc", answer=UNKNOWN)]) == []
    assert _said([_call("release", parts="a")], _state(1, "b")) == []
    assert _said([_call("release", parts="a")], _state(1, "ab", "hold.released")) == [], "the trip was cancelled"
    booked = replace(_call("confirm", parts="a"), has=Told(_cells("a"), 10))
    assert _said([booked, _call("cancel", parts="a")], _state(1, "a", "seats.purchased")) == ["I3"]
    assert _said([booked], _state(1, "a", "seats.purchased")) == []


@pytest.mark.parametrize("partly", ["c", "a", "abc", "bcd"])
def test_a_move_in_part_is_noticed(partly: str) -> None:
    assert "I2" in _said([_move("ab", "cd", "cd", answer=UNKNOWN)], _state(1, partly))


def test_a_move_that_loses_the_journey_is_noticed() -> None:
    call = _move("a", "c", "bc", answer=UNKNOWN)
    assert _said([call], _state(1, "bc", segments=range(2))) == ["I2"]
    call.move = AskedMove({"a": "c"}, (0, 1))
    assert _said([call], _state(1, "bc", segments=range(2))) == []


@pytest.mark.parametrize("answer", [CallOutcome.NO, CallOutcome.AGAIN])
def test_a_move_that_was_refused_and_made_is_noticed(answer: CallOutcome) -> None:
    assert _said([_move("a", "c", "bc", answer=answer)], MOVED) == ["I2"]


def test_seats_that_nobody_gave_back_are_noticed() -> None:
    assert _said([_call("release", parts="a", answer=CallOutcome.AGAIN)], _state(1, "b")) == ["I2"]
    assert _said([_call("release", parts="b", answer=UNKNOWN)], _state(1, "b")) == ["I2"]


def test_an_acknowledged_move_that_was_never_made_is_noticed() -> None:
    assert _said([_move("a", "c", "bc")]) == ["I3"]
    assert _said([_move("a", "c", "bc", version=2)], MOVED) == ["I3"]
    told = _move("a", "c", "bc")
    told.has = Told(told.cells, 1, 1)
    assert _said([told], MOVED) == ["I3"]


def test_a_move_is_acknowledged_with_what_the_hold_had_before_it_ended() -> None:
    ended = _state(2, "bc", "hold.expired")
    assert _said([_move("a", "c", "bc")], MOVED, ended) == []
    assert _said([_move("a", "c", "ab")], MOVED, ended) == ["I3"]
    assert _said([_move("a", "c", "bc", answer=CallOutcome.NO)], MOVED, ended) == ["I2"]


def test_a_new_seat_at_the_price_of_the_old_one_is_noticed() -> None:
    cheap = MOVED._replace(prices=(PRICES["b"], PRICES["a"]))
    assert "I4" in _said([_move("a", "c", "bc", answer=UNKNOWN)], cheap)


def test_what_an_edge_says_is_by_a_clock_that_may_be_ahead_within_the_bound() -> None:
    """A hold was marked by such a clock, was released, and its mark is still remembered elsewhere."""
    call = Call(next(_numbers), "hold", "", time.monotonic(), (Cell("A1", 0),))
    ahead_ms = round(time.time() * 1_000) + CLOCK_BOUND_MS - 50
    Notebook().refuse(call, refusal_of([TakenCell("A1", 0, "held")], "", Decided("edge", ahead_ms)))
    assert (call.answer, call.told) == (CallOutcome.SEEN, "SEAT_HELD")
    assert call.as_of_s < call.invoked_s


@pytest.mark.parametrize(("told", "is_right"), [(0, False), (1, True), (2, False)])
def test_the_end_of_a_trip_is_recorded_once(told: int, *, is_right: bool) -> None:
    notebook = Notebook()
    book = notebook.open(trip_of("t", seats=1))
    notebook.cancel_trip(book, service="s").answer = CallOutcome.OK
    remains = Remains({}, {}, set(), {}, {}, told)
    assert ([*judge_trip(book, remains)] == []) is is_right


def _twice(*calls: Call) -> list[str]:
    """The cells that two certainly had at once."""
    return [said for said in judge(History([*calls]), {}).violations if said.startswith("I1 ") and "belonged" in said]


@pytest.mark.parametrize(
    ("answer", "at_once"),
    [(CallOutcome.OK, False), (CallOutcome.UNKNOWN, False), (CallOutcome.NO, True), (CallOutcome.AGAIN, True)],
)
def test_the_old_seat_is_the_holds_unless_it_may_have_been_moved(answer: CallOutcome, *, at_once: bool) -> None:
    moving = _move("a", "c", "bc", answer=answer)
    assert bool(_twice(_held("ab"), moving, _held("a", "t~0~i", at_s=4))) is at_once


def test_the_new_seat_is_the_holds_once_it_was_told_to_have_it() -> None:
    rival = _held("c", "t~0~i", at_s=4)
    assert _twice(_held("ab"), _move("a", "c", "bc"), rival) != []
    assert _twice(_held("ab"), _move("a", "c", "bc", answer=UNKNOWN), rival) == []
    back = _move("c", "a", "ab", answer=UNKNOWN, at_s=3)
    assert _twice(_held("ab"), _move("a", "c", "bc"), back, rival) == []


def test_seats_that_were_given_back_may_be_anybodys() -> None:
    rivals = _held("a", "t~0~i", at_s=4), _held("b", "t~0~j", at_s=4)
    (said,) = _twice(_held("ab"), _call("release", parts="a"), *rivals)
    assert "seat='b'" in said


def test_a_hold_counts_for_its_holder_when_it_gave_seats_back() -> None:
    ((owned, _),) = Ownership(History([_held("ab"), _call("release", parts="a")])).of_holds()
    assert owned.to_s > 10


def _row(seats: str, status: str) -> Row:
    return {"status": status, "holder": "u", "claimant": "-", "seats": "\n".join(f"0 {seat}" for seat in seats),
            "first_segment": 0, "last_segment": 0}  # fmt: skip


def _event(state: State) -> Row:
    data = {"hold_id": state.hold_id, "seats": state.seats, "prices": state.prices, "first_segment": 0,
            "last_segment": 0}  # fmt: skip
    return {"type": state.event, "subject": HOLD, "ordinal": state.ordinal, "data": dumps(data)}


def test_the_events_of_a_hold_say_what_it_had() -> None:
    late = _state(3, "b", "seats.purchased")._replace(hold_id=f"{HOLD}~late")
    passed = [CREATED, MOVED, _state(2, "bc", "hold.expired"), late]
    states = states_of([{"type": "trip.cancelled"}, *map(_event, reversed(passed))])
    assert states == {HOLD: passed}
    found = found_holds({HOLD: _row("bc", "expired"), late.hold_id: _row("b", "confirmed")}, states)
    assert (found[HOLD].cells, found[HOLD].had) == (_cells("ab"), _cells("abc"))
    assert (found[late.hold_id].cells, found[late.hold_id].now) == (_cells("b"), None)
