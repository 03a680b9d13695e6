"""Several sinks: each gets every event, in order and once while its relay lives, whatever happens to the others."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from tests.events.selling import MINUTES, RecordingSink, Service, on_sale, sell
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.kernel.events import Event, PublishFailed
from travio_inventory.protocol import journal, local_signals, minute_cursor
from travio_inventory.protocol.batches import Index, Kind, Partition, Table
from travio_inventory.store.memory import MemoryBatches


@pytest.mark.parametrize("is_alone", [False, True], ids=["several processes", "alone"])
async def test_a_sink_that_is_down_for_long_keeps_no_other_waiting(is_alone: bool) -> None:
    store, clock = await on_sale()
    near, far = RecordingSink(), RecordingSink()
    service = Service(store, clock, is_alone=is_alone, near=near, far=far)
    far.is_down, sold = True, list[str]()
    for seat in range(1, 6):
        sold += await sell(service, [seat])
        await service.relay_to("far", "near", minutes=2)
        assert sorted(near.ids) == sorted(sold), "on time, each once"
    assert far.ids == []
    far.is_down = False
    await service.relay_to("far", "near", minutes=MINUTES)
    assert sorted(far.ids) == sorted(near.ids) == sorted(sold)
    assert all(far.ids.index(f"{hold}~0") < far.ids.index(f"{hold}~1") for hold in {name[:-2] for name in sold})


async def test_a_sink_that_never_answers_keeps_no_other_waiting() -> None:
    store, clock = await on_sale()
    near, far = RecordingSink(), RecordingSink()
    service = Service(store, clock, near=near, far=far)
    far.is_stuck = True
    sold = await sell(service, [1, 2])
    stuck = asyncio.ensure_future(service.relay_to("far"))
    await service.relay_to("near", minutes=MINUTES)
    assert (sorted(near.ids), far.ids, stuck.done()) == (sorted(sold), [], False)
    stuck.cancel()


@pytest.mark.parametrize("is_alone", [False, True], ids=["several processes", "alone"])
async def test_after_a_kill_each_sink_goes_on_where_it_was(is_alone: bool) -> None:
    """The sink that had all events gets none of the settled ones again; the sink that had none gets all."""
    store, clock = await on_sale()
    near, far = RecordingSink(), RecordingSink()
    service = Service(store, clock, is_alone=is_alone, near=near, far=far)
    far.is_down = True
    sold = await sell(service, [1, 2, 3])
    await service.relay_to("near", "far", minutes=MINUTES)
    again = Service(store, clock, is_alone=is_alone, near=near, far=far)
    far.is_down = False
    sold += await sell(again, [4])
    await again.relay_to("near", "far", minutes=MINUTES)
    assert sorted(near.ids) == sorted(far.ids) == sorted(sold)


async def test_what_is_set_aside_for_one_sink_does_not_affect_another() -> None:
    """An event that is refused alone is carried from epoch to epoch, only for the sink that refuses it."""
    store, clock = await on_sale()

    class RefusingSink(RecordingSink):
        async def publish(self, events: Sequence[Event]) -> None:
            if self.is_down and any(event.subject == poison.id for event in events):
                raise PublishFailed("not this one")
            self.ids += [event.id for event in events]

    near, far = RecordingSink(), RefusingSink()
    service = Service(store, clock, near=near, far=far)
    far.is_down = True
    poison = await service.hold("A1")
    others = []
    for seat in range(2, 9):
        others += await sell(service, [seat])
        await service.relay_to("far", "near", minutes=4)
        assert (sorted(far.ids), sorted(near.ids)) == (sorted(others), sorted([f"{poison.id}~0", *others]))
    again = Service(store, clock, near=near, far=far)
    await again.relay_to("near", minutes=MINUTES)
    assert near.ids.count(f"{poison.id}~0") == 1, "what was carried on is not its own"
    far.is_down = False
    await again.relay_to("far", "near", minutes=MINUTES)
    assert far.ids.count(f"{poison.id}~0") == 1
    assert set(far.ids) == set(near.ids)


async def test_a_sink_that_is_new_begins_with_the_first_event_that_is_kept() -> None:
    store, clock = await on_sale()
    near, late = RecordingSink(), RecordingSink()
    service = Service(store, clock, near=near)
    sold = await sell(service, [1, 2])
    await service.relay_to("near", minutes=3 * MINUTES)
    later = Service(store, clock, near=near, late=late)
    await later.relay_to("late", "near", minutes=3)
    assert sorted(late.ids) == sorted(near.ids) == sorted(sold)


async def test_a_sink_that_was_taken_away_leaves_nothing_that_grows() -> None:
    store, clock = await on_sale()
    near, gone = RecordingSink(), RecordingSink()
    service = Service(store, clock, near=near, gone=gone)
    await sell(service, [1])
    await service.relay_to("near", "gone", minutes=MINUTES)
    left = await kept_of(store, "gone")
    without = Service(store, clock, near=near)
    await sell(without, range(2, 9))
    await without.relay_to("near", minutes=MINUTES)
    assert await kept_of(store, "gone") == left
    assert await kept_of(store, "near") != left


async def kept_of(store: MemoryBatches, sink: str) -> dict[str, object]:
    """The stored positions of a sink."""
    named = [Partition(Table.CURSORS, "", f"{Index.JOURNAL} of {sink}")]
    return {str(key): row for name in named for key, row in (await store.read(name, Kind.CURSOR)).items()}


async def test_events_that_wait_for_a_sink_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that do not fit are found in the store when the sink accepts events again; the other sink misses none
    meanwhile.
    """
    monkeypatch.setattr(local_signals, "EVENTS_MAX", 4)
    store, clock = await on_sale()
    near, far = RecordingSink(), RecordingSink()
    service = Service(store, clock, is_alone=True, near=near, far=far)
    await service.relay_to("near", "far")
    far.is_stuck = True
    stuck = asyncio.ensure_future(service.relay_to("far"))
    sold: list[str] = []
    for seat in range(1, 9):
        sold += await sell(service, [seat])
        await service.relay_to("near")
    assert near.ids == sold
    stuck.cancel()
    far.is_stuck = False
    await service.relay_to("far", minutes=MINUTES)
    assert sorted(far.ids) == sorted(sold)


