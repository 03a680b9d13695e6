"""Broken designs of what is forgotten: too early, by halves, in the wrong order, or never."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from typing import Any

import pytest

from travio_inventory.protocol.batches import FOR_EVER, Index, IndexEntry, Kind, Outcome, Row, Rows, Write
from travio_inventory.protocol.hold import digest_of
from travio_inventory.protocol.ledger import Ledger
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.rows import number
from travio_inventory.protocol.steps import hold
from travio_inventory.protocol.steps.deciding import Deciding
from travio_inventory.seats.hold import Hold, HoldRequest
from travio_inventory.seats.records.list_turns import Leave
from travio_inventory.store.memory import MemoryBatches
from verification.kit.passing import Batch, Send
from verification.simulation.broken import broken, rewrite, send_through, without_slow_round
from verification.simulation.plan import LATE_S, Plan

FORGETFUL = Plan(
    0, holders=3, viewers=0, day_s=450.0, late_s=450.0, faults=0.3, holds_s=120, keys_s=120, events_s=2_400
)
STANDING = replace(FORGETFUL, pauses=25, twins=1.0, keys_s=180, holds_s=180, kills=0.0, holders=5, holds_max=2)
WAITING = replace(FORGETFUL, waiters=3, holders=1)
ENDED = ("released", "expired", "cancelled")
CHANGED = ("status", "event_epoch", "event_at_ms")
SOON_S = 5


def _keep(patch: pytest.MonkeyPatch, keep_s: int, which: Callable[[Write], bool]) -> None:
    """Keep these rows for so long."""
    rewrite(patch, lambda write: write._replace(keep_s=keep_s) if which(write) else write)


def _says(write: Write, *statuses: str) -> bool:
    return write.key.kind is Kind.HOLD and write.values.get("status") in statuses


@broken("what ended is kept for less long than a request may wait", "I4", replace(FORGETFUL, late_s=LATE_S))
def _soon_forgotten(patch: pytest.MonkeyPatch) -> None:
    _keep(patch, SOON_S, lambda write: _says(write, *ENDED))


@broken("a fence is forgotten while the batch that it stops is under way", "I5", replace(FORGETFUL, late_s=LATE_S))
def _soon_unfenced(patch: pytest.MonkeyPatch) -> None:
    _keep(patch, 1, lambda write: _says(write, "aborted"))


@broken("a hold is forgotten before its key", "I6", replace(FORGETFUL, holds_s=20, keys_s=400))
def _before_its_key(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Retention, "ended_s", property(lambda self: self.holds_s + self.apart_s))


@broken("ids of holds that are made from holder and key", "I2 I4 I5", replace(FORGETFUL, keys_s=60, holds_s=180))
def _derived_ids(patch: pytest.MonkeyPatch) -> None:
    binding = Ledger._binding

    def derived(self: Ledger[Hold], request: HoldRequest, key: str, _hold_id: str, before: Row) -> Any:  # noqa: ANN401 - its own
        generation = number(before, "generation") + 1
        name = digest_of(request.actor.organization, request.actor.user, key, str(generation))
        return binding(self, request, key, request.new_id(name), before)

    patch.setattr(Ledger, "_binding", derived)


def go_on_with_old(patch: pytest.MonkeyPatch) -> None:
    """A key goes on with its id however long that has been absent. Directed: on seeds a holder's ledger is hardly ever
    left alone for as long as a late copy needs.
    """
    bind = Ledger._bind

    async def as_young(self: Ledger[Hold], request: HoldRequest, key: str, standing: Rows, new_id: str) -> Any:  # noqa: ANN401 - its own
        now_ms = self._sender.clock.now_ms()
        young = {name: {**row, "since_ms": now_ms} for name, row in standing.items()}
        return await bind(self, request, key, young, new_id)

    patch.setattr(Ledger, "_bind", as_young)


@broken("a late booking does not keep its hold", "I3 I11 I12", FORGETFUL.with_seed(3))
def _late_without_its_hold(patch: pytest.MonkeyPatch) -> None:
    kept = Deciding.kept_as_expired
    patch.setattr(
        Deciding, "kept_as_expired", lambda self, hold, late, _keep_s: kept(self, hold, late, self.retention.ended_s)
    )  # fmt: skip


@broken("a booking is forgotten like a hold that ended", "I3 I11", FORGETFUL)
def _booking_ends(patch: pytest.MonkeyPatch) -> None:
    def change(write: Write) -> Write:
        if not _says(write, "confirmed"):
            return write
        return write._replace(keep_s=FORGETFUL.holds_s)

    rewrite(patch, change)


@broken("a step that ends a hold writes only what changes", "I3 I5 I7 I8", FORGETFUL)
def _only_what_changes(patch: pytest.MonkeyPatch) -> None:
    """The columns that it leaves out are gone, as they are when only these are given an end."""

    def change(write: Write) -> Write:
        if not _says(write, *ENDED):
            return write
        return write._replace(values={name: write.values.get(name) for name in CHANGED})

    rewrite(patch, change)


@broken("a late booking writes one column of a row that has an end", "I11", FORGETFUL.with_seed(4))
def _ghost(patch: pytest.MonkeyPatch) -> None:
    """That column outlives its row."""
    kept = Deciding.kept_as_expired

    def a_column(self: Deciding[Hold], hold: Hold, late: str, keep_s: int) -> Sequence[Write]:
        first, *others = kept(self, hold, late, keep_s)
        return [first if keep_s else first._replace(values={"status": "expired"}, keep_s=None), *others]

    patch.setattr(Deciding, "kept_as_expired", a_column)


@broken("a slot is forgotten before its hold", "I12", replace(FORGETFUL, holds_max=1))
def _short_slot(patch: pytest.MonkeyPatch) -> None:
    _keep(patch, SOON_S, lambda write: write.key.kind is Kind.SLOT)


@broken("events are forgotten before a slow relay has them", "I8", replace(FORGETFUL, far_sink="failing"))
def _short_events(patch: pytest.MonkeyPatch) -> None:
    _keep(patch, 2 * SOON_S, lambda write: write.key.kind is Kind.EVENT)


@broken(
    "an entry of what is due is forgotten before it is due", "L1 L2", replace(FORGETFUL, late_s=LATE_S).with_seed(12)
)
def _short_entries(patch: pytest.MonkeyPatch) -> None:
    """Nobody finds what others began: without the slow round, which would find it hours later."""
    without_slow_round(patch)
    _keep_entries(patch, SOON_S, Index.EXPIRY)


def _keep_entries(patch: pytest.MonkeyPatch, keep_s: int, *indexes: Index) -> None:
    async def shortly(_self: MemoryBatches, batch: Batch, send: Send) -> Outcome:
        entries: list[IndexEntry] = [
            entry._replace(keep_s=keep_s) if entry.of in indexes else entry for entry in batch.entries
        ]
        return await send(batch._replace(entries=entries))

    send_through(patch, MemoryBatches, shortly)


@broken("who waits on a list for long is forgotten", "I3 I11", WAITING)
def _waiting_ends(patch: pytest.MonkeyPatch) -> None:
    _keep(patch, FORGETFUL.holds_s, lambda write: write.values.get("status") == "waiting")


@broken("a place on a list is left in part", "I3", replace(WAITING, faults=0.5).with_seed(29))
def _left_in_part(patch: pytest.MonkeyPatch) -> None:
    """Who joined and has left by another call meanwhile is told of what is left of the place."""
    write = Leave.write

    def in_part(self: Leave, keep_s: int) -> Write:
        return write(self, keep_s)._replace(values={"status": "left", "sequence": self.seen})

    patch.setattr(Leave, "write", in_part)


@broken("what ended is kept for ever", "L5", FORGETFUL)
def _holds_for_ever(patch: pytest.MonkeyPatch) -> None:
    _keep(patch, FOR_EVER, lambda write: write.keep_s is not None and write.key.kind is Kind.HOLD)


@broken("events, keys and slots are kept for ever", "L5", FORGETFUL)
def _rows_for_ever(patch: pytest.MonkeyPatch) -> None:
    _keep(patch, FOR_EVER, lambda write: write.key.kind in (Kind.EVENT, Kind.KEY, Kind.SLOT))


@broken("index entries are kept for ever", "L5", FORGETFUL)
def _entries_for_ever(patch: pytest.MonkeyPatch) -> None:
    _keep_entries(patch, FOR_EVER, *Index)


@broken("a place on a list that was left is kept for ever", "L5", WAITING)
def _left_for_ever(patch: pytest.MonkeyPatch) -> None:
    _keep(patch, FOR_EVER, lambda write: write.values.get("status") == "left")


@broken(
    "an attempt goes on after its process stood still for longer than its key is kept",
    "I4 I5 I6",
    STANDING.with_seed(16),
)
def _go_on_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(hold, "SENT_WITHIN_MS", inf)
