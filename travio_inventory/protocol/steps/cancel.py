"""Cancel: returns a booking, or parts of it, also a late one."""

from collections.abc import Collection

from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.hold import Cancelled, Confirmed, Expired, base_id
from travio_inventory.protocol.resource import H
from travio_inventory.protocol.steps.aims import is_done
from travio_inventory.protocol.steps.deciding import Deciding, ended, is_booking


async def cancel(deciding: Deciding[H], actor: Actor, hold_id: str, parts: Collection[str] | None) -> H:
    """See Holds."""
    hold = await deciding.decide(actor, base_id(hold_id), Cancelled(""), parts=parts)
    if isinstance(hold.state, Expired):
        late, row = await deciding.late(hold)
        if row is not None and is_booking(row):
            forgotten_with_it = deciding.kept_as_expired(hold, late, deciding.retention.ended_s)
            hold = await deciding.decide(actor, late, Cancelled(""), forgotten_with_it, parts=parts)
    is_cut = isinstance(hold.state, Confirmed) and is_done(hold, parts)
    if not isinstance(hold.state, Cancelled) and not is_cut:
        raise ended(hold)
    return hold
