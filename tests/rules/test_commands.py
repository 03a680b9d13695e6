"""What use cases are asked is checked whole, in the wire's words, before anything is done."""

from collections.abc import Callable
from typing import Any

import pytest

from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.commands import (
    HOLD_ID_BYTES_MAX,
    AvailabilityQuery,
    BlockSeatsCommand,
    ConfirmHoldCommand,
    ExtendHoldCommand,
    HoldSeatsCommand,
    HoldsQuery,
    SeatMapQuery,
    SeatUpdate,
    WaitlistPlace,
    WaitsQuery,
    hold_ref,
    trip_id,
)
from travio_inventory.seats.hold import Passenger
from travio_inventory.seats.refusals import InvalidSeats
from travio_inventory.seats.trip import Ends
from verification.kit.commands import valid_commands

ENDS = Ends("A", "B", 0, 511)
NOWHERE = Ends("", " ", -1, 512)
EMPTY = "must not be empty"
WHITE = "must not begin or end with white space"
CONTROL = "must not have control characters"
NOWHERE_SAID = [
    ("from_station_id", EMPTY),
    ("to_station_id", WHITE),
    ("from_segment_index", "must be 0 to 511, not -1"),
    ("to_segment_index", "must be 0 to 511, not 512"),
]
LONGEST_ID = "x" * HOLD_ID_BYTES_MAX
LONGEST_NAME = "x" * 256
FIFTY = tuple(f"s{number}" for number in range(50))

Make = Callable[[], object]


