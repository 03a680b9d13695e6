"""Events that were published long ago are published again: those wanted, in order, from where it was stopped."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from tests.events.events import event
from tests.events.selling import TRIP, RecordingSink, Service, on_sale, sell
from travio_inventory.events import replay
from travio_inventory.events.replay import Replay, ReplayStopped
from travio_inventory.kernel.events import Event, PublishFailed, PublishRefused, SinkDown
from travio_inventory.protocol import journal
from travio_inventory.protocol import recorded_events as recorded
from travio_inventory.protocol.backlog import backlog_of
from travio_inventory.protocol.recorded_events import BEGINNING, Piece, Position, Wanted, recorded_events
from travio_inventory.store.memory import MemoryBatches
from verification.kit.clocks import Clock

KEPT_S = 7 * 86_400
MANY = 1_000_000


async def sold_over_time(store: MemoryBatches, clock: Clock, *, minutes: int = 12) -> tuple[RecordingSink, list[int]]:
    """A sale of a seat in each of these minutes, all relayed; and when each began."""
    near, began = RecordingSink(), []
    service = Service(store, clock, near=near)
    for seat in range(1, minutes + 1):
        began.append(clock.now_ms())
        await sell(service, [seat])
        await service.relay_to("near", minutes=1)
    return near, began


def replaying(
    store: MemoryBatches, clock: Clock, sink: RecordingSink, wanted: Wanted, after: Position = BEGINNING
) -> Replay:
    """A replay that gives up at the first failure."""
    pieces = recorded_events(store, clock, wanted, kept_s=KEPT_S, after=after)
    return Replay(pieces, sink, down_s_max=0)


def told(_: object) -> None:
    """Nobody listens."""


async def test_all_that_is_kept_is_published_again_with_its_ids_and_in_order_per_hold() -> None:
    store, clock = await on_sale()
    near, _ = await sold_over_time(store, clock)
    again = RecordingSink()
    replay_ = replaying(store, clock, again, Wanted(0))
    await replay_.run(told)
    assert again.ids == near.ids
    assert replay_.replayed.published == len(near.ids) > 0
    assert replay_.replayed.epochs_read == replay_.replayed.epochs


async def test_only_what_happened_in_the_time_wanted_is_published() -> None:
    store, clock = await on_sale()
    near, began = await sold_over_time(store, clock)
    again = RecordingSink()
    await replaying(store, clock, again, Wanted(began[4], began[7])).run(told)
    assert again.ids == near.ids[8:14]


async def test_where_the_beginning_is_late_the_first_epochs_are_not_even_read() -> None:
    store, clock = await on_sale()
    _, began = await sold_over_time(store, clock, minutes=2)
    service = Service(store, clock, near=RecordingSink())
    await service.relay_to("near", minutes=25)
    whole, end = replaying(store, clock, RecordingSink(), Wanted(0)), RecordingSink()
    await whole.run(told)
    late = replaying(store, clock, end, Wanted(clock.now_ms()))
    await late.run(told)
    assert (end.ids, began[0] > 0) == ([], True)
    assert late.replayed.epochs < whole.replayed.epochs * 2 // 3


async def test_of_one_trip_nothing_else_is_published() -> None:
    store, clock = await on_sale()
    near, _ = await sold_over_time(store, clock, minutes=2)
    own, other = RecordingSink(), RecordingSink()
    await replaying(store, clock, own, Wanted(0, 0, TRIP.key.trip)).run(told)
    await replaying(store, clock, other, Wanted(0, 0, "another")).run(told)
    assert (own.ids, other.ids) == (near.ids, [])


async def test_stopped_anywhere_it_goes_on_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a partition too: pieces are small. What is published twice is at most one piece."""
    monkeypatch.setattr(recorded, "EVENTS_PER_READ", 3)
    monkeypatch.setattr(replay, "RETRY_S", (0.0, 0.0))
    store, clock = await on_sale()
    near = RecordingSink()
    await sell(Service(store, clock, near=near), range(1, 9))
    for stop in range(1, 16):
        sink = _DiesAfter(stop)
        first = replaying(store, clock, sink, Wanted(0))
        with pytest.raises(ReplayStopped):
            await first.run(told)
        rest = RecordingSink()
        await replaying(store, clock, rest, Wanted(0), first.replayed.position).run(told)
        whole = RecordingSink()
        await replaying(store, clock, whole, Wanted(0)).run(told)
        assert list(dict.fromkeys([*sink.ids, *rest.ids])) == whole.ids
        assert len(sink.ids) + len(rest.ids) - len(whole.ids) < 3


