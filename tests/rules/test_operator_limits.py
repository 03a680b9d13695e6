"""What an operator allows at most of trips, holds and places on waiting lists: to the last one, and named beyond it."""

from collections.abc import Callable

import pytest

from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.limits import SeatLimits
from travio_inventory.seats.refusals import InvalidSeats, InvalidTrip
from travio_inventory.seats.trip import Journey
from verification.kit.trips import a_trip

LIMITS = SeatLimits(seats_per_trip=4, cells_per_trip=6, segments_per_trip=3, seats_per_hold=3, cells_per_hold=4)
AT_MOST = "this service allows at most"
CELLS = "(seats times segments)"


def test_the_most_of_each_is_allowed() -> None:
    for seats, stops in ((4, "AB"), (3, "ABC"), (2, "ABCD")):
        LIMITS.check_trip(a_trip(seats=seats, stops=stops))
        LIMITS.check_seats(seats, len(stops) - 1)
    LIMITS.check_hold(3, Journey(1, 1))
    LIMITS.check_hold(2, Journey(1, 2))
    LIMITS.check_wait(3)


@pytest.mark.parametrize(
    ("check", "kind", "expected"),
    [
        (
            lambda: LIMITS.check_trip(a_trip(seats=5, stops="ABCDE")),
            InvalidTrip,
            [
                ("segments", f"{AT_MOST} 3 segments, not 4"),
                ("seat_config.seats", f"{AT_MOST} 4 seats, not 5"),
                ("seat_config", f"{AT_MOST} 6 cells {CELLS}, not 20"),
            ],
        ),
        (
            lambda: LIMITS.check_seats(5, 2),
            InvalidTrip,
            [("seat_config.seats", f"{AT_MOST} 4 seats, not 5"), ("seat_config", f"{AT_MOST} 6 cells {CELLS}, not 10")],
        ),
        (
            lambda: LIMITS.check_hold(4, Journey(0, 1)),
            InvalidSeats,
            [("seat_ids", f"{AT_MOST} 3 seats a hold, not 4")],
        ),
        (
            lambda: LIMITS.check_hold(3, Journey(0, 1)),
            InvalidSeats,
            [("seat_ids", f"{AT_MOST} 4 cells a hold {CELLS}, not 6")],
        ),
        (
            lambda: LIMITS.check_wait(4),
            InvalidRequest,
            [("requested_seats", f"{AT_MOST} 3 seats a hold, not 4")],
        ),
    ],
)
def test_all_that_is_beyond_is_named(
    check: Callable[[], None], kind: type[InvalidRequest], expected: list[tuple[str, str]]
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check()
    assert type(refused.value) is kind
    assert list(refused.value.violations) == expected
