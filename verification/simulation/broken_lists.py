"""Broken designs of waiting lists: each lacks one condition or one order."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol.batches import Kind, Outcome, Row, Rows, Table, Write
from travio_inventory.seats.records import list_turns
from travio_inventory.seats.records.list_turns import Join, Leave, ListTurns, Step
from travio_inventory.store.memory import MemoryBatches
from verification.kit.passing import Batch, Send
from verification.simulation.broken import broken, rewrite, send_through, unconditionally
from verification.simulation.plan import Plan

WAITING = Plan(0, waiters=4, holders=1, viewers=0)
CROWD = Plan(0, waiters=12, holders=1, viewers=0, day_s=60.0, faults=0.0, kills=0.0)


@broken("a place on a waiting list that is counted, then taken", "I7", WAITING.with_seed(1))
def _count_then_join(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, lambda write: unconditionally(write) if write.key.kind is Kind.TAIL else write)


@broken("leave a waiting list without comparing the place", "I4 I7", WAITING)
def _leave_any_place(patch: pytest.MonkeyPatch) -> None:
    """Also without the tail, which a leave compares too and which would notice."""
    writes = list_turns._writes

    def any_place(steps: Sequence[Join | Leave], standing: Rows, *, now_ms: int, left_s: int) -> list[Write]:
        tail, *own = writes(steps, standing, now_ms=now_ms, left_s=left_s)
        if any(isinstance(step, Join) for step in steps):
            return [tail, *own]
        return [
            write._replace(condition={"status": "waiting"}) if write.key.kind is Kind.ENTRY else write for write in own
        ]

    patch.setattr(list_turns, "_writes", any_place)


@broken("a join that is retried from the start", "I3 I4 I5", replace(WAITING, faults=0.3).with_seed(102))
def _join_anew(patch: pytest.MonkeyPatch) -> None:
    """Even if it had joined, and its caller has left again since."""
    look = Join.look

    def anew(self: Join, entry: Row) -> None:
        self.seen = None
        look(self, entry)

    patch.setattr(Join, "look", anew)


@broken("a leave that is retried from the start", "I4", replace(WAITING, waiters=12, faults=0.5).with_seed(14))
def _leave_anew(patch: pytest.MonkeyPatch) -> None:
    """Even if it had left, and its caller has joined again since."""
    look = Leave.look

    def anew(self: Leave, entry: Row) -> None:
        if self.seen is not None and entry.get("status") == "waiting":
            self.seen = None
        look(self, entry)

    patch.setattr(Leave, "look", anew)


@broken(
    "a batch that was sent counts as not done", "I5", replace(WAITING, waiters=12, faults=0.8, kills=0.0).with_seed(3)
)
def _never_sent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Step, "give_up", lambda _self: BackendUnavailable())


@broken("a refused batch counts as one that may still arrive", "I5", replace(CROWD, holders=7))
def _refused_is_unknown(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(list_turns, "TRIES_MAX", 1)
    patch.setattr(Step, "give_up", lambda _self: OutcomeUnknown())


@broken("a place that is counted without comparing how many wait", "I7", CROWD)
def _count_unseen(patch: pytest.MonkeyPatch) -> None:
    def change(write: Write) -> Write:
        if write.key.kind is not Kind.TAIL or not write.condition:
            return write
        return write._replace(condition={"sequence": write.condition["sequence"]})

    rewrite(patch, change)


@broken("a refused batch of many is answered as done", "I3 I5", CROWD)
def _done_for_all(patch: pytest.MonkeyPatch) -> None:
    attempt = ListTurns._try

    async def for_all(self: ListTurns, steps: Sequence[Join | Leave], standing: Rows) -> None:
        await attempt(self, steps, standing)
        for step in steps if len(steps) > 1 else ():
            step.done()

    patch.setattr(ListTurns, "_try", for_all)


@broken(
    "a waiting list that is named after a place on it is taken",
    "I7",
    replace(WAITING, waiters=12, kills=0.6).with_seed(8),
)
def _name_afterwards(patch: pytest.MonkeyPatch) -> None:
    async def afterwards(_store: MemoryBatches, batch: Batch, send: Send) -> Outcome:
        if batch.partition.table is not Table.WAITLISTS:
            return await send(batch)
        outcome = await send(batch._replace(entries=()))
        await send(batch._replace(writes=[]))
        return outcome

    send_through(patch, MemoryBatches, afterwards)
