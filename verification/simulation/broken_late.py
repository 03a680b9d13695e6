"""Broken designs of what comes late: steps that waited, batches that land when nobody looks for them any more."""

from dataclasses import replace

import pytest

from travio_inventory.protocol.batches import ANY_TIME
from travio_inventory.protocol.late_events import LateEvents
from travio_inventory.protocol.sending import Sender
from verification.simulation.broken_designs import GROUPS_OF_ONE, broken, without_slow_round
from verification.simulation.plan import VERY_LATE_S, Plan


@broken("a step is sent however long it waited", "I8 L2", Plan(9, holders=7, pauses=25, kills=0.0, faults=0.3))
def _send_old(patch: pytest.MonkeyPatch) -> None:
    without_slow_round(patch)
    patch.setattr(Sender, "_send_by", lambda _self, _at_ms: ANY_TIME)


@broken(
    "the relay does not look for what landed late",
    "I8",
    Plan(4, late_s=3 * VERY_LATE_S, faults=0.8, kills=0.3, seats=12, popular=12, holders=7),
)
def _pass_over_late(patch: pytest.MonkeyPatch) -> None:
    async def nothing(_self: LateEvents) -> None:
        return

    patch.setattr(LateEvents, "_look", nothing)


@broken(
    "no slow round over open trips",
    "L2",
    replace(GROUPS_OF_ONE, late_s=VERY_LATE_S, faults=0.5, kills=0.4).with_seed(1),
)
def _no_slow_round(patch: pytest.MonkeyPatch) -> None:
    without_slow_round(patch)
