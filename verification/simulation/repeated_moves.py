"""Judges moves that are repeated: one that was done is never refused because its hold has ended since."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from travio_inventory.protocol.batches import Row
from travio_inventory.seats.hold import base_id
from verification.simulation.history import Call, CallOutcome
from verification.simulation.oracle import Step, Violated

ENDS = ("HOLD_EXPIRED", "HOLD_RELEASED", "BOOKING_CANCELLED")


def judge_repeated_moves(calls: Iterable[Call], steps: Iterable[Step[Call]]) -> None:
    """Raises Violated (I5). Another move that followed it may have taken it back."""
    moved: dict[str, list[Step[Call]]] = defaultdict(list)
    for step in steps:
        if step.was == step.status and _moves(step.row) > _moves(step.before):
            moved[base_id(step.hold_id)].append(step)
    for call in calls:
        if call.op == "move" and call.answer is CallOutcome.NO and call.told in ENDS:
            _judge(call, moved)


def _judge(call: Call, moved: Mapping[str, Sequence[Step[Call]]]) -> None:
    for step in moved.get(call.subject, ())[-1:]:
        is_same = step.call is not None and step.call.op == "move" and step.call.move == call.move
        if is_same and step.at_s <= call.returned_s:
            raise Violated(f"I5 told that the hold has ended, and the same move was done: {call} {step.call} {step}")


def _moves(row: Row) -> int:
    return int(row.get("moves") or 0)
