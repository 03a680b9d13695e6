"""An id that ended and was forgotten never commits again, though a late copy may lead its key back to it."""

import asyncio
from dataclasses import replace
from random import Random

import pytest

from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.batches import Kind, RowKey
from travio_inventory.protocol.rows import ledger_partition
from travio_inventory.seats.hold import HoldRequest
from travio_inventory.seats.trip import Journey
from travio_inventory.store.memory import Faults, MemoryBatches
from verification.kit.asking import open_trip
from verification.simulation.broken_retention import FORGETFUL, go_on_with_old
from verification.simulation.process import adopting, steady_process
from verification.simulation.virtual_loop import run_virtually
from verification.simulation.world import World

TRIP = World(replace(FORGETFUL, seats=2)).trip
ANN = Actor("o", "ann")
FORGOTTEN_S = FORGETFUL.retention.ended_s + 30.0
LATE_S_MAX = 4 * FORGOTTEN_S


def test_a_key_that_a_late_copy_led_back_to_an_old_id_gets_a_new_one() -> None:
    first, led_back_to, second = run_virtually(0, _asked_again_after_a_late_copy())
    assert led_back_to == first, "the late copy must bind the key again"
    assert second != first


def test_a_key_that_goes_on_with_an_old_id_revives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Directed: on seeds a holder's ledger is hardly ever left alone for as long as a late copy needs."""
    go_on_with_old(monkeypatch)
    first, _, second = run_virtually(0, _asked_again_after_a_late_copy())
    assert second == first


async def _asked_again_after_a_late_copy() -> tuple[str, object, str]:
    """The id of a key's hold; what the key is bound to when both were forgotten and a late copy of the batch that bound
    it has landed; and the id of the hold that the key gets then.
    """
    asyncio.get_running_loop().set_task_factory(adopting)
    batches = MemoryBatches(None, Random(8), asyncio.sleep)
    process = steady_process(batches, FORGETFUL)
    await open_trip(process.inventory, TRIP)
    request = HoldRequest(ANN, TRIP, Journey(0, 0), ("s0",), 20_000, "key")
    batches.faults = replace(Faults.none(), twice=1.0, late_s_max=LATE_S_MAX)
    asked = process.start(process.holds.hold(request))
    await asyncio.sleep(0)
    batches.faults = replace(Faults.none(), late_s_max=LATE_S_MAX)
    first = await asked
    await process.holds.release(ANN, first.id)
    await asyncio.sleep(LATE_S_MAX)
    key, ledger = RowKey(Kind.KEY, "key"), ledger_partition(ANN)
    row = batches.standing().get(ledger, {}).get(key, {})
    second = await process.holds.hold(request)
    return first.id, row.get("hold"), second.id
