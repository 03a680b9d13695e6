"""Replies that are pages of a list: of fewer items than asked for where those are too large for clients."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import betterproto2

from travio_inventory.api.grpc import replies
from travio_inventory.api.grpc.explanations import explained
from travio_inventory.api.map_sizes import REPLY_BYTES_MAX
from travio_inventory.api.page_tokens import token_of
from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.commands import HoldsQuery
from travio_inventory.seats.queries import ManifestQuery, OrderQuery, SeatQuery
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.wire.inventory import v1


class PageReplies:
    """Pages of holds and bookings, and of what is known of a seat, as serialized replies."""

    def __init__(self, inventory: Inventory, *, reply_bytes_max: int = REPLY_BYTES_MAX) -> None:
        self._inventory = inventory
        self._reply_bytes_max = reply_bytes_max

    async def holds(self, actor: Actor, query: HoldsQuery) -> bytes:
        async def page(most: int) -> v1.ListHoldsResponse:
            found = await self._inventory.read_holds.page(actor, replace(query, page_size=most))
            trip_of = self._inventory.read_trips.of_hold
            holds = [replies.described(hold, await trip_of(actor, hold)) for hold in found.holds]
            return v1.ListHoldsResponse(holds=holds, next_page_token=token_of(found.next))

        return await self._fitting(query.most, page)

    async def manifest(self, actor: Actor, query: ManifestQuery) -> bytes:
        async def page(most: int) -> v1.GetManifestResponse:
            trip, found = await self._inventory.read_manifest(actor, replace(query, page_size=most))
            holds = [replies.described(hold, trip) for hold in found.holds]
            return v1.GetManifestResponse(holds=holds, next_page_token=token_of(found.next))

        return await self._fitting(query.most, page)

    async def order(self, actor: Actor, query: OrderQuery) -> bytes:
        async def page(most: int) -> v1.GetOrderBookingsResponse:
            found = await self._inventory.read_order(actor, replace(query, page_size=most))
            holds = [replies.described(hold, trip) for hold, trip in found.bookings]
            return v1.GetOrderBookingsResponse(holds=holds, next_page_token=token_of(found.next))

        return await self._fitting(query.most, page)

    async def explanation(self, actor: Actor, query: SeatQuery) -> bytes:
        async def page(rows_max: int) -> v1.ExplainSeatResponse:
            return explained(await self._inventory.explain_seat(actor, replace(query, rows_max=rows_max)))

        return await self._fitting(query.rows_max, page)

    async def _fitting(self, most: int, page: Callable[[int], Awaitable[betterproto2.Message]]) -> bytes:
        """The page of at most so many items, or of fewer where those are too large; one alone always fits."""
        while len(reply := bytes(await page(most))) > self._reply_bytes_max and most > 1:
            most //= 2
        return reply
