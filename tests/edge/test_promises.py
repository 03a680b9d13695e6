"""The cases with which an operator verifies a Redis: every edge that remembers passes them."""

import asyncio
import time

import pytest

from tests.edge.edges import EdgeUnderTest
from travio_inventory.edge.absent import AbsentGate, AbsentTakenSeats
from travio_inventory.edge.local import LocalGate
from travio_inventory.kernel.promises import Promise, PromiseBroken
from travio_inventory.seats.gate_promises import PROMISES, GateAndSeats


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.says.replace(" ", "-"))
async def test_every_edge_that_remembers_keeps_the_promise(
    present_edge: EdgeUnderTest, promise: Promise[GateAndSeats]
) -> None:
    async def pause(seconds: float) -> None:
        await present_edge.wait(round(seconds * 1_000))

    await promise.hold_to(GateAndSeats(present_edge.gate, present_edge.taken, present_edge.today_ms, pause))


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.says.replace(" ", "-"))
async def test_an_edge_that_lets_everyone_pass_or_nobody_is_found_out(
    promise: Promise[GateAndSeats], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("travio_inventory.seats.gate_promises.WAIT_S", 0.2)
    everyone = GateAndSeats(AbsentGate(), AbsentTakenSeats(), now_ms, asyncio.sleep)
    stopped = LocalGate(lambda: 0, now_ms, entries_max=1_000)
    for wrong in (everyone, GateAndSeats(_Stuck(stopped), stopped, now_ms, asyncio.sleep)):
        try:
            await promise.hold_to(wrong)
        except PromiseBroken:
            return
    pytest.fail("neither was found out")


class _Stuck(LocalGate):
    """Its clock stands still, and nobody can leave."""

    def __init__(self, gate: LocalGate) -> None:
        self.__dict__ = gate.__dict__

    async def leave(self, *_args: object, **_named: object) -> None:
        """Nothing is unlocked."""
