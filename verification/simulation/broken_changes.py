"""Broken designs of changes: steps after which a hold has other claims than before."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from travio_inventory.protocol.batches import Outcome, Partition, Row, RowKey, Rows, Write
from travio_inventory.protocol.hold import Aborted, Confirmed, Released
from travio_inventory.protocol.judging import Verdict
from travio_inventory.protocol.lapses import LapseFinder
from travio_inventory.protocol.resource import Resource, Standing, home_and_others
from travio_inventory.protocol.rolling_forward import RollingForward
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps import deciding, writing
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.records import seat_rows
from verification.simulation.broken import GROUPS_OF_ONE, broken

CHANGING = replace(GROUPS_OF_ONE, changes=0.8)


@broken("a live hold has whatever says that it is its own", "I7 L2", CHANGING.with_seed(17))
def _has_all(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(seat_rows, "names", lambda _home, _cell: True)


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
                await sender.apply(other, resource.move({before.id: gone}, Released(), other, {}), ())
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
            await self._roll(owner, partition, owned.keys(), Aborted(""))
        elif judged.row.get("status") == "confirmed":
            await self._roll(owner, partition, owned.keys(), Confirmed(""))

    patch.setattr(RollingForward, "changed", settled)
    patch.setattr(LapseFinder, "_settle", settle)


@broken("a change that is told as what it is not", "I8", CHANGING)
def _tell_otherwise(patch: pytest.MonkeyPatch) -> None:
    keeping = Hold.keeping
    patch.setattr(Hold, "keeping", lambda self, parts, state: replace(keeping(self, parts, state), before=None))


@broken("a step that compares the status alone", "I2 I8", CHANGING.with_seed(22))
def _compare_status(patch: pytest.MonkeyPatch) -> None:
    as_seen = deciding._as_seen
    patch.setattr(deciding, "_as_seen", lambda hold: {"status": as_seen(hold)["status"]})
