"""Feeds as files: folders and zips, what is missing and what is odd; and which services run."""

import tracemalloc
from datetime import date
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.imports.feeds import DAY, FILES, STOP_TIMES, feed, planned, zipped
from travio_inventory.imports.documents import WrongFile
from travio_inventory.imports.gtfs.feed import Feed
from travio_inventory.imports.gtfs.services import services_on
from travio_inventory.imports.gtfs.timetable import read_timetable

TRIPS = "route_id,service_id,trip_id\n"
DATES = "service_id,date,exception_type\n"


def wrong(path: Path, day: date = DAY) -> str:
    with pytest.raises(WrongFile) as said:
        planned(path, day)
    assert str(said.value).startswith(str(path))
    return str(said.value)


def test_a_zip_is_read_as_the_folder_is(tmp_path: Path) -> None:
    folder = tmp_path / "feed"
    folder.mkdir()
    assert planned(zipped(feed(folder))) == planned(folder)


def test_a_zip_may_have_its_files_in_a_folder(tmp_path: Path) -> None:
    top = tmp_path / "2094"
    top.mkdir()
    folder = feed(top)
    path = tmp_path / "feed.zip"
    with ZipFile(path, "w") as packed:
        packed.writestr("__MACOSX/2094/._stop_times.txt", "of the system that made it")
        for file in folder.iterdir():
            packed.write(file, f"2094/{file.name}")
    assert planned(path) == planned(folder)


def test_a_byte_order_mark_extra_columns_quotes_and_blanks_are_no_matter(tmp_path: Path) -> None:
    text = (
        '\N{ZERO WIDTH NO-BREAK SPACE} stop_id ,"stop_name",extra\r\na, "x, y",1\r\n'
        '"b","line\nbreak",1\r\n\r\n c ,"a ""quoted"" name",1\r\n'
    )
    found = planned(feed(tmp_path, stops=text))["t"]
    assert found.trip is not None, found.reason


def test_rows_may_be_shorter_or_longer_than_their_header(tmp_path: Path) -> None:
    """A value beyond the header is of no column, in particular not of one that the file does not have."""
    trips = TRIPS + "r,daily,t,beyond\nr\n"
    found = planned(feed(tmp_path, trips=trips))
    assert list(found) == ["t"]
    assert found["t"].headsign == ""


def test_an_empty_file_is_as_none(tmp_path: Path) -> None:
    folder = tmp_path / "feed"
    folder.mkdir()
    feed(folder, calendar_dates=b"", frequencies=b"")
    assert list(planned(folder)) == list(planned(zipped(folder))) == ["t"]
    assert "routes.txt: is missing or empty" in wrong(feed(folder, routes=b""))


@pytest.mark.parametrize("name", ["agency", "stops", "routes", "trips", "stop_times"])
def test_a_file_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    assert f"{name}.txt: is missing" in wrong(feed(tmp_path, **{name: None}))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("trips", "route_id,trip_id\nr,t\n", "trips.txt: has no column service_id"),
        ("trips", "\n", "trips.txt: has no column route_id"),
        ("stops", b"stop_id\n\xff\n", "stops.txt: not UTF-8 text"),
        ("stops", 'stop_id\n"' + "x" * 200_000, "stops.txt: not CSV: field larger than field limit"),
        ("agency", "agency_timezone\nEurope/Nowhere\n", "agency.txt: line 2: this machine knows no time zone"),
        ("agency", "agency_timezone\n../x\n", "agency.txt: line 2: this machine knows no time zone"),
        ("agency", "agency_timezone\n", "agency.txt: has no agency"),
        ("calendar", None, "has neither calendar.txt nor calendar_dates.txt"),
        ("calendar", FILES["calendar.txt"].replace("20940101", "2094-1-1"), "line 2: a date must be YYYYMMDD, not"),
        ("calendar", FILES["calendar.txt"].replace("20940101", "2094101"), "must be YYYYMMDD, not '2094101'"),
        ("calendar_dates", DATES + "daily,20940602,3\n", "line 2: exception_type must be 1 or 2, not '3'"),
    ],
)
def test_a_wrong_file_is_named_with_line_and_value(
    tmp_path: Path, name: str, text: str | bytes | None, said: str
) -> None:
    assert said in wrong(feed(tmp_path, **{name: text}))


