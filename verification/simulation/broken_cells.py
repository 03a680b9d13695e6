"""Broken designs of the ownership of cells: a missing condition, or a wrong conclusion from what a cell says."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from travio_inventory.protocol import attempts, claims, rows
from travio_inventory.protocol.attempts import Attempts
from travio_inventory.protocol.batches import ABSENT, Kind, Partition, Row, RowKey, Rows, Write
from travio_inventory.protocol.claims import Claims
from travio_inventory.protocol.hold import Recorded
from travio_inventory.protocol.judging import Judged, Judging, Verdict
from travio_inventory.protocol.resource import Claim, Findings, Obstacle, Taken, home_and_others
from travio_inventory.protocol.until_known import until_known
from travio_inventory.seats.hold import Confirmed, Hold, HoldState
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.definitions import Definitions
from travio_inventory.seats.records.seats import Seats
from travio_inventory.seats.records.trip_rows import SEEDED_WITHIN_S
from travio_inventory.seats.trip import Journey, Trip
from verification.simulation.broken import GROUPS_OF_ONE, broken, rewrite, unconditionally
from verification.simulation.plan import Plan


@broken("take a lapsed cell by its clock", "I1 I2", Plan(0))
def _take_by_clock(patch: pytest.MonkeyPatch) -> None:
    judge = Claims._judge

    async def by_clock(self: Claims[Hold], findings: Findings[Hold], obstacle: Obstacle) -> None:
        row = findings.met.rows[obstacle.key]
        if row.get("status") == "held" and rows.number(row, "until_ms") <= self._sender.clock.now_ms():
            await self._sender.apply(
                findings.claim.partition, [Write(obstacle.key, {"owner": row["owner"]}, seat_rows.FREE)], ()
            )
        else:
            await judge(self, findings, obstacle)

    patch.setattr(Claims, "_judge", by_clock)


@broken("free without the owner's condition", "I1 I2", Plan(0))
def _free_unconditionally(patch: pytest.MonkeyPatch) -> None:
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
        return writes if isinstance(state, Confirmed) else list(map(unconditionally, writes))

    patch.setattr(Seats, "move", anybodys)


@broken("take a cell whoever has it", "I1 I2", Plan(0))
def _take_any(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, lambda write: unconditionally(write) if write.condition == seat_rows.IF_AVAILABLE else write)


@broken("make cells whether they stand already or not", "I1 I2", Plan(0, faults=0.4))
def _seed_over(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, lambda write: unconditionally(write) if write.condition is ABSENT and _is_cell(write) else write)


def _is_cell(write: Write) -> bool:
    return write.key.kind is Kind.CELL


@broken("cells that are created by the number of their portion", "I1 I2", Plan(4, seats_per_group=6, seats=6))
def _seed_by_portion(patch: pytest.MonkeyPatch) -> None:
    """Another release cuts the portions differently."""

    async def seed(self: Definitions, trip: Trip, group: int, *, since_s: float) -> None:
        partition, size = seat_rows.group_partition(trip.key, group), self._cells_per_batch_max
        cells = seat_rows.cell_keys((seat.id for seat in trip.seats_in(group)), Journey(0, len(trip.segments) - 1))
        for start in range(0, len(cells), size):
            guard = Write(RowKey(Kind.HOLD, f"portion {start:06d}"), ABSENT, {"status": "aborted"})
            portion = [Write(cell, {}, seat_rows.NEW_CELL) for cell in cells[start : start + size]]
            await until_known(self._batches, partition, [guard, *portion], send_by=since_s + SEEDED_WITHIN_S)

    patch.setattr(Definitions, "seed", seed)


@broken(
    "steal an intent without fencing it",
    "I1 I2",
    Plan(26, faults=0.5, kills=0.2, seats_per_group=1, seats=5, holders=7, late_s=100.0),
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


@broken("trust an earlier read after a refusal", "I1 I2", Plan(2, faults=0.2, seats_per_group=1, seats=4))
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

    async def trusting(self: Claims[Hold], findings: Findings[Hold], obstacle: Obstacle) -> None:
        row = findings.met.rows[obstacle.key]
        if row.get("status") == "held" and rows.number(row, "until_ms") > self._sender.clock.now_ms():
            findings.taken.append(Taken(obstacle.key, obstacle.owner, {"status": "held"}))
        else:
            await real(self, findings, obstacle)

    patch.setattr(Claims, "_judge", trusting)


@broken(
    "trust 'sold' on a cell of another seat group",
    "I5 L2",
    Plan(59, faults=0.5, kills=0.4, seats_per_group=1, seats=12, popular=12, holders=6, day_s=250.0),
)
def _trust_sold(patch: pytest.MonkeyPatch) -> None:
    real = Claims._judge

    async def trusting(self: Claims[Hold], findings: Findings[Hold], obstacle: Obstacle) -> None:
        if findings.met.rows[obstacle.key].get("status") == "sold":
            findings.taken.append(Taken(obstacle.key, obstacle.owner, {"status": "confirmed"}))
        else:
            await real(self, findings, obstacle)

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


@broken("the home batch before the intents", "I2", Plan(0))
def _commit_first(patch: pytest.MonkeyPatch) -> None:
    async def claim(
        self: Attempts[Hold], holds: Sequence[Hold], now_ms: int, beside: Sequence[Write] = ()
    ) -> tuple[claims.Claimed, bool]:
        spread = [home_and_others(self._resource, hold) for hold in holds]
        claimed = await self._claims.claim(self._home_claim(holds, spread, await self._sender.now(now_ms), beside))
        others = dict.fromkeys(other for _, elsewhere in spread for other in elsewhere)
        for other in others:
            if isinstance(claimed.result, claims.Won):
                claimed = await self._claims.claim(self._intents(holds, spread, other, Recorded(0, now_ms)))
        return claimed, bool(others)

    patch.setattr(Attempts, "claim", claim)


@broken("one seat group's win stands for all", "I1 I2", Plan(1))
def _best_of_all(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(attempts._RANK, claims.Won, -1)


@broken("a cell that is not there yet counts as taken", "I5", Plan(7, faults=0.8, holders=9))
def _unseeded_is_taken(patch: pytest.MonkeyPatch) -> None:
    decide = Claims._decide

    def taken(self: Claims[Hold], findings: Findings[Hold], before: Findings[Hold] | None) -> claims.Result | None:
        return decide(self, findings, before) if findings.met.is_made else claims.Lost(())

    patch.setattr(Claims, "_decide", taken)


@broken("never fence an abandoned attempt", "L2 I5", GROUPS_OF_ONE)
def _never_abandoned(patch: pytest.MonkeyPatch) -> None:
    judge = Judging.judge

    async def patient(self: Judging[Hold], organization: str, hold_id: str, *, since_ms: int) -> Judged:
        if await self.home(organization, hold_id) is None:
            return Judged(Verdict.CONTENDED, {})
        return await judge(self, organization, hold_id, since_ms=since_ms)

    patch.setattr(Judging, "judge", patient)
