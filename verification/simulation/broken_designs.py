"""Tempting designs that break a promise, each planted in one place of the real code. The simulation must catch all.

A design that survives means that the simulation is blind there, not that the design is right.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest

from travio_inventory.edge import local
from travio_inventory.edge.local import LocalGate
from travio_inventory.protocol import claims, ledger, rows
from travio_inventory.protocol.attempts import Attempts
from travio_inventory.protocol.batches import (
    ANY_TIME,
    Applied,
    Index,
    IndexEntry,
    Kind,
    NotDone,
    Outcome,
    Partition,
    Row,
    RowKey,
    Rows,
    StoreUnavailable,
    Unknown,
    Write,
)
from travio_inventory.protocol.claims import Claims, Contended, Lost, NotMade, Stuck
from travio_inventory.protocol.fencing import REFUSED, Fencing
from travio_inventory.protocol.index_entries import MINUTE_MS
from travio_inventory.protocol.judging import Judged, Judging, Verdict
from travio_inventory.protocol.ledger import Ledger
from travio_inventory.protocol.minute_cursor import MinuteCursor
from travio_inventory.protocol.resource import Claim, Look, Obstacle, Resource, Taken, home_and_others
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps import expire, writing
from travio_inventory.protocol.steps.hold import Holding
from travio_inventory.protocol.steps.late_confirm import LateConfirming
from travio_inventory.seats import hold
from travio_inventory.seats.hold import (
    LATE_SUFFIX,
    Aborted,
    Confirmed,
    Hold,
    HoldRequest,
    HoldState,
    claimant_of,
)
from travio_inventory.seats.ports import Cell, Occupancy, SeatGroupKey
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.open_trips import SlowRound
from travio_inventory.seats.records.seats import Seats
from travio_inventory.seats.refusals import BY_STORE, HoldExpired, HoldNotFound
from travio_inventory.seats.trip import Journey
from travio_inventory.seats.use_cases import hold_seats
from travio_inventory.seats.use_cases.edge_upkeep import EdgeUpkeep
from travio_inventory.store.memory import MemoryBatches
from verification.simulation.oracle import START_MS
from verification.simulation.plan import TTL_S, VERY_LATE_S, Plan
from verification.simulation.rough_edge import RoughEdge

Plant = Callable[[pytest.MonkeyPatch], None]
Why = Lost | Contended | NotMade | Stuck

GROUPS_OF_ONE = Plan(0, seats_per_group=1, seats=5, popular=5, faults=0.3)
ALONE = Plan(0, seats_per_group=1, seats=10, popular=10, holders=2, faults=0.3)
HONEST = Plan(0, honest_edge=True, with_gate=True, holders=7, viewers=6, day_s=60.0, kills=0.0, faults=0.0)


@dataclass(frozen=True, slots=True)
class Broken:
    """A broken design, the promises of which at least one must be seen broken, and a plan in which it is."""

    name: str
    promises: str
    plan: Plan
    plant: Plant

    def is_caught_by(self, violations: Sequence[str]) -> bool:
        """Whether one of the promises is among those seen broken."""
        promises = self.promises.split()
        return any(f"{promise} " in violation for violation in violations for promise in promises)


BROKEN: dict[str, Broken] = {}


def broken(name: str, promises: str, plan: Plan) -> Callable[[Plant], Plant]:
    """Register a design; the plan's seed is known to catch it."""

    def register(plant: Plant) -> Plant:
        BROKEN[name] = Broken(name, promises, plan, plant)
        return plant

    return register


Change = Callable[[Write], Write]


