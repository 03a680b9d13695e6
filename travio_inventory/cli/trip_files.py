"""Reads a trip from a TOML file: stops with times; its seats are in sections, in the file of a seat plan, or stored."""

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from travio_inventory.client.client import ORGANIZATION_DEFAULT
from travio_inventory.imports.documents import Table, WrongFile, parse_toml, read_text
from travio_inventory.imports.file_fields import IN_A_TRIP, IN_A_TRIP_WITH_A_PLAN, in_the_file
from travio_inventory.imports.layouts import FileLayout, read_layout
from travio_inventory.imports.seat_plans import SeatPlan, read_plan, seats_per_group
from travio_inventory.imports.trip_text import TURNED
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.route import Direction, Segment, StationName
from travio_inventory.seats.seat_plan import TripOnPlan
from travio_inventory.seats.trip import OUR_CHOICE, Trip, TripKey


def read_trip(path: Path, *, organization: str | None = None, trip_id: str | None = None) -> Trip:
    """The trip in the file, under another organization or id if one is given. Raises WrongFile."""
    return parse_trip(read_text(path), source=str(path), organization=organization, trip_id=trip_id)


def read_trip_to_open(
    path: Path, *, organization: str | None = None, trip_id: str | None = None, stored_plan: str | None = None
) -> Trip | TripOnPlan:
    """The trip in the file, with the seats of a stored plan if one is given or the file names it. Raises WrongFile."""
    plain, source = parse_toml(read_text(path), str(path)), str(path)
    document = Table(source, "", plain)
    head = document.table("trip")
    if stored_plan is None and not head.has("stored_plan"):
        return trip_from_toml(plain, source=source, organization=organization, trip_id=trip_id)
    for table, field in ((document, "sections"), (head, "seat_plan"), (head, "asset")):
        if table.has(field):
            raise table.wrong(field, "the stored plan has the seats; keep either")
    segments, station_names = _route(head, document.tables("stops"))
    named = head.take("stored_plan", str, "")
    try:
        trip = TripOnPlan(
            _key(head, organization, trip_id),
            segments,
            stored_plan or named,
            seats_per_group=seats_per_group(head),
            vehicle=head.take("vehicle", str, ""),
            vehicle_type=head.take("vehicle_type", str, ""),
            currency=head.take("currency", str, ""),
            time_zone=head.take("time_zone", str, ""),
            station_names=station_names,
        )
    except InvalidRequest as refusal:
        raise WrongFile(f"{source}: {in_the_file(refusal.violations, ())}") from None
    head.done()
    document.done()
    return trip


def _key(head: Table, organization: str | None, trip_id: str | None) -> TripKey:
    named = TripKey(head.take("organization", str, ORGANIZATION_DEFAULT), head.take("id", str))
    return TripKey(organization or named.organization, trip_id or named.trip)


def parse_trip(text: str, *, source: str, organization: str | None = None, trip_id: str | None = None) -> Trip:
    """The trip that the text of the file `source` describes. Raises WrongFile."""
    return trip_from_toml(parse_toml(text, source), source=source, organization=organization, trip_id=trip_id)


def trip_from_toml(
    plain: Mapping[str, Any], *, source: str, organization: str | None = None, trip_id: str | None = None
) -> Trip:
    """The trip that the parsed file `source` describes. Raises WrongFile."""
    document = Table(source, "", plain)
    head = document.table("trip")
    if head.has("stored_plan"):
        raise head.wrong("stored_plan", "only a service has its seats: open the trip with `trip open`")
    key = _key(head, organization, trip_id)
    vehicle = head.take("vehicle", str, "")
    plan = _plan(head)
    asset = head.take("asset", str, vehicle)
    layout = plan_layout(plan) if plan else read_layout(document.tables("sections"), asset)
    segments, station_names = _route(head, document.tables("stops"))
    own_size = seats_per_group(head)
    try:
        trip = Trip(
            key=key,
            segments=segments,
            seats=layout.seats,
            seats_per_group=plan.seats_per_group if plan and own_size == OUR_CHOICE else own_size,
            vehicle=vehicle or (plan.name if plan else ""),
            vehicle_type=head.take("vehicle_type", str, plan.vehicle_type if plan else ""),
            currency=head.take("currency", str, plan.currency if plan else ""),
            sections=layout.sections,
            features=layout.features,
            time_zone=head.take("time_zone", str, ""),
            station_names=station_names,
        )
    except InvalidRequest as refusal:
        fields = IN_A_TRIP_WITH_A_PLAN if plan else IN_A_TRIP
        said = in_the_file(refusal.violations, list(map(len, layout.tables)), fields)
        raise WrongFile(f"{source}: {said}") from None
    if plan and document.has("sections"):
        raise head.wrong("seat_plan", "this file has sections of its own; keep either")
    head.done()
    document.done()
    return trip


def _plan(head: Table) -> SeatPlan | None:
    """The plan that the file names, from a file beside it."""
    name = head.take("seat_plan", str, "")
    if not name:
        return None
    asset = head.take("asset", str) if head.has("asset") else None
    return read_plan(Path(head.source).parent / name, asset=asset)


def plan_layout(plan: SeatPlan) -> FileLayout:
    """The layout of a plan, as if it were in the file."""
    return FileLayout((plan.seats,), plan.sections, plan.features)


def _route(head: Table, stops: list[Table]) -> tuple[tuple[Segment, ...], tuple[StationName, ...]]:
    """The segments, and what the stations are called; a stop may say that the vehicle turns, or which end is ahead."""
    direction = _direction(head)
    read = []
    names: dict[str, str] = {}
    for stop in stops:
        station, name = stop.take("station", str), stop.take("name", str, "")
        if name and names.setdefault(station, name) != name:
            raise stop.wrong("name", f"station {station!r} has another name above: {names[station]!r}")
        if stop.take("turns", bool, False):
            direction = TURNED[direction]
        if stop.has("ahead"):
            direction = _direction(stop)
        read.append((station, _time(stop, "arrives"), _time(stop, "departs"), direction))
        stop.done()
    segments = (
        Segment(origin, destination, departs_at_s, arrives_at_s, ahead)
        for (origin, _, departs_at_s, ahead), (destination, arrives_at_s, _, _) in pairwise(read)
    )
    return tuple(segments), tuple(StationName(*each) for each in names.items())


def _direction(head: Table) -> Direction:
    said = head.take("ahead", str, "")
    if said not in set(Direction):
        raise head.wrong("ahead", f'must be "first row" or "last row", not {said!r}')
    return Direction(said)


def _time(stop: Table, field: str) -> int:
    """Unix seconds, 0 if the file has none."""
    if field not in stop.values:
        return 0
    moment = stop.take(field, datetime)
    if moment.tzinfo is None:
        said = moment.isoformat()
        raise stop.wrong(field, f"{said} has no offset from UTC; end it with Z for UTC, or with the place's +HH:MM")
    return int(moment.timestamp())
