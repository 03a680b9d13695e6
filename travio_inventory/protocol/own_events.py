"""The events of this process's own steps, for one sink that several processes publish to: published at once.

What is not published at once is left to the relays, which find it by the index, as if the process had died: what the
sink refused, what came while it was down, what waited for too long. So nothing here has to be kept.

In order per subject, whichever process did its steps: an event is published at once if it is its subject's first, or if
the one before it is known to have been accepted: by this process, or noted so by another one.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from travio_inventory.kernel.events import Event
from travio_inventory.protocol import event_rows, rows
from travio_inventory.protocol.batches import Partition, Row, StoreUnavailable
from travio_inventory.protocol.local_signals import RecentEvents
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.told_notes import ToldNotes

EVENTS_PER_ROUND_MAX = 5_000
WAITING_MAX = 10_000
"""So many events wait: for the one before them, or for their turn."""
WAIT_MS = 2_000
"""So long one waits for the one before it to be noted."""
LOOK_AGAIN_MS = 500
"""The pause between two looks for the note of an event."""
LOOKS_AT_ONCE = 64
OLD_MS = 10_000
"""What was recorded so long ago, because the process stood still, is left to the relays."""
NOTE_EVERY_MS = 500
"""How long what was published waits for company in a note: relays leave events alone for longer."""
NOTE_MAX = 1_000
KNOWN_MAX = 100_000
"""Of so many subjects the last accepted event is remembered."""


class _Own(NamedTuple):
    event: Event
    previous_at_ms: int
    since_ms: int


@dataclass(slots=True)
class _Line:
    """The events of one subject, by ordinal."""

    partition: Partition
    events: dict[int, _Own] = field(default_factory=dict)
    looked_ms: int | None = None
    """When the note of the event before them was looked for last."""


class OwnEvents:
    """Implements `events.relay.Journal`. It follows its process from the first round, or the first wait, on."""

    def __init__(self, sender: Sender, told: ToldNotes) -> None:
        self._clock = sender.clock
        self._signals = sender.signals
        self._told = told
        self._followed: RecentEvents | None = None
        self._lines: dict[str, _Line] = {}
        """What waits, by subject."""
        self._waiting = 0
        """How many events those are."""
        self._out: dict[str, Partition] = {}
        """The ids of events that are being published, and where they are recorded."""
        self._accepted: OrderedDict[str, int] = OrderedDict()
        """The ordinal of the last event of each subject that the sink is known to have accepted."""
        self._to_note: list[tuple[Partition, Event]] = []
        self._noted_ms = sender.clock.elapsed_ms()

    async def news(self) -> None:
        """Wait until there is something to do."""
        is_idle = not (self._lines or self._to_note)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._recent.some(), None if is_idle else NOTE_EVERY_MS / 1_000)

    async def unpublished(self) -> Sequence[Event]:
        """See Journal. What was handed out before and not accepted is left to the relays."""
        self._out.clear()
        if self._clock.elapsed_ms() - self._noted_ms >= NOTE_EVERY_MS:
            await self.note()
        for partition, recent in self._recent.take().items():
            for row in recent.values():
                self._add(partition, row)
        await self._look()
        ready = self._ready()
        self._out = {event.id: partition for partition, event in ready}
        return [event for _, event in ready]

    async def mark_published(self, events: Sequence[Event]) -> None:
        """See Journal."""
        for event in events:
            self._to_note.append((self._out.pop(event.id), event))
            self._accept(event.subject, event.ordinal)
        if len(self._to_note) >= NOTE_MAX:
            await self.note()

    async def set_aside(self, events: Mapping[Event, Exception]) -> None:
        """See Journal: the relays try them again."""

    async def note(self) -> None:
        """Note what was published, so that nobody publishes it again; best effort."""
        self._noted_ms = self._clock.elapsed_ms()
        published, self._to_note = self._to_note, []
        await self._told.note(published)

    @property
    def _recent(self) -> RecentEvents:
        if self._followed is None:
            self._followed = self._signals.follow()
        return self._followed

    def _add(self, partition: Partition, row: Row) -> None:
        """One that cannot be read the relays report."""
        with suppress(ValueError):
            event = event_rows.read_event(partition, row)
            if self._clock.now_ms() - event.at_ms < OLD_MS and self._waiting < WAITING_MAX:
                line = self._lines.setdefault(event.subject, _Line(partition))
                self._waiting += event.ordinal not in line.events
                line.events[event.ordinal] = _Own(event, rows.number(row, "previous_at_ms"), self._clock.elapsed_ms())

    # ---- the one before

    async def _look(self) -> None:
        """Find out whether the event was accepted that a subject waits for; a while after the last look."""
        now_ms = self._clock.elapsed_ms()
        asked: defaultdict[Partition, list[tuple[str, int, int]]] = defaultdict(list)
        for subject, line in self._lines.items():
            first = min(line.events)
            is_due = line.looked_ms is None or now_ms - line.looked_ms >= LOOK_AGAIN_MS
            if first > self._upto(subject) + 1 and is_due and (line.partition in asked or len(asked) < LOOKS_AT_ONCE):
                line.looked_ms = now_ms
                asked[line.partition].append((subject, first - 1, line.events[first].previous_at_ms))
        if asked:
            await asyncio.gather(*(self._look_for(partition, before) for partition, before in asked.items()))

    async def _look_for(self, partition: Partition, before: Sequence[tuple[str, int, int]]) -> None:
        with suppress(StoreUnavailable):
            told = await self._told.read(partition, [at_ms for _, _, at_ms in before])
            for subject, ordinal, at_ms in before:
                if told.has(event_rows.id_of(subject, ordinal), at_ms):
                    self._accept(subject, ordinal)

    def _upto(self, subject: str) -> int:
        return self._accepted.get(subject, -1)

    def _accept(self, subject: str, ordinal: int) -> None:
        self._accepted[subject] = max(self._accepted.pop(subject, -1), ordinal)
        if len(self._accepted) > KNOWN_MAX:
            self._accepted.popitem(last=False)

    # ---- what can be published

    def _ready(self) -> list[tuple[Partition, Event]]:
        """The events whose turn it is, in order per subject; those that waited for too long are left to the relays."""
        ready: list[tuple[Partition, Event]] = []
        for subject, line in list(self._lines.items()):
            if len(ready) >= EVENTS_PER_ROUND_MAX:
                break
            upto = self._upto(subject)
            for ordinal in sorted(line.events):
                if ordinal > upto + 1:
                    break
                own = line.events.pop(ordinal)
                self._waiting -= 1
                if ordinal > upto:
                    ready.append((line.partition, own.event))
                    upto = ordinal
            if not line.events or self._waited_long(line):
                self._waiting -= len(self._lines.pop(subject).events)
        return ready

    def _waited_long(self, line: _Line) -> bool:
        return self._clock.elapsed_ms() - min(own.since_ms for own in line.events.values()) >= WAIT_MS
