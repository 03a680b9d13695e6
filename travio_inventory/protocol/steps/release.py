"""Release: a hold is given back by its holder."""

from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.steps.deciding import Deciding
from travio_inventory.seats.hold import Hold, Released


async def release(deciding: Deciding, actor: Actor, hold_id: str) -> Hold:
    """See Holds."""
    hold = await deciding.decide(actor, hold_id, Released())
    if not isinstance(hold.state, Released):
        raise await deciding.over(hold)
    return hold