async def test_the_lag_is_that_of_the_oldest_event_that_a_sink_has_not_had() -> None:
    store, clock = await on_sale()
    near, far = RecordingSink(), RecordingSink()
    service = Service(store, clock, near=near, far=far)
    far.is_down = True
    await service.hold("A1")
    await service.relay_to("near", "far")
    clock.pass_s(90)
    await service.relay_to("near", "far")
    lag: dict[str, Callable[[], int]] = {name: relay.lag_ms for name, relay in service.assembly.relays.items()}
    assert (lag["near"](), lag["far"]()) == (0, 90_000)
    far.is_down = False
    clock.pass_s(minute_cursor.SETTLES_MS[0] // 1_000)
    await service.relay_to("far")
    assert lag["far"]() == 0


async def test_every_process_hears_its_own_events_once_for_each_sink() -> None:
    """In the same round, without reading the store."""
    store, clock = await on_sale()
    near, far = RecordingSink(), RecordingSink()
    service = Service(store, clock, is_alone=True, near=near, far=far)
    await service.relay_to("near", "far")
    sold = await sell(service, [1])
    await service.relay_to("near", "far")
    assert near.ids == far.ids == sold
    await service.assembly.inventory.expire_holds(HOUSE)


async def test_what_is_remembered_of_events_is_what_open_epochs_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a sink that catches up on a day, not the whole day: rounds are small, and epochs are closed on the way."""
    monkeypatch.setattr(journal, "EVENTS_PER_ROUND_MAX", 4)
    store, clock = await on_sale()
    near, far = RecordingSink(), RecordingSink()
    service = Service(store, clock, near=near, far=far)
    far.is_down, sold = True, list[str]()
    for seat in range(1, 19):
        sold += await sell(service, [seat])
        await service.relay_to("far", "near", minutes=2)
    far.is_down = False
    again = Service(store, clock, far=far)
    remembered = []
    reader = again.journal_of("far")
    while len(far.ids) < len(sold):
        await again.relay_to("far")
        remembered.append(len(reader._published))
    assert sorted(far.ids) == sorted(sold)
    assert max(remembered) < len(sold) // 4