def test_what_is_no_feed_is_said_so(tmp_path: Path) -> None:
    assert "No such file" in wrong(tmp_path / "none.zip")
    path = tmp_path / "feed.zip"
    path.write_bytes(b"PK no zip")
    assert "not a zip file that can be read" in wrong(path)
    (tmp_path / "feed").mkdir()
    whole = zipped(feed(tmp_path / "feed")).read_bytes()
    at = whole.index(b"stop_times.txt") + 20
    path.write_bytes(whole[:at] + b"\xff" * 30 + whole[at + 30 :])
    assert "stop_times.txt: not a zip file that can be read" in wrong(path)


@pytest.mark.parametrize(
    ("day", "dates", "runs"),
    [
        (date(2094, 6, 2), "", True),
        (date(2026, 12, 31), "", False),
        (date(2028, 1, 1), "", False),
        (date(2094, 1, 1), "", True),
        (date(2094, 12, 31), "", True),
        (date(2094, 6, 2), "daily,20940602,2\n", False),
        (date(2094, 6, 3), "daily,20940602,2\n", True),
        (date(2028, 6, 2), "daily,20280602,1\n", True),
    ],
)
def test_a_service_runs_on_its_weekdays_and_by_exceptions(tmp_path: Path, day: date, dates: str, runs: bool) -> None:
    assert bool(planned(feed(tmp_path, calendar_dates=DATES + dates), day)) == runs


def test_a_weekday_is_its_own(tmp_path: Path) -> None:
    text = FILES["calendar.txt"].replace("1,1,1,1,1,1,1", "1,0,0,0,0,0,0")
    runs = [day for day in range(1, 8) if services_on(Feed(feed(tmp_path, calendar=text)), date(2094, 6, day))]
    assert runs == [7]


def test_exceptions_alone_are_a_calendar(tmp_path: Path) -> None:
    path = feed(tmp_path, calendar=None, calendar_dates=DATES + "daily,20940602,1\n")
    assert planned(path)
    assert not planned(path, date(2094, 6, 3))


def test_each_route_has_the_time_zone_of_its_agency(tmp_path: Path) -> None:
    path = feed(
        tmp_path,
        agency="agency_id,agency_timezone\nx,Europe/Berlin\ny,Asia/Dhaka\n",
        routes="route_id,agency_id\nr,x\ns,y\n",
        trips=TRIPS + "r,daily,t\ns,daily,u\n",
        stop_times=FILES["stop_times.txt"] + FILES["stop_times.txt"].partition("\n")[2].replace("t,", "u,"),
    )
    found = planned(path)
    assert found["t"].trip is not None
    assert found["u"].trip is not None
    apart_s = found["t"].trip.segments[0].departs_at_s - found["u"].trip.segments[0].departs_at_s
    assert apart_s == 4 * 3_600
    (tmp_path / "routes.txt").write_text("route_id,agency_id\nr,\ns,y\n")
    found = planned(path)
    assert "routes.txt: line 2: agency.txt has no agency ''" in found["t"].reason
    assert found["u"].trip is not None


def test_only_the_named_routes_are_read_and_an_unknown_one_is_a_mistake(tmp_path: Path) -> None:
    path = feed(tmp_path, trips=TRIPS + "r,daily,t\ns,daily,u\ns,other,v\n")
    timetable = read_timetable(Feed(path), DAY, ["s"])
    assert [trip.id for trip in timetable.trips] == ["u"]
    assert (timetable.other_routes, timetable.not_running) == (1, 1)
    with pytest.raises(WrongFile, match=r"routes\.txt has no route 'z'"):
        read_timetable(Feed(path), DAY, ["z"])


def test_the_rows_of_other_days_take_no_memory(tmp_path: Path) -> None:
    rows = "".join(f"u{at // 20},8:00:00,8:00:00,a,{at % 20}\n" for at in range(20_000))
    path = zipped(feed(tmp_path, stop_times=FILES["stop_times.txt"] + rows, trips=TRIPS + "r,daily,t\n"))
    tracemalloc.start()
    assert planned(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < len(rows)


def test_a_trip_of_millions_of_rows_keeps_few_of_them(tmp_path: Path) -> None:
    rows = "".join(f"t,8:00:00,8:00:00,a,{at}\n" for at in range(5_000))
    timetable = read_timetable(Feed(feed(tmp_path, stop_times=STOP_TIMES + rows)), DAY)
    assert len(timetable.trips[0].stop_times) == 1_001
