"""Broken designs that lack two conditions, each of which makes up for the other; and some that lack one.

If only one condition of a pair is missing, the other one still protects the promise.
"""

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from travio_inventory.edge.local import LocalGate
from travio_inventory.edge.occupancies import Found
from travio_inventory.protocol import fencing, ledger, rows
from travio_inventory.protocol.attempts import Attempts
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
from travio_inventory.protocol.claims import Claims
from travio_inventory.protocol.fencing import REFUSED, RETRY
from travio_inventory.protocol.hold import Recorded, Title
from travio_inventory.protocol.judging import Judged, Judging, Verdict
from travio_inventory.protocol.ledger import Ledger
from travio_inventory.protocol.resource import Findings, Resource, Taken
from travio_inventory.protocol.rolling_forward import RollingForward
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps import expire, writing
from travio_inventory.seats.hold import (
    Aborted,
    Cancelled,
    Confirmed,
    Hold,
    HoldRequest,
    HoldState,
    Released,
    parse_hold_id,
)
from travio_inventory.seats.ports import Attempt, Cell, SeatGroupKey
from travio_inventory.seats.records.seats import Seats
from travio_inventory.seats.refusals import HoldLimitReached
from travio_inventory.seats.trip import Trip
from travio_inventory.seats.use_cases.map_groups import MapGroups
from travio_inventory.seats.use_cases.step_runner import StepRunner
from travio_inventory.store.memory import MemoryBatches
from verification.kit.passing import Batch, Send
from verification.simulation.broken import (
    ALONE,
    GROUPS_OF_ONE,
    HONEST,
    Why,
    broken,
    rewrite,
    send_through,
    unconditionally,
)
from verification.simulation.plan import Plan

T = TypeVar("T")


# ---- pairs


@broken("cancel whatever the status, whoever has the cells", "I1 I4", Plan(12, faults=0.3))
def _cancel_any(patch: pytest.MonkeyPatch) -> None:
    async def otherwise(_store: MemoryBatches, batch: Batch, send: Send) -> Outcome:
        is_cancel = any(
            write.key.kind is Kind.HOLD and write.values.get("status") == "cancelled" for write in batch.writes
        )
        changed = list(map(unconditionally, batch.writes)) if is_cancel else batch.writes
        return await send(batch._replace(writes=changed))

    send_through(patch, MemoryBatches, otherwise)


@broken("bind a key again whatever its hold, to a random id", "I6", Plan(14, faults=0.6, twins=1.0))
def _rebind_any(patch: pytest.MonkeyPatch) -> None:
    bind = Ledger._bind

    async def anew(
        self: Ledger[Hold], request: HoldRequest, key: str, standing: Rows, new_id: str
    ) -> "ledger._Binding | ledger.Entered":
        bound = await bind(self, request, key, standing, new_id)
        if not isinstance(bound, ledger._Binding) or bound.left is None:
            return bound
        hold_id = request.new_id(self._sender.new_digest())
        write = Write(bound.write.key, {}, {**bound.write.values, "hold": hold_id})
        return replace(bound, hold_id=hold_id, write=write)

    patch.setattr(Ledger, "_bind", anew)


# ---- conditions


@broken("extend whatever the status", "I4", Plan(180, faults=0.3, day_s=400.0, kills=0.0))
def _extend_any(patch: pytest.MonkeyPatch) -> None:
    def change(write: Write) -> Write:
        is_extension = write.key.kind is Kind.HOLD and "expires_at_ms" in write.values and "status" not in write.values
        seen = {name: value for name, value in (write.condition or {}).items() if name != "status"}
        return write._replace(condition=seen) if is_extension else write

    rewrite(patch, change)


@broken("expire whatever the status", "I4", Plan(29, faults=0.5))
def _expire_any(patch: pytest.MonkeyPatch) -> None:
    as_seen = expire._as_seen
    patch.setattr(expire, "_as_seen", lambda hold: {"expires_at_ms": as_seen(hold)["expires_at_ms"]})


