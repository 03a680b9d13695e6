"""Broken designs of a hold's row and its steps: a status or an expiry that is not compared."""

from dataclasses import replace

import pytest

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol import claims, rows
from travio_inventory.protocol.batches import ABSENT, Applied, Kind, Row, StoreUnavailable, Write
from travio_inventory.protocol.judging import Judging
from travio_inventory.protocol.resource import home_and_others
from travio_inventory.protocol.steps import cancel, deciding, expire
from travio_inventory.protocol.steps.extend import Extending
from travio_inventory.protocol.steps.late_confirm import LateConfirming
from travio_inventory.seats.hold import Confirmed, Held, Hold
from travio_inventory.seats.refusals import HoldExpired
from verification.simulation.broken import broken, rewrite, unconditionally
from verification.simulation.plan import Plan


@broken("a hold's row whether it stands already or not", "I1 I2 I4 I5 I6", Plan(2, faults=0.3))
def _insert_over(patch: pytest.MonkeyPatch) -> None:
    def change(write: Write) -> Write:
        is_new = write.key.kind is Kind.HOLD and write.condition is ABSENT and write.values["status"] != "aborted"
        return unconditionally(write) if is_new else write

    rewrite(patch, change)


@broken("fence whatever stands", "I1 I2 I4", Plan(0, faults=0.3))
def _fence_over(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, lambda write: unconditionally(write) if write.values.get("status") == "aborted" else write)


@broken("release whatever the status", "I4", Plan(3))
def _release_any(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, lambda write: unconditionally(write) if write.values.get("status") == "released" else write)


@broken("confirm whatever the status", "I4", Plan(41, faults=0.3))
def _confirm_any(patch: pytest.MonkeyPatch) -> None:
    def change(write: Write) -> Write:
        is_confirm = write.key.kind is Kind.HOLD and write.values.get("status") == "confirmed"
        seen = {name: value for name, value in (write.condition or {}).items() if name != "status"}
        return write._replace(condition=seen) if is_confirm and write.condition is not ABSENT else write

    rewrite(patch, change)


def step_unseen(patch: pytest.MonkeyPatch) -> None:
    """A step that does not compare the number of extensions."""
    as_seen = deciding.as_seen
    patch.setattr(deciding, "as_seen", lambda hold: {"status": as_seen(hold)["status"]})


def extend_unseen(patch: pytest.MonkeyPatch) -> None:
    """Extend without comparing the expiry that was read."""

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
        outcome = await self.extend_once(hold, hold.state.expires_at_ms, expires_at_ms, {})
        if isinstance(outcome, Applied):
            return hold.with_state(Held(expires_at_ms))
        raise OutcomeUnknown

    patch.setattr(Extending, "extend", extend)


@broken("revive an ended row", "I4", Plan(0))
def _revive(patch: pytest.MonkeyPatch) -> None:
    async def revive(self: LateConfirming[Hold], hold: Hold, asked: Confirmed, _parts: object) -> Hold:
        booking = hold.with_state(asked)
        spread = home_and_others(self._resource, booking)
        claim = self._attempts._home_claim([booking], [spread], await self._sender.now())
        own, event = claim.beside
        revived = own._replace(condition={"status": "expired"})
        claimed = await self._attempts._claims.claim(replace(claim, beside=(revived, event), is_intent=True))
        if isinstance(claimed.result, claims.Won):
            return booking
        raise HoldExpired(0)

    patch.setattr(LateConfirming, "confirm", revive)


@broken("expire without comparing the expiry that was read", "I10", Plan(131, faults=0.5))
def _expire_whatever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(expire, "_as_seen", lambda _hold: {"status": "held"})


@broken("expire by the local clock alone", "I10", Plan(0))
def _expire_early(patch: pytest.MonkeyPatch) -> None:
    def left_ms(self: Judging[Hold], _hold_id: str, row: Row) -> int:
        return rows.number(row, "expires_at_ms") - self._sender.clock.now_ms() - 4_000

    patch.setattr(Judging, "left_ms", left_ms)


@broken("ignore the late booking", "I5 I7", Plan(0))
def _overlook_late(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(deciding, "is_booking", lambda _row: False)
    patch.setattr(cancel, "is_booking", lambda _row: False)


@broken(
    "an extension that was made is refused since its hold has ended",
    "I5",
    Plan(30, seats=12, popular=12, faults=0.5, kills=0.0),
)
def _refuse_made(patch: pytest.MonkeyPatch) -> None:
    async def over(self: Extending[Hold], hold: Hold, _until_ms: int, _in_doubt: Hold | None) -> Hold:
        raise await self._deciding.over(hold)

    patch.setattr(Extending, "_over", over)
