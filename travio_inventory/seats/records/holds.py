"""Holds of seats: the protocol on seats, and what is asked of seats alone, their maps and taking them off sale."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import Reads, StoreUnavailable
from travio_inventory.protocol.hold_protocol import HoldProtocol
from travio_inventory.protocol.resource import HoldWatch
from travio_inventory.protocol.sending import Sender
from travio_inventory.seats.hold import Hold, HoldPage
from travio_inventory.seats.records.holder_pages import HolderPages
from travio_inventory.seats.records.seat_blocks import SeatBlocks
from travio_inventory.seats.records.seats import Seats
from travio_inventory.seats.records.snapshots import snapshot
from travio_inventory.seats.trip import Trip


class SeatHolds(HoldProtocol[Hold]):
    """Implements `seats.ports.Holds` over conditional batches; maps are read by `views`."""

    def __init__(
        self,
        sender: Sender,
        watch: HoldWatch[Hold],
        background: Callable[[Coroutine[Any, Any, None]], None],
        *,
        views: Reads,
        sells_departed: bool = False,
    ) -> None:
        super().__init__(sender, Seats(sells_departed=sells_departed), watch, background)
        self._views = views
        self._blocks = SeatBlocks(self)

    async def page(self, actor: Actor, *, trip: str, ended: bool, after: str, most: int) -> HoldPage:
        """See Holds."""
        pages = HolderPages(self.sender.batches, self.find)
        return await pages.page(actor, trip=trip, ended=ended, after=after, most=most)

    async def snapshot(self, trip: Trip, group: int) -> bytes:
        """See Holds."""
        try:
            return await snapshot(self._views, trip, group)
        except StoreUnavailable:
            raise BackendUnavailable from None

    async def block(self, trip: Trip, reasons: Mapping[str, str], *, period: int = 0) -> None:
        """See Holds."""
        await self._blocks.block(trip, reasons, period=period)

    async def unblock(self, trip: Trip, seat: str, *, period: int | None = None) -> bool:
        """See Holds."""
        return await self._blocks.unblock(trip, seat, period=period)
