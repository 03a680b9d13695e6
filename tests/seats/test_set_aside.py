"""What cannot be read, or published, stops nothing else: it is set aside, tried again and never forgotten."""

from contextlib import suppress
from dataclasses import replace

import pytest

from travio_inventory.kernel.events import Event, PublishFailed
from travio_inventory.protocol import index_entries
from travio_inventory.protocol.back_off import WAITS_MS
from travio_inventory.protocol.batches import Index, Kind, Partition, Table, Write
from travio_inventory.protocol.index_entries import minute_of
from travio_inventory.protocol.minute_cursor import MINUTES_AT_ONCE
from travio_inventory.protocol.retention import Retention
from travio_inventory.seats.events import EventType
from travio_inventory.seats.hold import Expired, Hold, Recorded
from travio_inventory.seats.records.seats import Seats
from verification.kit.faulty_batches import FaultyBatches
from verification.kit.sale import FOUND_WITHIN_S, TOLD_WITHIN_S, TTL_S, Sale

MINUTE_S = 60
EPOCHS = 12
"""After this number of epochs an epoch is closed, and what was carried on from it was carried more than once."""


async def relay_for(relay: Sale, *, minutes: int) -> list[Event]:
    """Continuous rounds, some of which may fail: what they published."""
    before = len(relay.told)
    for _ in range(minutes * 4):
        relay.clock.pass_s(MINUTE_S / 4)
        with suppress(PublishFailed):
            await relay.relay()
    return relay.told[before:]


async def epoch_of(sale: Sale) -> int:
    return await sale.process.sender.epochs.current()


def holds_of(told: list[Event]) -> list[str]:
    return [event.subject for event in told]


async def all_told(sale: Sale, relay: Sale) -> bool:
    """Whether another hold is published within the usual time."""
    hold = await sale.elsewhere().hold("A18", by="zoe")
    relay.clock.pass_s(TOLD_WITHIN_S)
    told = set(holds_of(await relay.relay()))
    await sale.release(hold)
    relay.clock.pass_s(TOLD_WITHIN_S)
    return told == {hold.id} == set(holds_of(await relay.relay()))


# ---- the relay


@pytest.mark.parametrize("minutes", [1, EPOCHS])
@pytest.mark.parametrize("restarts", [False, True])
async def test_a_seat_group_that_cannot_be_read_does_not_stop_the_events_of_others(
    single_seats: Sale, minutes: int, restarts: bool
) -> None:
    """For any time; when it can be read again its events are published too, each once, by any relay."""
    sale, relay = single_seats, single_seats.elsewhere()
    stuck = await sale.hold("A1")
    relay.store.cannot_read(sale.group_partition("A1"))
    assert await all_told(sale, relay)
    assert holds_of(await relay_for(relay, minutes=minutes)) == []
    assert await all_told(sale, relay)
    relay.store.mend()
    relay = sale.elsewhere() if restarts else relay
    told = holds_of(await relay_for(relay, minutes=EPOCHS))
    assert told.count(stuck.id) == 1


async def test_events_come_in_order_from_a_seat_group_that_could_not_be_read(single_seats: Sale) -> None:
    """Those from before it was unreadable, from meanwhile, and from afterwards."""
    sale, relay = single_seats, single_seats.elsewhere()
    hold = await sale.hold("A1", ttl_s=600)
    relay.store.cannot_read(sale.group_partition("A1"))
    await relay_for(relay, minutes=3)
    await sale.extend(hold, ttl_s=600)
    await relay_for(relay, minutes=EPOCHS)
    relay.store.mend()
    await sale.confirm(hold)
    told = await relay_for(relay, minutes=2)
    assert [event.ordinal for event in told] == [0, 1, 2]


@pytest.mark.parametrize("restarts", [False, True])
async def test_an_epoch_that_cannot_be_read_stops_no_other(single_seats: Sale, restarts: bool) -> None:
    sale, relay = single_seats, single_seats.elsewhere()
    await relay.relay()
    hold = await sale.hold("A1")
    relay.store.cannot_list(Index.JOURNAL, await epoch_of(sale))
    assert holds_of(await relay_for(relay, minutes=2)) == []
    assert await all_told(sale, relay)
    by_the_slow_round = holds_of(await relay_for(relay, minutes=EPOCHS))
    relay.store.mend()
    relay = sale.elsewhere() if restarts else relay
    told = by_the_slow_round + holds_of(await relay_for(relay, minutes=EPOCHS))
    assert set(told) == {hold.id}
    assert restarts or len(told) == 1, "once in the life of a relay"


