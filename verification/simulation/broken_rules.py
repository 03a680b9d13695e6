"""More broken designs, each without one condition, one lease or one order of the protocol; and all of them together.

A line that another one backs up breaks no promise when it alone is gone: `broken_pairs` takes both. What costs only
attempts and time is directed, in `test_first_try`: the end of an old attempt, what it still has of its intents and its
slot, cells that have moved on. Three conditions are in no design, for in no schedule anything can come of them: the
status beside the sequence that leaving a list compares; what joining one asks of the entry, for nobody joins without
moving the list's tail; that a worker's cursor stands where it was, for a cursor that is behind is only read again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from travio_inventory.edge.local import LocalGate, LocalSeatMapCache
from travio_inventory.events.relay import EventRelay, Journal
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.events import Sink
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol import attempts, claims, event_rows, journal, ledger, rows
from travio_inventory.protocol.attempts import Attempts
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    IndexEntry,
    Kind,
    Outcome,
    Partition,
    RowKey,
    Rows,
    StoreUnavailable,
    Write,
)
from travio_inventory.protocol.claims import Claims
from travio_inventory.protocol.index_entries import DurableEntries
from travio_inventory.protocol.journal import EventJournal
from travio_inventory.protocol.judging import Judged, Judging, Verdict
from travio_inventory.protocol.lapses import LapseFinder
from travio_inventory.protocol.ledger import Ledger
from travio_inventory.protocol.resource import Look, Standing, home_and_others
from travio_inventory.protocol.rolling_forward import RollingForward
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps import cancel, deciding
from travio_inventory.protocol.steps.extend import Extending
from travio_inventory.seats.hold import Aborted, Held, Hold, HoldRequest
from travio_inventory.seats.ports import (
    Attempt,
    Cell,
    GateAnswer,
    Lease,
    Locked,
    Passed,
    SeatGroupKey,
)
from travio_inventory.seats.records import seat_rows, snapshots
from travio_inventory.seats.records.definitions import Definitions
from travio_inventory.seats.trip import Journey, Trip, TripKey
from travio_inventory.seats.use_cases.read_seat_map import ReadSeatMap
from verification.simulation import broken_blocking, broken_late, broken_lists, broken_pairs
from verification.simulation.broken_designs import (
    ALONE,
    BROKEN,
    GROUPS_OF_ONE,
    HONEST,
    broken,
    rewrite,
    unconditionally,
    without_slow_round,
)
from verification.simulation.plan import Plan

__all__ = ["BROKEN", "broken_blocking", "broken_late", "broken_lists", "broken_pairs"]

# ---- conditions


@broken("take a cell whoever has it", "I1 I2", Plan(0))
def _take_any(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, lambda write: unconditionally(write) if write.condition == seat_rows.IF_AVAILABLE else write)


@broken("a hold's row whether it stands already or not", "I1 I2 I4 I5 I6", Plan(2, faults=0.3))
def _insert_over(patch: pytest.MonkeyPatch) -> None:
    def change(write: Write) -> Write:
        is_new = write.key.kind is Kind.HOLD and write.condition is ABSENT and write.values["status"] != "aborted"
        return unconditionally(write) if is_new else write

    rewrite(patch, change)


@broken("fence whatever stands", "I1 I2 I4", Plan(0, faults=0.3))
def _fence_over(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, lambda write: unconditionally(write) if write.values.get("status") == "aborted" else write)


@broken("release whatever the status", "I4", Plan(5))
def _release_any(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, lambda write: unconditionally(write) if write.values.get("status") == "released" else write)


@broken("confirm whatever the status", "I4", Plan(0, faults=0.3))
def _confirm_any(patch: pytest.MonkeyPatch) -> None:
    def change(write: Write) -> Write:
        is_confirm = write.key.kind is Kind.HOLD and write.values.get("status") == "confirmed"
        seen = {name: value for name, value in (write.condition or {}).items() if name != "status"}
        return write._replace(condition=seen) if is_confirm and write.condition is not ABSENT else write

    rewrite(patch, change)


def step_unseen(patch: pytest.MonkeyPatch) -> None:
    """A step that does not compare how often the hold was extended."""
    as_seen = deciding._as_seen
    patch.setattr(deciding, "_as_seen", lambda hold: {"status": as_seen(hold)["status"]})


def extend_unseen(patch: pytest.MonkeyPatch) -> None:
    """Extend without the expiry that was seen."""

    def change(write: Write) -> Write:
        is_extension = write.key.kind is Kind.HOLD and "expires_at_ms" in write.values and "status" not in write.values
        return write._replace(condition={"status": "held"}) if is_extension else write

    rewrite(patch, change)


@broken("an extension that makes a hold shorter", "I3", Plan(1))
def _shorten(patch: pytest.MonkeyPatch) -> None:
    async def extend(self: Extending[Hold], actor: Actor, hold_id: str, *, expires_at_ms: int, **_cap: int) -> Hold:
        try:
            hold = await self._deciding.own(actor, hold_id)
        except StoreUnavailable:
            raise BackendUnavailable from None
        if not isinstance(hold.state, Held):
            raise await self._deciding.over(hold)
        outcome = await self.extend_once(hold, hold.state.expires_at_ms, expires_at_ms)
        if isinstance(outcome, Applied):
            return hold.with_state(Held(expires_at_ms))
        raise OutcomeUnknown

    patch.setattr(Extending, "extend", extend)


@broken("bind a key that is bound already", "I5 I6", Plan(0, twins=1.0, faults=0.3))
def _bind_over(patch: pytest.MonkeyPatch) -> None:
    def change(write: Write) -> Write:
        return unconditionally(write) if write.key.kind is Kind.KEY and write.condition is ABSENT else write

    rewrite(patch, change)


@broken("a key that does not know its request", "I2 I6", Plan(0))
def _no_fingerprint(patch: pytest.MonkeyPatch) -> None:
    bind = Ledger._bind

    async def anything(
        self: Ledger[Hold], request: HoldRequest, key: str, standing: Rows
    ) -> "ledger._Binding | ledger.Entered":
        alike = {name: {**row, "fingerprint": request.fingerprint} for name, row in standing.items()}
        return await bind(self, request, key, alike)

    patch.setattr(Ledger, "_bind", anything)


@broken("make cells whether they stand already or not", "I1 I2", Plan(0, faults=0.4))
def _seed_over(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, lambda write: unconditionally(write) if write.condition is ABSENT and _is_cell(write) else write)


@broken("cells that are created by the number of their portion", "I1 I2", Plan(0, seats_per_group=6, seats=6))
def _seed_by_portion(patch: pytest.MonkeyPatch) -> None:
    """Portions are cut otherwise by another release."""

    async def seed(self: Definitions, trip: Trip, group: int) -> None:
        partition, size = seat_rows.group_partition(trip.key, group), self._cells_per_batch_max
        cells = seat_rows.cell_keys((seat.id for seat in trip.seats_in(group)), Journey(0, len(trip.segments) - 1))
        for start in range(0, len(cells), size):
            guard = Write(RowKey(Kind.HOLD, f"portion {start:06d}"), ABSENT, {"status": "aborted"})
            portion = [Write(cell, {}, seat_rows.NEW_CELL) for cell in cells[start : start + size]]
            await self._insert(partition, [guard, *portion])

    patch.setattr(Definitions, "seed", seed)


def _is_cell(write: Write) -> bool:
    return write.key.kind is Kind.CELL


# ---- orders


@broken("the home batch before the intents", "I2", Plan(0))
def _commit_first(patch: pytest.MonkeyPatch) -> None:
    async def claim(self: Attempts[Hold], holds: Sequence[Hold], now_ms: int) -> tuple[claims.Claimed, bool]:
        claimed = await self._claims.claim(self._home_claim(holds, await self._sender.now(now_ms)))
        others = dict.fromkeys(other for hold in holds for other in home_and_others(self._resource, hold)[1])
        for other in others:
            if isinstance(claimed.result, claims.Won):
                claimed = await self._claims.claim(self._intents(holds, other, now_ms))
        return claimed, bool(others)

    patch.setattr(Attempts, "claim", claim)


@broken("a definite refusal of a private id after an unknown", "I5", Plan(7, faults=0.5))
def _never_in_doubt(patch: pytest.MonkeyPatch) -> None:
    claim = Attempts.claim

    async def sure(self: Attempts[Hold], holds: Sequence[Hold], now_ms: int) -> tuple[claims.Claimed, bool]:
        claimed, others_sent = await claim(self, holds, now_ms)
        return replace(claimed, in_doubt=False), others_sent

    patch.setattr(Attempts, "claim", sure)


@broken("one seat group's win stands for all", "I1 I2", Plan(0))
def _best_of_all(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(attempts._RANK, claims.Won, -1)


@broken("a cell that is not there yet counts as taken", "I5", Plan(6, faults=0.8, holders=9))
def _unseeded_is_taken(patch: pytest.MonkeyPatch) -> None:
    decide = Claims._decide

    def taken(self: Claims[Hold], look: Look[Hold], before: Look[Hold] | None) -> claims.Result | None:
        return decide(self, look, before) if look.met.is_made else claims.Lost(())

    patch.setattr(Claims, "_decide", taken)


@broken("never fence an abandoned attempt", "L2 I5", GROUPS_OF_ONE)
def _never_abandoned(patch: pytest.MonkeyPatch) -> None:
    judge = Judging.judge

    async def patient(self: Judging[Hold], organization: str, hold_id: str, *, since_ms: int) -> Judged:
        if await self.home(organization, hold_id) is None:
            return Judged(Verdict.CONTENDED, {})
        return await judge(self, organization, hold_id, since_ms=since_ms)

    patch.setattr(Judging, "judge", patient)


@broken("ignore the late booking", "I5 I7", Plan(0))
def _overlook_late(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(deciding, "is_booking", lambda _row: False)
    patch.setattr(cancel, "is_booking", lambda _row: False)


@broken("answer before the maps are invalidated", "I7", replace(HONEST, viewers=20, holders=9).with_seed(3))
def _answer_first(patch: pytest.MonkeyPatch) -> None:
    async def settled(self: RollingForward[Hold], hold: Hold, *, as_of_ms: int) -> None:
        self._note(hold)
        self._background(self.watch.changed(hold, as_of_ms=as_of_ms))
        if self._others(hold) and not isinstance(hold.state, Held):
            self._background(self.roll_forward(hold))

    patch.setattr(RollingForward, "settled", settled)


@broken("a map without the home rows", "I7", GROUPS_OF_ONE.with_seed(4))
def _cells_alone(patch: pytest.MonkeyPatch) -> None:
    state = snapshots._state
    patch.setattr(snapshots, "_state", lambda cell, _homes: state(cell, {}))


# ---- sweeper, relay and index entries


@broken("the sweeper frees other seat groups' cells by their time", "I1 I2", GROUPS_OF_ONE.with_seed(1))
def _sweep_by_time(patch: pytest.MonkeyPatch) -> None:
    async def settle(self: LapseFinder[Hold], partition: Partition, owner: str, owned: dict[RowKey, Standing]) -> None:
        await self._rolling.roll(owner, partition, list(owned), Aborted(""))

    patch.setattr(LapseFinder, "_settle", settle)


@broken(
    "the sweeper skips cells that say sold",
    "L2",
    replace(ALONE, kills=0.9, holders=3, seats=20, popular=20).with_seed(7),
)
def _pass_over_sold(patch: pytest.MonkeyPatch) -> None:
    is_suspect = LapseFinder._is_suspect
    patch.setattr(
        LapseFinder, "_is_suspect",
        lambda self, claim, now_ms: not claim.is_settled and is_suspect(self, claim, now_ms),
    )  # fmt: skip


@broken(
    "an index entry that counts as written before it is",
    "I8 L1 L2",
    replace(ALONE, faults=0.8, kills=0.1, holders=3, seats=40, popular=40).with_seed(4),
)
def _remember_early(patch: pytest.MonkeyPatch) -> None:
    without_slow_round(patch)
    missing = DurableEntries.missing

    def at_once(self: DurableEntries, entries: Sequence[IndexEntry]) -> list[IndexEntry]:
        found = missing(self, entries)
        self.remember(found)
        return found

    patch.setattr(DurableEntries, "missing", at_once)


@broken(
    "no index entry for the other seat groups of a hold",
    "L2",
    replace(GROUPS_OF_ONE, kills=0.9, holders=5, seats=20, popular=20).with_seed(4),
)
def _hint_home_only(patch: pytest.MonkeyPatch) -> None:
    without_slow_round(patch)
    apply = Sender.apply

    async def home_only(
        self: Sender,
        partition: Partition,
        writes: Sequence[Write],
        asked: Sequence[IndexEntry],
        *,
        at_ms: int | None = None,
    ) -> Outcome:
        is_home = any(write.key.kind is Kind.HOLD for write in writes)
        own = (
            [index_entry for index_entry in asked if index_entry.entry == rows.partition_entry(partition)]
            if is_home
            else []
        )
        return await apply(self, partition, writes, own, at_ms=at_ms)

    patch.setattr(Sender, "apply", home_only)


def close_failed(patch: pytest.MonkeyPatch) -> None:
    """A minute closed though one of its seat groups failed."""
    close_due = LapseFinder.close_due

    async def close_all(self: LapseFinder[Hold], _failed: Mapping[Partition, Exception]) -> None:
        await close_due(self, {})

    patch.setattr(LapseFinder, "close_due", close_all)


@broken("events marked as published before they are", "I8", Plan(3, faults=0.4))
def _mark_first(patch: pytest.MonkeyPatch) -> None:
    async def relay(self: EventRelay) -> int:
        told: Journal = self._journal
        post: Sink = self._sink
        events = await told.unpublished()
        await told.mark_published(events)
        if events:
            await post.publish(events)
        return len(events)

    patch.setattr(EventRelay, "__call__", relay)


@broken("the relay orders events by their clocks", "I8", Plan(1))
def _order_by_clock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(journal, "_order", lambda row: (event_rows.subject_of(row), rows.number(row, "at_ms")))


@broken("the relay does not search for gaps", "I8", Plan(3, faults=0.6, holders=9, day_s=250.0))
def _no_gaps(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(EventJournal, "_missing_before", lambda _self, _signals, _first: [])


# ---- the edge


@broken("a lock without an owner token", "E1", replace(HONEST, seats=3, popular=3, holders=12, twins=1.0).with_seed(4))
def _no_token(patch: pytest.MonkeyPatch) -> None:
    async def leave(self: LocalGate, group: SeatGroupKey, cells: Sequence[Cell], **_token: str) -> None:
        self._locks.drop(group, cells, lambda _lock: True)

    patch.setattr(LocalGate, "leave", leave)


@broken("a lock that never lapses", "E1 I5 L2", Plan(0, with_gate=True, kills=0.3))
def _lock_forever(patch: pytest.MonkeyPatch) -> None:
    enter = LocalGate.enter

    async def forever(
        self: LocalGate, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int
    ) -> GateAnswer:
        return await enter(self, group, cells, attempt, ttl_ms=1_000 * ttl_ms)

    patch.setattr(LocalGate, "enter", forever)


@broken("a gate that locks what it can", "E1", HONEST.with_seed(4))
def _lock_some(patch: pytest.MonkeyPatch) -> None:
    enter = LocalGate.enter

    async def some(
        self: LocalGate, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int
    ) -> GateAnswer:
        answer = await enter(self, group, cells, attempt, ttl_ms=ttl_ms)
        if isinstance(answer, Locked) and len(answer.seats) < len({cell.seat for cell in cells}):
            now_ms = self._now_ms()
            locks = self._locks.standing(group, cells, now_ms)
            self._locks.put(group, [cell for cell in cells if cell not in locks], attempt, now_ms, ttl_ms)
            return Passed()
        return answer

    patch.setattr(LocalGate, "enter", some)


@broken("a refill without a lease", "I7", HONEST.with_seed(1))
def _no_lease(patch: pytest.MonkeyPatch) -> None:
    fill = LocalSeatMapCache.fill

    async def anyway(self: LocalSeatMapCache, trip: TripKey, packed: Mapping[int, tuple[Lease, bytes]]) -> None:
        standing = await self.lease(trip, packed)
        await fill(self, trip, {group: (standing[group], content) for group, (_, content) in packed.items()})

    patch.setattr(LocalSeatMapCache, "fill", anyway)


@broken(
    "a map that never goes stale",
    "I7",
    Plan(23, holders=7, viewers=5, kills=0.0, faults=0.0, seats_per_group=1, seats=10, popular=10),
)
def _never_stale(patch: pytest.MonkeyPatch) -> None:
    init = LocalSeatMapCache.__init__

    def forever(self: LocalSeatMapCache, now_ms: Callable[[], int], *, trips_max: int) -> None:
        init(self, now_ms, trips_max=trips_max, stale_ms_max=10**9)

    patch.setattr(LocalSeatMapCache, "__init__", forever)


@broken("join a read that began before a write", "I7", replace(HONEST, viewers=80, holders=14).with_seed(1))
def _join_any(patch: pytest.MonkeyPatch) -> None:
    read = ReadSeatMap._read
    patch.setattr(ReadSeatMap, "_read", lambda self, trip, group, _lease: read(self, trip, group, ""))
