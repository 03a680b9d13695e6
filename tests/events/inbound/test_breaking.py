"""What others may send at their worst: nothing of it is an error of ours, and nothing has two effects."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.events.inbound.arriving import REFUND, Arrivals, message, store_plan
from tests.events.kept_letters import memory
from travio_inventory.events.inbound.message import Header, Message, Unfit
from travio_inventory.events.inbound.reception import Fate
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.seats.hold import Held
from verification.kit.sale import Market, Sale

FAR = 10**400
NESTED = 400_000
"""Deeper than any parser goes."""
ODD: list[Any] = [
    None, True, 0, -1, FAR, -FAR, 1e308, 2**63, 0.5, "", "\ud800", "\x00", "a\x1fb", "x" * 300, "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+23:59", "2027-01-15", [], {}, [[]], {"": None}, [{"segment_index": 0}],
]  # fmt: skip
PAID = {"organization_id": "acme", "hold_id": "t~0~x", "order_id": "o", "amount_minor": 5, "currency": "BDT"}
SEGMENT = {
    "segment_index": 0, "from_station_id": "A", "to_station_id": "B", "departure_time": 1, "arrival_time": 2,
}  # fmt: skip
OPENED = {
    "organization_id": "acme", "trip_id": "t", "vehicle_id": "bus-1", "segments": [SEGMENT],
    "pricing": {"currency": "BDT", "price_minor": 1, "class_prices": {"a": 1}},
}  # fmt: skip
ENVELOPE = {"eventId": "e", "timestamp": 1_800_000_000, "version": 1}


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    """Every place in the JSON."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for name, each in inside for place in places(each, (*at, name)))]


def changed(value: Any, place: tuple[Any, ...], into: Any) -> Any:  # noqa: ANN401 - JSON
    """The JSON with something else at that place."""
    if not place:
        return into
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = changed(copy[place[0]], place[1:], into)
    return copy


BODIES: list[dict[str, Any]] = [
    ENVELOPE | {"type": "payment.successful", "data": PAID},
    ENVELOPE | {"type": "payment.failed"} | PAID,
    ENVELOPE | {"type": "trip.created", "payload": OPENED},
    {"specversion": "1.0", "id": "e", "source": "/s", "type": "trip.created", "time": "2027-01-15T08:00:00Z",
     "data": OPENED},
]  # fmt: skip
WRONG = [(body, place) for body in BODIES for place in places(body)]


async def is_no_error_of_ours(came: Message) -> None:
    """It takes effect, is skipped, or is unfit for a reason that its sender can read."""
    async with Market(memory()) as market:
        sale = await market.open(seats_per_group=2, seats=2)
        with suppress(Unfit):
            await Arrivals(sale).take(came)


@pytest.mark.once
@settings(max_examples=400, deadline=None)
@given(wrong=st.sampled_from(WRONG), odd=st.sampled_from(ODD), more=st.dictionaries(st.text(max_size=3), st.none()))
async def test_whatever_a_member_says_is_no_error_of_ours(wrong: tuple[Any, Any], odd: Any, more: Any) -> None:  # noqa: ANN401
    body = changed(*wrong, odd)
    if isinstance(body, dict):
        body = {**more, **body}
    await is_no_error_of_ours(message(json.dumps(body).encode()))


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(BODIES[0] | {"timestamp": FAR}).encode(),
        json.dumps(changed(BODIES[0], ("data", "organization_id"), "\ud800")).encode(),
        json.dumps(changed(BODIES[0], ("data", "amount_minor"), FAR)).encode(),
        b"[" * NESTED,
        *(b'{"eventId":"e","type":"payment.failed","timestamp":1800000000,"data":{"x":'
          + b"[" * depth + b"]" * depth + b"}}" for depth in (300, 900, 960, 980, 990, 2_000)),
        b'{"eventId":"e","eventId":"f","type":"tea","timestamp":NaN}',
        b"",
        b"null",
    ],
    ids=range(13),
)  # fmt: skip
async def test_the_worst_that_was_found_is_no_error_of_ours(body: bytes) -> None:
    await is_no_error_of_ours(message(body))


@pytest.mark.parametrize("name", ["ce_specversion", "ce_id", "event_id", "traceparent", "cloudEvents:time"])
@pytest.mark.parametrize("value", [b"", b"\xff", b"x" * 70_000, b"1.0"])
async def test_whatever_a_header_says_is_no_error_of_ours(name: str, value: bytes) -> None:
    came = message(BODIES[0])
    await is_no_error_of_ours(Message(came.topic, came.place, came.body, (Header(name, value),) * 2))


async def test_two_consumers_with_one_event_at_once_have_one_effect(sale: Sale) -> None:
    """As while a group is rebalanced: both have it for a moment."""
    paid = Arrivals(sale).paid(await sale.hold("A1"))
    several = [Arrivals(sale.elsewhere()) for _ in range(4)]
    came = await asyncio.gather(*(each.take(paid) for each in several))
    assert {each.outcome for each in came} == {"booked"}
    assert await sale.seats("sold") == "A1"
    assert await Arrivals(sale).reasons() == []


@pytest.mark.parametrize("late_ms", [-1, 0, 1])
async def test_a_payment_at_the_moment_at_which_its_hold_expires_books_or_is_refunded(sale: Sale, late_ms: int) -> None:
    """A sweeper and another customer come at the same moment: of seats and money one has each."""
    arrivals = Arrivals(sale)
    hold = await sale.hold("A1")
    assert isinstance(hold.state, Held)
    sale.clock.pass_ms(hold.state.expires_at_ms - sale.clock.now_ms() + late_ms)

    async def another() -> bool:
        with suppress(Refusal):
            await sale.elsewhere().hold("A1", by="bob")
            return True
        return False

    paid = arrivals.paid(hold)
    received, _, has_seat = await asyncio.gather(arrivals.take(paid), sale.elsewhere().sweep(), another())
    refunds = await arrivals.refunds()
    assert (received.outcome == "booked") != (len(refunds) == 1)
    assert not (received.outcome == "booked" and has_seat)
    assert {event.type for event in refunds} <= {REFUND}
    assert (await arrivals.take(paid)).fate is Fate.REPEATED
    await sale.assert_legal()


async def test_a_trip_that_exists_otherwise_stays_as_it_is(sale: Sale) -> None:
    arrivals = Arrivals(sale)
    await store_plan(sale, "bus-1", sale.trip)
    with pytest.raises(Unfit) as unfit:
        await arrivals.take(arrivals.created(sale.trip.key.trip))
    assert unfit.value.reason == "TRIP_DEFINED_OTHERWISE"
    assert (await sale.hold("A1", "A-D")).id


@pytest.mark.parametrize("off_s", [-8 * 86_400, -6 * 86_400, 80_000, 90_000])
async def test_a_producer_whose_clock_is_far_off_loses_nothing_and_doubles_nothing(sale: Sale, off_s: int) -> None:
    """What can be told from a repeat takes effect once, for as long as it may come again; the rest is kept."""
    arrivals = Arrivals(sale)
    paid = arrivals.paid(await sale.hold("A1"), at_ms=sale.clock.now_ms() + off_s * 1_000)
    fates: list[str] = []
    for _ in range(3):
        try:
            fates.append((await arrivals.take(paid)).fate)
        except Unfit as unfit:
            fates.append(unfit.reason)
    assert fates in (["TOO_OLD"] * 3, ["FROM_THE_FUTURE"] * 3, [Fate.DONE, Fate.REPEATED, Fate.REPEATED])
    assert (await sale.seats("sold") == "A1") == (fates[0] is Fate.DONE)
