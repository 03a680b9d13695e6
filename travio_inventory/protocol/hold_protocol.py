"""The hold protocol: its parts put together, and the steps that callers take, written once for all stores.

A step is one conditional batch on the hold's home seat group, and that batch is its only commit point. Cells are taken
IF status='available' and given back IF owner=hold; an ended hold never lives again.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.attempts import Attempts
from travio_inventory.protocol.batches import StoreUnavailable
from travio_inventory.protocol.claims import Claims
from travio_inventory.protocol.fencing import Fencing
from travio_inventory.protocol.holder_pages import HolderPages
from travio_inventory.protocol.house import House
from travio_inventory.protocol.judging import Judging
from travio_inventory.protocol.ledger import Ledger
from travio_inventory.protocol.rolling_forward import RollingForward
from travio_inventory.protocol.seats import Seats, SeatWatch
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.snapshots import snapshot
from travio_inventory.protocol.steps.cancel import cancel
from travio_inventory.protocol.steps.confirm import Confirming
from travio_inventory.protocol.steps.deciding import Deciding
from travio_inventory.protocol.steps.expire import Expiring
from travio_inventory.protocol.steps.extend import Extending
from travio_inventory.protocol.steps.hold import Holding
from travio_inventory.protocol.steps.late_confirm import LateConfirming
from travio_inventory.protocol.steps.release import release
from travio_inventory.seats.hold import Aborted, Hold, HoldPage, HoldRequest, Passenger
from travio_inventory.seats.ports import HoldWatch
from travio_inventory.seats.refusals import HoldNotFound
from travio_inventory.seats.trip import Trip


class HoldProtocol:
    """Implements `seats.ports.Holds` over conditional batches."""

    def __init__(
        self, sender: Sender, watch: HoldWatch, background: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        self.sender = sender
        self.resource = resource = Seats()
        self.rolling = rolling = RollingForward(sender, resource, SeatWatch(watch), background)
        self.expiring = Expiring(sender, resource, rolling)
        fencing = Fencing(sender, resource)
        self.judging = judging = Judging(sender, resource, fencing, self.expiring)
        attempts = Attempts(sender, resource, Claims(sender, resource, judging), fencing)
        self._deciding = deciding = Deciding(sender, resource, judging, rolling)
        late = LateConfirming(sender, resource, attempts=attempts, fencing=fencing, deciding=deciding, rolling=rolling)
        self._holding = Holding(
            sender, resource, ledger=Ledger(sender, judging), attempts=attempts, deciding=deciding, rolling=rolling
        )
        self._confirming = Confirming(deciding, late)
        self._extending = Extending(sender, resource, deciding, rolling)
        self._house = House(sender, attempts=attempts, judging=judging, deciding=deciding, rolling=rolling)

    async def hold(self, request: HoldRequest) -> Hold:
        """See Holds."""
        return await self._holding.hold(request)

    async def confirm(self, actor: Actor, hold_id: str, order: str, passengers: tuple[Passenger, ...] = ()) -> Hold:
        """See Holds."""
        return await self._confirming.confirm(actor, hold_id, order, passengers)

    async def release(self, actor: Actor, hold_id: str) -> Hold:
        """See Holds."""
        return await release(self._deciding, actor, hold_id)

    async def cancel(self, actor: Actor, hold_id: str) -> Hold:
        """See Holds."""
        return await cancel(self._deciding, actor, hold_id)

    async def extend(self, actor: Actor, hold_id: str, *, expires_at_ms: int, total_ms_max: int) -> Hold:
        """See Holds."""
        return await self._extending.extend(actor, hold_id, expires_at_ms=expires_at_ms, total_ms_max=total_ms_max)

    async def find(self, actor: Actor, hold_id: str) -> Hold:
        """See Holds."""
        try:
            hold = await self._deciding.own(actor, hold_id)
        except StoreUnavailable:
            raise BackendUnavailable from None
        if isinstance(hold.state, Aborted):
            raise HoldNotFound
        return await self._deciding.as_booked(hold)

    async def page(self, actor: Actor, *, trip: str, ended: bool, after: str, most: int) -> HoldPage:
        """See Holds."""
        pages = HolderPages(self.sender.batches, self.find)
        return await pages.page(actor, trip=trip, ended=ended, after=after, most=most)

    async def snapshot(self, trip: Trip, group: int) -> bytes:
        """See Holds."""
        try:
            return await snapshot(self.sender.batches, trip, group)
        except StoreUnavailable:
            raise BackendUnavailable from None

    async def block(self, trip: Trip, reasons: Mapping[str, str]) -> None:
        """See Holds."""
        await self._house.block(trip, reasons)

    async def unblock(self, trip: Trip, seat: str) -> bool:
        """See Holds."""
        return await self._house.unblock(trip, seat)
