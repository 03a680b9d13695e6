"""Channels without which no promise breaks, but an attempt is lost that need not be, or goes on in vain.

Directed: each is seen to do its work, and the work is seen not to be done without it.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

import pytest

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import claims, ledger
from travio_inventory.protocol.batches import (
    Applied,
    Kind,
    Outcome,
    Partition,
    Row,
    RowKey,
    Rows,
    Write,
)
from travio_inventory.protocol.claims import Claimed, Claims, Contended, Result, Won
from travio_inventory.protocol.failed_batches import FailedBatches
from travio_inventory.protocol.hold import Recorded
from travio_inventory.protocol.ledger import Ledger
from travio_inventory.protocol.resource import Claim, Findings
from travio_inventory.protocol.rolling_forward import RollingForward
from travio_inventory.protocol.rules import Rules
from travio_inventory.seats.hold import DIGEST_CHARS, Held, Hold, HoldId, HoldRequest, HoldState, Released
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.refusals import HoldLimitReached, SeatContended
from travio_inventory.seats.trip import Journey
from travio_inventory.store.memory import Faults
from verification.kit.asking import open_trip
from verification.kit.passing import Batch, PassingMemory, Send
from verification.simulation.oracle import START_MS
from verification.simulation.plan import Plan
from verification.simulation.process import Process, adopting, steady_process
from verification.simulation.virtual_loop import run_virtually
from verification.simulation.world import KEY, World

T = TypeVar("T")

GRACE_S = Rules().grace_ms / 1_000
TRIP = World(Plan(0, seats_per_group=1, seats=2)).trip
STRANGER = str(HoldId("t", 0, "0" * DIGEST_CHARS, is_late=False))
"""Somebody's attempt whose home is the seat group of the first seat."""


class _Store(PassingMemory):
    """Notes when it was asked for a batch."""

    def __init__(self) -> None:
        super().__init__(None, Random(30), asyncio.sleep)
        self.asked_s: list[float] = []

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        self.asked_s.append(asyncio.get_running_loop().time())
        return await send(batch)


def test_an_attempt_sends_nothing_more_when_others_may_consider_it_abandoned() -> None:
    assert max(_run(_seconds_of_a_slow_attempt())) < GRACE_S


def test_an_attempt_that_does_not_know_its_end_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    claim_all = Claims.claim

    async def endlessly(self: Claims[Hold], claim: Claim[Hold]) -> Claimed:
        return await claim_all(self, replace(claim, at_ms=10**15))

    monkeypatch.setattr(Claims, "claim", endlessly)
    assert max(_run(_seconds_of_a_slow_attempt())) > GRACE_S


async def _seconds_of_a_slow_attempt() -> list[float]:
    """When batches are sent that all take long, for a seat whose owner cannot be looked at."""
    store, process = await _open()
    await _leave(store, "s1", 0, STRANGER)
    store.faults = replace(Faults.none(), slow=1.0, read_failed=1.0)
    began_s = asyncio.get_running_loop().time()
    store.asked_s.clear()
    with pytest.raises(BackendUnavailable):
        await process.holds.hold(_request("s1"))
    assert asyncio.get_running_loop().time() - began_s > GRACE_S
    return [asked_s - began_s for asked_s in store.asked_s]


def test_an_attempt_that_was_fenced_and_half_freed_asks_once() -> None:
    assert _run(_batches_of_a_half_freed_attempt()) == 1


def test_an_attempt_that_does_not_see_that_it_is_half_freed_asks_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _see_otherwise(monkeypatch, Contended, None)
    assert _run(_batches_of_a_half_freed_attempt()) == claims.ROUNDS_MAX


async def _batches_of_a_half_freed_attempt() -> int:
    """Of its two cells in another seat group the attempt has one still, and the other is free."""
    store, process = await _open()
    await _leave(store, "s1", 0, STRANGER)
    store.asked_s.clear()
    hold = replace(_request("s1"), journey=Journey(0, 1)).hold(STRANGER, START_MS)
    claim = Claim(seat_rows.group_partition(KEY, 1), [hold], START_MS, None, is_intent=True)
    claimed = await Claims(process.sender, process.holds.resource, process.holds.judging).claim(claim)
    assert isinstance(claimed.result, Contended)
    return len(store.asked_s)


def test_intents_that_stand_after_an_unknown_count_as_taken() -> None:
    assert isinstance(_run(_hold_with_unanswered_batches(Plan(0), "s0", "s1")).state, Held)


