"""Ids of reservations: a hold, or one seat of it, by a text that is safe in an address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.api.events import RESERVATION_ID_BYTES_MAX, ReservationRef, event_of, reservation_ref, trip_of
from travio_inventory.seats.hold import LATE_SUFFIX
from travio_inventory.seats.refusals import HoldNotFound
from verification.kit.legal_ids import legal_ids

DIGEST = "0123456789abcdef0123456789abcdef"


@given(event=st.integers(-(2**63), 2**63 - 1), group=st.integers(0, 999_999), seat=st.just("") | legal_ids)
def test_what_an_id_names_is_read_back(event: int, group: int, seat: str) -> None:
    ref = ReservationRef(f"{trip_of(event)}~{group}~{DIGEST}", seat)
    assert reservation_ref(str(ref)) == ref
    assert len(str(ref)) <= RESERVATION_ID_BYTES_MAX - len(LATE_SUFFIX)
    assert not {*str(ref)} & {*"/?#%+=& "}
    assert event_of(trip_of(event)) == event


NO_EVENTS = ["", "event-", "event--0", "event-1.5", "event-+1", "event-1 ", "event-\u0661", "e-1", f"event-{2**63}"]


@pytest.mark.parametrize("text", NO_EVENTS)
def test_a_trip_that_is_no_event_has_no_number(text: str) -> None:
    with pytest.raises(HoldNotFound):
        event_of(text)


@given(text=st.text(max_size=60))
def test_whatever_a_caller_says_is_read_or_not_found(text: str) -> None:
    for said in (text, f"event-1~0~{DIGEST}.{text}"):
        try:
            ref = reservation_ref(said)
        except HoldNotFound:
            continue
        assert event_of(ref.hold.split("~")[0])


def test_the_late_booking_of_a_hold_is_the_same_reservation() -> None:
    assert str(ReservationRef(f"event-1~0~{DIGEST}~late", "A1")) == str(ReservationRef(f"event-1~0~{DIGEST}", "A1"))
