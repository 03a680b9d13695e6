"""Release: the holder returns a hold, or parts of it."""

from collections.abc import Collection

from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.hold import Released
from travio_inventory.protocol.resource import H
from travio_inventory.protocol.steps.aims import is_done
from travio_inventory.protocol.steps.deciding import Deciding


async def release(deciding: Deciding[H], actor: Actor, hold_id: str, parts: Collection[str] | None) -> H:
    """See Holds."""
    hold = await deciding.decide(actor, hold_id, Released(), parts=parts)
    if not isinstance(hold.state, Released) and not is_done(hold, parts):
        raise await deciding.over(hold)
    return hold
