"""Erase: a booking forgets whom it names, also a late one."""

from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.hold import Cancelled, Confirmed, Expired, base_id
from travio_inventory.protocol.resource import H
from travio_inventory.protocol.steps.deciding import Deciding, ended


async def erase(deciding: Deciding[H], actor: Actor, hold_id: str) -> H:
    """See Holds."""
    hold = await deciding.lead(actor, base_id(hold_id), _unnamed, towards=Confirmed)
    if isinstance(hold.state, Expired):
        late, row = await deciding.late(hold)
        if row is not None:
            hold = await deciding.lead(actor, late, _unnamed, towards=Confirmed)
    if not isinstance(hold.state, Confirmed | Cancelled):
        raise ended(hold)
    return hold


def _unnamed(hold: H) -> H | None:
    """The booking without names, None if it has none."""
    return hold.unnamed() if isinstance(hold.state, Confirmed) and hold.state.named else None
