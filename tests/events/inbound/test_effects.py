"""What comes of each event that comes in, on every store: trips are opened, payments book holds or give them back."""

import json
from typing import Any

import pytest

from tests.events.inbound.arriving import RETENTION_S, Arrivals, message, store_plan
from travio_inventory.events.inbound.message import Unfit
from travio_inventory.events.inbound.reception import Fate
from travio_inventory.kernel.refusals import RetryableRefusal
from travio_inventory.protocol.batches import Kind, RowKey, Table
from travio_inventory.protocol.hold import HoldId
from travio_inventory.seats.trip import TripKey
from verification.kit import asking
from verification.kit.faulty_batches import Spoil
from verification.kit.sale import TTL_S, Market, Sale
from verification.kit.trips import a_trip, train

LONG_AGO_MS = 1_700_000_000_000


def departing(said: str) -> dict[str, Any]:
    """The segments of a trip that leaves then."""
    return {"segments": [{"segment_index": 0, "from_station_id": "A", "to_station_id": "B", "departure_time": said}]}


# ---- payments


async def test_a_payment_books_its_hold(sale: Sale, arrivals: Arrivals) -> None:
    hold = await sale.hold("A1 A3")
    assert await arrivals.outcome(arrivals.paid(hold)) == "booked"
    assert await sale.seats("sold") == "A1 A3"
    assert await arrivals.refunds() == []
    [told] = [event for event in sale.told if event.type == "seats.purchased"]
    assert (told.actor, json.loads(told.data)["order"]) == ("house", "order-1")


async def test_a_payment_that_failed_gives_the_hold_back(sale: Sale, arrivals: Arrivals) -> None:
    hold = await sale.hold("A1 A3")
    assert await arrivals.outcome(arrivals.not_paid(hold)) == "released"
    assert await sale.seats("available") == "A1 A2 A3 A4 A5 A6"


async def test_a_late_payment_books_what_is_still_free(sale: Sale, arrivals: Arrivals) -> None:
    hold = await sale.hold("A1 A3")
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    assert await sale.seats("sold") == ""
    assert await arrivals.outcome(arrivals.paid(hold)) == "booked"
    assert await sale.seats("sold") == "A1 A3"


async def test_a_late_payment_for_what_another_has_is_to_be_refunded(sale: Sale, arrivals: Arrivals) -> None:
    hold = await sale.hold("A1 A3")
    sale.clock.pass_s(TTL_S + 1)
    await sale.hold("A3", by="bob")
    paid = arrivals.paid(hold, event_id="payment-7")
    assert await arrivals.outcome(paid) == "refund required"
    [refund] = await arrivals.refunds()
    data = json.loads(refund.data)
    assert (data["reason"], data["order"], data["payment_event"]) == ("HOLD_EXPIRED", "order-1", "payment-7")
    assert (data["hold_id"], refund.partition_key) == (hold.id, sale.trip.key.trip)
    assert (refund.actor, refund.organization) == ("house", sale.trip.key.organization)
    await sale.assert_legal()


async def test_a_second_order_for_a_booked_hold_is_to_be_refunded(sale: Sale, arrivals: Arrivals) -> None:
    hold = await sale.hold("A1")
    assert await arrivals.outcome(arrivals.paid(hold, "order-1")) == "booked"
    assert await arrivals.outcome(arrivals.paid(hold, "order-1")) == "booked"
    assert await arrivals.outcome(arrivals.paid(hold, "order-2")) == "refund required"
    assert await arrivals.reasons() == ["HOLD_CONFIRMED"]


async def test_a_payment_told_twice_is_not_refunded_because_its_booking_was_cancelled(
    sale: Sale, arrivals: Arrivals
) -> None:
    """Whoever cancels has the money back by that."""
    hold = await sale.hold("A1")
    await arrivals.take(arrivals.paid(hold))
    await sale.cancel(hold)
    assert await arrivals.outcome(arrivals.paid(hold)) == "booked"
    assert await arrivals.refunds() == []
    assert await sale.seats("sold") == ""


async def test_a_failed_payment_changes_nothing_of_what_is_booked_or_over(sale: Sale, arrivals: Arrivals) -> None:
    booked, over = await sale.hold("A1"), await sale.hold("A2")
    await sale.confirm(booked, "order-9")
    await sale.release(over)
    assert await arrivals.outcome(arrivals.not_paid(booked)) == "nothing to release"
    assert await arrivals.outcome(arrivals.not_paid(over)) == "released"
    assert await sale.seats("sold") == "A1"


@pytest.mark.parametrize("kind", ["payment.successful", "payment.failed"])
async def test_what_no_hold_has_is_fenced_before_anything_is_said_of_it(
    kind: str, sale: Sale, arrivals: Arrivals
) -> None:
    """So no hold ever comes to be under the id, however late its batch arrives."""
    nobodys = str(HoldId(sale.trip.key.trip, 0, f"{len(kind):032x}", is_late=False))
    await arrivals.take(arrivals.event(kind, hold_id=nobodys, order_id="order-1"))
    key = RowKey(Kind.HOLD, nobodys)
    row = (await sale.market.store.get(sale.group_partition("A1"), [key]))[key]
    assert (row["status"], row["reason"]) == ("aborted", "retry")
    assert await arrivals.reasons() == (["HOLD_NOT_FOUND"] if kind == "payment.successful" else [])


