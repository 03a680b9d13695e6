"""Broken designs of events and their relay: one that is missing, told twice or out of order."""

from collections.abc import Mapping
from dataclasses import replace
from operator import attrgetter

import pytest

from travio_inventory.events import relay as told_relay
from travio_inventory.events.relay import EventRelay, Journal
from travio_inventory.kernel.events import Event, Sink
from travio_inventory.protocol import journal
from travio_inventory.protocol.batches import Applied, Index, Kind, Outcome
from travio_inventory.protocol.journal import EventJournal
from travio_inventory.protocol.last_published import LastPublished
from travio_inventory.protocol.sending import Sender
from verification.kit.passing import Batch, Send
from verification.simulation.broken import broken, send_through, visit_once
from verification.simulation.plan import VERY_LATE_S, Plan


@broken("an event that is not in the batch", "I8", Plan(0))
def _event_afterwards(patch: pytest.MonkeyPatch) -> None:
    async def afterwards(_sender: Sender, batch: Batch, send: Send) -> Outcome:
        outcome = await send(
            batch._replace(writes=[write for write in batch.writes if write.key.kind is not Kind.EVENT])
        )
        if isinstance(outcome, Applied):
            await send(Batch(batch.partition, [write for write in batch.writes if write.key.kind is Kind.EVENT]))
        return outcome

    send_through(patch, Sender, afterwards)


@broken(
    "a bucket visited once by the relay",
    "I8",
    Plan(5, late_s=3 * VERY_LATE_S, faults=0.8, kills=0.3, seats=12, popular=12, holders=7),
)
def _relay_once(patch: pytest.MonkeyPatch) -> None:
    visit_once(patch, Index.JOURNAL)


@broken("events marked as published before they are", "I8", Plan(3, faults=0.4))
def _mark_first(patch: pytest.MonkeyPatch) -> None:
    async def relay(self: EventRelay) -> int:
        told: Journal = self._journal
        post: Sink = self._sink
        events = await told.unpublished()
        await told.mark_published(events)
        if events:
            await post.publish(events)
        return len(events)

    patch.setattr(EventRelay, "__call__", relay)


@broken("the relay orders events by their clocks", "I8", Plan(4))
def _order_by_clock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(told_relay, "in_order", lambda events: sorted(events, key=attrgetter("at_ms")))


@broken("the relay does not search for gaps", "I8", Plan(5, faults=0.6, holders=9, day_s=250.0))
def _no_gaps(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(EventJournal, "_missing_before", lambda _self, _signals, _first: [])


SPOILT = Plan(3, faults=0.1, kills=0.0, spoils=True, changes=0.5)


@broken("an event that a sink refuses is left out", "I8", SPOILT)
def _leave_out(patch: pytest.MonkeyPatch) -> None:
    async def left_out(self: EventJournal, events: Mapping[Event, Exception]) -> None:
        await self.mark_published(list(events))

    patch.setattr(EventJournal, "set_aside", left_out)


@broken(
    "a journal that closes no epoch while a sink refuses all there is",
    "I8",
    replace(Plan.drawn(1_008_574), seed=1067, faults=0.5, shares_relays=False),
)
def _wait_for_refused(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(journal, "HELD_UP_MAX", 0)


@broken("a journal that forgets what it published", "I8", Plan(3, faults=0.0, kills=0.0))
def _tell_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LastPublished, "upto", lambda _self, _subject: -1)
