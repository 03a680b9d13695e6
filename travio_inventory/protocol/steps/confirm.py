"""Confirm: a hold becomes a booking, or parts of it alone; an expired one too if what it claimed is still free."""

from collections.abc import Collection
from typing import Generic

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown, Overloaded
from travio_inventory.protocol.hold import Confirmed, Expired, base_id
from travio_inventory.protocol.refusals import HoldConfirmed
from travio_inventory.protocol.resource import H
from travio_inventory.protocol.steps.aims import has_more
from travio_inventory.protocol.steps.deciding import TRIES_MAX, Deciding, ended
from travio_inventory.protocol.steps.late_confirm import LateConfirming


class Confirming(Generic[H]):
    """Confirms holds."""

    def __init__(self, deciding: Deciding[H], late: LateConfirming[H]) -> None:
        self._deciding = deciding
        self._late = late

    async def confirm(self, actor: Actor, hold_id: str, asked: Confirmed, parts: Collection[str] | None) -> H:
        """See Holds."""
        for attempt in range(TRIES_MAX):
            try:
                booking = await self._confirm(actor, base_id(hold_id), asked, parts)
            except (BackendUnavailable, Overloaded):
                if attempt:
                    raise OutcomeUnknown from None
                raise
            if booking is not None:
                return booking
        raise OutcomeUnknown

    async def _confirm(self, actor: Actor, hold_id: str, asked: Confirmed, parts: Collection[str] | None) -> H | None:
        """The booking, or None if a late one may have been made meanwhile: read again."""
        hold = await self._deciding.decide(actor, hold_id, asked, parts=parts)
        match hold.state:
            case Confirmed() as booked:
                if booked != asked or has_more(hold, parts):
                    raise HoldConfirmed
                return hold
            case Expired():
                return await self._late.confirm(hold, asked, parts)
            case _:
                raise ended(hold)