@broken("free a leftover whoever has it by now", "I1 I2", replace(GROUPS_OF_ONE, faults=0.5, kills=0.3))
def _free_any_leftover(patch: pytest.MonkeyPatch) -> None:
    move = Seats.move

    def anybodys(
        self: Seats,
        owned: Mapping[str, Sequence[RowKey]],
        state: HoldState,
        partition: Partition,
        seen: Rows,
        now: Recorded,
    ) -> Sequence[Write]:
        writes = move(self, owned, state, partition, seen, now)
        return list(map(unconditionally, writes)) if seen and state == Aborted("") else writes

    patch.setattr(Seats, "move", anybodys)


# ---- what is a final refusal


@broken("a refusal of the house without a fence", "I5", Plan(25, faults=0.6, seats_per_group=6, holders=3))
def _no_house_fence(patch: pytest.MonkeyPatch) -> None:
    fence = Attempts.fence

    async def not_for_the_house(self: Attempts[Hold], hold: Hold, why: Why) -> Row:
        return await fence(self, hold, why) if hold.holder else {"status": "aborted", "reason": RETRY}

    patch.setattr(Attempts, "fence", not_for_the_house)


@broken("a contended seat is refused for good", "I5", Plan(3, faults=0.3))
def _contended_for_good(patch: pytest.MonkeyPatch) -> None:
    async def fence(self: Attempts[Hold], hold: Hold, _why: Why) -> Row:
        return await self._fencing.fence(hold.organization, hold.id, REFUSED)

    patch.setattr(Attempts, "fence", fence)


@broken("an abandoned attempt is refused for good", "I5", replace(GROUPS_OF_ONE, kills=0.3).with_seed(9))
def _abandoned_for_good(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fencing, "ABANDONED", REFUSED)


@broken("a final refusal that its key forgets", "I5", Plan(0, faults=0.3))
def _forget_a_no(patch: pytest.MonkeyPatch) -> None:
    bind = Ledger._bind

    async def forget(
        self: Ledger[Hold], request: HoldRequest, key: str, standing: Rows, new_id: str
    ) -> "ledger._Binding | ledger.Entered":
        bound = await bind(self, request, key, standing, new_id)
        if not isinstance(bound, ledger.Answered) or bound.row.get("reason") != REFUSED:
            return bound
        return self._binding(request, key, new_id, standing[RowKey(Kind.KEY, key)])

    patch.setattr(Ledger, "_bind", forget)


# ---- what must be returned


@broken("fence an attempt however young", "I10", GROUPS_OF_ONE)
def _fence_the_young(patch: pytest.MonkeyPatch) -> None:
    judge = Judging.judge

    async def impatient(self: Judging[Hold], organization: str, hold_id: str, *, since_ms: int) -> Judged:
        return await judge(self, organization, hold_id, since_ms=since_ms - self._sender.rules.grace_ms)

    patch.setattr(Judging, "judge", impatient)


@broken("never end a lapsed hold of the same seat group", "L2 I5", Plan(0))
def _spare_a_neighbour(patch: pytest.MonkeyPatch) -> None:
    async def spare(self: Claims[Hold], findings: Findings[Hold], key: RowKey, title: Title) -> None:
        home = await self._judging.home(findings.claim.partition.organization, title.hold_id) or {}
        if home.get("status") in rows.LIVE:
            findings.taken.append(Taken(key, title.hold_id, home))

    patch.setattr(Claims, "_judge_neighbour", spare)


@broken("never end a lapsed hold of another seat group", "L2 I5", GROUPS_OF_ONE.with_seed(13))
def _spare_a_stranger(patch: pytest.MonkeyPatch) -> None:
    judge = Judging.judge

    async def spare(self: Judging[Hold], organization: str, hold_id: str, *, since_ms: int) -> Judged:
        row = await self.home(organization, hold_id)
        if row is not None and row.get("status") == "held":
            return Judged(Verdict.TAKEN, row)
        return await judge(self, organization, hold_id, since_ms=since_ms)

    patch.setattr(Judging, "judge", spare)


