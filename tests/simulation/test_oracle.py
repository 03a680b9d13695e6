"""What the oracle says of single batches: each promise that a batch can break is seen broken by itself."""

from collections.abc import Sequence

import pytest

from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey, Table
from travio_inventory.store.memory import Change
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


def _judge(batches: Sequence[Sequence[Change]]) -> None:
    oracle: Oracle[None] = Oracle(skew_ms=0, holds_max=1)
    oracle.rows[HOME][CELL] = FREE
    for at_s, changes in enumerate(batches):
        oracle.applied(at_s, None, HOME, changes)


@pytest.mark.parametrize("batches", [(MADE, CONFIRMED), (MADE, RELEASED)])
def test_steps_that_keep_every_promise_are_right(batches: Sequence[Sequence[Change]]) -> None:
    _judge(batches)


@pytest.mark.parametrize("wrong", WRONG)
def test_each_promise_is_seen_broken_at_once(wrong: str) -> None:
    with pytest.raises(Violated, match=f"^{wrong.split(maxsplit=1)[0]} "):
        _judge(WRONG[wrong])