@pytest.mark.parametrize("how", [Spoil.LOST, Spoil.NOT_DONE, Spoil.UNANSWERED])
async def test_a_refund_is_told_once_although_the_store_does_not_answer(
    how: Spoil, sale: Sale, arrivals: Arrivals
) -> None:
    hold = await sale.hold("A1")
    await sale.release(hold)
    sale.store.spoil(how, lambda _, writes: [write.key.kind for write in writes] == [Kind.EVENT], times=3)
    assert await arrivals.outcome(arrivals.paid(hold)) == "refund required"
    assert sale.store.spoiled == 3
    assert await arrivals.reasons() == ["HOLD_RELEASED"]


async def test_another_organization_cannot_pay_for_a_hold(sale: Sale, arrivals: Arrivals) -> None:
    hold = await sale.hold("A1")
    assert await arrivals.outcome(arrivals.paid(hold, organization_id="strangers")) == "refund required"
    assert await arrivals.outcome(arrivals.not_paid(hold, organization_id="strangers")) == "nothing to release"
    assert await sale.seats("held") == "A1"
    assert await sale.seats("sold") == ""


async def test_an_amount_must_be_the_price(market: Market) -> None:
    sale = market.prepare(train(organization="o-amount"))
    await sale.open_trip()
    arrivals = Arrivals(sale)
    hold = await sale.hold("c9-1A", "A-B")
    paid = [
        arrivals.paid(hold, amount_minor=1_999, currency="EUR"),
        arrivals.paid(hold, amount_minor=2_000, currency="USD"),
        arrivals.paid(hold, amount_minor=2_000, currency="EUR"),
    ]
    assert [await arrivals.outcome(each) for each in paid] == ["refund required", "refund required", "booked"]
    assert await arrivals.reasons() == ["AMOUNT_DIFFERS", "AMOUNT_DIFFERS"]
    assert [(await arrivals.take(each)).fate for each in paid] == [Fate.REPEATED] * 3


# ---- trips


async def test_a_trip_is_opened_with_the_plan_of_its_vehicle(sale: Sale, arrivals: Arrivals) -> None:
    await store_plan(sale, "bus-1", a_trip(seats=4))
    segments = [
        {"segmentIndex": 1, "fromStationId": "B", "toStationId": "C", "departureTime": 1_800_003_600},
        {"segmentIndex": 0, "fromStationId": "A", "toStationId": "B", "departureTime": "2027-01-15T08:00:00Z"},
    ]
    created = arrivals.created(
        segments=segments, pricing={"currency": "BDT", "price_minor": 500, "class_prices": {"first": 900}}
    )
    assert await arrivals.outcome(created) == "opened"
    trip = await asking.definition(sale.inventory, TripKey(sale.trip.key.organization, "t2"))
    assert (trip.stops, trip.vehicle, trip.currency) == (("A", "B", "C"), "bus-1", "BDT")
    assert [segment.departs_at_s for segment in trip.segments] == [1_800_000_000, 1_800_003_600]
    assert {seat.price_minor for seat in trip.seats} == {900}
    assert await arrivals.take(created) == (Fate.REPEATED, "trip.created", "opened")


async def test_a_trip_of_an_unknown_vehicle_gets_the_default_plan(sale: Sale) -> None:
    await store_plan(sale, "coach", a_trip(seats=3))
    arrivals = Arrivals(sale, default_plan="coach")
    assert await arrivals.outcome(arrivals.created()) == "opened"
    trip = await asking.definition(sale.inventory, TripKey(sale.trip.key.organization, "t2"))
    assert (len(trip.seats), trip.vehicle) == (3, "bus-1")


async def test_a_trip_without_a_plan_is_unfit_until_the_plan_is_stored(sale: Sale, arrivals: Arrivals) -> None:
    created = arrivals.created()
    with pytest.raises(Unfit, match="seat plan not found"):
        await arrivals.take(created)
    await store_plan(sale, "bus-1", a_trip(seats=4))
    assert await arrivals.outcome(created) == "opened"