@broken("a refusal before the intents are freed", "L2", replace(GROUPS_OF_ONE, faults=0.0, kills=0.0))
def _give_back_later(patch: pytest.MonkeyPatch) -> None:
    async def later(self: RollingForward[Hold], hold: Hold) -> None:
        self._background(self.roll_forward(hold))
        await self.watch.changed(hold, as_of_ms=self._sender.clock.now_ms())

    patch.setattr(RollingForward, "given_back", later)


@broken("a booking keeps its slot", "I5 L2", Plan(0, holds_max=1))
def _keep_the_slot(patch: pytest.MonkeyPatch) -> None:
    async def free_slot(
        self: Ledger[Hold], request: HoldRequest, standing: Rows, slots: list[RowKey], left: str | None
    ) -> RowKey:
        for slot in slots:
            row = standing.get(slot, {})
            owner = rows.text(row, "hold")
            if not owner or owner == left:
                return slot
            judged = await self._judging.judge(request.actor.organization, owner, since_ms=rows.number(row, "since_ms"))
            if judged.verdict is Verdict.DEAD:
                return slot
        raise HoldLimitReached(len(slots))

    patch.setattr(Ledger, "_free_slot", free_slot)


@broken("the sweeper leaves a booking's other cells as they are", "I2", replace(ALONE, kills=0.6).with_seed(142))
def _leave_bookings(patch: pytest.MonkeyPatch) -> None:
    roll = RollingForward.roll

    async def only_the_dead(
        self: RollingForward[Hold], hold_id: str, partition: Partition, keys: Sequence[RowKey], state: HoldState
    ) -> bool:
        return state == Confirmed("") or await roll(self, hold_id, partition, keys, state)

    patch.setattr(RollingForward, "roll", only_the_dead)


# ---- the edge


@broken("a step that ends where its caller leaves", "I7", replace(HONEST, viewers=20, leaves=0.5).with_seed(9))
def _torn(patch: pytest.MonkeyPatch) -> None:
    async def run(_self: StepRunner, step: Coroutine[Any, Any, T], **_never_begun: object) -> T:
        return await step

    patch.setattr(StepRunner, "run", run)


@broken(
    "a step of a dead process is answered without invalidating maps",
    "I7",
    replace(HONEST, faults=0.3, kills=0.4).with_seed(129),
)
def _answer_alone(patch: pytest.MonkeyPatch) -> None:
    step, settled = writing.step, RollingForward.settled

    async def noted(
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
        if isinstance(outcome, Applied):
            done.add((hold.id, type(hold.state)))
        return outcome

    async def own(self: RollingForward[Hold], hold: Hold, *, as_of_ms: int) -> None:
        is_step = isinstance(hold.state, Confirmed | Released | Cancelled) and not parse_hold_id(hold.id).is_late
        if not is_step or (hold.id, type(hold.state)) in done:
            await settled(self, hold, as_of_ms=as_of_ms)
            done.discard((hold.id, type(hold.state)))

    done: set[tuple[str, type]] = set()
    patch.setattr(writing, "step", noted)
    patch.setattr(RollingForward, "settled", own)


@broken("a lock that its own claimant cannot pass", "E1", HONEST.with_seed(1))
def _lock_out_oneself(patch: pytest.MonkeyPatch) -> None:
    ask = LocalGate.ask

    async def anybody(
        self: LocalGate, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int
    ) -> Sequence[Found]:
        stranger = attempt._replace(claimant=f"{attempt.claimant} {attempt.token}")
        return await ask(self, group, cells, stranger, ttl_ms=ttl_ms)

    patch.setattr(LocalGate, "ask", anybody)


@broken("a refill whose lease is younger than its read", "I7", replace(HONEST, viewers=20))
def _lease_afterwards(patch: pytest.MonkeyPatch) -> None:
    async def read_portion(self: MapGroups, trip: Trip, groups: Sequence[int]) -> dict[int, bytes]:
        packed = {group: await self._holds.snapshot(trip, group) for group in groups}
        leases = await self.cache.lease(trip.key, groups)
        await self.cache.fill(trip.key, {group: (leases[group], content) for group, content in packed.items()})
        return packed

    patch.setattr(MapGroups, "_read_portion", read_portion)