def rewrite(patch: pytest.MonkeyPatch, change: Change) -> None:
    """Send every write otherwise."""
    apply = MemoryBatches.apply

    async def otherwise(
        self: MemoryBatches,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        return await apply(self, partition, list(map(change, writes)), entries, send_by=send_by)

    patch.setattr(MemoryBatches, "apply", otherwise)


def unconditionally(write: Write) -> Write:
    """The write whatever stands."""
    return write._replace(condition={})


# ---- whose a cell is


@broken("take a lapsed cell by its clock", "I1 I2", Plan(0))
def _take_by_clock(patch: pytest.MonkeyPatch) -> None:
    judge = Claims._judge

    async def by_clock(self: Claims[Hold], look: Look[Hold], obstacle: Obstacle) -> None:
        row = look.met.rows[obstacle.key]
        if row.get("status") == "held" and rows.number(row, "until_ms") <= self._sender.clock.now_ms():
            await self._sender.apply(
                look.claim.partition, [Write(obstacle.key, {"owner": row["owner"]}, seat_rows.FREE)], ()
            )
        else:
            await judge(self, look, obstacle)

    patch.setattr(Claims, "_judge", by_clock)


@broken("free without the owner's condition", "I1 I2", Plan(0))
def _free_unconditionally(patch: pytest.MonkeyPatch) -> None:
    move = Seats.move

    def anybodys(
        self: Seats, owned: Mapping[str, Sequence[RowKey]], state: HoldState, partition: Partition, seen: Rows
    ) -> Sequence[Write]:
        writes = move(self, owned, state, partition, seen)
        return writes if isinstance(state, Confirmed) else list(map(unconditionally, writes))

    patch.setattr(Seats, "move", anybodys)


@broken(
    "steal an intent without fencing it",
    "I1 I2",
    Plan(4, faults=0.5, kills=0.2, seats_per_group=1, seats=5, holders=7, late_s=100.0),
)
def _steal_an_intent(patch: pytest.MonkeyPatch) -> None:
    judge = Judging.judge

    async def steal(self: Judging[Hold], organization: str, hold_id: str, *, since_ms: int) -> Judged:
        if (
            self._sender.clock.now_ms() - since_ms >= self._sender.rules.grace_ms
            and await self.home(organization, hold_id) is None
        ):
            return Judged(Verdict.DEAD, {})
        return await judge(self, organization, hold_id, since_ms=since_ms)

    patch.setattr(Judging, "judge", steal)


@broken("trust an earlier read after a refusal", "I1 I2", Plan(3, faults=0.2, seats_per_group=1, seats=4))
def _believe_an_earlier_look(patch: pytest.MonkeyPatch) -> None:
    judge = Judging.judge
    seen: dict[str, Row] = {}

    async def believe(self: Judging[Hold], organization: str, hold_id: str, *, since_ms: int) -> Judged:
        row = seen.setdefault(hold_id, await self.home(organization, hold_id) or {})
        if row.get("status") == "held" and self.has_lapsed(hold_id, row):
            await self._expiring.expire(self._resource.read(organization, hold_id, row))
            return Judged(Verdict.DEAD, row)
        return await judge(self, organization, hold_id, since_ms=since_ms)

    patch.setattr(Judging, "judge", believe)


@broken("trust `until` on a cell of another seat group", "I5 L2", Plan(3))
def _trust_until(patch: pytest.MonkeyPatch) -> None:
    real = Claims._judge

    async def trusting(self: Claims[Hold], look: Look[Hold], obstacle: Obstacle) -> None:
        row = look.met.rows[obstacle.key]
        if row.get("status") == "held" and rows.number(row, "until_ms") > self._sender.clock.now_ms():
            look.taken.append(Taken(obstacle.key, obstacle.owner, {"status": "held"}))
        else:
            await real(self, look, obstacle)

    patch.setattr(Claims, "_judge", trusting)


@broken(
    "trust 'sold' on a cell of another seat group",
    "I5 L2",
    Plan(6, faults=0.5, kills=0.4, seats_per_group=1, seats=12, popular=12, holders=6, day_s=250.0),
)
def _trust_sold(patch: pytest.MonkeyPatch) -> None:
    real = Claims._judge

    async def trusting(self: Claims[Hold], look: Look[Hold], obstacle: Obstacle) -> None:
        if look.met.rows[obstacle.key].get("status") == "sold":
            look.taken.append(Taken(obstacle.key, obstacle.owner, {"status": "confirmed"}))
        else:
            await real(self, look, obstacle)

    patch.setattr(Claims, "_judge", trusting)


@broken("sequential batches per segment", "I2 I5 I7 L2", Plan(0))
def _segment_by_segment(patch: pytest.MonkeyPatch) -> None:
    take = Claims.claim

    async def one_by_one(self: Claims[Hold], claim: Claim[Hold]) -> claims.Claimed:
        def on(segment: int) -> list[Hold]:
            return [replace(hold, journey=Journey(segment, segment)) for hold in claim.holds]

        *others, last = claim.holds[0].journey.segments
        for segment in others:
            claimed = await take(self, replace(claim, holds=on(segment), beside=()))
            if not isinstance(claimed.result, claims.Won):
                return claimed
        return await take(self, replace(claim, holds=on(last)))

    patch.setattr(Claims, "claim", one_by_one)


# ---- what is a final no


@broken("settle an unknown by a read", "I3 I5", Plan(2, faults=0.3))
def _settle_by_a_read(patch: pytest.MonkeyPatch) -> None:
    apply = Sender.apply

    async def read_it(
        self: Sender,
        partition: Partition,
        writes: Sequence[Write],
        asked: Sequence[IndexEntry],
        *,
        at_ms: int | None = None,
    ) -> Outcome:
        outcome = await apply(self, partition, writes, asked, at_ms=at_ms)
        own = writes[0].key
        if isinstance(outcome, Unknown) and own.kind is Kind.HOLD and writes[0].values.get("status") == "held":
            with suppress(StoreUnavailable):
                standing = await self.batches.get(partition, [own])
                return Applied() if own in standing else NotDone("a read says so")
        return outcome

    patch.setattr(Sender, "apply", read_it)


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
            await self._sender.apply(other, self._resource.move(owned, Aborted(""), other, {}), ())
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
    Plan(28, faults=0.6, kills=0.0, seats_per_group=1, seats=8),
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


@broken("refuse a confirm by a read after an unknown", "I5", Plan(3, faults=0.6, holders=9))
def _confirm_by_a_read(patch: pytest.MonkeyPatch) -> None:
    step = writing.step

    async def read_it(
        sender: Sender,
        resource: Resource[Hold],
        hold: Hold,
        state: HoldState,
        condition: Row,
        *,
        seen: Rows,
        at_ms: int,
    ) -> Outcome:
        outcome = await step(sender, resource, hold, state, condition, seen=seen, at_ms=at_ms)
        if isinstance(outcome, Unknown) and isinstance(state, Confirmed):
            with suppress(StoreUnavailable):
                key = rows.hold_key(hold.id)
                standing = await sender.batches.get(seat_rows.home_partition(hold.trip.organization, hold.id), [key])
                if standing.get(key, {}).get("status") == "held":
                    raise HoldNotFound
        return outcome

    patch.setattr(writing, "step", read_it)


@broken("a retry below the protocol", "I5", Plan(17, faults=0.3))
def _driver_retries(patch: pytest.MonkeyPatch) -> None:
    apply = MemoryBatches.apply

    async def retry(
        self: MemoryBatches,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        outcome = await apply(self, partition, writes, entries, send_by=send_by)
        return (
            await apply(self, partition, writes, entries, send_by=send_by) if isinstance(outcome, Unknown) else outcome
        )

    patch.setattr(MemoryBatches, "apply", retry)


@broken("a refusal by the edge counts as the store's", "I5", Plan(0, with_gate=True))
def _edge_refuses(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(hold_seats, "Decided", lambda _by, _as_of_ms: BY_STORE)


@broken("a taken entry that lives as long as the hold", "I5 L2", Plan(0, with_gate=True))
def _long_memory(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(local, "lasts_ms", lambda occupancy, **_times: max(0, occupancy.until_ms - START_MS) or 3_600_000)


@broken(
    "a taken entry counts from the answer, not from the sending of its batch",
    "I5",
    replace(
        HONEST, honest_edge=False, holders=14, seats=2, popular=2, twins=1.0, faults=0.5, viewers=1, right_clocks=True
    ).with_seed(5),
)
def _as_of_the_answer(patch: pytest.MonkeyPatch) -> None:
    mark = RoughEdge.mark

    async def fresh(self: RoughEdge, group: SeatGroupKey, cells: Sequence[Cell], occupancy: Occupancy) -> None:
        await mark(self, group, cells, occupancy._replace(as_of_ms=self._now_ms()))

    patch.setattr(RoughEdge, "mark", fresh)


@broken(
    "a late mark counts for a hold that has ended",
    "E2",
    Plan(16, with_gate=True, seats=2, popular=2, holders=7, kills=0.0),
)
def _no_tombstone(patch: pytest.MonkeyPatch) -> None:
    async def clear(self: LocalGate, group: SeatGroupKey, cells: Sequence[Cell], *, hold: str) -> None:
        self._taken.drop(group, cells, lambda found: found.hold == hold)

    patch.setattr(LocalGate, "clear", clear)


@broken(
    "a sold seat has no known owner at the gate",
    "I6",
    Plan(6, with_gate=True, holders=9, twins=1.0, kills=0.0, faults=0.3),
)
def _nobodys_mark(patch: pytest.MonkeyPatch) -> None:
    refused = EdgeUpkeep.refused

    async def anonymous(self: EdgeUpkeep, hold: Hold, taken: Sequence[Taken], *, as_of_ms: int) -> None:
        await refused(
            self, hold, [each._replace(home={**each.home, "claimant": ""}) for each in taken], as_of_ms=as_of_ms
        )

    patch.setattr(EdgeUpkeep, "refused", anonymous)
    patch.setattr(local, "replaces", lambda _new, _standing: True)
    patch.setattr(local, "KNOWN_MS", 0)


@broken("all of a holder's attempts without a key are one claimant", "E1", HONEST.with_seed(1))
def _shared_claimant(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(hold, "claimant_of", lambda actor, key, _attempt="": claimant_of(actor, key))


# ---- keys and slots


@broken(
    "two attempts under one key each giving their own reason",
    "I5",
    Plan(8, faults=0.6, kills=0.0, seats_per_group=1, seats=4, holders=8, twins=1.0),
)
def _own_reasons(patch: pytest.MonkeyPatch) -> None:
    no = Holding._no
    patch.setattr(Holding, "_no", lambda self, hold, why, _fenced: no(self, hold, why, {}))


@broken("no new id for a key after a fence", "I5", Plan(1, faults=0.3))
def _no_rebind(patch: pytest.MonkeyPatch) -> None:
    bind = Ledger._bind

    async def stay(
        self: Ledger[Hold], request: HoldRequest, key: str, standing: Rows
    ) -> "ledger._Binding | ledger.Entered":
        bound = await bind(self, request, key, standing)
        return ledger.Go(bound.left) if isinstance(bound, ledger._Binding) and bound.left is not None else bound

    patch.setattr(Ledger, "_bind", stay)


@broken("no idempotency", "I5 I6", Plan(0))
def _no_ledger(patch: pytest.MonkeyPatch) -> None:
    async def enter(_self: Ledger[Hold], _request: HoldRequest, private_id: str) -> ledger.Entered:
        return ledger.Go(private_id)

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


@broken("a slot freed before the fence", "I9", Plan(2, holds_max=1, faults=0.3))
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
    apply = Sender.apply

    async def act(
        self: Sender,
        partition: Partition,
        writes: Sequence[Write],
        asked: Sequence[IndexEntry],
        *,
        at_ms: int | None = None,
    ) -> Outcome:
        counted = [write._replace(condition={}) if write.key.kind is Kind.SLOT else write for write in writes]
        return await apply(self, partition, counted, asked, at_ms=at_ms)

    patch.setattr(Sender, "apply", act)


# ---- steps, events and index entries


@broken("revive an ended row", "I4", Plan(0))
def _revive(patch: pytest.MonkeyPatch) -> None:
    async def revive(self: LateConfirming[Hold], hold: Hold, asked: Confirmed) -> Hold:
        booking = hold.with_state(asked)
        claim = self._attempts._home_claim([booking], await self._sender.now())
        own, event = claim.beside
        revived = own._replace(condition={"status": "expired"})
        claimed = await self._attempts._claims.claim(replace(claim, beside=(revived, event), is_intent=True))
        if isinstance(claimed.result, claims.Won):
            return booking
        raise HoldExpired(0)

    patch.setattr(LateConfirming, "confirm", revive)


@broken("expire without comparing the expiry that was read", "I10", Plan(19, faults=0.6))
def _expire_whatever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(expire, "_as_seen", lambda _hold: {"status": "held"})


@broken("expire by the local clock alone", "I10", Plan(0))
def _expire_early(patch: pytest.MonkeyPatch) -> None:
    def left_ms(self: Judging[Hold], _hold_id: str, row: Row) -> int:
        return rows.number(row, "expires_at_ms") - self._sender.clock.now_ms() - 4_000

    patch.setattr(Judging, "left_ms", left_ms)


@broken("an event that is not in the batch", "I8", Plan(0))
def _event_afterwards(patch: pytest.MonkeyPatch) -> None:
    apply = Sender.apply

    async def afterwards(
        self: Sender,
        partition: Partition,
        writes: Sequence[Write],
        asked: Sequence[IndexEntry],
        *,
        at_ms: int | None = None,
    ) -> Outcome:
        outcome = await apply(
            self, partition, [write for write in writes if write.key.kind is not Kind.EVENT], asked, at_ms=at_ms
        )
        if isinstance(outcome, Applied):
            await apply(self, partition, [write for write in writes if write.key.kind is Kind.EVENT], (), at_ms=at_ms)
        return outcome

    patch.setattr(Sender, "apply", afterwards)


@broken(
    "an index entry that is not written before the batch",
    "I8 L1 L2",
    Plan(3, faults=0.5, kills=0.9, seats_per_group=1, seats=20, popular=20, holders=5),
)
def _hint_afterwards(patch: pytest.MonkeyPatch) -> None:
    without_slow_round(patch)
    apply = Sender.apply

    async def afterwards(
        self: Sender,
        partition: Partition,
        writes: Sequence[Write],
        asked: Sequence[IndexEntry],
        *,
        at_ms: int | None = None,
    ) -> Outcome:
        outcome = await apply(self, partition, writes, (), at_ms=at_ms)
        if isinstance(outcome, Applied):
            await apply(self, partition, [], asked, at_ms=at_ms)
        return outcome

    patch.setattr(Sender, "apply", afterwards)


def without_slow_round(patch: pytest.MonkeyPatch) -> None:
    """Nobody visits the seat groups of all open trips: what no index leads to stays as it is, untold."""

    async def none(_self: SlowRound) -> list[Partition]:
        return []

    patch.setattr(SlowRound, "next_partitions", none)


def visit_once(patch: pytest.MonkeyPatch, index: Index) -> None:
    """Visit the minutes of the index while they last and when they have ended, and never again; no slow round
    repairs it.
    """
    without_slow_round(patch)
    visits_due = MinuteCursor._visits_due

    def once(self: MinuteCursor, minute: int, now_ms: int) -> int:
        if self.index is not index:
            return visits_due(self, minute, now_ms)
        return len(self.settles_ms) if now_ms >= (minute + 1) * MINUTE_MS else 0

    patch.setattr(MinuteCursor, "_visits_due", once)


@broken(
    "a bucket visited once by the relay",
    "I8",
    Plan(4, late_s=3 * VERY_LATE_S, faults=0.8, kills=0.3, seats=12, popular=12, holders=7),
)
def _relay_once(patch: pytest.MonkeyPatch) -> None:
    visit_once(patch, Index.JOURNAL)
