"""Suggests what to order: entries that are not above their reorder point, with what is on order and on the way."""

from collections.abc import Sequence
from typing import NamedTuple

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.clock import Clock
from travio_inventory.stock.records.restocking import Restocking
from travio_inventory.stock.records.warehouses import Warehouses
from travio_inventory.stock.restocking import Suggestion, SuggestionsQuery


class SuggestionPage(NamedTuple):
    """Some suggestions; `after` leads to the next ones, "" if there are none."""

    suggestions: Sequence[Suggestion]
    after: str


class SuggestOrders:
    """A sum of reads, which changes nothing: what is told may be past a moment later."""

    def __init__(self, restocking: Restocking, warehouses: Warehouses, clock: Clock) -> None:
        self._restocking = restocking
        self._warehouses = warehouses
        self._clock = clock

    async def __call__(self, actor: Actor, query: SuggestionsQuery) -> SuggestionPage:
        """In the order of stock keeping unit and warehouse. A page may have fewer than were asked for, or none, and be
        followed by others. Raises PermissionDenied, BackendUnavailable.
        """
        actor.needs(Scope.STOCK_READ)
        organization, numbers = actor.organization, None
        if query.region:
            warehouses = await self._warehouses.all(organization)
            numbers = {each.number for each in warehouses if each.site.region == query.region}
        coming = await self._restocking.in_transit(organization, query.sku)
        page = await self._restocking.page(organization, query, coming, self._clock.now_ms(), numbers=numbers)
        return SuggestionPage([each.suggestion for each in page.wanted], page.after)
