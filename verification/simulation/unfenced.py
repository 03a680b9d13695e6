"""What was sent and not answered may still take effect: no final refusal is told while it can.

That it does so afterwards is rare, since the cells must be free again by then. So each refusal is judged at its own
moment: what an earlier call for the same had sent must be unable to commit, whatever becomes of the cells, because the
hold's row is not the one any more that it expects.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import inf
from random import Random
from typing import NamedTuple, TypeAlias

from travio_inventory.protocol.batches import Kind, Outcome, Partition, Row, RowKey, Write, is_met
from travio_inventory.store.memory import Fault, Faults, MemoryBatches, Sleep
from verification.simulation.hindsight import ASKING
from verification.simulation.history import Call, CallOutcome
from verification.simulation.oracle import Landed, Violated, places_of

STEPS = ("hold", "confirm", "release", "cancel", "move")
OF_CELLS = ("hold", "move")
"""The steps that are the same only for the same cells."""


class OnItsWay(NamedTuple):
    """A step that was sent and not answered, and when it lands; one that was lost never does, but nobody knows that."""

    call: Call
    partition: Partition
    writes: Sequence[Write]
    at_s: float
    lands_s: float

    @property
    def about_holds(self) -> list[Write]:
        """The writes to rows of holds."""
        return [write for write in self.writes if write.key.kind is Kind.HOLD]

    def is_for(self, call: Call) -> bool:
        """Whether the call asks for the same."""
        own = self.call
        if (own.op, own.subject, own.order, own.parts) != (call.op, call.subject, call.order, call.parts):
            return False
        cells = {cell for write in self.about_holds for _, cell in places_of(write.values)}
        return call.op not in OF_CELLS or cells == {*call.cells}


class Unanswered(MemoryBatches):
    """A store that notes the steps of callers that it does not answer."""

    def __init__(self, faults: Faults, random: Random, sleep: Sleep) -> None:
        super().__init__(faults, random, sleep)
        self.on_their_way: list[OnItsWay] = []

    def _send(
        self,
        partition: Partition,
        writes: Sequence[Write],
        fault: Fault | None,
        answer: "asyncio.Future[Outcome] | None",
    ) -> None:
        if fault is Fault.LOST:
            self._note_sent(partition, writes, inf)
        super()._send(partition, writes, fault, answer)

    def _send_late(self, partition: Partition, writes: Sequence[Write], late_s: float) -> None:
        self._note_sent(partition, writes, late_s)
        super()._send_late(partition, writes, late_s)

    def _note_sent(self, partition: Partition, writes: Sequence[Write], late_s: float) -> None:
        call, now_s = ASKING.get(), asyncio.get_running_loop().time()
        kinds = {write.key.kind for write in writes}
        if call is not None and call.op in STEPS and {Kind.HOLD, Kind.EVENT} <= kinds:
            self.on_their_way.append(OnItsWay(call, partition, writes, now_s, now_s + late_s))


_Passed: TypeAlias = dict[tuple[Partition, RowKey], list[tuple[float, Row]]]


def judge_unfenced(calls: Iterable[Call], on_their_way: Iterable[OnItsWay], landed: Iterable[Landed[Call]]) -> None:
    """Raises Violated (I5). A hold without a key is nobody else's, and its refusal needs no fence."""
    passed = _passed(landed)
    sent: dict[tuple[str, str], list[OnItsWay]] = defaultdict(list)
    for each in on_their_way:
        sent[each.call.op, each.call.subject].append(each)
    for call in calls:
        if call.answer is not CallOutcome.NO or not call.subject:
            continue
        for each in sent[call.op, call.subject]:
            is_under_way = each.at_s < call.invoked_s and each.lands_s > call.returned_s
            if is_under_way and each.is_for(call) and _can_commit(each, passed, call.returned_s):
                raise Violated(f"I5 told no for good, and an earlier call can still do it: {call} {each.call}")


def _passed(landed: Iterable[Landed[Call]]) -> _Passed:
    """The rows of holds from each moment on at which they changed."""
    passed: _Passed = defaultdict(list)
    for each in landed:
        for key, _, after in each.changes:
            if key.kind is Kind.HOLD:
                passed[each.partition, key].append((each.at_s, after))
    return passed


def _can_commit(sent: OnItsWay, passed: _Passed, at_s: float) -> bool:
    """Whether the rows of holds are as it expects."""
    for key, condition, *_ in sent.about_holds:
        row = next((after for since_s, after in reversed(passed[sent.partition, key]) if since_s <= at_s), None)
        if not is_met(condition, row or None):
            return False
    return True
