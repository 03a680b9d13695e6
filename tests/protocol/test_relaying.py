"""A relay, and a sink that fails, refuses events, or accepts only many: nothing is lost, or out of order."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from tests.protocol.recorded import OPEN, event, indexed, opens, own, record, recorded, stored
from travio_inventory.events.relay import EVENTS_AT_ONCE, MANY_EVERY, REFUSED_MAX, EventRelay
from travio_inventory.kernel.events import Event, PublishFailed, PublishRefused, Sink
from travio_inventory.protocol import journal
from travio_inventory.protocol.batches import Index
from travio_inventory.protocol.epochs import EPOCH_MS
from travio_inventory.protocol.index_entries import bucket_of
from travio_inventory.protocol.journal import EventJournal
from travio_inventory.protocol.retention import Retention
from travio_inventory.seats.events import EventType
from travio_inventory.seats.records.listing_sink import ListingSink
from verification.kit.sale import Sale

KEPT = Retention()
FEW = REFUSED_MAX + 1
ROUND_MS = 1_000
EPOCH_ROUNDS = EPOCH_MS // ROUND_MS


@dataclass
class OddSink:
    """A sink that keeps what it accepted."""

    refused: Collection[str] = ()
    least: int = 1
    """It accepts no fewer at once."""
    is_down_after: int = 10**9
    """It is down once it has so many."""
    had: list[str] = field(default_factory=list)
    calls: int = 0

    async def publish(self, events: Sequence[Event]) -> None:
        """See Sink."""
        self.calls += 1
        if len(events) < self.least or len(self.had) >= self.is_down_after:
            raise PublishFailed("it refuses")
        if any(event.id in self.refused for event in events):
            raise PublishFailed("it refuses")
        self.had += [event.id for event in events]


@dataclass
class TellingSink:
    """A sink that says what it accepted, and what it refuses by itself. Its connection breaks once it has so many."""

    refused: Collection[str] = ()
    breaks_after: int = 10**9
    had: list[str] = field(default_factory=list)
    calls: int = 0

    async def publish(self, events: Sequence[Event]) -> None:
        """See Sink."""
        self.calls += 1
        ids = [event.id for event in events if event.id not in self.refused]
        fits = max(self.breaks_after - len(self.had), 0)
        self.had += ids[:fits]
        if len(ids) > fits:
            raise PublishFailed("it broke", accepted=ids[:fits])
        if refused := {event.id: "no" for event in events if event.id in self.refused}:
            raise PublishRefused(refused, accepted=ids)


def relay_to(sale: Sale, sink: Sink) -> EventRelay:
    return EventRelay(EventJournal(sale.process.sender, "told"), sink, sale.clock, kept_s=KEPT.events_s)


async def relayed(sale: Sale, relay: EventRelay, rounds: int) -> None:
    """After so many rounds, a second each."""
    for _ in range(rounds):
        with suppress(PublishFailed):
            await relay()
        sale.clock.pass_ms(ROUND_MS)


@pytest.mark.parametrize("refused", [1, REFUSED_MAX, REFUSED_MAX + 1, 3 * REFUSED_MAX])
async def test_refused_events_however_many_and_wherever_they_are_hold_up_no_others(sale: Sale, refused: int) -> None:
    await opens(sale, OPEN)
    sink = OddSink([await recorded(sale, "A1", number) for number in range(refused)])
    others = [await recorded(sale, "A2", 100)]
    relay = relay_to(sale, sink)
    await relayed(sale, relay, refused + 2)
    assert sink.had == others
    for number in range(101, 130):
        others.append(await own(sale, "A2", number))
        await relayed(sale, relay, 1)
    await relayed(sale, relay, refused + 2)
    assert sink.had == others
    assert relay.lag_ms() > 0, "some still wait"


@pytest.mark.parametrize("refused", [1, 3 * REFUSED_MAX])
async def test_a_sink_that_says_what_it_refuses_is_asked_once_and_has_no_repeats(sale: Sale, refused: int) -> None:
    await opens(sale, OPEN)
    sink = TellingSink([await recorded(sale, "A1", number) for number in range(refused)])
    others = [await recorded(sale, "A2", number) for number in range(20)]
    relay = relay_to(sale, sink)
    await relayed(sale, relay, 1)
    assert (sorted(sink.had), sink.calls) == (sorted(others), 1)
    sink.refused = ()
    await relayed(sale, relay, 16 * EPOCH_ROUNDS)
    assert len(sink.had) == refused + len(others), "each once, and none is lost"


async def test_what_a_sink_had_before_it_broke_is_not_published_again(sale: Sale) -> None:
    await opens(sale, OPEN)
    relay = relay_to(sale, sink := TellingSink(breaks_after=7))
    events = [await recorded(sale, "A1", number) for number in range(20)]
    await relayed(sale, relay, 2)
    assert len(sink.had) == 7
    sink.breaks_after = 10**9
    await relayed(sale, relay, 2)
    assert sorted(sink.had) == sorted(events)


async def test_a_sink_that_refuses_each_event_by_itself_counts_as_failed(sale: Sale) -> None:
    await opens(sale, OPEN)
    relay = relay_to(sale, TellingSink([await recorded(sale, "A1", number) for number in range(REFUSED_MAX)]))
    with pytest.raises(PublishRefused, match=r"^no \(and 2 more events\)$"):
        await relay()


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("refused", [1, FEW])
async def test_what_arrives_late_is_published_though_everything_else_is_refused(
    sale: Sale, refused: int, restarts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "HELD_UP_MAX", FEW)
    await opens(sale, OPEN)
    waiting = [await recorded(sale, "A1", number) for number in range(refused)]
    sink = OddSink(waiting)
    await indexed(sale, "A2", OPEN)
    relay = relay_to(sale, sink)
    await relayed(sale, relay, 3 * EPOCH_ROUNDS)
    late = await record(sale, "A2", 0, epoch=OPEN)
    assert sink.had == []
    await relayed(sale, relay, 16 * EPOCH_ROUNDS)
    assert sink.had == [late]
    assert int(await stored(sale, "") or 0) > OPEN, "no epoch is kept open"
    assert relay.lag_ms() == 19 * EPOCH_MS, "the others still wait"
    sink.refused = ()
    await relayed(sale, relay_to(sale, sink) if restarts else relay, 16 * EPOCH_ROUNDS)
    assert sorted(sink.had) == sorted([late, *waiting]), "each once"


async def test_of_more_refused_events_none_is_carried_on(sale: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "HELD_UP_MAX", FEW)
    await opens(sale, OPEN)
    for number in range(FEW + 1):
        await own(sale, "A1", number)
    await relayed(sale, relay_to(sale, OddSink(is_down_after=0)), 16 * EPOCH_ROUNDS)
    assert await stored(sale, "") == 1
    assert not [
        entry for n in range(1, 16) for entry in await sale.store.read_index(Index.JOURNAL, bucket_of(OPEN + n))
    ]


async def test_a_sink_that_fails_in_the_middle_of_a_round_has_all_events_of_a_hold_in_order(sale: Sale) -> None:
    await opens(sale, OPEN)
    holds = EVENTS_AT_ONCE + 100
    for ordinal, epoch in enumerate((OPEN - 1, OPEN)):
        for number in range(holds):
            write = event(sale, "A1", number, ordinal, epoch=epoch, before=epoch - 1 if ordinal else 0)
            await sale.market.store.apply(sale.group_partition("A1"), [write])
        await indexed(sale, "A1", epoch)
    sink = OddSink(is_down_after=EVENTS_AT_ONCE)
    relay = relay_to(sale, sink)
    await relayed(sale, relay, 1)
    assert len(sink.had) == EVENTS_AT_ONCE
    assert relay.lag_ms() > 0
    sink.is_down_after = 10**9
    await relayed(sale, relay, 60)
    ordinals = defaultdict(list)
    for told in sink.had:
        ordinals[told[:-2]].append(told[-1:])
    assert len(ordinals) == holds
    assert set(map(tuple, ordinals.values())) == {("0", "1")}


async def test_a_relay_whose_slice_may_be_anothers_hands_nothing_more_over(sale: Sale) -> None:
    """Though a sink was so slow that the lease ended meanwhile; and that is no failure of the sink."""
    await opens(sale, OPEN)
    for number in range(EVENTS_AT_ONCE + 1):
        await recorded(sale, "A1", number)
    sink, left = OddSink([]), 1
    relay = EventRelay(
        EventJournal(sale.process.sender, "told"),
        sink,
        sale.clock,
        kept_s=KEPT.events_s,
        may_go_on=lambda: left > len(sink.had),
    )
    assert await relay() == EVENTS_AT_ONCE
    assert await relay() == 0
    left = 2 * EVENTS_AT_ONCE
    assert await relay() == 1
    assert len(sink.had) == len(set(sink.had)) == EVENTS_AT_ONCE + 1


async def test_a_sink_that_accepts_no_single_events_has_them_soon_after_it_was_down(sale: Sale) -> None:
    await opens(sale, OPEN)
    relay = relay_to(sale, sink := OddSink(least=2, is_down_after=0))
    events = [await own(sale, "A1", number) for number in range(8)]
    await relayed(sale, relay, 3)
    sink.is_down_after = 10**9
    await relayed(sale, relay, MANY_EVERY)
    assert sorted(sink.had) == sorted(events)


async def test_an_event_that_only_a_later_release_can_read_is_handed_over_once(sale: Sale) -> None:
    await opens(sale, OPEN)
    write = event(sale, "A1", 1, 0, epoch=OPEN)
    of_later = write._replace(values={**write.values, "type": EventType.HOLD_CREATED, "version": 99})
    await sale.market.store.apply(sale.group_partition("A1"), [of_later])
    await indexed(sale, "A1", OPEN)
    other = await recorded(sale, "A2", 2)
    sink = OddSink()
    listed = ListingSink(sale.store, sink, KEPT)
    relay = EventRelay(EventJournal(sale.process.sender, "told"), listed, sale.clock, kept_s=KEPT.events_s)
    await relayed(sale, relay, 60)
    assert len(sink.had) == 2
    assert other in sink.had
