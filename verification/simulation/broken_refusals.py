"""Broken designs of what may be refused for good: a refusal without a fence, an unknown outcome settled by a read."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pytest

from travio_inventory.protocol import claims, rows
from travio_inventory.protocol.attempts import Attempts
from travio_inventory.protocol.batches import (
    Applied,
    Kind,
    NotDone,
    Outcome,
    Row,
    Rows,
    StoreUnavailable,
    Unknown,
    Write,
)
from travio_inventory.protocol.claims import Lost
from travio_inventory.protocol.fencing import REFUSED, Fencing
from travio_inventory.protocol.hold import Recorded
from travio_inventory.protocol.resource import Resource, home_and_others
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps import writing
from travio_inventory.seats.hold import LATE_SUFFIX, Aborted, Confirmed, Hold
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.refusals import HoldNotFound
from travio_inventory.store.memory import MemoryBatches
from verification.kit.passing import Batch, Send
from verification.simulation.broken import Why, broken, send_through
from verification.simulation.plan import Plan


@broken("settle an unknown by a read", "I3 I5", Plan(2, faults=0.3))
def _settle_by_a_read(patch: pytest.MonkeyPatch) -> None:
    async def read_it(sender: Sender, batch: Batch, send: Send) -> Outcome:
        outcome = await send(batch)
        own = batch.writes[0].key
        if isinstance(outcome, Unknown) and own.kind is Kind.HOLD and batch.writes[0].values.get("status") == "held":
            with suppress(StoreUnavailable):
                standing = await sender.batches.get(batch.partition, [own])
                return Applied() if own in standing else NotDone("a read says so")
        return outcome

    send_through(patch, Sender, read_it)


@broken(
    "free cells before fencing their hold",
    "I1 I2",
    Plan(4, faults=0.4, kills=0.0, seats_per_group=1, seats=4, twins=1.0),
)
def _give_back_first(patch: pytest.MonkeyPatch) -> None:
    fence = Attempts.fence

    async def late_fence(self: Attempts[Hold], hold: Hold, why: Why) -> Row:
        for other in home_and_others(self._resource, hold)[1]:
            owned = {hold.id: self._resource.keys(hold, other)}
            await self._sender.apply(other, self._resource.move(owned, Aborted(""), other, {}, Recorded(0, 0)), ())
        return await fence(self, hold, why)

    patch.setattr(Attempts, "fence", late_fence)


@broken("a final refusal without a fence", "I5 I2", Plan(0))
def _no_fence(patch: pytest.MonkeyPatch) -> None:
    async def no_fence(_self: Attempts[Hold], _hold: Hold, why: Why) -> Row:
        return {"status": "aborted", "reason": REFUSED if isinstance(why, Lost) else "retry"}

    patch.setattr(Attempts, "fence", no_fence)


@broken(
    "a final refusal of a late confirm without a fence",
    "I1 I2 I5",
    Plan(2, faults=0.6, kills=0.0, seats_per_group=1, seats=8),
)
def _no_late_fence(patch: pytest.MonkeyPatch) -> None:
    fence = Fencing.fence

    async def no_late_fence(
        self: Fencing[Hold], organization: str, hold_id: str, reason: str, kept: Row | None = None
    ) -> Row:
        if hold_id.endswith(LATE_SUFFIX) and reason == REFUSED:
            return {"status": "aborted", "reason": reason}
        return await fence(self, organization, hold_id, reason, kept)

    patch.setattr(Fencing, "fence", no_late_fence)


@broken("refuse a confirm by a read after an unknown", "I5", Plan(1, faults=0.6, holders=9))
def _confirm_by_a_read(patch: pytest.MonkeyPatch) -> None:
    step = writing.step

    async def read_it(
        sender: Sender,
        resource: Resource[Hold],
        change: tuple[Hold, Hold, Row],
        *,
        seen: Rows,
        at_ms: int,
        beside: Sequence[Write] = (),
    ) -> Outcome:
        outcome = await step(sender, resource, change, seen=seen, at_ms=at_ms, beside=beside)
        _, hold, _ = change
        if isinstance(outcome, Unknown) and isinstance(hold.state, Confirmed):
            with suppress(StoreUnavailable):
                key = rows.hold_key(hold.id)
                standing = await sender.batches.get(seat_rows.home_partition(hold.trip.organization, hold.id), [key])
                if standing.get(key, {}).get("status") == "held":
                    raise HoldNotFound
        return outcome

    patch.setattr(writing, "step", read_it)


@broken("a retry below the protocol", "I5", Plan(17, faults=0.3))
def _driver_retries(patch: pytest.MonkeyPatch) -> None:
    async def retry(_store: MemoryBatches, batch: Batch, send: Send) -> Outcome:
        outcome = await send(batch)
        return await send(batch) if isinstance(outcome, Unknown) else outcome

    send_through(patch, MemoryBatches, retry)


@broken("a definite refusal of a private id after an unknown", "I5", Plan(16, faults=0.5))
def _never_in_doubt(patch: pytest.MonkeyPatch) -> None:
    claim = Attempts.claim

    async def sure(
        self: Attempts[Hold], holds: Sequence[Hold], now_ms: int, beside: Sequence[Write] = ()
    ) -> tuple[claims.Claimed, bool]:
        claimed, others_sent = await claim(self, holds, now_ms, beside)
        return replace(claimed, in_doubt=False), others_sent

    patch.setattr(Attempts, "claim", sure)
