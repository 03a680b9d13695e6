"""Hands recorded events to the publisher, at least once and in order per hold."""

from collections.abc import Collection, Sequence

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.events import Event
from travio_inventory.seats.ports import Journal, Publisher

EVENTS_AT_ONCE = 500
REFUSED_MAX = 3
"""So many single events that are refused, and none that is not: then nothing can be handed over."""
ATTEMPTS_MAX = 100


class RelayEvents:
    """One round over all events that were recorded and not yet handed over."""

    def __init__(self, journal: Journal, publisher: Publisher) -> None:
        self._journal = journal
        self._publisher = publisher
        self._suspects: Collection[str] = ()
        """The holds whose events were refused when no others were taken: the next time the others come first."""

    async def __call__(self, actor: Actor) -> int:
        """How many events were handed over. One that is refused alone is set aside, and the others go on.

        Raises PermissionDenied, BackendUnavailable, and what the publisher raises where it takes none: the rest comes
        next time.
        """
        actor.needs(Scope.HOUSE_WORK)
        round_ = _Round(self._journal, self._publisher)
        events = sorted(await self._journal.unpublished(), key=lambda event: event.subject in self._suspects)
        try:
            for start in range(0, len(events), EVENTS_AT_ONCE):
                await round_.hand_over(events[start : start + EVENTS_AT_ONCE])
        except Exception:
            self._suspects = round_.holds
            await round_.set_aside()
            raise
        self._suspects = round_.holds
        await round_.set_aside()
        if round_.refused and not round_.count:
            raise next(iter(round_.refused.values()))
        return round_.count


class _Round:
    """Hands over, and in smaller and smaller parts what is refused."""

    def __init__(self, journal: Journal, publisher: Publisher) -> None:
        self.count = 0
        self._journal = journal
        self._publisher = publisher
        self.refused: dict[Event, Exception] = {}
        self.holds: set[str] = set()
        """Those of the events that were refused: what they did next waits for these."""
        self._attempts = 0

    async def hand_over(self, events: Sequence[Event]) -> None:
        """Hand over all of them that the publisher takes. Raises what it raises where it takes none."""
        events = self._in_order(events)
        if not events:
            return
        self._attempts += 1
        try:
            await self._publisher.publish(events)
        except Exception as error:
            if self._attempts >= ATTEMPTS_MAX or (len(self.holds) >= REFUSED_MAX and not self.count):
                raise
            if len(events) == 1:
                self.refused[events[0]] = error
                self.holds.add(events[0].subject)
                return
        else:
            self.count += len(events)
            await self._journal.mark_published(events)
            return
        middle = len(events) // 2
        await self.hand_over(events[:middle])
        await self.hand_over(events[middle:])

    async def set_aside(self) -> None:
        """Set aside what alone was refused, where anything else was not."""
        if self.refused and self.count:
            await self._journal.set_aside(self.refused)

    def _in_order(self, events: Sequence[Event]) -> Sequence[Event]:
        """But for those that come after one that was refused, of the same hold."""
        if not self.holds:
            return events
        for event in events:
            if event.subject in self.holds:
                self.refused[event] = ValueError("the event before it was refused")
        return [event for event in events if event.subject not in self.holds]
