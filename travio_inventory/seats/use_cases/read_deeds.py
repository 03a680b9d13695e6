"""Tells what the house did: who, what, when, and how it ended."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.seats.deed import DeedPage
from travio_inventory.seats.queries import DeedsQuery
from travio_inventory.seats.records.deeds import Deeds


class ReadDeeds:
    """The deeds of an organization, those about its stock too."""

    def __init__(self, deeds: Deeds) -> None:
        self._deeds = deeds

    async def __call__(self, actor: Actor, query: DeedsQuery) -> DeedPage:
        """A page of a month. Raises PermissionDenied, BackendUnavailable."""
        actor.needs(Scope.DEEDS_READ)
        return await self._deeds.page(actor.organization, query.month, after=query.after, most=query.most)