def test_an_attempt_that_does_not_know_its_own_intents_again_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    _see_otherwise(monkeypatch, Won, Contended((RowKey(Kind.CELL, "s1"),)))
    with pytest.raises(SeatContended):
        _run(_hold_with_unanswered_batches(Plan(0), "s0", "s1"))


def test_a_slot_that_stands_after_an_unknown_is_the_attempt_s_own() -> None:
    assert isinstance(_run(_hold_with_unanswered_batches(Plan(0, holds_max=1), "s0")).state, Held)


def test_an_attempt_that_does_not_know_its_own_slot_again_is_over_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    decide = Ledger._try

    async def anew(
        self: Ledger[Hold],
        request: HoldRequest,
        _private_id: str,
        standing: Rows,
        slots: list[RowKey],
        failed: FailedBatches,
    ) -> ledger.Entered | None:
        hold_id = request.new_id(self._sender.new_digest())
        return await decide(self, request, hold_id, standing, slots, failed)

    monkeypatch.setattr(Ledger, "_try", anew)
    with pytest.raises(HoldLimitReached):
        _run(_hold_with_unanswered_batches(Plan(0, holds_max=1), "s0"))


def test_what_an_ended_hold_left_is_freed_even_if_one_of_its_cells_has_another_owner() -> None:
    assert _run(_status_after_freeing()) == "available"


def test_a_hold_that_frees_all_or_nothing_leaves_cells_to_the_sweeper(monkeypatch: pytest.MonkeyPatch) -> None:
    async def once(
        self: RollingForward[Hold], hold_id: str, partition: Partition, keys: Sequence[RowKey], state: HoldState
    ) -> None:
        await self._sender.apply(
            partition, self._resource.move({hold_id: keys}, state, partition, {}, Recorded(0, 0)), ()
        )

    monkeypatch.setattr(RollingForward, "roll", once)
    assert _run(_status_after_freeing()) == "held"


async def _status_after_freeing() -> str:
    """Of a cell of another seat group, beside one that somebody else has by now."""
    store, process = await _open()
    await _leave(store, "s1", 0, str(HoldId("t", 1, "1" * DIGEST_CHARS, is_late=False)))
    await _leave(store, "s1", 1, STRANGER)
    cells = [RowKey(Kind.CELL, "s1", segment) for segment in (0, 1)]
    await process.holds.rolling.roll(STRANGER, seat_rows.group_partition(KEY, 1), cells, Released())
    return str((await store.get(seat_rows.group_partition(KEY, 1), cells))[cells[1]]["status"])


async def _hold_with_unanswered_batches(plan: Plan, *seats: str) -> Hold:
    """A hold whose first batch is applied, and not answered."""
    store, process = await _open(plan)
    store.faults = replace(Faults.none(), unanswered=1.0)
    holding = process.start(process.holds.hold(_request(*seats)))
    await asyncio.sleep(0.001)
    store.faults = Faults.none()
    return await holding


def _see_otherwise(patch: pytest.MonkeyPatch, seen: type, otherwise: Result | None) -> None:
    """A read with this decision decides something else."""
    look = Claims._look

    async def other_look(
        self: Claims[Hold], claim: Claim[Hold], standing: Rows, before: Findings[Hold] | None
    ) -> tuple[Result | None, Findings[Hold]]:
        decided, found = await look(self, claim, standing, before)
        return (otherwise, found) if isinstance(decided, seen) else (decided, found)

    patch.setattr(Claims, "_look", other_look)


def _request(*seats: str) -> HoldRequest:
    return HoldRequest(Actor("o", "u"), TRIP, Journey(0, 0), seats, 20_000, None)


async def _leave(store: _Store, seat: str, segment: int, owner: str) -> None:
    """An intent of that owner."""
    values: Row = {"status": "held", "owner": owner, "since_ms": START_MS, "until_ms": START_MS + 20_000}
    group = seat_rows.group_partition(KEY, TRIP.group_of(seat))
    write = Write(RowKey(Kind.CELL, seat, segment), seat_rows.IF_AVAILABLE, values)
    assert isinstance(await store.apply(group, [write]), Applied)


async def _open(plan: Plan | None = None) -> tuple[_Store, Process]:
    """The trip is on sale, and there is a process whose clock is right and that knows the epoch."""
    asyncio.get_running_loop().set_task_factory(adopting)
    store = _Store()
    process = steady_process(store, plan)
    await open_trip(process.inventory, TRIP)
    await process.sender.epochs.current()
    return store, process


def _run(main: Coroutine[Any, Any, T]) -> T:
    return run_virtually(0, main)
