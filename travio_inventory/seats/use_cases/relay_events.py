"""Publishes recorded events, at least once and in order per hold."""

from collections.abc import Collection, Sequence

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.events import Event
from travio_inventory.seats.ports import Journal, Publisher

EVENTS_AT_ONCE = 500
REFUSED_MAX = 3
"""After so many single events are refused and none is accepted, the publisher counts as failed."""
ATTEMPTS_MAX = 100


class RelayEvents:
    """One round over all events that were recorded and not yet published."""

    def __init__(self, journal: Journal, publisher: Publisher) -> None:
        self._journal = journal
        self._publisher = publisher
        self._suspects: Collection[str] = ()
        """The holds whose events were refused while no others were accepted: next time the others come first."""

    async def __call__(self, actor: Actor) -> int:
        """How many events were published. An event that is refused alone is set aside, and the others go on.

        Raises PermissionDenied, BackendUnavailable, and what the publisher raises if it accepts none: the rest follows
        in the next round.
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
    """Publishes events; what is refused it tries again in smaller and smaller parts."""

    def __init__(self, journal: Journal, publisher: Publisher) -> None:
        self.count = 0
        self._journal = journal
        self._publisher = publisher
        self.refused: dict[Event, Exception] = {}
        self.holds: set[str] = set()
        """The refused events; later events of the same holds wait for them."""
        self._attempts = 0

    async def hand_over(self, events: Sequence[Event]) -> None:
        """Publish all events that the publisher accepts. Raises what it raises if it accepts none."""
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
        """Set aside what was refused alone, if anything else was accepted."""
        if self.refused and self.count:
            await self._journal.set_aside(self.refused)

    def _in_order(self, events: Sequence[Event]) -> Sequence[Event]:
        """The events without those that follow a refused one of the same hold."""
        if not self.holds:
            return events
        for event in events:
            if event.subject in self.holds:
                self.refused[event] = ValueError("the event before it was refused")
        return [event for event in events if event.subject not in self.holds]
