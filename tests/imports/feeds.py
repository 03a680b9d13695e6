"""A feed for tests: one trip of three stops that runs every day of 2094, and what a test changes of it."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from travio_inventory.imports.gtfs.feed import Feed
from travio_inventory.imports.gtfs.timetable import read_timetable
from travio_inventory.imports.gtfs.trips import PlannedTrip, plan_trips
from travio_inventory.imports.seat_plans import SeatPlan
from travio_inventory.seats.layout import Seat

DAY = date(2094, 6, 2)
PLAN = SeatPlan("bus", (Seat("1A", "1A", 1, 1),))
STOP_TIMES = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
FILES = {
    "agency.txt": "agency_name,agency_url,agency_timezone\nx,https://x.example,Europe/Berlin\n",
    "stops.txt": "stop_id\na\nb\nc\nd\n",
    "routes.txt": "route_id,route_type\nr,3\ns,3\n",
    "trips.txt": "route_id,service_id,trip_id\nr,daily,t\n",
    "calendar.txt": (
        "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
        "daily,1,1,1,1,1,1,1,20940101,20941231\n"
    ),
    "stop_times.txt": STOP_TIMES + "t,8:00:00,8:00:00,a,1\nt,9:00:00,9:05:00,b,2\nt,10:00:00,10:00:00,c,3\n",
}


def feed(folder: Path, **changed: str | bytes | None) -> Path:
    """A folder with the feed's files, `stops=...` in place of stops.txt; None leaves a file out."""
    for name, text in {**FILES, **{f"{name}.txt": text for name, text in changed.items()}}.items():
        if text is not None:
            (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def zipped(folder: Path) -> Path:
    """The files of the folder in a zip beside it."""
    path = folder.parent / f"{folder.name}.zip"
    with ZipFile(path, "w", ZIP_DEFLATED) as packed:
        for file in folder.iterdir():
            packed.write(file, file.name)
    return path


def planned(path: Path, day: date = DAY, *, by_parent_station: bool = False) -> Mapping[str, PlannedTrip]:
    """The trips of the day by their id in the feed."""
    timetable = read_timetable(Feed(path), day, by_parent_station=by_parent_station)
    return {each.id.partition("@")[0]: each for each in plan_trips(timetable, PLAN, "acme")}


def hours(each: PlannedTrip, day_begins_s: int) -> list[tuple[str, float, str, float]]:
    """The segments of a trip that can be opened, times in hours of the day."""
    assert each.trip is not None, each.reason
    return [
        (
            segment.origin,
            (segment.departs_at_s - day_begins_s) / 3_600,
            segment.destination,
            (segment.arrives_at_s - day_begins_s) / 3_600,
        )
        for segment in each.trip.segments
    ]
