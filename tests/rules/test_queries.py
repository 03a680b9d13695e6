"""What is asked about trips: what is wrong in it, how much a page has, and where it goes on."""

from collections.abc import Callable

import pytest

from travio_inventory.kernel import limits
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.queries import (
    BEFORE_ALL,
    BEGIN,
    DeedsQuery,
    ManifestQuery,
    OrderQuery,
    ScanPlace,
    SeatPlace,
    SeatQuery,
    TripsQuery,
)

TOKEN = ("page_token", "must be empty or a next_page_token")
LISTED = "2026-11\x1f000000000001\x1forg\x1f0"


def faults(ask: Callable[[], object]) -> list[tuple[str, str]]:
    """Field and text of each."""
    with pytest.raises(InvalidRequest) as refused:
        ask()
    return [*refused.value.violations]


def test_a_page_of_trips_is_of_a_time_that_goes_forward() -> None:
    later = ("departs_before", "must be later than departs_from")
    for start, end in ((5, 5), (5, 4), (5, 0)):
        assert faults(lambda start=start, end=end: TripsQuery(departs_from_s=start, departs_before_s=end)) == [later]  # type: ignore[misc]
    for start, end in ((0, 0), (0, 1), (5, 6)):
        TripsQuery(departs_from_s=start, departs_before_s=end)
    most = limits.TIME_S_MAX
    TripsQuery(departs_from_s=most - 1, departs_before_s=most)
    assert [field for field, _ in faults(lambda: TripsQuery(departs_from_s=most + 1, departs_before_s=most + 2))] == [
        "departs_from", "departs_before",
    ]  # fmt: skip
    assert [field for field, _ in faults(lambda: TripsQuery(departs_from_s=-1))] == ["departs_from"]


def test_only_what_a_page_of_trips_said_names_the_next_one() -> None:
    for after in ("", LISTED, "untimed\x1f", "2026-11\x1f"):
        TripsQuery(after=after)
    for after in ("x", "2026-1\x1f", LISTED + "x", "untimed", "2026-11\x1f1\x1forg\x1f0"):
        assert faults(lambda after=after: TripsQuery(after=after)) == [TOKEN]  # type: ignore[misc]


def test_a_page_has_as_many_as_are_asked_for_or_the_most_allowed() -> None:
    trips, holds = limits.TRIPS_LISTED_MAX, limits.HOLDS_LISTED_MAX
    assert [TripsQuery(page_size=size).most for size in (0, 1, trips)] == [trips, 1, trips]
    assert [ManifestQuery(trip_id="t", page_size=size).most for size in (0, 1, holds)] == [holds, 1, holds]
    assert [OrderQuery(order_id="o", page_size=size).most for size in (0, 1, holds)] == [holds, 1, holds]
    for ask in (
        lambda size: TripsQuery(page_size=size),
        lambda size: ManifestQuery(trip_id="t", page_size=size),
        lambda size: OrderQuery(order_id="o", page_size=size),
    ):
        for size in (-1, max(trips, holds) + 1):
            assert [field for field, _ in faults(lambda ask=ask, size=size: ask(size))] == ["page_size"]  # type: ignore[misc]


def test_each_wrong_name_is_told() -> None:
    long = "x" * (limits.ID_BYTES_MAX + 1)
    wrong = faults(lambda: ManifestQuery(trip_id="", boarding=long, alighting=long, after="x"))
    assert [field for field, _ in wrong] == ["trip_id", "boarding_station_id", "alighting_station_id", "page_token"]
    assert wrong[-1] == TOKEN
    wrong = faults(lambda: SeatQuery(trip_id="", seat_id="", after="x"))
    assert [field for field, _ in wrong] == ["trip_id", "seat_id", "page_token"]
    assert wrong[-1] == TOKEN
    assert [field for field, _ in faults(lambda: OrderQuery(order_id=""))] == ["order_id"]


@pytest.mark.parametrize("place", [SeatPlace(0, 0), SeatPlace(123_456, 511), BEFORE_ALL])
def test_a_page_of_a_manifest_goes_on_behind_a_place(place: SeatPlace) -> None:
    assert ManifestQuery(trip_id="t", after=str(place)).place == place
    assert ManifestQuery(trip_id="t").place == BEFORE_ALL
    assert SeatPlace(0, 0) > BEFORE_ALL


@pytest.mark.parametrize("place", [ScanPlace(0), ScanPlace(7, "a row"), ScanPlace(9_999_999, "\n")])
def test_a_page_about_a_seat_goes_on_behind_a_row(place: ScanPlace) -> None:
    assert SeatQuery(trip_id="t", seat_id="A1", after=str(place)).place == place
    assert SeatQuery(trip_id="t", seat_id="A1").place == BEGIN == ScanPlace(0, "")


def test_a_page_of_deeds_is_of_a_month_and_goes_on_behind_a_deed() -> None:
    deed = f"{1:015}\x1f{'0f' * 16} "
    for month in ("", "2027-01", "2027-12"):
        for after in ("", deed):
            DeedsQuery(month=month, after=after)
    for month in ("2027", "2027-00", "2027-13", "2027-1", " 2027-01", "2027-01-01"):
        assert faults(lambda month=month: DeedsQuery(month=month)) == [("month", "must be empty or YYYY-MM")]  # type: ignore[misc]
    for after in ("x", deed.strip(), deed + "x"):
        assert faults(lambda after=after: DeedsQuery(after=after)) == [TOKEN]  # type: ignore[misc]
    most = limits.DEEDS_LISTED_MAX
    assert [DeedsQuery(page_size=size).most for size in (0, 1, most)] == [most, 1, most]
    for size in (-1, most + 1):
        assert [field for field, _ in faults(lambda size=size: DeedsQuery(page_size=size))] == ["page_size"]  # type: ignore[misc]