class _DiesAfter(RecordingSink):
    """Goes down after so many events."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._left = count

    async def publish(self, events: Sequence[Event]) -> None:
        taken = [event.id for event in events][: self._left]
        self._left -= len(taken)
        self.ids += taken
        if len(taken) < len(events):
            raise SinkDown("away", taken)


async def test_a_sink_that_comes_back_in_time_gets_all_and_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "RETRY_S", (0.0, 0.0))
    store, clock = await on_sale()
    near, _ = await sold_over_time(store, clock, minutes=3)

    class Sink(RecordingSink):
        calls = 0

        async def publish(self, events: Sequence[Event]) -> None:
            self.calls += 1
            if self.calls % 3:
                raise SinkDown("away", [])
            self.ids += [event.id for event in events]

    sink = Sink()
    pieces = recorded_events(store, clock, Wanted(0), kept_s=KEPT_S)
    await Replay(pieces, sink, down_s_max=60).run(told)
    assert sink.ids == near.ids


async def test_a_refused_event_and_what_follows_of_its_hold_are_told_and_the_others_published() -> None:
    store, clock = await on_sale()
    near, _ = await sold_over_time(store, clock, minutes=4)
    poison = near.ids[2]

    class Sink(RecordingSink):
        async def publish(self, events: Sequence[Event]) -> None:
            bad = [event.id for event in events if event.subject == poison.rpartition("~")[0]]
            good = [event.id for event in events if event.id not in bad]
            self.ids += good
            if bad:
                raise PublishRefused(dict.fromkeys(bad, "not this one"), good)

    sink = Sink()
    replay_ = replaying(store, clock, sink, Wanted(0))
    await replay_.run(told)
    assert poison not in sink.ids
    assert set(sink.ids) == {name for name in near.ids if not name.startswith(poison.rpartition("~")[0])}
    assert [why.partition(":")[0] for why in replay_.replayed.refused.values()] == [poison]


async def test_a_batch_that_fails_as_a_whole_is_cut_until_its_poison_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "RETRY_S", (0.0, 0.0))
    events = [replace(event(str(n)), subject=f"s{n}") for n in range(20)]

    class Sink(RecordingSink):
        async def publish(self, events: Sequence[Event]) -> None:
            if "13" in [event.id for event in events]:
                raise PublishRefused({"13": "bad"}, []) if len(events) == 1 else PublishFailed("one of them is bad")
            self.ids += [event.id for event in events]

    async def pieces() -> AsyncIterator[Piece]:
        yield Piece(events, Position(2), 1, 1, unreadable=0)

    sink = Sink()
    replay_ = Replay(pieces(), sink, down_s_max=60)
    await replay_.run(told)
    assert sink.ids == [str(n) for n in range(20) if n != 13]
    assert replay_.replayed.refused == {"s13": "13: bad"}


async def test_a_row_that_holds_no_event_is_counted_and_stops_nothing() -> None:
    async def pieces() -> AsyncIterator[Piece]:
        yield Piece([], Position(1, "x"), 0, 1, unreadable=1)
        yield Piece([], Position(2), 1, 1, unreadable=0)

    replay_ = Replay(pieces(), RecordingSink(), down_s_max=0)
    await replay_.run(told)
    assert (replay_.replayed.unreadable, replay_.replayed.position) == (1, Position(2))


async def test_the_backlog_of_a_sink_is_what_was_recorded_since_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "HELD_UP_MAX", 4)
    store, clock = await on_sale()
    near, far = RecordingSink(), RecordingSink()
    service = Service(store, clock, near=near, far=far)
    await service.relay_to("near", "far", minutes=9)
    far.is_down, sold = True, list[str]()
    for seat in range(1, 6):
        sold += await sell(service, [seat])
        await service.relay_to("near", "far", minutes=2)
    await service.relay_to("near", "far", minutes=9)
    well = await backlog_of(store, clock, "near", kept_s=KEPT_S, events_max=MANY)
    late = await backlog_of(store, clock, "far", kept_s=KEPT_S, events_max=MANY)
    assert (well.behind, well.events, well.carried) == (0, 0, 0)
    assert late.events == len(sold)
    assert late.behind > 10
    assert late.reached_ms < well.reached_ms
    few = await backlog_of(store, clock, "far", kept_s=KEPT_S, events_max=5)
    assert (few.events, few.is_more) == (5, True)
    unknown = await backlog_of(store, clock, "nobody", kept_s=KEPT_S, events_max=MANY)
    assert (unknown.cursor, unknown.reached_ms, unknown.events) == (0, 0, len(sold))


async def test_events_set_aside_for_a_sink_are_counted_though_its_cursor_is_beyond_them() -> None:
    store, clock = await on_sale()
    far = RecordingSink()
    service = Service(store, clock, far=far)
    far.is_down = True
    sold = await sell(service, [1, 2])
    await service.relay_to("far", minutes=10)
    late = await backlog_of(store, clock, "far", kept_s=KEPT_S, events_max=MANY)
    assert (late.behind, late.carried) == (0, len(sold))
