"""Broken designs of idempotency keys and of a holder's slots."""

import pytest

from travio_inventory.protocol import ledger, rows
from travio_inventory.protocol.batches import ABSENT, Kind, Outcome, RowKey, Rows, Write
from travio_inventory.protocol.ledger import Ledger
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps.hold import Holding
from travio_inventory.seats.hold import Hold, HoldRequest
from verification.kit.passing import Batch, Send
from verification.simulation.broken import broken, rewrite, send_through, unconditionally
from verification.simulation.plan import TTL_S, Plan


@broken(
    "two attempts under one key each giving their own reason",
    "I5",
    Plan(14, faults=0.6, kills=0.0, seats_per_group=1, seats=4, holders=8, twins=1.0),
)
def _own_reasons(patch: pytest.MonkeyPatch) -> None:
    no = Holding._no
    patch.setattr(Holding, "_no", lambda self, hold, why, _fenced: no(self, hold, why, {}))


@broken("no new id for a key after a fence", "I5", Plan(1, faults=0.3))
def _no_rebind(patch: pytest.MonkeyPatch) -> None:
    bind = Ledger._bind

    async def stay(
        self: Ledger[Hold], request: HoldRequest, key: str, standing: Rows, new_id: str
    ) -> "ledger._Binding | ledger.Entered":
        bound = await bind(self, request, key, standing, new_id)
        return ledger.Proceed(bound.left) if isinstance(bound, ledger._Binding) and bound.left is not None else bound

    patch.setattr(Ledger, "_bind", stay)


@broken("bind a key that is bound already", "I5 I6", Plan(0, twins=1.0, faults=0.3))
def _bind_over(patch: pytest.MonkeyPatch) -> None:
    def change(write: Write) -> Write:
        return unconditionally(write) if write.key.kind is Kind.KEY and write.condition is ABSENT else write

    rewrite(patch, change)


@broken("a key that does not know its request", "I2 I6", Plan(9))
def _no_fingerprint(patch: pytest.MonkeyPatch) -> None:
    bind = Ledger._bind

    async def anything(
        self: Ledger[Hold], request: HoldRequest, key: str, standing: Rows, new_id: str
    ) -> "ledger._Binding | ledger.Entered":
        alike = {name: {**row, "fingerprint": request.fingerprint} for name, row in standing.items()}
        return await bind(self, request, key, alike, new_id)

    patch.setattr(Ledger, "_bind", anything)


@broken("no idempotency", "I5 I6", Plan(0))
def _no_ledger(patch: pytest.MonkeyPatch) -> None:
    async def enter(_self: Ledger[Hold], _request: HoldRequest, private_id: str) -> ledger.Entered:
        return ledger.Proceed(private_id)

    patch.setattr(Ledger, "enter", enter)


@broken("a slot freed by the clock", "I9", Plan(0, holds_max=1))
def _slot_by_clock(patch: pytest.MonkeyPatch) -> None:
    free_slot = Ledger._free_slot

    async def by_clock(
        self: Ledger[Hold], request: HoldRequest, standing: Rows, slots: list[RowKey], left: str | None
    ) -> RowKey:
        oldest_ms = self._sender.clock.now_ms() - TTL_S * 1_000
        for slot in slots:
            if rows.number(standing.get(slot, {}), "since_ms") < oldest_ms:
                return slot
        return await free_slot(self, request, standing, slots, left)

    patch.setattr(Ledger, "_free_slot", by_clock)


@broken("a slot freed before the fence", "I9", Plan(9, holds_max=1, faults=0.3))
def _slot_before_the_fence(patch: pytest.MonkeyPatch) -> None:
    free_slot = Ledger._free_slot

    async def before(
        self: Ledger[Hold], request: HoldRequest, standing: Rows, slots: list[RowKey], left: str | None
    ) -> RowKey:
        for slot in slots:
            owner = rows.text(standing.get(slot, {}), "hold")
            if not owner or await self._judging.home(request.actor.organization, owner) is None:
                return slot
        return await free_slot(self, request, standing, slots, left)

    patch.setattr(Ledger, "_free_slot", before)


@broken("a cap by count-then-act", "I9", Plan(2, holds_max=1))
def _count_then_act(patch: pytest.MonkeyPatch) -> None:
    async def act(_sender: Sender, batch: Batch, send: Send) -> Outcome:
        counted = [write._replace(condition={}) if write.key.kind is Kind.SLOT else write for write in batch.writes]
        return await send(batch._replace(writes=counted))

    send_through(patch, Sender, act)
