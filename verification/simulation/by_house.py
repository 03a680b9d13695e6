"""Calls through the use cases, which know the vehicle that the trip has, as the process knows it."""

from collections.abc import Sequence

from travio_inventory.kernel.actor import Actor, house_of
from travio_inventory.seats.commands import BlockSeatsCommand, MoveHoldCommand, SeatUpdate
from travio_inventory.seats.hold import Hold, base_id
from travio_inventory.seats.move import Move
from travio_inventory.seats.trip import Ends
from travio_inventory.seats.use_cases.block_seats import SeatsUpdated
from verification.simulation.oracle import ORGANIZATION
from verification.simulation.process import Process


async def move(process: Process, actor: Actor, hold: Hold, to: Move, ends: Ends | None, *, settles: bool) -> Hold:
    """Move it in the vehicle that the process knows; it stays where nothing is to be moved."""
    if not (to.onto or ends):
        return hold
    command = MoveHoldCommand(
        hold_id=base_id(hold.id), moves=tuple(to.onto.items()), ends=ends, version=to.version, settles=settles
    )
    return await process.inventory.move_hold(actor, command)


async def update(process: Process, seats: Sequence[str], *, are_blocked: bool) -> SeatsUpdated:
    """Block or unblock the seats in the vehicle that the process knows."""
    updates = tuple(SeatUpdate(seat, is_blocked=are_blocked, reason="broken") for seat in seats)
    return await process.inventory.block_seats(house_of(ORGANIZATION), BlockSeatsCommand(trip_id="t", updates=updates))
