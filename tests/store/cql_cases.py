"""Batches whose raw answers are recorded in cql_answers.json, one server's beside the other's."""

from collections.abc import Sequence
from typing import NamedTuple

from travio_inventory.protocol.batches import ABSENT, Kind, Row, RowKey, Write

HOLD = RowKey(Kind.HOLD, "hold-1")
EVENT = RowKey(Kind.EVENT, "event-1")
A1, A2, A3 = (RowKey(Kind.CELL, seat, 0) for seat in ("A1", "A2", "A3"))
FREE: Row = {"status": "available"}
TAKEN: Row = {"status": "held", "owner": "hold-0", "until_ms": 5}
HELD: Row = {"status": "held", "owner": "hold-1", "until_ms": 9}
CLAIM: Row = {"status": "held", "expires_at_ms": 9}


class Case(NamedTuple):
    """The existing rows, and the batch."""

    before: Sequence[Write]
    tried: Sequence[Write]


HOLDING = (
    Write(HOLD, ABSENT, CLAIM), Write(EVENT, {}, {"subject": "hold-1"}), Write(A1, FREE, HELD), Write(A2, FREE, HELD),
)  # fmt: skip
CONFIRMING = (
    Write(HOLD, {"status": "held"}, {"status": "confirmed"}),
    Write(A2, {"owner": "hold-1"}, {"status": "sold"}),
    Write(A1, {"owner": "hold-1"}, {"status": "sold"}),
)
ENDING = (
    Write(HOLD, {"status": "held"}, {"status": "released"}, 60),
    Write(EVENT, {}, {"subject": "hold-1"}, 60),
    Write(A1, {"owner": "hold-1"}, {"status": "available", "owner": None}),
)
FENCING = (Write(HOLD, ABSENT, {"status": "aborted"}),)
CASES = {
    "a hold that wins": Case([Write(A1, {}, FREE), Write(A2, {}, FREE)], HOLDING),
    "a hold that meets a taken and a missing cell": Case([Write(A1, {}, TAKEN)], HOLDING),
    "a hold that stands already": Case([Write(HOLD, {}, CLAIM), Write(A1, {}, HELD), Write(A2, {}, HELD)], HOLDING),
    "a hold where nothing was seeded": Case([], HOLDING[1:]),
    "a confirm that wins": Case([Write(HOLD, {}, CLAIM), Write(A1, {}, HELD), Write(A2, {}, HELD)], CONFIRMING),
    "a confirm that comes too late": Case(
        [Write(HOLD, {}, {"status": "expired"}), Write(A1, {}, {"status": "available"}), Write(A2, {}, TAKEN)],
        CONFIRMING,
    ),
    "an end that wins": Case([Write(HOLD, {}, CLAIM), Write(A1, {}, HELD)], ENDING),
    "an end that comes too late": Case([Write(HOLD, {}, {"status": "confirmed"}), Write(A1, {}, HELD)], ENDING),
    "a slot that is no longer free": Case(
        [Write(A3, {}, {"owner": "h"})], [Write(A3, {"owner": None}, {"owner": "i"})]
    ),
    "a fence that wins": Case([], FENCING),
    "a fence that comes too late": Case([Write(HOLD, {}, CLAIM)], FENCING),
}
