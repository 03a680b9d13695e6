"""Wires the relay of a sink: one for the whole store, or one in each process, which share the work."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

import anyio

from travio_inventory.events.relay import EventRelay, Journal
from travio_inventory.events.shared_relay import SharedRelay
from travio_inventory.kernel.events import Sink
from travio_inventory.protocol.batches import Table
from travio_inventory.protocol.journal import EventJournal
from travio_inventory.protocol.late_events import LateEvents
from travio_inventory.protocol.own_events import OwnEvents
from travio_inventory.protocol.ports import Everywhere
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.slice_leases import SliceLeases
from travio_inventory.protocol.slices import OfSlice
from travio_inventory.protocol.told_notes import Part, ToldNotes
from travio_inventory.seats.records.listing_sink import ListingSink
from travio_inventory.seats.records.open_trips import SlowRound


async def _nothing() -> None:
    pass


class OwnRelay(NamedTuple):
    """Publishes the events of this process's own steps to a sink to which several processes publish."""

    news: Callable[[], Awaitable[object]]
    """Waits until there is something to do."""
    round: Callable[[], Awaitable[int]]
    note: Callable[[], Awaitable[None]]
    """Notes now what was published, which is noted at intervals."""


class Relay(NamedTuple):
    """Publishes events to one sink, which are kept for so many seconds."""

    round: Callable[[], Awaitable[int]]
    lag_ms: Callable[[], int]
    kept_s: int
    missed_s: Callable[[], int]
    news: Callable[[], Awaitable[object]] = anyio.sleep_forever
    """Waits until this process has recorded events that no round has taken in yet, and only rounds publish."""
    own: OwnRelay | None = None
    """Publishes what this process's own steps record, where rounds do not."""
    release: Callable[[], Awaitable[None]] = _nothing
    """Leaves the work to other processes, now."""

    def forgotten_in_s(self) -> int:
        """How soon an event is forgotten that the sink has not had: `kept_s` if there is none, 0 if one was."""
        return max(self.kept_s - self.lag_ms() // 1_000, 0)


class Relaying(NamedTuple):
    """What relays of all sinks have in common."""

    sender: Sender
    is_alone: bool
    """No other process writes to this store."""
    lists_are_whole: bool
    """No list of holds is to be completed."""
    slow_round_ms: int
    watched: Callable[[str, Callable[[], Awaitable[int]]], Callable[[], Awaitable[int]]]
    """A round under that name, counted and timed."""

    def relay_to(self, name: str, sink: Sink, *, is_shared: bool) -> Relay:
        """The relay of the sink of that name, which several processes may write to at once if it is shared.

        Each one completes the lists of holds, unless they are whole: repetitions do no harm, and none waits for
        another.
        """
        if is_shared and not self.is_alone:
            return self._shared(name, sink)
        journal = EventJournal(self.sender, name, is_alone=self.is_alone)
        slow = self._slow_round(f"the relay to {name}")
        relay = self._of(journal if self.is_alone else self._with_late_ones(journal, name, slow), self._listing(sink))
        of_round = self.watched(f"relay_events.{name}", relay)
        return Relay(of_round, relay.lag_ms, self._retention.events_s, journal.missed_s, journal.news)

    def _shared(self, name: str, sink: Sink) -> Relay:
        """What this process does is published at once; the slices of the index are shared out among all relays."""
        leases = SliceLeases(self.sender, name)
        told = ToldNotes(self.sender.batches, name, kept_s=self._retention.told_s)
        journals: dict[int, EventJournal] = {}
        listing = self._listing(sink)

        def of_slice(part: int) -> EventRelay:
            journals[part] = EventJournal(self.sender, name, part=Part(part, told, partial(leases.fence, part)))
            slow = OfSlice(self._slow_round(f"the relay to {name}, {part:02d}"), part)
            return self._of(self._with_late_ones(journals[part], name, slow), listing, partial(leases.is_mine, part))

        def missed_s() -> int:
            return max((journal.missed_s() for journal in journals.values()), default=0)

        own = OwnEvents(self.sender, told)
        shared = SharedRelay(leases, of_slice)
        return Relay(
            self.watched(f"relay_events.{name}", shared),
            shared.lag_ms,
            self._retention.events_s,
            missed_s,
            own=OwnRelay(own.news, self.watched(f"publish_own.{name}", self._of(own, self._listing(sink))), own.note),
            release=shared.release,
        )

    @property
    def _retention(self) -> Retention:
        return self.sender.rules.retention

    def _listing(self, sink: Sink) -> Sink:
        """One for each that calls it one round after the other."""
        return sink if self.lists_are_whole else ListingSink(self.sender.batches, sink, self._retention)

    def _of(self, journal: Journal, sink: Sink, may_go_on: Callable[[], bool] = lambda: True) -> EventRelay:
        return EventRelay(journal, sink, self.sender.clock, kept_s=self._retention.events_s, may_go_on=may_go_on)

    def _with_late_ones(self, journal: EventJournal, sink: str, everywhere: Everywhere) -> LateEvents:
        every_ms = self.slow_round_ms
        return LateEvents(journal, self.sender, sink, everywhere, table=Table.SEAT_GROUPS, every_ms=every_ms)

    def _slow_round(self, name: str) -> SlowRound:
        sender = self.sender
        every_ms = self.slow_round_ms
        return SlowRound(sender.batches, sender.clock, name=name, random=sender.random, every_ms=every_ms)
