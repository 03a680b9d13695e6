"""A sink that fails, for a moment or for long: every event is published in the end, and waiting for it costs little."""

import pytest

from travio_inventory.events.relay import REFUSED_MAX
from travio_inventory.kernel.events import Event, PublishFailed
from travio_inventory.protocol import journal, local_signals
from travio_inventory.protocol.back_off import WAITS_MS
from travio_inventory.seats.events import EventType
from verification.kit.sale import Sale

SEATS = "A1 A2 A18"


async def test_what_was_not_published_is_published_later(single_seats: Sale) -> None:
    """The sink fails half way: the rest continues, none is left out, and all have the same ids again."""
    sale = single_seats
    relay = sale.elsewhere()
    fails = {"left": 3}

    async def fails_at_first(event: Event) -> None:
        if event.ordinal == 1 and fails["left"]:
            fails["left"] -= 1
            raise OSError("full")

    relay.process.sink.subscribe(fails_at_first)
    hold = await sale.hold(SEATS)
    await sale.confirm(hold)
    other = await sale.hold("A3", by="bob")
    assert {event.subject for event in await relay.relay()} == {hold.id, other.id}
    assert await relay.relay() == []
    sale.clock.pass_ms(WAITS_MS[1])
    assert [event.type for event in await relay.relay()] == [EventType.SEATS_PURCHASED]
    for _ in range(20):
        sale.clock.pass_s(30)
        assert await relay.relay() == []
    assert len({event.id for event in relay.told}) == 3


async def test_an_event_that_is_not_published_for_long_is_not_forgotten(single_seats: Sale) -> None:
    sale = single_seats
    relay = sale.elsewhere()
    is_down = {"now": True}

    async def is_there(_: Event) -> None:
        if is_down["now"]:
            raise OSError("down")

    await relay.relay_all()
    relay.process.sink.subscribe(is_there)
    hold = await sale.hold(SEATS)
    for _ in range(20):
        sale.clock.pass_s(30)
        with pytest.raises(PublishFailed):
            await relay.relay()
    is_down["now"] = False
    assert [event.subject for event in await relay.relay()] == [hold.id]
    restarted = sale.elsewhere()
    assert [event.subject for event in await restarted.relay()] in ([], [hold.id])


async def test_a_sink_that_is_down_is_asked_with_single_events_and_costs_the_store_no_writes(sale: Sale) -> None:
    asked: list[str] = []

    async def is_down(event: Event) -> None:
        asked.append(event.id)
        raise OSError("down")

    await sale.relay_all()
    sale.process.sink.subscribe(is_down)
    for seat in range(1, 13):
        await sale.hold(f"A{seat}")
    with pytest.raises(PublishFailed):
        await sale.relay()
    batches = sale.store.batches
    for _ in range(3):
        asked.clear()
        with pytest.raises(PublishFailed):
            await sale.relay()
        assert len(asked) == len(set(asked)) == REFUSED_MAX
    assert sale.store.batches == batches


async def test_a_relay_that_cannot_publish_reads_no_more(single_seats: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of unpublished events is limited; those beyond it are found in the store later."""
    sale = single_seats
    monkeypatch.setattr(local_signals, "EVENTS_MAX", 2)
    monkeypatch.setattr(journal, "EVENTS_PER_ROUND_MAX", 1)
    is_down = {"now": True}

    async def is_there(_event: Event) -> None:
        if is_down["now"]:
            raise ConnectionError

    await sale.relay_all()
    sale.process.sink.subscribe(is_there)
    first = await sale.hold("A1")
    with pytest.raises(PublishFailed):
        await sale.relay()
    holds = [first, *[await sale.hold(seat) for seat in ("A2", "A3", "A4")]]
    with pytest.raises(PublishFailed):
        await sale.relay()
    assert sum(map(len, sale.process.sender.signals._followers[0].take().values())) == 2
    is_down["now"] = False
    told = list(await sale.relay())
    for _ in range(10):
        sale.clock.pass_s(30)
        told += await sale.relay()
    assert sorted(event.subject for event in told) == sorted(hold.id for hold in holds)
