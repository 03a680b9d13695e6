"""The owner of a hold, and the definition of a trip: conditions that no drawn day tries, because its callers name their
own holds.
"""

import asyncio
from dataclasses import replace
from random import Random

import pytest

from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.batches import Kind
from travio_inventory.protocol.steps.deciding import Deciding
from travio_inventory.seats.hold import Hold, HoldRequest, Released
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.definitions import Definitions
from travio_inventory.seats.refusals import HoldNotFound, TripDefinedOtherwise
from travio_inventory.seats.trip import Journey, Trip
from travio_inventory.store.memory import MemoryBatches
from verification.kit.asking import open_trip
from verification.simulation.broken import rewrite, unconditionally
from verification.simulation.plan import Plan
from verification.simulation.process import adopting, steady_process
from verification.simulation.virtual_loop import run_virtually
from verification.simulation.world import World

TRIP = World(Plan(0, seats=4, seats_per_group=4)).trip
OTHERWISE = replace(TRIP, seats_per_group=1)
"""The same seats, each in its own seat group: sales by this definition do not see those by the other."""


def test_of_two_definitions_at_once_one_remains() -> None:
    stands, raised = run_virtually(0, _open_both_ways())
    assert stands in {TRIP, OTHERWISE}
    assert [type(error) for error in raised] == [TripDefinedOtherwise]


def test_a_definition_that_is_written_over_is_two_trips(monkeypatch: pytest.MonkeyPatch) -> None:
    rewrite(monkeypatch, lambda write: unconditionally(write) if write.key.kind is Kind.TRIP else write)
    _, raised = run_virtually(0, _open_both_ways())
    assert not raised


async def _open_both_ways() -> tuple[Trip | None, list[BaseException]]:
    """The stored definition, and the refusals of the two openers."""
    batches = _well()
    one, other = steady_process(batches), steady_process(batches)
    told = await asyncio.gather(
        open_trip(one.inventory, TRIP), open_trip(other.inventory, OTHERWISE), return_exceptions=True
    )
    offer = await Definitions(batches, one.clock).find(TRIP.key)
    return offer.trip if offer else None, [error for error in told if error is not None]


def test_nobody_ends_the_hold_of_somebody_else() -> None:
    with pytest.raises(HoldNotFound):
        run_virtually(0, _release_somebody_elses())


def test_a_step_that_does_not_check_the_holder_ends_any_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    async def anybodys(self: Deciding[Hold], actor: Actor, hold_id: str) -> Hold:
        row = await self._judging.home(actor.organization, hold_id)
        assert row is not None
        return seat_rows.read_hold(actor.organization, hold_id, row)

    monkeypatch.setattr(Deciding, "own", anybodys)
    assert isinstance(run_virtually(0, _release_somebody_elses()).state, Released)


async def _release_somebody_elses() -> Hold:
    process = steady_process(_well())
    await open_trip(process.inventory, TRIP)
    hold = await process.holds.hold(HoldRequest(Actor("o", "u"), TRIP, Journey(0, 0), ("s0",), 20_000, None))
    return await process.holds.release(Actor("o", "v"), hold.id)


def _well() -> MemoryBatches:
    """A store without faults."""
    asyncio.get_running_loop().set_task_factory(adopting)
    return MemoryBatches(None, Random(0), asyncio.sleep)