async def test_an_entry_that_nobody_can_read_stops_no_other(
    single_seats: Sale, caplog: pytest.LogCaptureFixture
) -> None:
    sale, relay = single_seats, single_seats.elsewhere()
    for rubbish in ("rubbish", "a\x1fb", "a\x1fb\x1fc", "a\x1fb\x1f1\x1frubbish", ""):
        await sale.store.note(Index.JOURNAL, await epoch_of(sale), rubbish)
    for _ in range(3):
        assert await all_told(sale, relay)
        await relay_for(relay, minutes=EPOCHS)
    assert 0 < len([record for record in caplog.records if "set aside" in record.getMessage()]) <= 3


async def poison(sale: Sale, hold: Hold, *, ordinal: int, actor: str = "nobody") -> None:
    """An event of the hold that this release cannot read."""
    epoch = await epoch_of(sale)
    event = Seats().event(replace(hold, extensions=ordinal), Recorded(epoch, sale.clock.now_ms()))
    group = sale.group_partition(hold.seats[0])
    odd = Write(event.key, {}, {**event.values, "actor": actor})
    await sale.store.apply(group, [odd], [index_entries.recorded(group, epoch, Retention())])


async def test_an_event_that_nobody_can_read_stops_only_its_own_hold(single_seats: Sale) -> None:
    """In the same seat group and epoch; a release that can read it publishes it, then the hold's later events."""
    sale, relay = single_seats, single_seats.elsewhere()
    odd = await sale.find(await sale.hold("A1"))
    await poison(sale, odd, ordinal=1)
    await sale.release(odd)
    for _ in range(3):
        other = await sale.hold("A1", by="bob")
        told = holds_of(await relay_for(relay, minutes=1))
        assert other.id in told
        assert told.count(odd.id) <= 2
        await sale.release(other)
        await relay_for(relay, minutes=EPOCHS)
    assert await all_told(sale, relay)
    assert len({event.id for event in relay.told}) == len(relay.told)


async def test_an_event_that_a_sink_refuses_stops_only_its_own_hold(single_seats: Sale) -> None:
    sale, relay = single_seats, single_seats.elsewhere()
    refused = await sale.hold("A1", by="eve")
    is_refused = {"now": True}

    async def refuse(event: Event) -> None:
        if is_refused["now"] and event.subject == refused.id:
            raise ValueError("eve")

    relay.process.sink._subscribers.insert(0, refuse)
    others = [await sale.hold(f"A{n}", by=f"u{n}") for n in range(2, 18)]
    relay.clock.pass_s(TOLD_WITHIN_S)
    await relay.relay()
    await sale.confirm(refused)
    relay.clock.pass_s(TOLD_WITHIN_S)
    with pytest.raises(PublishFailed):
        await relay.relay()
    assert await all_told(sale, relay)
    assert {event.subject for event in relay.told} == {hold.id for hold in others} | {relay.told[-1].subject}
    await relay_for(relay, minutes=EPOCHS)
    assert await all_told(sale, relay)
    is_refused["now"] = False
    told = await relay_for(relay, minutes=1)
    assert [event.ordinal for event in told if event.subject == refused.id] == [0, 1]


# ---- how much is read


@pytest.mark.once
async def test_a_new_relay_publishes_all_events_however_old(single_seats: Sale) -> None:
    """With or without sweepers at work. There is no order between holds."""
    sale = single_seats
    holds = []
    for n in range(1, 9):
        holds.append(await sale.hold(f"A{n}"))
        for _ in range(40):
            sale.clock.pass_s(2 * MINUTE_S)
            await sale.sweep()
        sale.clock.pass_s(12 * 3_600)
    relay = sale.elsewhere()
    told = [event for _ in range(20) for event in await relay.relay()]
    created = [event.subject for event in told if event.type == EventType.HOLD_CREATED]
    assert sorted(created) == sorted(hold.id for hold in holds)


