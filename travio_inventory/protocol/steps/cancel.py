"""Cancel: returns a booking, also a late one."""

from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.hold import Cancelled, Expired, base_id, late_id
from travio_inventory.protocol.resource import H
from travio_inventory.protocol.steps.deciding import Deciding, ended, is_booking


async def cancel(deciding: Deciding[H], actor: Actor, hold_id: str) -> H:
    """See Holds."""
    hold = await deciding.decide(actor, base_id(hold_id), Cancelled(""))
    if isinstance(hold.state, Expired):
        late = await deciding.late_row(hold)
        if late is not None and is_booking(late):
            forgotten_with_it = deciding.kept_as_expired(hold, deciding.retention.ended_s)
            hold = await deciding.decide(actor, late_id(hold.id), Cancelled(""), [forgotten_with_it])
    if not isinstance(hold.state, Cancelled):
        raise ended(hold)
    return hold