async def test_a_trip_told_again_under_another_id_changes_nothing(sale: Sale, arrivals: Arrivals) -> None:
    await store_plan(sale, "bus-1", a_trip(seats=4))
    assert [await arrivals.outcome(arrivals.created()) for _ in range(2)] == ["opened", "opened"]
    with pytest.raises(Unfit, match="open with other prices"):
        await arrivals.take(arrivals.created(pricing={"price_minor": 700}))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"segments": []}, "segments"),
        ({"segments": [{"segment_index": 1, "from_station_id": "A", "to_station_id": "B"}]}, "segment_index must be 0"),
        ({"segments": [{"segment_index": "0", "from_station_id": "A", "to_station_id": "B"}]}, "segments.0..segment"),
        (departing("2027-01-15T08:00:00"), "departure_time: has no offset from UTC: end it with Z"),
        (departing("8 am"), "departure_time: must be Unix seconds or a time as 2027-06-05T08:30:00Z"),
        ({"trip_id": 7}, "trip_id"),
        ({"trip_id": "a\nb"}, "trip_id"),
        ({"organization_id": ""}, "organization_id"),
        ({"organization_id": None}, "organization_id"),
        ({"pricing": {"base_fare": 7}}, "pricing.base_fare"),
        ({"pricing": {"price_minor": -1}}, "pricing.price_minor"),
        ({"pricing": {"class_prices": {"royal": 1}}}, "no seat is of class 'royal'"),
    ],
)
async def test_a_wrong_trip_is_unfit_and_the_field_is_named(
    wrong: dict[str, Any], said: str, sale: Sale, arrivals: Arrivals
) -> None:
    await store_plan(sale, "bus-1", a_trip(seats=4))
    with pytest.raises(Unfit, match=said):
        await arrivals.take(arrivals.created(**wrong))


# ---- once


async def test_an_event_takes_effect_once_however_late_it_is_repeated(sale: Sale, arrivals: Arrivals) -> None:
    """Days later its hold is released: the repeat does not ask what it would do now."""
    hold = await sale.hold("A1")
    paid, failed = arrivals.paid(hold), arrivals.not_paid(await sale.hold("A2"))
    await arrivals.take(paid)
    await arrivals.take(failed)
    await sale.cancel(hold)
    sale.clock.pass_s(6 * 86_400)
    assert await arrivals.take(paid) == (Fate.REPEATED, "payment.successful", "booked")
    assert await arrivals.take(failed) == (Fate.REPEATED, "payment.failed", "released")


async def test_what_is_older_than_the_retention_is_unfit(sale: Sale, arrivals: Arrivals) -> None:
    hold = await sale.hold("A1")
    paid = arrivals.paid(hold)
    sale.clock.pass_s(RETENTION_S + 1)
    with pytest.raises(Unfit) as refused:
        await arrivals.take(paid)
    assert refused.value.reason == "TOO_OLD"
    assert await sale.seats("sold") == ""


async def test_an_event_of_the_future_is_kept_until_it_can_be_too_old(sale: Sale, arrivals: Arrivals) -> None:
    now_ms, hold = sale.clock.now_ms(), await sale.hold("A1")
    with pytest.raises(Unfit) as refused:
        await arrivals.take(arrivals.paid(hold, at_ms=now_ms + 86_400_001))
    assert refused.value.reason == "FROM_THE_FUTURE"
    assert await arrivals.outcome(arrivals.paid(hold, at_ms=now_ms + 86_000_000)) == "booked"


async def test_another_event_under_a_known_id_is_unfit(sale: Sale, arrivals: Arrivals) -> None:
    hold, other = await sale.hold("A1"), await sale.hold("A2")
    await arrivals.take(arrivals.paid(hold, event_id="one"))
    with pytest.raises(Unfit) as refused:
        await arrivals.take(arrivals.paid(other, event_id="one"))
    assert refused.value.reason == "EVENT_ID_REUSED"
    assert await sale.seats("sold") == "A1"


async def test_the_same_id_of_another_source_is_another_event(sale: Sale, arrivals: Arrivals) -> None:
    first, second = await sale.hold("A1"), await sale.hold("A2")
    for hold, topic in ((first, "one"), (second, "two")):
        paid = arrivals.paid(hold, event_id="same")
        assert await arrivals.outcome(message(paid.body, topic=topic)) == "booked"


async def test_nobody_reacts_to_another_type_and_nothing_is_kept_of_it(sale: Sale, arrivals: Arrivals) -> None:
    before = sale.store.batches
    assert (await arrivals.take(arrivals.event("customer.renamed"))).fate is Fate.SKIPPED
    assert sale.store.batches == before


async def test_events_of_other_organizations_are_unfit_where_some_are_named(sale: Sale) -> None:
    arrivals = Arrivals(sale, organizations=["acme"])
    with pytest.raises(Unfit) as refused:
        await arrivals.take(arrivals.paid(await sale.hold("A1")))
    assert refused.value.reason == "UNKNOWN_ORGANIZATION"
    assert await sale.seats("held") == "A1"


async def test_while_the_store_is_down_nothing_is_decided(sale: Sale, arrivals: Arrivals) -> None:
    """And no answer of it is taken for a no."""
    hold = await sale.hold("A1")
    paid = arrivals.paid(hold)
    for how in (Spoil.NOT_DONE, Spoil.LOST):
        sale.store.spoil(how)
        with pytest.raises(RetryableRefusal):
            await arrivals.take(paid)
        sale.store.mend()
    assert await arrivals.outcome(paid) == "booked"


async def test_an_answer_that_is_lost_is_asked_for_again(sale: Sale, arrivals: Arrivals) -> None:
    hold = await sale.hold("A1")
    sale.store.spoil(Spoil.UNANSWERED, lambda partition, _: partition.table is Table.INBOX, times=3)
    assert await arrivals.outcome(arrivals.paid(hold)) == "booked"
    assert sale.store.spoiled == 3
