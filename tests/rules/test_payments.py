"""Payments: what makes one wrong, what a hold costs, and whether it was booked for its order."""

from dataclasses import replace
from typing import Any

import pytest

from travio_inventory.kernel import limits
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.protocol.hold import Cancelled, Confirmed, HoldId, Released
from travio_inventory.seats.commands import HOLD_ID_BYTES_MAX
from travio_inventory.seats.deed import BEGAN, DONE, Deed, ended
from travio_inventory.seats.hold import Held, Hold
from travio_inventory.seats.payment import Payment
from travio_inventory.seats.trip import Journey, TripKey

ID = str(HoldId("t", 0, "0" * 32, is_late=False))
HOLD = Hold(
    ID, TripKey("o", "t"), "ann", ("A1", "A2"), (0,), Journey(0, 0), 5, "", Held(9), prices=(300, 200), currency="BDT"
)


def payment(**said: Any) -> Payment:  # noqa: ANN401 - whatever somebody sends
    return Payment(**{"source": "shop", "event": "e1", "hold_id": ID, "order_id": "order"} | said)


def test_a_payment_may_tell_no_amount_the_least_or_the_most() -> None:
    assert payment().amount_minor is None
    for amount in (0, limits.PRICE_MINOR_MAX):
        assert payment(amount_minor=amount, currency="BDT").amount_minor == amount
        assert payment(amount_minor=amount).currency == ""


@pytest.mark.parametrize(
    ("said", "faults"),
    [
        ({"hold_id": ""}, {"hold_id": "must not be empty"}),
        ({"hold_id": "x"}, {"hold_id": "no hold can have this id"}),
        (
            {"hold_id": ID + "x" * HOLD_ID_BYTES_MAX},
            {"hold_id": f"must have at most {HOLD_ID_BYTES_MAX} bytes; no hold can have this id"},
        ),
        ({"order_id": ""}, {"order_id": "must not be empty"}),
        ({"amount_minor": -1}, {"amount_minor": f"must be 0 to {limits.PRICE_MINOR_MAX}, not -1"}),
        (
            {"amount_minor": limits.PRICE_MINOR_MAX + 1},
            {"amount_minor": f"must be 0 to {limits.PRICE_MINOR_MAX}, not {limits.PRICE_MINOR_MAX + 1}"},
        ),
        ({"amount_minor": 1, "currency": "BDTT"}, {"currency": "must have at most 3 bytes"}),
        ({"currency": "BDT"}, {"currency": "needs an amount_minor"}),
    ],
)
def test_what_is_wrong_with_a_payment_is_said_by_field(said: dict[str, Any], faults: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        payment(**said)
    for field, text in faults.items():
        assert {each.field for each in refused.value.violations} == {field}
        assert "; ".join(each.description for each in refused.value.violations) == text


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ({}, True),
        ({"amount_minor": 500}, True),
        ({"amount_minor": 500, "currency": "BDT"}, True),
        ({"amount_minor": 500, "currency": "USD"}, False),
        ({"amount_minor": 499}, False),
        ({"amount_minor": 501, "currency": "BDT"}, False),
    ],
)
def test_a_payment_fits_what_the_hold_costs_in_its_currency(said: dict[str, Any], fits: bool) -> None:
    assert HOLD.price_minor == 500
    assert payment(**said).fits(HOLD) is fits


def test_any_payment_fits_a_hold_without_prices_or_without_a_currency() -> None:
    for prices, currency in (((), ""), ((), "BDT"), ((300, 200), "")):
        free = replace(HOLD, prices=prices, currency=currency)
        assert payment(amount_minor=1, currency="USD").fits(free)


@pytest.mark.parametrize(
    ("state", "has_booked"),
    [
        (Confirmed("order"), True),
        (Cancelled("order"), True),
        (Confirmed("other"), False),
        (Cancelled("other"), False),
        (Held(9), False),
        (Released(), False),
    ],
)
def test_a_hold_was_booked_under_the_order_of_the_payment_or_not(state: Any, has_booked: bool) -> None:  # noqa: ANN401
    assert payment().has_booked(HOLD.with_state(state)) is has_booked


def test_each_deed_is_told_once_as_it_ended_in_the_order_in_which_they_began() -> None:
    began = [Deed(at_ms, name, "ann", "block", "A1", BEGAN) for at_ms, name in ((2, "b"), (1, "a"), (3, "c"))]
    done = began[0]._replace(outcome=DONE)
    assert ended([done, *began]) == [began[1], done, began[2]]
    assert ended([*began, done]) == [began[1], done, began[2]]
