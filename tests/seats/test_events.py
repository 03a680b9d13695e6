"""Events: every step is published once, in order per hold, even if batches land late and relays fail or restart."""

import asyncio

import pytest

from travio_inventory.kernel.actor import ActorKind
from travio_inventory.kernel.events import Event
from travio_inventory.kernel.refusals import FinalRefusal
from travio_inventory.protocol.epochs import Epochs
from travio_inventory.seats.events import (
    BookingCancelled,
    HoldCreated,
    HoldExpired,
    HoldExtended,
    HoldReleased,
    OfBlock,
    OfHold,
    SeatsBlocked,
    SeatsPurchased,
    SeatsUnblocked,
    data_of,
)
from travio_inventory.seats.hold import Cancelled, Confirmed, Expired, Held, Hold, Released, late_id
from verification.kit.faulty_batches import commits
from verification.kit.sale import FIRST_ROUNDS, TOLD_WITHIN_S, TTL_S, Sale

SEATS = "A1 A2 A18"
MINUTE_S = 60


def types(events: list[Event]) -> list[str]:
    return [str(event.type) for event in events]


# ---- what is published


async def test_every_step_is_published_once(sale: Sale) -> None:
    hold = await sale.hold(SEATS, "A-C")
    sale.clock.pass_s(1)
    await sale.extend(hold)
    sale.clock.pass_s(1)
    await sale.confirm(hold)
    await sale.confirm(hold)
    sale.clock.pass_s(1)
    await sale.cancel(hold)
    await sale.cancel(hold)
    given_back = await sale.release(await sale.hold("A3", by="bob"))
    told = await sale.relay()
    assert types([event for event in told if event.subject == hold.id]) == [
        "hold.created", "hold.extended", "seats.purchased", "booking.cancelled",
    ]  # fmt: skip
    assert types([event for event in told if event.subject == given_back.id]) == ["hold.created", "hold.released"]
    assert await sale.relay() == []


async def test_an_event_says_what_happened_to_whom(sale: Sale) -> None:
    hold = await sale.hold(SEATS, "A-C")
    sale.clock.pass_s(5)
    await sale.confirm(hold, "order-7")
    created, purchased = await sale.relay()
    assert created.at_ms == hold.created_at_ms
    assert isinstance(hold.state, Held)
    about = (hold.id, sale.trip.key.trip, "ann", hold.seats, 0, 1)
    prices, currency = hold.prices, hold.currency
    assert data_of(created) == HoldCreated(*about, hold.state.expires_at_ms, prices=prices, currency=currency)
    assert data_of(purchased) == SeatsPurchased(*about, "order-7", hold.created_at_ms, prices=prices, currency=currency)
    assert purchased.at_ms == sale.clock.at_ms
    for event in (created, purchased):
        assert (event.organization, event.partition_key) == sale.trip.key
        assert (event.subject, event.actor, event.version) == (hold.id, ActorKind.USER, 1)


async def test_a_refused_hold_has_no_event(sale: Sale) -> None:
    await sale.hold("A18", by="bob")
    with pytest.raises(FinalRefusal):
        await sale.elsewhere().hold(SEATS)
    with pytest.raises(FinalRefusal):
        await sale.elsewhere().hold(SEATS, key="k")
    assert types(await sale.relay()) == ["hold.created"]


