"""Sells from a trip as this process knows it, and once more if what it knew is over."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from travio_inventory.seats.offer import Offer, SalesState
from travio_inventory.seats.refusals import TripOpening
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog

T = TypeVar("T")


async def sell_as_offered(trips: TripCatalog, offer: Offer, sell: Callable[[Offer], Awaitable[T]]) -> T:
    """What `sell` makes of the trip as it is offered. Raises TripNotFound, BackendUnavailable, and what `sell` does."""
    key = offer.trip.key
    if offer.state is not SalesState.OPEN:
        offer = await trips.check(key)  # it may have been opened since
    try:
        return await sell(offer)
    except TripOpening:
        now = await trips.check(key)
        if now.period == offer.period:
            raise
    return await sell(now)  # it was sold from by what is over
