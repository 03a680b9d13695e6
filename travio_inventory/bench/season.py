"""A season opened from a timetable in GTFS: how many trips per second, and per second of the service's CPU time."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import date
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from time import perf_counter

from travio_inventory.bench.measuring import cpu_seconds, rounded
from travio_inventory.bench.session import OPEN_SECONDS_MAX, Session
from travio_inventory.client.client import InventoryClient
from travio_inventory.imports.gtfs.feed import Feed
from travio_inventory.imports.gtfs.timetable import read_timetable
from travio_inventory.imports.gtfs.trips import PlannedTrip, plan_trips
from travio_inventory.imports.seat_plans import SeatPlan
from travio_inventory.kernel.addresses import Address
from travio_inventory.seats.layout import Seat

DAY = date(2030, 6, 1)
SEGMENTS = 9
COLUMNS = 4

OpenAll = Callable[[InventoryClient, Iterator[PlannedTrip]], Awaitable[int]]
"""Opens the trips as an import does; returns how many were opened."""


async def season(on: Session, *, trips: int, seats: int, open_all: OpenAll) -> tuple[dict[str, object], list[str]]:
    """Open so many trips of so many seats; and what is wrong if not each was opened. Raises what the client raises."""
    with TemporaryDirectory() as folder:
        write_feed(Path(folder), trips)
        timetable = read_timetable(Feed(Path(folder)), DAY)
        target = str(Address(on.service.host, on.service.port))
        organization = f"season-{token_hex(4)}"
        planned = plan_trips(timetable, _plan(seats), organization)
        async with InventoryClient(
            target, organization=organization, deadline_s=OPEN_SECONDS_MAX, tls=on.tls
        ) as client:
            began, cpu_began_s = perf_counter(), cpu_seconds(on.service.pid)
            opened = await open_all(client, planned)
            took_s, cpu_s = perf_counter() - began, cpu_seconds(on.service.pid)
    used_s = None if cpu_s is None or cpu_began_s is None else cpu_s - cpu_began_s
    found: dict[str, object] = {
        "trips": opened,
        "cells": opened * seats * SEGMENTS,
        "seconds": round(took_s, 2),
        "per_second": rounded(opened / took_s),
        "server_cpu_seconds": used_s and round(used_s, 2),
        "per_server_cpu_second": used_s and rounded(opened / used_s),
    }
    return found, [] if opened == trips else [f"{opened} of {trips} trips were opened"]


def write_feed(folder: Path, trips: int) -> None:
    """A feed of coaches that stop at ten places, one after the other all day long."""
    files = {
        "agency.txt": "agency_name,agency_url,agency_timezone\ncoaches,https://coaches.example,Europe/Berlin\n",
        "routes.txt": "route_id,route_type\ncoast,3\n",
        "calendar_dates.txt": f"service_id,date,exception_type\nsummer,{DAY:%Y%m%d},1\n",
        "stops.txt": "stop_id\n" + "".join(f"stop-{at}\n" for at in range(SEGMENTS + 1)),
        "trips.txt": "route_id,service_id,trip_id\n" + "".join(f"coast,summer,{at}\n" for at in range(trips)),
        "stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
        + "".join(_stop_time(trip, stop) for trip in range(trips) for stop in range(SEGMENTS + 1)),
    }
    for name, text in files.items():
        (folder / name).write_text(text)


def _stop_time(trip: int, stop: int) -> str:
    at = f"{trip // 60 % 24 + stop:02}:{trip % 60:02}:00"
    return f"{trip},{at},{at},stop-{stop},{stop}\n"


def _plan(seats: int) -> SeatPlan:
    names = [(f"{at // COLUMNS + 1}{'ABCD'[at % COLUMNS]}", at) for at in range(seats)]
    return SeatPlan("coach", tuple(Seat(name, name, at // COLUMNS + 1, at % COLUMNS + 1) for name, at in names))