async def test_a_late_booking_is_published_as_a_purchase_of_its_hold(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    await sale.cancel(await sale.confirm(hold))
    told = await sale.relay_all()
    assert types(told) == ["hold.created", "hold.expired", "seats.purchased", "booking.cancelled"]
    assert {event.subject for event in told} == {hold.id}
    assert [event.actor for event in told] == ["user", "system", "user", "user"]
    late = [data_of(event) for event in told[2:]]
    assert [data.hold_id for data in late if isinstance(data, OfHold)] == [late_id(hold.id)] * 2
    assert [event.ordinal for event in told] == [0, 1, 2, 3]


async def test_seats_that_are_taken_off_sale_and_put_back_have_their_own_events(sale: Sale) -> None:
    """By the house, with the reason, and not as a hold: one event for each seat, each is unblocked by itself."""
    await sale.block("A1 A18", reason="broken")
    await sale.unblock("A18")
    told = await sale.relay()
    assert {event.actor for event in told} == {ActorKind.HOUSE}
    for seat, is_back in {"A1": False, "A18": True}.items():
        of_seat = [data for data in map(data_of, told) if getattr(data, "seats", ()) == (seat,)]
        about = (told[0].partition_key, (seat,), 0, len(sale.trip.segments) - 1)
        blocked = SeatsBlocked(_block_of(of_seat[0]), *about, "broken")
        assert of_seat == [blocked, *[SeatsUnblocked(blocked.block_id, *about)] * is_back]
    assert types(told).count("seats.blocked") == 2
    assert types(told).count("seats.unblocked") == 1


def _block_of(data: object) -> str:
    assert isinstance(data, OfBlock)
    return data.block_id


async def test_events_of_one_moment_come_in_order_per_hold(sale: Sale) -> None:
    """The clock stands still: the order is that of the steps, not of time or name."""
    holds = [await sale.hold(f"A{n}", by=f"u{n}") for n in range(1, 9)]
    for hold in holds:
        await sale.extend(hold, ttl_s=300)
        await sale.confirm(hold)
        await sale.cancel(hold)
    told = await sale.relay()
    for hold in holds:
        assert [event.ordinal for event in told if event.subject == hold.id] == [0, 1, 2, 3]


async def test_ids_are_unique_and_the_same_each_time_an_event_is_published(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    for ttl_s in (100, 200):
        sale.clock.pass_ms(1)
        await sale.extend(hold, ttl_s=ttl_s)
    await sale.confirm(hold)
    await sale.release(await sale.hold("A3"))
    told = await sale.relay()
    again = await sale.elsewhere().relay()
    assert len({event.id for event in told}) == len(told) == 6
    assert again == told


async def test_two_extensions_in_one_millisecond_are_two_events(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    for ttl_s in (100, 200):
        await sale.extend(hold, ttl_s=ttl_s)
    told = await sale.relay()
    assert [event.ordinal for event in told] == [0, 1, 2]
    assert len({event.id for event in told}) == 3


async def test_folding_the_events_gives_the_state(sale: Sale) -> None:
    released, confirmed, cancelled, expired, late, extended = [
        await sale.hold(seats, by=f"u{seats}") for seats in ("A1 A18", "A2", "A3 A17", "A4", "A5 A16", "A6")
    ]
    await sale.release(released)
    await sale.confirm(confirmed, "order-1")
    await sale.confirm(cancelled, "order-2")
    await sale.cancel(cancelled)
    await sale.extend(extended, ttl_s=600)
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    await sale.confirm(late, "order-3")
    folded: dict[str, object] = {}
    for event in await sale.relay_all():
        folded[event.subject] = _state_after(event, folded.get(event.subject))
    for hold in (released, confirmed, cancelled, expired, late, extended):
        assert folded[hold.id] == (await sale.find(hold)).state


def _state_after(event: Event, before: object) -> object:
    match data_of(event):
        case HoldCreated(expires_at_ms=until_ms) | HoldExtended(expires_at_ms=until_ms):
            return Held(until_ms)
        case SeatsPurchased(order=order):
            return Confirmed(order)
        case BookingCancelled(order=order):
            return Cancelled(order)
        case HoldReleased():
            return Released()
        case HoldExpired():
            assert isinstance(before, Held)
            return Expired(before.expires_at_ms)
        case other:
            raise AssertionError(other)


# ---- what lands late


@pytest.mark.parametrize("late_s", [1, 4, 20, 70, 119])
async def test_an_event_that_lands_late_is_published_once(single_seats: Sale, late_s: int) -> None:
    """It has the time of its attempt; the relay has read that minute since, and later events of the seat group."""
    sale = single_seats
    relay = sale.elsewhere()
    await relay.relay_all()
    slow = sale.elsewhere()
    on_the_way = slow.store.stall(commits)
    sale.clock.pass_s(MINUTE_S - 2)
    attempt = asyncio.ensure_future(slow.hold("A1"))
    await on_the_way.reached.wait()
    told = []
    for second in range(late_s):
        sale.clock.pass_s(1)
        if second % 10 == 0:
            await sale.hold(f"A{second // 10 + 2}")
        told += await relay.relay()
    on_the_way.go.set()
    hold = await attempt
    for _ in range(8 * MINUTE_S - late_s):
        sale.clock.pass_s(1)
        told += await relay.relay()
    assert [event.subject for event in told].count(hold.id) == 1
    assert len({event.id for event in told}) == len(told)


async def test_a_step_is_published_after_the_one_before_it_however_late_that_was(single_seats: Sale) -> None:
    """The hold was created on a slow clock: its event is older than what the relay reads in a round."""
    sale = single_seats
    relay = sale.elsewhere()
    await sale.hold("A2")
    await relay.relay_all()
    sale.clock.pass_s(-30)
    hold = await sale.elsewhere().hold("A1")
    sale.clock.pass_s(30 + TOLD_WITHIN_S)
    await sale.release(hold)
    told = [event for event in await relay.relay() if event.subject == hold.id]
    assert types(told) == ["hold.created", "hold.released"]


async def test_what_another_process_did_before_is_published_at_the_next_read(sale: Sale) -> None:
    """In the same seat group; what the relay's own process did there since must not hide it."""
    await sale.relay_all()
    theirs = await sale.elsewhere().hold("A1")
    sale.clock.pass_s(TOLD_WITHIN_S - 5)
    ours = await sale.hold("A2")
    assert [event.subject for event in await sale.relay()] == [ours.id]
    sale.clock.pass_s(5)
    assert [event.subject for event in await sale.relay()] == [theirs.id]


async def test_an_event_of_a_future_epoch_is_published_once(
    single_seats: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a process that could not read for long; it is met again when its epoch is the open one."""
    sale, current = single_seats, Epochs.current

    async def later(epochs: Epochs) -> int:
        return await current(epochs) + 9

    await sale.relay_all()
    with monkeypatch.context() as patched:
        patched.setattr(Epochs, "current", later)
        hold = await sale.hold("A1")
    for _ in range(30):
        await sale.relay()
        sale.clock.pass_s(60)
    assert [event.subject for event in sale.told] == [hold.id]


# ---- relays that start again


async def test_a_relay_that_starts_again_continues_where_the_last_one_stopped(single_seats: Sale) -> None:
    """Events that were published and settled are not published again; those since then are."""
    sale = single_seats
    await sale.relay_all()
    old = await sale.hold(SEATS)
    for _ in range(20):
        sale.clock.pass_s(30)
        await sale.relay()
    assert [event.subject for event in sale.told] == [old.id]
    sale.clock.pass_s(3 * 86_400)
    new = await sale.hold("A3")
    another = sale.elsewhere()
    told = [event for _ in range(4 * FIRST_ROUNDS) for event in await another.relay()]
    assert [event.subject for event in told] == [new.id]


async def test_nothing_is_lost_when_a_relay_starts_again_before_it_has_published_all(single_seats: Sale) -> None:
    sale = single_seats
    first = await sale.hold("A1")
    await sale.relay()
    second = await sale.hold("A2")
    told = await sale.elsewhere().relay()
    assert [event.subject for event in told] in ([first.id, second.id], [second.id, first.id])


async def test_a_relay_that_stood_still_for_long_publishes_all(single_seats: Sale) -> None:
    """Longer than one that never ran looks back."""
    sale = single_seats
    await sale.relay_all()
    holds = []
    for n in range(1, 5):
        holds.append(await sale.hold(f"A{n}"))
        sale.clock.pass_s(12 * 3_600)
    another = sale.elsewhere()
    told = [event for _ in range(2 * FIRST_ROUNDS + 2) for event in await another.relay()]
    assert sorted(event.subject for event in told) == sorted(hold.id for hold in holds)


async def test_hold_rows_and_events_are_written_together(single_seats: Sale) -> None:
    """Two hundred steps by four processes at once have exactly as many events."""
    sale = single_seats
    processes = [sale, sale.elsewhere(), sale.elsewhere(), sale.elsewhere()]
    holds: list[Hold] = list(await asyncio.gather(*(processes[n % 4].hold(f"A{n}", by=f"u{n}") for n in range(1, 19))))
    await asyncio.gather(*(processes[n % 4].confirm(hold) for n, hold in enumerate(holds)))
    await asyncio.gather(*(processes[n % 3].cancel(hold) for n, hold in enumerate(holds)))
    told = await sale.relay()
    assert len(told) == 3 * len(holds)
    assert len({event.id for event in told}) == len(told)
