"""What the id of a hold says, what distinguishes holders and requests, which seats of a hold are where."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.hold import (
    Aborted,
    Cancelled,
    Confirmed,
    Expired,
    Held,
    Hold,
    HoldId,
    HoldRequest,
    HoldState,
    Released,
    base_id,
    claimant_of,
    is_same_holder,
    late_id,
    parse_hold_id,
)
from travio_inventory.seats.refusals import HoldNotFound
from travio_inventory.seats.trip import Journey, TripKey
from verification.kit.legal_ids import legal_ids
from verification.kit.trips import a_trip

DIGEST = "0123456789abcdef0123456789abcdef"
ANN = Actor("org", "ann")
HOLD = Hold(
    id=f"t~1~{DIGEST}",
    trip=TripKey("org", "t"),
    holder="ann",
    seats=("A1", "A2", "B1", "C1"),
    groups=(0, 0, 1, 2),
    journey=Journey(0, 1),
    created_at_ms=5,
    claimant="c",
    state=Held(7),
)


# Ids


@given(legal_ids, st.integers(0, 999_999), st.booleans())
def test_an_id_says_what_was_written_into_it(trip: str, home: int, is_late: bool) -> None:
    written = HoldId(trip, home, DIGEST, is_late)
    assert parse_hold_id(str(written)) == written


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (f"t~7~{DIGEST}", HoldId("t", 7, DIGEST, False)),
        (f"t~7~{DIGEST}~late", HoldId("t", 7, DIGEST, True)),
        (f"a~0~b~7~{DIGEST}", HoldId("a~0~b", 7, DIGEST, False)),
        (f"~late~7~{DIGEST}", HoldId("~late", 7, DIGEST, False)),
        (f"t~999999~{DIGEST}", HoldId("t", 999_999, DIGEST, False)),
    ],
)
def test_an_id_is_written_one_way(text: str, known: HoldId) -> None:
    assert parse_hold_id(text) == known
    assert str(known) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "t", "t~7", f"~7~{DIGEST}", f"7~{DIGEST}", f"t~~{DIGEST}", f"t~-1~{DIGEST}", f"t~07~{DIGEST}",
        f"t~a~{DIGEST}", f"t~1000000~{DIGEST}", f"t~\u0667~{DIGEST}", f"t~\u00b2~{DIGEST}", f"t~7~{DIGEST}0",
        f"t~7~{DIGEST[1:]}", f"t~7~{DIGEST}~", f"t~7~{DIGEST}~late~later",
    ],
)  # fmt: skip
def test_an_impossible_hold_id_is_not_found(text: str) -> None:
    with pytest.raises(HoldNotFound):
        parse_hold_id(text)


def test_a_late_booking_has_the_id_of_its_hold_and_a_suffix() -> None:
    assert late_id(HOLD.id) == f"{HOLD.id}~late"
    assert base_id(late_id(HOLD.id)) == base_id(HOLD.id) == HOLD.id


# Requests


def test_a_claimant_is_the_same_in_every_release() -> None:
    """The claimants of stored rows are compared: none may ever change."""
    assert claimant_of(ANN, "key") == "1f5a9d7e4ac5671d-4dfce050ef852b35"
    assert claimant_of(ANN, None, "attempt") == "1f5a9d7e4ac5671d-111040ada3d6693d"


def test_a_claimant_distinguishes_attempts_and_holders() -> None:
    same = claimant_of(ANN, "key")
    others = {
        claimant_of(ANN, "another"), claimant_of(ANN, None, "key"), claimant_of(ANN, None), claimant_of(ANN, None, "1"),
        claimant_of(ANN, ""),
    }  # fmt: skip
    assert len(others | {same}) == 6
    assert claimant_of(ANN, None) == claimant_of(ANN, None, "")
    assert claimant_of(ANN, "key", "1") == claimant_of(ANN, "key", "2") == same
    assert all(is_same_holder(other, same) for other in others)
    assert not is_same_holder(claimant_of(Actor("org", "bob"), "key"), same)
    assert not is_same_holder("", same)
    assert not is_same_holder(same, "")
    assert not is_same_holder("", "")


def test_two_requests_for_the_same_have_one_fingerprint() -> None:
    request = HoldRequest(ANN, a_trip(), Journey(0, 1), ("A1", "A2"), ttl_ms=1_000, key="key")
    again = replace(request, actor=Actor("org", "bob"), key=None, attempt="7", ttl_ms=2_000)
    assert request.fingerprint == again.fingerprint
    assert request.fingerprint == replace(request, seats=("A2", "A1")).fingerprint, "another vehicle may turn them"
    others = [
        replace(request, seats=("A1",)),
        replace(request, journey=Journey(0, 2)),
        replace(request, journey=Journey(1, 1)),
        replace(request, asked_s=1),
        replace(request, trip=replace(a_trip(), key=TripKey("org", "another"))),
    ]
    assert len({request.fingerprint, *(other.fingerprint for other in others)}) == 6
    assert (request.asked_s, request.attempt) == (0, "")


def test_a_request_claims_by_its_key_or_else_by_its_attempt() -> None:
    request = HoldRequest(ANN, a_trip(), Journey(0, 1), ("A1",), ttl_ms=1_000, key="key", attempt="7")
    assert request.claimant == claimant_of(ANN, "key")
    assert replace(request, key=None).claimant == claimant_of(ANN, None, "7")


def test_a_request_becomes_a_hold_with_its_home_in_the_group_of_its_first_seat() -> None:
    trip = replace(a_trip(seats_per_group=2), currency="EUR")
    request = HoldRequest(ANN, trip, Journey(0, 1), ("A4", "A5"), ttl_ms=1_000, key="key", period=3)
    assert request.new_id(DIGEST) == f"{trip.key.trip}~1~{DIGEST}"
    assert request.hold("id", 5) == Hold(
        id="id",
        trip=trip.key,
        holder="ann",
        seats=("A4", "A5"),
        groups=(1, 2),
        journey=Journey(0, 1),
        created_at_ms=5,
        claimant=request.claimant,
        state=Held(1_005),
        prices=tuple(trip.seat(seat).price_minor for seat in ("A4", "A5")),
        currency="EUR",
    )
    assert request.hold("id", 5).period == 3


# Seats and states


def test_an_extension_is_counted() -> None:
    assert HOLD.extended(9) == replace(HOLD, state=Held(9), extensions=1)
    assert HOLD.extended(9).extended(11).extensions == 2


def test_a_late_booking_is_the_same_hold_by_its_late_id() -> None:
    assert HOLD.booked_late(late_id(HOLD.id), Confirmed("o")) == replace(
        HOLD, id=f"{HOLD.id}~late", state=Confirmed("o"), extensions=1
    )


def test_a_hold_is_of_the_organization_whose_trip_it_is() -> None:
    assert HOLD.organization == "org"


def test_a_hold_knows_which_seats_are_at_home_and_which_elsewhere() -> None:
    assert HOLD.home == 1
    assert HOLD.seats_by_group == {0: ["A1", "A2"], 1: ["B1"], 2: ["C1"]}
    assert HOLD.seats_elsewhere == {0: ["A1", "A2"], 2: ["C1"]}


@pytest.mark.parametrize(
    ("state", "is_live"),
    [
        (Held(7), True),
        (Confirmed("o"), True),
        (Released(), False),
        (Expired(7), False),
        (Cancelled("o"), False),
        (Aborted("refused"), False),
    ],
)
def test_a_hold_has_its_seats_while_it_is_held_or_booked(state: HoldState, is_live: bool) -> None:
    other = HOLD.with_state(state)
    assert other == replace(HOLD, state=state)
    assert other.is_live is is_live


def test_a_seat_without_a_group_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        assert replace(HOLD, groups=(0, 1)).seats_by_group
