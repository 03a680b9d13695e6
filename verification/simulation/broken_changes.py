"""Broken designs of changes: steps after which a hold has other claims than before."""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import replace

import pytest

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Outcome, Partition, Row, RowKey, Rows, Write
from travio_inventory.protocol.claims import Claimed, Lost
from travio_inventory.protocol.fencing import Fencing
from travio_inventory.protocol.hold import Aborted, Confirmed, Recorded, Released
from travio_inventory.protocol.judging import Verdict
from travio_inventory.protocol.lapses import LapseFinder
from travio_inventory.protocol.resource import Claim, Resource, Stake, Standing, home_and_others
from travio_inventory.protocol.rolling_forward import RollingForward
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps import deciding, writing
from travio_inventory.protocol.steps.move import Moving
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.move import Move
from travio_inventory.seats.records import seat_rows
from verification.simulation.broken import GROUPS_OF_ONE, broken
from verification.simulation.plan import Plan

CHANGING = replace(GROUPS_OF_ONE, changes=0.8)
MOVING = Plan(0, seats_per_group=3, seats=3, popular=3, changes=0.5, faults=0.5, kills=0.3, twin_moves=1.0)
"""Movers die while their batch is on its way, others have the seat when they ask again, and soon not any more."""


@broken("a live hold has whatever says that it is its own", "I7 L2", CHANGING.with_seed(27))
def _has_all(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(seat_rows, "names", lambda _home, _group, _cell, _move: True)


@broken("seats are given back before the step that gives them up", "I1", CHANGING)
def _give_back_first(patch: pytest.MonkeyPatch) -> None:
    step = writing.step

    async def early(
        sender: Sender,
        resource: Resource[Hold],
        change: tuple[Hold, Hold, Row],
        *,
        seen: Rows,
        at_ms: int,
        beside: Sequence[Write] = (),
    ) -> Outcome:
        before, after, _ = change
        for other in home_and_others(resource, before)[1]:
            if gone := writing.given_up(resource, before, after, other):
                await sender.apply(other, resource.move({before.id: gone}, Released(), other, {}, Recorded(0, 0)), ())
        return await step(sender, resource, change, seen=seen, at_ms=at_ms, beside=beside)

    patch.setattr(writing, "step", early)


@broken(
    "given up seats that only their home forgets", "L2", replace(CHANGING, seed=16, seats=20, popular=20, holders=9)
)
def _forget_elsewhere(patch: pytest.MonkeyPatch) -> None:
    async def settled(self: RollingForward[Hold], _before: Hold, after: Hold, *, as_of_ms: int) -> None:
        await self.settled(after, as_of_ms=as_of_ms)

    async def settle(self: LapseFinder[Hold], partition: Partition, owner: str, owned: dict[RowKey, Standing]) -> None:
        since_ms = min(claim.since_ms for claim in owned.values())
        judged = await self._judging.judge(partition.organization, owner, since_ms=since_ms)
        if judged.verdict is Verdict.DEAD:
            await self._rolling.roll(owner, partition, [*owned], Aborted(""))
        elif judged.row.get("status") == "confirmed":
            await self._rolling.roll(owner, partition, [*owned], Confirmed(""))

    patch.setattr(RollingForward, "changed", settled)
    patch.setattr(LapseFinder, "_settle", settle)


@broken("a change that is told as what it is not", "I8", CHANGING)
def _tell_otherwise(patch: pytest.MonkeyPatch) -> None:
    keeping = Hold.keeping
    patch.setattr(Hold, "keeping", lambda self, parts, state: replace(keeping(self, parts, state), before=None))


@broken("a step that compares the status alone", "I2 I8", CHANGING.with_seed(16))
def _compare_status(patch: pytest.MonkeyPatch) -> None:
    as_seen = deciding.as_seen
    patch.setattr(deciding, "as_seen", lambda hold: {"status": as_seen(hold)["status"]})


@broken("a move that frees the old seats before its commit", "I1 I2", CHANGING)
def _leave_first(patch: pytest.MonkeyPatch) -> None:
    commit = Moving._commit

    async def left(self: Moving[Hold], before: Hold, after: Hold, seen: Rows, at_ms: int) -> Claim[Hold]:
        for other in home_and_others(self._resource, before)[1]:
            if gone := writing.given_up(self._resource, before, after, other):
                await self._rolling._follow(before, other, gone, Released())
        return await commit(self, before, after, seen, at_ms)

    patch.setattr(Moving, "_commit", left)


@broken(
    "a leftover of a move is freed without fencing it", "I1 I2", replace(CHANGING, pauses=3, holders=9).with_seed(133)
)
def _free_unfenced(patch: pytest.MonkeyPatch) -> None:
    async def believe(self: Fencing[Hold], organization: str, hold_id: str, _move: int) -> Row:
        home = seat_rows.home_partition(organization, hold_id)
        return await self._row(home, rows.hold_key(hold_id))

    patch.setattr(Fencing, "fence_move", believe)


@broken("a move that is not compared with those before it", "I1 I2", CHANGING.with_seed(1))
def _move_uncounted(patch: pytest.MonkeyPatch) -> None:
    stake = Moving._stake

    def uncounted(self: Moving[Hold], before: Hold, keys: Sequence[RowKey]) -> Stake:
        proper = stake(self, before, keys)
        return proper._replace(expected={"status": proper.expected["status"]})

    patch.setattr(Moving, "_stake", uncounted)


@broken("what a move takes has no title of its own", "I1 I2 I7", CHANGING.with_seed(3))
def _no_title(patch: pytest.MonkeyPatch) -> None:
    stake = Moving._stake
    patch.setattr(Moving, "_stake", lambda self, before, keys: stake(self, before, keys)._replace(owner=before.id))


@broken("the final no of a move is not fenced", "I5", MOVING.with_seed(21))
def _plain_no(patch: pytest.MonkeyPatch) -> None:
    claim, undo = Moving._claim, Moving._undo
    is_plain = ContextVar("is_plain", default=False)

    async def claimed(self: Moving[Hold], before: Hold, after: Hold, seen: Rows) -> tuple[Claimed, bool]:
        claimed, was_taken = await claim(self, before, after, seen)
        is_plain.set(isinstance(claimed.result, Lost) and not (was_taken or claimed.in_doubt))
        return claimed, was_taken

    async def undone(self: Moving[Hold], before: Hold, after: Hold) -> Hold:
        return before if is_plain.get() else await undo(self, before, after)

    patch.setattr(Moving, "_claim", claimed)
    patch.setattr(Moving, "_undo", undone)


@broken("a move returns what it has won", "I1", CHANGING)
def _return_the_new(patch: pytest.MonkeyPatch) -> None:
    async def changed(self: RollingForward[Hold], _before: Hold, after: Hold, *, as_of_ms: int) -> None:
        await self.settled(after, as_of_ms=as_of_ms)
        for partition in home_and_others(self._resource, after)[1]:
            self._background(self._follow(after, partition, self._resource.keys(after, partition), Released()))

    patch.setattr(RollingForward, "changed", changed)


@broken("the home batch of a move before its intents", "I2", CHANGING)
def _commit_first(patch: pytest.MonkeyPatch) -> None:
    async def claim(self: Moving[Hold], before: Hold, after: Hold, seen: Rows) -> tuple[Claimed, bool]:
        at_ms = self._sender.clock.now_ms()
        claimed = await self._claims.claim(await self._commit(before, after, seen, at_ms))
        for other, keys in self._gaining(before, after).items():
            await self._claims.claim(self._intent(before, after, other, keys, at_ms))
        return claimed, False

    patch.setattr(Moving, "_claim", claim)


@broken("a move that was done is refused since its hold has ended", "I5", MOVING.with_seed(22))
def _refuse_done(patch: pytest.MonkeyPatch) -> None:
    is_done = Move.is_done
    patch.setattr(Move, "is_done", lambda self, hold: hold.is_live and is_done(self, hold))
