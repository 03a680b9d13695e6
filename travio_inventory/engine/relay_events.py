"""Hands recorded events to the publisher, at least once and in order per hold."""

from travio_inventory.engine.ports import Journal, Publisher

EVENTS_AT_ONCE = 500


class RelayEvents:
    """One round over all events that were recorded and not yet handed over."""

    def __init__(self, journal: Journal, publisher: Publisher) -> None:
        self._journal = journal
        self._publisher = publisher

    async def __call__(self) -> int:
        """How many events were handed over. Raises PublishFailed, BackendUnavailable: the rest comes next time."""
        events = await self._journal.unpublished()
        for start in range(0, len(events), EVENTS_AT_ONCE):
            chunk = events[start : start + EVENTS_AT_ONCE]
            await self._publisher.publish(chunk)
            await self._journal.mark_published(chunk)
        return len(events)