@pytest.mark.parametrize(
    "make",
    [
        valid_commands,
        lambda: hold_ref(LONGEST_ID),
        lambda: SeatMapQuery(trip_id="t", ends=ENDS),
        lambda: AvailabilityQuery(trip_id="t", ends=ENDS, passengers=100_000, seat_class="é"),
        lambda: HoldSeatsCommand(trip_id="t", ends=ENDS, seat_ids=FIFTY, key="k", settles=True, session_id="s"),
        lambda: HoldSeatsCommand(trip_id="t", ends=ENDS, seat_ids=("a",), ttl_s=-1),
        lambda: ConfirmHoldCommand(
            hold_id=LONGEST_ID, order_id="o", passengers=(Passenger("a", LONGEST_NAME, LONGEST_NAME),) * 50
        ),
        lambda: BlockSeatsCommand(trip_id="t", updates=(SeatUpdate("a", True, LONGEST_NAME),)),
        lambda: BlockSeatsCommand(trip_id="t", updates=(SeatUpdate("a", False),) * 5_000),
        lambda: WaitlistPlace(trip_id="t", seat_class="é", seats=50),
    ],
)
def test_what_is_right_can_be_made(make: Make) -> None:
    make()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: trip_id(""), [("trip_id", EMPTY)]),
        (lambda: hold_ref(""), [("hold_id", EMPTY)]),
        (lambda: hold_ref(LONGEST_ID + "x", "booking_id"), [("booking_id", "must have at most 173 bytes")]),
        (lambda: SeatMapQuery(trip_id="", ends=NOWHERE), [("trip_id", EMPTY), *NOWHERE_SAID]),
        (
            lambda: AvailabilityQuery(trip_id=" ", ends=NOWHERE, passengers=-1, seat_class=" "),
            [
                ("passengers", "must be 0 to 100000, not -1"),
                ("trip_id", WHITE),
                *NOWHERE_SAID,
                ("seat_class", WHITE),
            ],
        ),
        (
            lambda: AvailabilityQuery(trip_id="t", ends=ENDS, passengers=100_001),
            [("passengers", "must be 0 to 100000, not 100001")],
        ),
        (
            lambda: HoldSeatsCommand(trip_id="", ends=NOWHERE, seat_ids=("a", ""), key="", session_id="\n"),
            [
                ("session_id", CONTROL),
                ("trip_id", EMPTY),
                *NOWHERE_SAID,
                ("seat_ids[1]", EMPTY),
                ("idempotency_key", EMPTY),
            ],
        ),
        (
            lambda: HoldSeatsCommand(trip_id="t", ends=ENDS, seat_ids=("a",), settles=True),
            [("settle", "needs an idempotency_key: the one whose outcome is unknown")],
        ),
        (
            lambda: ConfirmHoldCommand(hold_id="", order_id="", passengers=(Passenger("a"), Passenger("", "\n", "\n"))),
            [
                ("passengers[1].seat_id", EMPTY),
                ("passengers[1].passenger_name", CONTROL),
                ("passengers[1].passenger_nid", CONTROL),
                ("hold_id", EMPTY),
                ("order_id", EMPTY),
            ],
        ),
        (
            lambda: ConfirmHoldCommand(
                hold_id=LONGEST_ID + "x", order_id="o", passengers=(Passenger("a", LONGEST_NAME + "x", "x" * 257),)
            ),
            [
                ("passengers[0].passenger_name", "must have at most 256 bytes"),
                ("passengers[0].passenger_nid", "must have at most 256 bytes"),
                ("hold_id", "must have at most 173 bytes"),
            ],
        ),
        (
            lambda: ConfirmHoldCommand(hold_id="h", order_id="o", passengers=(Passenger(""),) * 51),
            [("passengers", "must have 0 to 50 items, not 51")],
        ),
        (lambda: ExtendHoldCommand(hold_id=""), [("hold_id", EMPTY)]),
        (
            lambda: HoldsQuery(trip_id=" ", page_size=-1),
            [("page_size", "must be 0 to 100, not -1"), ("trip_id", WHITE)],
        ),
        (lambda: HoldsQuery(page_size=101), [("page_size", "must be 0 to 100, not 101")]),
        (
            lambda: BlockSeatsCommand(
                trip_id="",
                updates=(SeatUpdate("a", True), SeatUpdate("", True, "\n")),
            ),
            [("trip_id", EMPTY), ("updates[1].seat_id", EMPTY), ("updates[1].reason", CONTROL)],
        ),
        (
            lambda: BlockSeatsCommand(trip_id="t", updates=(SeatUpdate("a", True, LONGEST_NAME + "x"),)),
            [("updates[0].reason", "must have at most 256 bytes")],
        ),
        (
            lambda: BlockSeatsCommand(trip_id="t", updates=()),
            [("updates", "must have 1 to 5000 items, not 0")],
        ),
        (
            lambda: BlockSeatsCommand(trip_id="t", updates=(SeatUpdate("", True),) * 5_001),
            [("updates", "must have 1 to 5000 items, not 5001")],
        ),
        (
            lambda: WaitlistPlace(trip_id="", seat_class=" ", seats=0),
            [("requested_seats", "must be 1 to 50, not 0"), ("trip_id", EMPTY), ("seat_class", WHITE)],
        ),
        (lambda: WaitlistPlace(trip_id="t", seats=51), [("requested_seats", "must be 1 to 50, not 51")]),
        (lambda: WaitsQuery(page_size=-1), [("page_size", "must be 0 to 1000, not -1")]),
        (lambda: WaitsQuery(page_size=1_001), [("page_size", "must be 0 to 1000, not 1001")]),
    ],
)
def test_all_that_is_wrong_is_named(make: Make, expected: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        make()
    assert type(refused.value) is InvalidRequest
    assert list(refused.value.violations) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"trip_id": " "}, [("trip_id", WHITE)]),
        ({"ends": Ends("", "B")}, [("from_station_id", EMPTY)]),
        ({"ends": Ends("A", " ")}, [("to_station_id", WHITE)]),
        ({"ends": Ends("A", "B", -1)}, [("from_segment_index", "must be 0 to 511, not -1")]),
        ({"ends": Ends("A", "B", last=512)}, [("to_segment_index", "must be 0 to 511, not 512")]),
        (
            {"ends": Ends("A", "B", 512, 512)},
            [
                ("from_segment_index", "must be 0 to 511, not 512"),
                ("to_segment_index", "must be 0 to 511, not 512"),
            ],
        ),
        ({"seat_ids": ("a", " ")}, [("seat_ids[1]", WHITE)]),
        ({"key": " "}, [("idempotency_key", WHITE)]),
        ({"key": " ", "settles": True}, [("idempotency_key", WHITE)]),
        ({"settles": True}, [("settle", "needs an idempotency_key: the one whose outcome is unknown")]),
        ({"session_id": "\n"}, [("session_id", CONTROL)]),
    ],
)
def test_one_fault_of_a_usual_command_is_enough(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    usual: dict[str, Any] = {"trip_id": "t", "ends": Ends("A", "B"), "seat_ids": ("a",)}
    HoldSeatsCommand(**usual)
    HoldSeatsCommand(**usual | {"key": "k", "settles": True})
    with pytest.raises(InvalidRequest) as refused:
        HoldSeatsCommand(**usual | changes)
    assert list(refused.value.violations) == expected


@pytest.mark.parametrize("ends", [Ends("A", "B"), ENDS])
@pytest.mark.parametrize("seats", [[], [*FIFTY, "one more"]])
def test_a_wrong_number_of_seats_alone_has_a_refusal_of_its_own(seats: list[str], ends: Ends) -> None:
    with pytest.raises(InvalidSeats) as refused:
        HoldSeatsCommand(trip_id="t", ends=ends, seat_ids=tuple(seats))
    assert list(refused.value.violations) == [("seat_ids", f"must have 1 to 50 items, not {len(seats)}")]


def test_what_is_checked_is_what_was_said() -> None:
    assert (trip_id("t"), hold_ref("h")) == ("t", "h")
    command = BlockSeatsCommand(
        trip_id="t",
        updates=(SeatUpdate("a", True, "broken"), SeatUpdate("b", False), SeatUpdate("c", True)),
    )
    assert (command.blocked, command.unblocked) == ({"a": "broken", "c": ""}, ("b",))


def test_a_page_has_as_many_as_there_may_be_unless_it_is_said() -> None:
    assert (HoldsQuery().most, HoldsQuery(page_size=1).most, HoldsQuery(page_size=100).most) == (100, 1, 100)
    assert (WaitsQuery().most, WaitsQuery(page_size=1).most, WaitsQuery(page_size=1_000).most) == (1_000, 1, 1_000)
