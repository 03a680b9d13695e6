"""What is accepted at first sight is what the rules accept: they stay the only place of rules."""

from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from travio_inventory.kernel import limits
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.commands import (
    AvailabilityQuery,
    ConfirmHoldCommand,
    GiveBackCommand,
    HoldSeatsCommand,
    SeatMapQuery,
)
from travio_inventory.seats.hold import Passenger
from travio_inventory.seats.trip import Ends

LONG = "x" * limits.ID_BYTES_MAX
IDS = st.sampled_from(["", "a", "trip~0~ab", LONG, LONG + "x", " a", "a b", "é", "e\u0301", "\n", "a\u200b"])
MANY = st.lists(IDS, max_size=2).map(tuple)
ENDS = st.builds(Ends, IDS, IDS, st.sampled_from([None, 0, -1]), st.sampled_from([None, 1, 9_999]))
COUNTS = st.sampled_from([-1, 0, 1, limits.SEATS_MAX, limits.SEATS_MAX + 1])
FIELDS: dict[type[Any], dict[str, st.SearchStrategy[Any]]] = {
    AvailabilityQuery: {"trip_id": IDS, "ends": ENDS, "passengers": COUNTS, "seat_class": IDS, "section": IDS},
    SeatMapQuery: {"trip_id": IDS, "ends": ENDS, "section": IDS},
    HoldSeatsCommand: {"trip_id": IDS, "ends": ENDS, "seat_ids": MANY, "key": st.none() | IDS, "session_id": IDS},
    GiveBackCommand: {"hold_id": IDS, "seat_ids": MANY},
    ConfirmHoldCommand: {
        "hold_id": IDS,
        "order_id": IDS,
        "seat_ids": MANY,
        "passengers": st.lists(st.builds(Passenger, IDS, IDS, IDS), max_size=1).map(tuple),
    },
}
COMMANDS = st.one_of([st.tuples(st.just(kind), st.fixed_dictionaries(fields)) for kind, fields in FIELDS.items()])


@given(COMMANDS)
@settings(max_examples=300, deadline=None)
def test_what_is_made_keeps_every_rule(asked: tuple[type[Any], dict[str, Any]]) -> None:
    kind, fields = asked
    with suppress(InvalidRequest):
        made = kind(**fields)
        try:
            made._check()
        except InvalidRequest as wrong:
            raise AssertionError(f"{made} was accepted: {wrong}") from None


def test_each_is_made_of_usual_values() -> None:
    ends = Ends("a", "b")
    made = (
        AvailabilityQuery(trip_id="t", ends=ends, passengers=2, seat_class="economy"),
        SeatMapQuery(trip_id="t", ends=ends, section="deck"),
        HoldSeatsCommand(trip_id="t", ends=ends, seat_ids=("s1",)),
        GiveBackCommand(hold_id="t~0~ab"),
        ConfirmHoldCommand(hold_id="t~0~ab", order_id="order"),
    )
    assert [*map(type, made)] == [*FIELDS]
