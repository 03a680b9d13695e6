"""Commands and queries check themselves: their faults are reported before anything is done."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from travio_inventory.kernel.checking import VIOLATIONS_MAX, Faults
from travio_inventory.kernel.refusals import InvalidRequest, Overloaded, Violation
from travio_inventory.seats.commands import HoldSeatsCommand, HoldsQuery, WaitsQuery, hold_ref
from travio_inventory.seats.refusals import InvalidJourney, InvalidSeats
from travio_inventory.seats.trip import Ends
from verification.kit.legal_ids import legal_ids

USUAL = {
    "trip_id": "t",
    "ends": Ends("a", "b"),
    "seat_ids": ("1A",),
    "ttl_s": 0,
    "key": None,
    "settles": False,
    "session_id": "",
}
any_ids = st.sampled_from(["", " a", "a\n", "x" * 128, "x" * 129, "é", "\ud800"]) | legal_ids
segments = st.none() | st.integers(-1, 65)
changes = st.one_of(
    st.fixed_dictionaries({"trip_id": any_ids}),
    st.fixed_dictionaries({"ends": st.builds(Ends, any_ids, st.just("b")) | st.builds(Ends, st.just("a"), any_ids)}),
    st.fixed_dictionaries({"ends": st.builds(Ends, st.just("a"), st.just("b"), segments, segments)}),
    st.fixed_dictionaries({"seat_ids": st.lists(any_ids, max_size=2) | st.just(["1A"] * 11)}),
    st.fixed_dictionaries({"key": st.none() | any_ids, "settles": st.booleans()}),
    st.fixed_dictionaries({"session_id": st.sampled_from(["", "s", "a\n"])}),
)


@settings(max_examples=500)
@given(changes, changes)
def test_what_passes_the_short_check_passes_the_full_check(one: dict[str, object], other: dict[str, object]) -> None:
    """So the short check of the most usual requests is not another rule."""
    command = object.__new__(HoldSeatsCommand)
    for name, value in (USUAL | one | other).items():
        object.__setattr__(command, name, value)
    if command._is_usual():
        command._check()


def test_the_most_usual_request_passes_the_short_check() -> None:
    assert HoldSeatsCommand(trip_id="t", ends=Ends("a", "b"), seat_ids=("1A",), key="k", settles=True)._is_usual()


@pytest.mark.parametrize("query", [HoldsQuery, WaitsQuery])
def test_a_page_without_a_size_is_as_long_as_allowed(query: type[HoldsQuery | WaitsQuery]) -> None:
    assert query(page_size=7).most == 7
    most = query().most
    assert query(page_size=most).most == most
    for page_size in (-1, most + 1):
        with pytest.raises(InvalidRequest, match="page_size"):
            query(page_size=page_size)


@pytest.mark.parametrize("half", ["\ud800", "x\udfff"])
def test_half_a_character_is_no_text(half: str) -> None:
    """A command line argument can have one."""
    with pytest.raises(InvalidRequest, match="booking_id: must not have control characters"):
        hold_ref(half, "booking_id")


def test_faults_of_one_kind_are_of_that_kind_together_and_of_several_a_wrong_request() -> None:
    found = Faults()
    with found:
        raise InvalidSeats([Violation("seat_ids", "none")])
    with pytest.raises(InvalidSeats):
        found.finish()
    with found.at("journeys[1]."):
        raise InvalidJourney([Violation("to", "is not on the way")])
    with pytest.raises(InvalidRequest) as refused:
        found.finish()
    assert type(refused.value) is InvalidRequest
    assert [violation.field for violation in refused.value.violations] == ["seat_ids", "journeys[1].to"]


def test_only_faults_of_a_request_are_collected() -> None:
    found = Faults()
    with pytest.raises(Overloaded), found:
        raise Overloaded
    found.finish()


def test_faults_are_named_up_to_a_limit() -> None:
    found = Faults()
    found.ids("seat_ids", [""] * 1_000)
    with pytest.raises(InvalidRequest) as refused:
        found.finish()
    assert len(refused.value.violations) == VIOLATIONS_MAX