def rows_read(line: FaultyBatches) -> int:
    return line.rows_read[Kind.EVENT]


@pytest.mark.once
async def test_catching_up_reads_each_event_once(sale: Sale) -> None:
    """A backlog of hours in every seat group."""
    events = 0
    for _ in range(8):
        for _ in range(10):
            await sale.release(await sale.hold("A1 A9 A18"))
            events += 2
        for _ in range(10):
            sale.clock.pass_s(2 * MINUTE_S)
            await sale.sweep()
    relay = sale.elsewhere()
    told = [event for _ in range(10) for event in await relay.relay()]
    assert len(told) == events
    assert rows_read(relay.store) == events


async def test_a_step_on_an_older_hold_reads_no_more_than_its_own_events(sale: Sale) -> None:
    """Even if much else happened in its seat group since."""
    hold = await sale.hold("A1", ttl_s=600)
    for _ in range(100):
        await sale.release(await sale.hold("A2"))
    await sale.relay_all()
    for _ in range(3):
        sale.clock.pass_s(MINUTE_S)
        await sale.relay()
    before = rows_read(sale.store)
    await sale.confirm(hold)
    assert [event.ordinal for event in await sale.relay()] == [1]
    assert rows_read(sale.store) - before <= 1


# ---- the sweeper


async def test_minutes_that_cannot_be_read_do_not_keep_a_sweeper_from_others(single_seats: Sale) -> None:
    """The oldest ones, and more than are read in a round."""
    sale = single_seats
    hold = await sale.hold("A1")
    now = minute_of(sale.clock.now_ms())
    sale.clock.pass_s(TTL_S + 3 * MINUTE_S)
    sweeper = sale.elsewhere()
    sweeper.store.cannot_list(Index.EXPIRY, *range(now - 3 * MINUTES_AT_ONCE, now - 1))
    for _ in range(40):
        sale.clock.pass_ms(300)
        await sweeper.sweep()
    assert isinstance((await sale.find(hold)).state, Expired)


async def test_seat_groups_that_cannot_be_read_do_not_keep_a_sweeper_from_others_for_good(single_seats: Sale) -> None:
    """Nor are their minutes kept open: they are carried on, over restarts too."""
    sale, sweeper = single_seats, single_seats.elsewhere()
    stuck = await sale.hold("A1")
    for _ in range(30):
        await sweeper.sweep()
    sweeper.store.cannot_read(sale.group_partition("A1"))
    for n in range(2, 2 + EPOCHS):
        hold = await sale.hold(f"A{n}", by=f"u{n}")
        for _ in range(TTL_S + FOUND_WITHIN_S):
            sale.clock.pass_s(1)
            await sweeper.sweep()
        assert isinstance((await sale.find(hold)).state, Expired)
    another = sale.elsewhere()
    sale.clock.pass_ms(WAITS_MS[1])
    for _ in range(5):
        await another.sweep()
    assert isinstance((await sale.find(stuck)).state, Expired)


async def test_an_entry_that_nobody_can_read_does_not_stop_a_sweeper(single_seats: Sale) -> None:
    sale = single_seats
    for rubbish in ("rubbish", "a\x1fb", "a\x1fb\x1fc", ""):
        await sale.store.note(Index.EXPIRY, minute_of(sale.clock.now_ms()), rubbish)
    hold = await sale.hold("A1")
    for _ in range(30):
        await sale.sweep()
    for _ in range(TTL_S + FOUND_WITHIN_S):
        sale.clock.pass_s(1)
        await sale.sweep()
    assert isinstance((await sale.find(hold)).state, Expired)


async def test_a_process_that_cannot_read_the_cursors_ends_its_own_holds(single_seats: Sale) -> None:
    sale = single_seats
    hold = await sale.hold("A1")
    sale.store.cannot_read(Partition(Table.CURSORS, "", Index.EXPIRY))
    sale.store.cannot_read(Partition(Table.CURSORS, "", Index.JOURNAL))
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    assert isinstance((await sale.find(hold)).state, Expired)
