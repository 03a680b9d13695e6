"""Prices and times of a trip are changed, trips are listed by departure, and a trip is cancelled with all it has."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from travio_inventory.kernel.actor import HOUSE, ActorKind
from travio_inventory.kernel.limits import TIME_S_MAX
from travio_inventory.kernel.refusals import InvalidRequest, OutcomeUnknown
from travio_inventory.protocol.batches import Index
from travio_inventory.seats.events import EventType
from travio_inventory.seats.hold import Cancelled, Confirmed, Released
from travio_inventory.seats.offer import SalesState
from travio_inventory.seats.opening import Portions
from travio_inventory.seats.records import trip_sales
from travio_inventory.seats.records.listed_trips import SHARDS, read_entry
from travio_inventory.seats.refusals import (
    BookingCancelled,
    HoldExpired,
    InvalidTrip,
    SalesClosed,
    TripCancelled,
    TripChanged,
)
from travio_inventory.seats.route import Segment
from verification.kit.asking import definition
from verification.kit.clocks import START_MS
from verification.kit.faulty_batches import Spoil, any_batch, cells_alone, commits
from verification.kit.sale import TTL_S, Market, Sale
from verification.kit.trips import a_trip

DAY_S = 86_400
START_S = START_MS // 1_000


def timed(from_s: int) -> tuple[Segment, ...]:
    """The usual route, an hour for each segment."""
    segments = a_trip().segments
    return tuple(
        replace(segment, departs_at_s=from_s + at * 3_600, arrives_at_s=from_s + at * 3_600 + 3_000)
        for at, segment in enumerate(segments)
    )


def later(from_s: int) -> dict[int, tuple[int, int]]:
    """The times of the usual route, from then on."""
    return {at: (segment.departs_at_s, segment.arrives_at_s) for at, segment in enumerate(timed(from_s))}


async def opened(market: Market, like: Sale, name: str, segments: Sequence[Segment]) -> Sale:
    """Another trip of the same organization."""
    sale = market.prepare(replace(a_trip(), key=like.trip.key._replace(trip=name), segments=tuple(segments)))
    await sale.open_trip()
    return sale


# ---- prices and times


async def test_what_is_held_keeps_its_price_and_what_comes_then_has_the_new_one(sale: Sale) -> None:
    before = await sale.hold("A1")
    changed = await sale.change(seats={"A1": 900, "A2": 901})
    assert (changed.version, changed.defined) == (2, 2)
    assert (await sale.confirm(before)).prices == before.prices != (900,)
    assert (await sale.hold("A2")).prices == (901,)
    assert (await sale.elsewhere().hold("A3")).prices == before.prices


async def test_classes_change_their_price_and_single_seats_have_their_own(sale: Sale) -> None:
    name = sale.trip.seat("A1").seat_class
    await sale.change(classes={name: 500}, seats={"A2": 600})
    for seat in (await definition(sale.inventory, sale.trip.key)).seats:
        before = sale.trip.seat(seat.id)
        expected = 600 if seat.id == "A2" else 500 if seat.seat_class == name else before.price_minor
        assert seat.price_minor == expected


async def test_a_change_is_for_the_version_that_was_seen(sale: Sale) -> None:
    await sale.change(seats={"A1": 900}, version=1)
    assert (await sale.change(seats={"A1": 900}, version=1)).version == 2, "a repeated call has the same answer"
    with pytest.raises(TripChanged, match="version 2"):
        await sale.change(seats={"A1": 800}, version=1)
    assert (await sale.change(seats={"A1": 800}, version=2)).version == 3


async def test_what_the_trip_has_not_cannot_be_changed(sale: Sale) -> None:
    with pytest.raises(InvalidTrip, match=r"class_prices.*seat_prices.*times"):
        await sale.change(classes={"none": 1}, seats={"Z9": 1}, times={9: (1, 2)})
    for wrong, field in (
        ({"classes": {"standard": -1}}, "class_prices.standard"),
        ({"seats": {"A1": 10**13}}, "seat_prices.A1"),
    ):
        with pytest.raises(InvalidRequest, match=rf"^{field}.: must be 0 to"):
            await sale.change(**wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidTrip, match="is before"):
        await sale.change(times={0: (START_S + 50, START_S + 20)})


async def test_the_prices_of_a_large_trip_change_in_their_rows(market: Market) -> None:
    parts = Market(market.store, portions=Portions(seats_at_once_max=5, groups_max=1))
    sale = parts.prepare(a_trip(seats=6, seats_per_group=2))
    await sale.open_trip()
    await sale.go_on_opening()
    await sale.change(seats={"A6": 77})
    other = sale.elsewhere()
    assert (await definition(other.inventory, sale.trip.key)).seat("A6").price_minor == 77
    assert (await other.hold("A6")).prices == (77,)


async def test_a_trip_that_leaves_later_is_sold_longer_and_forgotten_later(market: Market) -> None:
    sale = market.prepare(replace(a_trip(), segments=timed(START_S + 100)))
    await sale.open_trip()
    await sale.change(times=later(START_S + DAY_S))
    sale.clock.pass_s(3_600)
    await sale.hold("A1")
    ends = set()
    for shard in range(SHARDS):
        entries = map(read_entry, await sale.store.read_index(Index.TRIPS, f"{shard:02d}"))
        ends |= {each.ends_s for each in entries if each.key == sale.trip.key}
    assert timed(START_S + DAY_S)[-1].arrives_at_s in ends


# ---- lists


async def test_trips_are_listed_by_their_departure_page_by_page(market: Market) -> None:
    first = market.prepare(replace(a_trip(), segments=timed(START_S + DAY_S)))
    await first.open_trip()
    days = (40, 3, 2, 70)
    for day in days:
        await opened(market, first, f"day-{day}", timed(START_S + day * DAY_S))
    await opened(market, first, "some day", a_trip().segments)
    for page_size in (0, 1, 2, 3):
        found = await first.listed(START_S, START_S + 60 * DAY_S, page_size=page_size)
        assert [line.trip for line in found] == ["t1", "day-2", "day-3", "day-40"]
        assert [line.trip for line in await first.listed(page_size=page_size)] == ["some day"]
    assert [line.trip for line in await first.listed(START_S + 2 * DAY_S, START_S + 3 * DAY_S)] == ["day-2"]
    await first.close()
    (line,) = await first.listed(START_S, START_S + 2 * DAY_S)
    assert (line.state, line.version, line.seats) == (SalesState.CLOSED, 2, len(first.trip.seats))
    assert (line.origin, line.destination) == ("A", "D")
    assert await first.listed(TIME_S_MAX - 40 * DAY_S, TIME_S_MAX) == [], "to the last month that there is"


async def test_a_trip_is_listed_once_when_its_times_have_changed(market: Market) -> None:
    sale = market.prepare(replace(a_trip(), segments=timed(START_S + DAY_S)))
    await sale.open_trip()
    await sale.change(times=later(START_S + 9 * DAY_S))
    (line,) = await sale.listed(START_S, START_S + 60 * DAY_S)
    assert line.departs_at_s == START_S + 9 * DAY_S


# ---- the end of a trip


async def sold(sale: Sale) -> list[object]:
    """Of each kind one: a hold, a booking, a late booking, seats of several groups, and what the house blocked."""
    late = await sale.hold("A5")
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    return [
        await sale.confirm(late, "late"),
        await sale.hold("A1"),
        await sale.confirm(await sale.hold("A2 A18", by="bob")),
        await sale.hold("A3 A17", by="cid"),
        await sale.block("A4"),
    ]


async def test_a_cancelled_trip_has_nothing_live_but_what_the_house_blocked(sale: Sale) -> None:
    late, held, booked, wide, _ = await sold(sale)
    found = await sale.cancel_trip()
    assert (found.offer.state, found.released, found.cancelled) == (SalesState.CANCELLED, 2, 2)
    assert found.groups_done == sale.trip.group_count
    for hold, state in ((late, Cancelled), (held, Released), (booked, Cancelled), (wide, Released)):
        assert isinstance((await sale.find(hold)).state, state)  # type: ignore[arg-type]
    assert await sale.cancel_trip() == found, "a repeated call reports the same"
    assert set(await sale.statuses("A4")) == {"blocked"}
    assert set((await sale.seats("blocked")).split()) == {seat.id for seat in sale.trip.seats}, "nobody can buy any"
    for call in (sale.close(), sale.reopen(), sale.freeze(), sale.unfreeze(), sale.change(seats={"A1": 1})):
        with pytest.raises(TripCancelled):
            await call
    with pytest.raises(SalesClosed, match="cancelled"):
        await sale.hold("A1")
    with pytest.raises(BookingCancelled):
        await sale.confirm(booked)  # type: ignore[arg-type]
    await sale.assert_legal()


async def test_what_a_cancel_ends_is_told_after_the_cancellation_itself(sale: Sale) -> None:
    await sold(sale)
    await sale.relay_all()
    await sale.cancel_trip()
    sale.clock.pass_s(1)
    events = await sale.relay_all()
    told = [event.type for event in events]
    assert {event.actor for event in events} == {ActorKind.HOUSE}
    assert told.count(EventType.TRIP_CANCELLED) == 1
    assert (told.count(EventType.HOLD_RELEASED), told.count(EventType.BOOKING_CANCELLED)) == (2, 2)
    await sale.cancel_trip()
    assert await sale.relay_all() == []


@pytest.mark.parametrize("only", [commits, cells_alone, any_batch])
async def test_a_cancel_that_is_cut_short_is_gone_on_with(
    sale: Sale, only: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trip_sales, "GROUPS_AT_ONCE", 2)
    await sold(sale)
    doomed = sale.elsewhere()
    doomed.store.spoil(Spoil.NOT_DONE if only is not any_batch else Spoil.LOST, only)  # type: ignore[arg-type]
    with pytest.raises(OutcomeUnknown):
        await doomed.cancel_trip()
    found = await sale.elsewhere().cancel_trip()
    assert (found.offer.state, found.released, found.cancelled) == (SalesState.CANCELLED, 2, 2)
    await sale.assert_legal()


async def test_another_process_goes_on_with_a_cancel_by_itself(sale: Sale) -> None:
    await sold(sale)
    doomed = sale.elsewhere()
    await doomed.dies(doomed.cancel_trip(), at=doomed.store.stall(commits))
    other = sale.elsewhere()
    visited = await other.inventory.go_on_opening(HOUSE)
    assert not visited.failures
    found = await other.cancel_trip()
    assert found.offer.version == (await sale.cancel_trip()).offer.version
    assert found.offer.state is SalesState.CANCELLED
    await sale.assert_legal()


async def test_what_was_expired_is_not_booked_late_once_the_trip_is_cancelled(sale: Sale) -> None:
    hold = await sale.hold("A1")
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    await sale.cancel_trip()
    with pytest.raises(HoldExpired):
        await sale.elsewhere().confirm(hold)
    assert not isinstance((await sale.find(hold)).state, Confirmed)
