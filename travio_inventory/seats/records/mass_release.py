"""Ends all holds of a trip that is cancelled, seat group after seat group, each by its own step and with its event.

Its cells are of a period in which nothing is sold, so no hold comes to be any more: what is found ended stays so.
"""

import asyncio
from collections.abc import Awaitable

from travio_inventory.kernel.actor import house_for
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Kind, StoreUnavailable
from travio_inventory.protocol.hold_protocol import HoldProtocol
from travio_inventory.protocol.refusals import HoldEnded, HoldNotFound
from travio_inventory.protocol.sending import Sender
from travio_inventory.seats.events import EventType, TripCancelled
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.offer import Offer
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.announcing import announce
from travio_inventory.seats.records.visits import Visit
from travio_inventory.seats.trip import TripKey

TRIES_MAX = 8
HOLDS_AT_ONCE = 16


async def announce_cancelled(sender: Sender, offer: Offer) -> None:
    """Tell that the trip is cancelled: once. Raises BackendUnavailable."""
    await announce(sender, offer, EventType.TRIP_CANCELLED, lambda subject: TripCancelled(subject, offer.trip.key.trip))


async def end_group(holds: HoldProtocol[Hold], key: TripKey, group: int, since_ms: int) -> tuple[int, int]:
    """End the live holds whose home is there, but for those of the house; how many were released and how many cancelled
    since then, by whomever. Raises BackendUnavailable, OutcomeUnknown.
    """
    partition = seat_rows.group_partition(key, group)
    for _ in range(TRIES_MAX):
        live: list[Awaitable[object]] = []
        released = cancelled = 0
        try:
            async for row_key, row in Visit(holds.sender.batches).rows(partition, Kind.HOLD):
                status, is_since = row.get("status"), rows.number(row, "event_at_ms") >= since_ms
                released += status == "released" and is_since
                cancelled += status == "cancelled" and is_since
                if status in rows.LIVE and row.get("holder"):
                    actor = house_for(key.organization, rows.text(row, "holder"))
                    end = holds.release if status == "held" else holds.cancel
                    live.append(end(actor, row_key.id))
        except StoreUnavailable:
            raise BackendUnavailable from None
        if not live:
            return released, cancelled
        await _all(live)
    raise BackendUnavailable


async def _all(steps: list[Awaitable[object]]) -> None:
    """Take all steps; one that somebody else has taken meanwhile is as good."""
    at_once = asyncio.Semaphore(HOLDS_AT_ONCE)

    async def take(step: Awaitable[object]) -> None:
        async with at_once:
            await step

    for failed in await asyncio.gather(*map(take, steps), return_exceptions=True):
        if failed is not None and not isinstance(failed, HoldEnded | HoldNotFound):
            raise failed
