"""Trips of a feed: their stops and times, and the reason why one cannot be opened."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.imports.feeds import DAY, PLAN, STOP_TIMES, feed, hours, planned
from travio_inventory.imports.gtfs.clock import seconds_of
from travio_inventory.imports.gtfs.feed import Feed
from travio_inventory.imports.gtfs.timetable import read_timetable
from travio_inventory.imports.gtfs.trips import PlannedTrip, plan_trips
from travio_inventory.kernel import limits
from travio_inventory.seats.trip import Trip

MIDNIGHT_S = int(datetime(2094, 6, 1, 22, tzinfo=UTC).timestamp())
"""Midnight in Berlin, in summer."""


def stop_times(*rows: str) -> str:
    """The rows "a 8:00:00 8:05:00", or "a" without times, of the trip t in order."""
    lines = []
    for at, row in enumerate(rows):
        stop, arrives, departs = (*row.split(), "", "")[:3]
        lines.append(f"t,{arrives},{departs or arrives},{stop},{at}\n")
    return STOP_TIMES + "".join(lines)


def reason(folder: Path, *rows: str) -> str:
    """Why the trip with these stop_times cannot be opened."""
    found = planned(feed(folder, stop_times=stop_times(*rows)))["t"]
    assert found.trip is None
    return found.reason


def test_a_trip_has_the_plans_seats_and_an_id_with_the_date(tmp_path: Path) -> None:
    found = planned(feed(tmp_path))["t"]
    assert isinstance(found.trip, Trip)
    assert found.trip.key == ("acme", "t@2094-06-02")
    assert (found.route, found.trip.vehicle, len(found.trip.seats)) == ("r", "bus", 1)
    assert hours(found, MIDNIGHT_S) == [("a", 8, "b", 9), ("b", 9 + 5 / 60, "c", 10)]


def test_a_trip_knows_its_time_zone_and_what_people_call_its_stations(tmp_path: Path) -> None:
    """A name that no trip can have does not stop the trip."""
    stops = f"stop_id,stop_name\na,Alex\nb,{'x' * 300}\nc,\nd,Dom\n"
    found = planned(feed(tmp_path, stops=stops))["t"]
    assert found.trip is not None, found.reason
    assert (found.trip.time_zone, found.trip.station_names) == ("Europe/Berlin", (("a", "Alex"),))


def test_stops_are_in_the_order_of_their_sequence_not_of_the_file(tmp_path: Path) -> None:
    """As numbers: 9 is before 10."""
    text = STOP_TIMES + "t,10:00:00,10:00:00,c,10\nt,8:00:00,8:00:00,a,1\nt,9:00:00,9:00:00,b,9\n"
    assert hours(planned(feed(tmp_path, stop_times=text))["t"], MIDNIGHT_S) == [("a", 8, "b", 9), ("b", 9, "c", 10)]


def test_times_go_on_beyond_midnight(tmp_path: Path) -> None:
    found = planned(feed(tmp_path, stop_times=stop_times("a 23:30:00", "b 24:15:00 24:30:00", "c 26:00:00")))["t"]
    assert hours(found, MIDNIGHT_S) == [("a", 23.5, "b", 24.25), ("b", 24.5, "c", 26)]


@pytest.mark.parametrize(
    ("day", "departs", "utc"),
    [
        (date(2094, 3, 28), "8:00:00", datetime(2094, 3, 28, 6, tzinfo=UTC)),
        (date(2094, 3, 28), "0:30:00", datetime(2094, 3, 27, 22, 30, tzinfo=UTC)),
        (date(2094, 10, 31), "8:00:00", datetime(2094, 10, 31, 7, tzinfo=UTC)),
        (date(2094, 10, 31), "0:30:00", datetime(2094, 10, 30, 23, 30, tzinfo=UTC)),
    ],
)
def test_times_count_from_noon_minus_twelve_hours_where_clocks_change(
    tmp_path: Path, day: date, departs: str, utc: datetime
) -> None:
    """8:00 is what clocks show even on a day of 23 or 25 hours; what is before the change is not."""
    found = planned(feed(tmp_path, stop_times=stop_times(f"a {departs}", "b 12:00:00")), day)["t"]
    assert found.trip is not None
    assert found.trip.segments[0].departs_at_s == int(utc.timestamp())


def test_stops_without_times_are_spread_evenly_between_those_that_have_them(tmp_path: Path) -> None:
    rows = ("a 8:00:00", "b", "c", "d 9:00:00 9:30:00", "a", "b 10:30:00")
    found = planned(feed(tmp_path, stop_times=stop_times(*rows)))["t"]
    assert hours(found, MIDNIGHT_S) == [
        ("a", 8, "b", 8 + 1 / 3), ("b", 8 + 1 / 3, "c", 8 + 2 / 3), ("c", 8 + 2 / 3, "d", 9), ("d", 9.5, "a", 10),
        ("a", 10, "b", 10.5),
    ]  # fmt: skip
    assert found.notes[0] == "interpolated times of 3 of 6 stops"


def test_a_stop_with_one_of_its_times_has_it_for_both(tmp_path: Path) -> None:
    text = STOP_TIMES + "t,,8:00:00,a,1\nt,9:00:00,,b,2\nt,10:00:00,,c,3\n"
    assert hours(planned(feed(tmp_path, stop_times=text))["t"], MIDNIGHT_S) == [("a", 8, "b", 9), ("b", 9, "c", 10)]


def test_a_stop_twice_in_a_row_is_one_from_its_first_arrival_to_its_last_departure(tmp_path: Path) -> None:
    rows = ("a 8:00:00", "b 9:00:00 9:05:00", "b 9:30:00 9:40:00", "b 9:50:00 9:55:00", "c 10:00:00")
    found = planned(feed(tmp_path, stop_times=stop_times(*rows)))["t"]
    assert hours(found, MIDNIGHT_S) == [("a", 8, "b", 9), ("b", 9 + 55 / 60, "c", 10)]
    assert found.notes == ("merged stops twice in a row: b",)


def test_stops_may_be_sold_by_their_parent_station(tmp_path: Path) -> None:
    """A change of platforms within a station is a stop twice in a row."""
    rows = ("a 8:00:00", "b1 9:00:00", "b2 9:10:00", "c 10:00:00")
    path = feed(tmp_path, stops="stop_id,parent_station\na,\nb1,b\nb2,b\nb\nc,\n", stop_times=stop_times(*rows))
    by_station = hours(planned(path, by_parent_station=True)["t"], MIDNIGHT_S)
    assert by_station == [("a", 8, "b", 9), ("b", 9 + 1 / 6, "c", 10)]
    assert [origin for origin, *_ in hours(planned(path)["t"], MIDNIGHT_S)] == ["a", "b1", "b2"]


def test_a_loop_is_told_with_the_segments_of_every_visit(tmp_path: Path) -> None:
    """As `--segments` numbers them, after what is merged."""
    rows = ("a 8:00:00", "b 9:00:00", "b 9:30:00", "c 10:00:00", "b 11:00:00", "a 12:00:00", "b 13:00:00")
    found = planned(feed(tmp_path, stop_times=stop_times(*rows)))["t"]
    assert found.notes[1:] == (
        "a is visited 2 times: begins segments 0 and 4, ends segment 3",
        "b is visited 3 times: begins segments 1 and 3, ends segments 0, 2 and 4",
    )
    assert found.trip is not None
    assert [found.trip.segments[at].origin for at in (0, 4)] == ["a", "a"]
    assert [found.trip.segments[at].destination for at in (0, 2, 4)] == ["b", "b", "b"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["a 8:00:00"], "has one stop only"),
        (["a 8:00:00", "a 9:00:00"], "has one stop only"),
        (["a 8:00:00", "b 7:00:00"], "segments[0].arrival_time: the arrival at 'b' is before the departure from 'a'"),
        (["a 8:00:00", "b 9:00:00 8:30:00", "c 10:00:00"], "the departure from 'b' is before the arrival at 'b'"),
        (["a", "b 9:00:00"], "its first or last stop has no time"),
        (["a 8:00:00", "b"], "its first or last stop has no time"),
        (["a 8:00:00", "b 9:60:00"], "stop_sequence 1: a time must be H:MM:SS, not '9:60:00'"),
        (["a 8:00:00", "z 9:00:00"], "stops.txt has no stop 'z'"),
        ([], "has no stop_times"),
        ([f"{'ab'[at % 2]} {at // 60}:{at % 60:02}:00" for at in range(514)], "segments: must have 1 to 512 items"),
        ([f"{'ab'[at % 2]} {at // 60}:{at % 60:02}:00" for at in range(2_000)], "has more than 1000 stop_times"),
    ],
)
def test_a_trip_that_cannot_be_opened_says_why(tmp_path: Path, rows: list[str], said: str) -> None:
    assert limits.SEGMENTS_MAX == 512
    assert said in reason(tmp_path, *rows)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("t,9:00:00,9:00:00,b,1", "stop_sequence 1 is there twice"),
        ("t,9:00:00,9:00:00,b,x", "stop_sequence must be a whole number, not 'x'"),
        pytest.param(
            f"t,9:00:00,9:00:00,b,{'9' * 5_000}", "stop_sequence must be a whole number, not '99", id="endless"
        ),
        ("t,9:00:00,9:00:00,,2", "stop_sequence 2 has no stop_id"),
    ],
)
def test_a_wrong_row_of_stop_times_concerns_its_trip_alone(tmp_path: Path, row: str, said: str) -> None:
    found = planned(
        feed(
            tmp_path,
            trips="route_id,service_id,trip_id\nr,daily,t\nr,daily,u\n",
            stop_times=STOP_TIMES + f"u,8:00:00,8:00:00,a,1\nt,8:00:00,8:00:00,a,1\n{row}\nu,9:00:00,9:00:00,b,2\n",
        )
    )
    assert said in found["t"].reason
    assert found["u"].trip is not None


@pytest.mark.parametrize(
    ("trips", "said"),
    [("r,daily,t\nr,daily,t\n", "trips.txt has it twice"), ("q,daily,t\n", "routes.txt has no route 'q'")],
)
def test_a_wrong_row_of_trips_concerns_its_trip_alone(tmp_path: Path, trips: str, said: str) -> None:
    found = planned(feed(tmp_path, trips="route_id,service_id,trip_id\n" + trips))
    assert found["t"].reason == said


def repeated(folder: Path, *rows: str) -> list[PlannedTrip]:
    """The trips that frequencies.txt makes of t."""
    text = "trip_id,start_time,end_time,headway_secs,exact_times\n" + "".join(f"{row}\n" for row in rows)
    timetable = read_timetable(Feed(feed(folder, frequencies=text)), DAY)
    return list(plan_trips(timetable, PLAN, "acme"))


def test_each_departure_of_a_repeated_trip_is_a_trip_of_its_own(tmp_path: Path) -> None:
    found = repeated(tmp_path, "t,24:30:00,24:50:00,600,1", "t,6:00:00,6:01:00,3600,1", "other,8:00:00,9:00:00,600,1")
    assert [each.id for each in found] == [f"t@2094-06-02T{at}:00" for at in ("06:00", "24:30", "24:40")]
    assert hours(found[0], MIDNIGHT_S) == [("a", 6, "b", 7), ("b", 7 + 5 / 60, "c", 8)]
    assert hours(found[2], MIDNIGHT_S)[0] == ("a", 24 + 40 / 60, "b", 25 + 40 / 60)
    assert [each.notes for each in found] == [("every 3600 s",), ("every 600 s",), ("every 600 s",)]


@pytest.mark.parametrize("exact", ["", "0"])
def test_a_trip_without_exact_times_is_opened_with_a_note(tmp_path: Path, exact: str) -> None:
    (found,) = repeated(tmp_path, f"t,8:00:00,8:10:00,600,{exact}")
    assert (found.id, found.notes) == ("t@2094-06-02T08:00:00", ("about every 600 s, not to the minute",))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["t,8:00:00,8:00:00,600,1"], "end_time 8:00:00 is not after start_time 8:00:00"),
        (["t,8:00:00,9:00:00,0,1"], "headway_secs must be a whole number from 1 on, not '0'"),
        pytest.param([f"t,8:00:00,9:00:00,{'9' * 5_000},1"], "headway_secs must be a whole number", id="endless"),
        (["t,8:00:00,9:00:00,600,2"], "exact_times must be 0 or 1, not '2'"),
        (["t,8,9:00:00,600,1"], "start_time: a time must be H:MM:SS, not '8'"),
        (["t,8:00:00,24:00:00,1,1"], "has more than 1500 departures of it"),
        (["t,8:00:00,9:00:00,600,1", "t,8:50:00,9:00:00,600,1"], "has its departure 08:50:00 twice"),
    ],
)
def test_a_wrong_row_of_frequencies_concerns_its_trip_alone(tmp_path: Path, rows: list[str], said: str) -> None:
    (found,) = repeated(tmp_path, *rows)
    assert found.trip is None
    assert said in found.reason


def test_the_id_of_a_trip_may_be_too_long_for_ours(tmp_path: Path) -> None:
    long = "x" * 120
    found = planned(
        feed(
            tmp_path,
            trips=f"route_id,service_id,trip_id\nr,daily,{long}\n",
            stop_times=stop_times("a 8:00:00", "b 9:00:00").replace("t,8", f"{long},8").replace("t,9", f"{long},9"),
        )
    )
    assert "trip_id: must have at most 128 bytes" in found[long].reason


@pytest.mark.parametrize("said", ["8:00", "8:00:60", "-1:00:00", "٨:00:00", "1000:00:00", "08.00.00"])
def test_what_is_no_time_is_not_taken_for_one(said: str) -> None:
    with pytest.raises(ValueError, match="must be H:MM:SS"):
        seconds_of(said)
