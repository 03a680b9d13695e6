"""Publishes recorded events to one sink, at least once, in order per subject, and those of a round by time.

Each sink has its own relay, with its own journal and position: a slow or absent sink delays no other.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Protocol

from travio_inventory.events.event_order import in_order
from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.events import Event, PublishFailed, PublishRefused, Sink, SinkDown
from travio_inventory.kernel.refusals import BackendUnavailable

EVENTS_AT_ONCE = 500
REFUSED_MAX = 3
"""After so many single events are refused and none is accepted, the sink counts as failed."""
MANY_EVERY = 8
"""One round of so many asks a sink that is down with many events."""
ATTEMPTS_MAX = 100
REFUSED_KNOWN_MAX = 10_000
"""So many refused events, the oldest, are remembered until they are published or forgotten."""


class Journal(Protocol):
    """The events that the steps recorded, with the position of one sink."""

    async def unpublished(self) -> Sequence[Event]:
        """Recorded events, in order per subject, that were not marked by `mark_published`."""
        ...

    async def mark_published(self, events: Sequence[Event]) -> None:
        """The events were published; after a restart some may be published again, none is lost."""
        ...

    async def set_aside(self, events: Mapping[Event, Exception]) -> None:
        """These alone could not be published: they are retried later, and delay only later events of the same subjects.
        Raises BackendUnavailable.
        """
        ...


class EventRelay:
    """One round over all events that were recorded and not yet published to the sink, or over as many as `may_go_on`
    allows. They are kept for `kept_s`.
    """

    def __init__(
        self, journal: Journal, sink: Sink, clock: Clock, *, kept_s: int, may_go_on: Callable[[], bool] = lambda: True
    ) -> None:
        self._may_go_on = may_go_on
        self._journal = journal
        self._sink = sink
        self._clock = clock
        self._kept_ms = kept_s * 1_000
        self._refused: Mapping[str, int] = {}
        """When those happened that were refused alone, by id: most rounds do not retry them."""
        self._oldest_ms: int | None = None
        """When the oldest known event happened that is not yet published."""
        self._suspects: set[str] = set()
        """The subjects whose events were refused since the sink last accepted anything: all others come first."""
        self._failed_rounds = 0
        """In a row, in which the sink accepted nothing."""

    async def __call__(self) -> int:
        """How many events were published. An event that is refused alone is set aside, and the others go on.

        Raises BackendUnavailable, and what the sink raises if it accepts none: the rest follows in the next round.
        """
        if not self._may_go_on():
            return 0
        events = self._in_turn(in_order(await self._journal.unpublished()))
        round_ = _Round(self._journal, self._sink)
        error = await round_.publish_all(takewhile(lambda _: self._may_go_on(), self._parts(events)))
        self._note(round_, events)
        await round_.set_aside()
        if error is not None:
            raise error
        return len(round_.published)

    def _in_turn(self, events: Sequence[Event]) -> list[Event]:
        """The events, those of suspects last; if all are suspects, none is."""
        if self._suspects.issuperset(event.subject for event in events):
            self._suspects.clear()
        return sorted(events, key=lambda event: event.subject in self._suspects)

    def _parts(self, events: Sequence[Event]) -> Iterator[Sequence[Event]]:
        """What to hand over together. A sink that is down is asked with few events, one by one; with many now and then,
        for it may refuse single ones.
        """
        singles = min(REFUSED_MAX, len(events)) if self._failed_rounds % MANY_EVERY else 0
        yield from ([event] for event in events[:singles])
        for start in range(singles, len(events), EVENTS_AT_ONCE):
            yield events[start : start + EVENTS_AT_ONCE]

    def _note(self, round_: "_Round", events: Collection[Event]) -> None:
        """What the round showed of the sink, and what it has not had yet: events to come, and refused ones that are
        still kept.
        """
        if round_.published:
            self._suspects, self._failed_rounds = set(), 0
        elif round_.attempts:
            self._suspects |= round_.subjects
            self._failed_rounds += 1
        tried = {event.id for event in events}
        left = {name: at_ms for name, at_ms in self._refused.items() if name not in tried}
        left |= {event.id: event.at_ms for event in (round_.refused if round_.published else ())}
        kept_from_ms = self._clock.now_ms() - self._kept_ms
        oldest = sorted((at_ms, name) for name, at_ms in left.items() if at_ms > kept_from_ms)
        self._refused = {name: at_ms for at_ms, name in oldest[:REFUSED_KNOWN_MAX]}
        to_come = (event.at_ms for event in events if event.id not in round_.published)
        self._oldest_ms = min([*to_come, *self._refused.values()], default=None)

    def lag_ms(self) -> int:
        """The age of the oldest event that is not yet published, as far as the last round knew; 0 if there is none."""
        return 0 if self._oldest_ms is None else max(self._clock.now_ms() - self._oldest_ms, 0)


class _Round:
    """Publishes events; what is refused it tries again in smaller and smaller parts."""

    def __init__(self, journal: Journal, sink: Sink) -> None:
        self.published: set[str] = set()
        """The ids of the events that the sink accepted."""
        self._journal = journal
        self._sink = sink
        self.refused: dict[Event, Exception] = {}
        self.subjects: set[str] = set()
        """The subjects of refused events; later events of the same subjects wait for them."""
        self.attempts = 0

    async def publish_all(self, parts: Iterable[Sequence[Event]]) -> Exception | None:
        """Publish part by part, until the sink counts as failed; what it raised if so. Raises BackendUnavailable."""
        try:
            for part in parts:
                await self._publish(part)
        except BackendUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a sink raises
            return error
        return next(iter(self.refused.values())) if self.refused and not self.published else None

    async def _publish(self, events: Sequence[Event]) -> None:
        """Publish all events that the sink accepts. Raises what it raises if it accepts none."""
        events = self._in_order(events)
        if not events:
            return
        self.attempts += 1
        try:
            await self._sink.publish(events)
        except Exception as error:
            if isinstance(error, SinkDown):
                await self._accept([event for event in events if event.id in error.accepted])
                raise
            is_told = isinstance(error, PublishRefused) or len(events) == 1
            events = await self._note(events, error)
            if self.attempts >= ATTEMPTS_MAX or (len(self.subjects) >= REFUSED_MAX and not self.published):
                raise
            if is_told:
                return
        else:
            await self._accept(events)
            return
        middle = len(events) // 2
        await self._publish(events[:middle])
        await self._publish(events[middle:])

    async def _note(self, events: Sequence[Event], error: Exception) -> Sequence[Event]:
        """Note which events the sink has, and which were refused alone; the rest is returned. Raises
        BackendUnavailable.
        """
        accepted = error.accepted if isinstance(error, PublishFailed) else frozenset[str]()
        why = error.refused if isinstance(error, PublishRefused) else {}
        alone: dict[Event, Exception] = {event: PublishFailed(why[event.id]) for event in events if event.id in why}
        if len(events) == 1 and not accepted:
            alone.setdefault(events[0], error)
        self.refused |= alone
        self.subjects |= {event.subject for event in alone}
        await self._accept([event for event in events if event.id in accepted])
        return [event for event in events if event.id not in accepted and event not in alone]

    async def _accept(self, events: Sequence[Event]) -> None:
        """The sink has these. Raises BackendUnavailable."""
        if events:
            self.published.update(event.id for event in events)
            await self._journal.mark_published(events)

    async def set_aside(self) -> None:
        """Set aside what was refused alone, if anything else was accepted."""
        if self.refused and self.published:
            await self._journal.set_aside(self.refused)

    def _in_order(self, events: Sequence[Event]) -> Sequence[Event]:
        """The events without those that follow a refused one of the same subject."""
        if not self.subjects:
            return events
        for event in events:
            if event.subject in self.subjects:
                self.refused[event] = ValueError("the event before it was refused")
        return [event for event in events if event.subject not in self.subjects]
