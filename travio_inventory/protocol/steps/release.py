"""Release: the holder returns a hold."""

from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.hold import Released
from travio_inventory.protocol.resource import H
from travio_inventory.protocol.steps.deciding import Deciding


async def release(deciding: Deciding[H], actor: Actor, hold_id: str) -> H:
    """See Holds."""
    hold = await deciding.decide(actor, hold_id, Released())
    if not isinstance(hold.state, Released):
        raise await deciding.over(hold)
    return hold
