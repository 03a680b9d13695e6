"""Broken designs of late steps: steps that waited, and batches that land when nobody looks for them any more."""

from dataclasses import replace
from typing import Any

import pytest

from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol.attempts import Attempts
from travio_inventory.protocol.batches import ANY_TIME, Row
from travio_inventory.protocol.claims import Lost
from travio_inventory.protocol.late_events import LateEvents
from travio_inventory.protocol.sending import Sender
from verification.simulation.broken import GROUPS_OF_ONE, broken, without_slow_round
from verification.simulation.plan import VERY_LATE_S, Plan


@broken("a step is sent however long it waited", "I8 L2", Plan(17, holders=7, pauses=6, kills=0.0, faults=0.3))
def _send_old(patch: pytest.MonkeyPatch) -> None:
    without_slow_round(patch)
    patch.setattr(Sender, "_send_by", lambda _self, _at_ms: ANY_TIME)


@broken(
    "the relay does not search for late events",
    "I8",
    Plan(5, late_s=3 * VERY_LATE_S, faults=0.8, kills=0.3, seats=12, popular=12, holders=7),
)
def _pass_over_late(patch: pytest.MonkeyPatch) -> None:
    async def nothing(_self: LateEvents) -> None:
        return

    patch.setattr(LateEvents, "_look", nothing)


@broken(
    "no slow round over open trips",
    "L2",
    replace(GROUPS_OF_ONE, late_s=VERY_LATE_S, faults=0.5, kills=0.4).with_seed(43),
)
def _no_slow_round(patch: pytest.MonkeyPatch) -> None:
    without_slow_round(patch)


@broken(
    "a refusal whose fence was not answered leaves its key undecided",
    "I5",
    Plan(19, seats_per_group=20, seats=20, popular=3, faults=0.9, kills=0.0, holders=7, late_s=5.0),
)
def _undecided(patch: pytest.MonkeyPatch) -> None:
    fence = Attempts.fence

    async def as_not_done(self: Attempts[Any], hold: Any, why: Any) -> Row:  # noqa: ANN401 - of whatever resource
        try:
            return await fence(self, hold, why)
        except OutcomeUnknown:
            if isinstance(why, Lost):
                raise BackendUnavailable from None
            raise

    patch.setattr(Attempts, "fence", as_not_done)
