"""A process that stands still for days in the middle of a call, and goes on with what it knew."""

import asyncio
from contextlib import suppress
from random import Random

import pytest

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol.batches import Outcome, Table
from travio_inventory.protocol.retention import Retention
from travio_inventory.seats.hold import Hold, HoldRequest
from travio_inventory.seats.trip import Journey
from verification.kit.asking import open_trip
from verification.kit.passing import Batch, PassingMemory, Send
from verification.kit.trips import a_trip, row_of
from verification.simulation.plan import Plan
from verification.simulation.process import Process, adopting, steady_process
from verification.simulation.virtual_loop import run_virtually
from verification.simulation.world import KEY

LAYOUT = row_of(4, seat="s{}", start=0, seat_class="standard")
TRIP = a_trip(KEY.trip, organization=KEY.organization, stops="AB", seats=LAYOUT, seats_per_group=1)
ANN = Actor("o", "ann")
STOP_S = 2 * Retention().slots_s


class Stopping(PassingMemory):
    """The process that gets the next answer to a batch of a ledger stands still before it goes on."""

    def __init__(self) -> None:
        super().__init__(None, Random(1), asyncio.sleep)
        self.stop_s = 0.0

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        outcome = await send(batch)
        if batch.partition.table is Table.LEDGERS:
            stop_s, self.stop_s = self.stop_s, 0.0
            await asyncio.sleep(stop_s)
        return outcome


def asked(seat: str, key: str | None, lives_s: int = 600) -> HoldRequest:
    """Of this seat, by Ann."""
    return HoldRequest(ANN, TRIP, Journey(0, 0), (seat,), lives_s * 1_000, key)


async def live(process: Process, holds: list[Hold]) -> list[Hold]:
    """Those of them that are live now."""
    return [hold for each in holds if (hold := await process.holds.find(ANN, each.id)).is_live]


@pytest.mark.parametrize("key", [None, "k"])
def test_a_call_that_stood_still_behind_its_slot_makes_no_hold_beyond_the_limit(key: str | None) -> None:
    """Its slot went to another hold meanwhile, and even the fence of its id was forgotten."""

    async def day() -> None:
        asyncio.get_running_loop().set_task_factory(adopting)
        store = Stopping()
        stopped, other = steady_process(store, Plan(0, holds_max=1)), steady_process(store, Plan(0, holds_max=1))
        await open_trip(stopped.inventory, TRIP)
        store.stop_s = STOP_S
        late = asyncio.create_task(stopped.holds.hold(asked("s0", key)))
        await asyncio.sleep(60)
        await other.holds.hold(asked("s1", "l"))  # the slot of the one that stands still is taken over
        await asyncio.sleep(STOP_S - 120)
        holds = [await other.holds.hold(asked("s2", "m"))]
        with suppress(Refusal):
            holds.append(await late)
        assert len(await live(other, holds)) == 1

    run_virtually(0, day())
