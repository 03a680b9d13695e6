"""What the oracle says of single batches: each promise that a batch can break is seen broken by itself."""

from collections.abc import Sequence
from contextlib import nullcontext

import pytest

from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey, Table
from travio_inventory.seats.ports import Cell
from travio_inventory.store.memory import Change
from verification.simulation.hindsight import Hindsight
from verification.simulation.history import Call, CallOutcome, Told
from verification.simulation.oracle import ORGANIZATION, START_MS, Oracle, Violated

HOME = Partition(Table.SEAT_GROUPS, ORGANIZATION, "t", 0)
HOLD, OTHER = "t~0~" + "a" * 32, "t~0~" + "b" * 32
CELL = RowKey(Kind.CELL, "s", 0)
ENDS_MS = START_MS + 20_000
FREE: Row = {"status": "available"}
HELD: Row = {
    "status": "held", "holder": "u", "claimant": "c", "seats": "0 s", "first_segment": 0, "last_segment": 0,
    "created_at_ms": START_MS, "expires_at_ms": ENDS_MS,
}  # fmt: skip
BOOKED: Row = {**HELD, "status": "confirmed", "order_id": "o1"}
OVER: Row = {**HELD, "status": "released"}


def _event(kind: str, actor: str = "user", subject: str = HOLD) -> Change:
    return RowKey(Kind.EVENT, f"{kind} {subject}"), {}, {"subject": subject, "type": kind, "actor": actor}


def _row(before: Row, after: Row, hold_id: str = HOLD) -> Change:
    return RowKey(Kind.HOLD, hold_id), before, after


def _cell(before: str | None, after: str | None) -> Change:
    return CELL, {"status": "held", "owner": before}, {"status": "held", "owner": after}


MADE = (_cell(None, HOLD), _row({}, HELD), _event("hold.created"))
CONFIRMED = (_row(HELD, BOOKED), _event("seats.purchased"))
RELEASED = (_cell(HOLD, None), _row(HELD, OVER), _event("hold.released"))

WRONG = {
    "I1 another takes the cell of a live hold": (MADE, (_cell(HOLD, OTHER),)),
    "I2 held without its cell": (MADE[1:],),
    "I4 made twice": (MADE, RELEASED, (_row({}, HELD), _event("hold.created"))),
    "I4 lives again": (MADE, RELEASED, (_row(OVER, BOOKED), _event("seats.purchased"))),
    "I4 ends twice": (MADE, RELEASED, (_row(OVER, {**OVER, "status": "expired"}), _event("hold.expired", "system"))),
    "I4 confirmed for a second order": (MADE, CONFIRMED, (_row(BOOKED, {**BOOKED, "order_id": "o2"}),)),
    "I4 a booking is extended": (MADE, CONFIRMED, (_row(BOOKED, {**BOOKED, "expires_at_ms": ENDS_MS + 1}),)),
    "I4 another's by now": (MADE, (_row(HELD, {**HELD, "holder": "v"}), _event("hold.extended"))),
    "I8 an event is missing": (MADE[:2],),
    "I8 an event without a step": (MADE, (_event("hold.extended"),)),
    "I8 another event": ((*MADE[:2], _event("seats.purchased")),),
    "I9 one more than allowed": (
        MADE, ((RowKey(Kind.CELL, "r", 0), {}, {"owner": OTHER}), _row({}, {**HELD, "seats": "0 r"}, OTHER)),
    ),
    "I10 expired early": (MADE, (_cell(HOLD, None), _row(HELD, {**HELD, "status": "expired"}))),
}  # fmt: skip


def _judge(batches: Sequence[Sequence[Change]], *, holds_max: int = 1) -> Oracle[Call]:
    oracle: Oracle[Call] = Oracle(skew_ms=0, holds_max=holds_max)
    oracle.rows[HOME][CELL] = FREE
    for at_s, changes in enumerate(batches):
        oracle.applied(at_s, None, HOME, changes)
    return oracle


def _taken(seat: str, segment: int, owner: str) -> Change:
    return RowKey(Kind.CELL, seat, segment), {}, {"status": "held", "owner": owner}


def test_a_move_may_be_refused_on_the_journey_that_another_move_gave_the_hold() -> None:
    """The caller named seats only, and knew the journey before."""
    on_r: Row = {**HELD, "seats": "0 r", "first_segment": 1, "last_segment": 1}
    others = (_taken("r", 1, OTHER), _row({}, on_r, OTHER), _event("hold.created", subject=OTHER))
    longer = (_taken("s", 1, HOLD), _row(HELD, {**HELD, "last_segment": 1}), _event("hold.changed"))
    call = Call(0, "move", HOLD, 1, (Cell("r", 0),), returned_s=5, answer=CallOutcome.NO, told="SEAT_HELD")
    Hindsight(_judge([MADE, others, longer], holds_max=0), [call]).judge()
    with pytest.raises(Violated, match=r"^I5 not moved"):
        Hindsight(_judge([MADE, others], holds_max=0), [call]).judge()


def test_who_was_told_of_a_hold_as_it_was_before_its_move_knows_nothing_of_that() -> None:
    """Its answer came late: another caller had moved it from s to r meanwhile."""
    on_r: Row = {**HELD, "seats": "0 r", "extensions": 1, "moves": 1}
    moved = (_taken("r", 0, f"{HOLD}+1"), _row(HELD, on_r), _cell(HOLD, None), _event("hold.changed"))
    s, r = Cell("s", 0), Cell("r", 0)
    shown = Call(1, "map", "", 4, (s, r), returned_s=4, answer=CallOutcome.OK, status="ha")
    for version in (0, 1):
        told = Told((r if version else s,), 0, version)
        held = Call(0, "hold", "c", 0, (s,), returned_s=3, answer=CallOutcome.OK, told=HOLD, status="held", has=told)
        hindsight = Hindsight(_judge([MADE, moved]), [held, shown])
        with pytest.raises(Violated, match=r"^I7 .*'r'") if version else nullcontext():
            hindsight.judge()


@pytest.mark.parametrize("batches", [(MADE, CONFIRMED), (MADE, RELEASED)])
def test_steps_that_keep_every_promise_are_right(batches: Sequence[Sequence[Change]]) -> None:
    _judge(batches)


@pytest.mark.parametrize("wrong", WRONG)
def test_each_promise_is_seen_broken_at_once(wrong: str) -> None:
    with pytest.raises(Violated, match=f"^{wrong.split(maxsplit=1)[0]} "):
        _judge(WRONG[wrong])
