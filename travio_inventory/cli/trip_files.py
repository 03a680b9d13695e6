"""Reads a trip from a TOML file: stops with times, and its seats, in sections or in a seat plan that the file names."""

from collections.abc import Mapping
from datetime import datetime
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from travio_inventory.client.client import ORGANIZATION_DEFAULT
from travio_inventory.imports.documents import Table, WrongFile, parse_toml, read_text
from travio_inventory.imports.file_fields import IN_A_TRIP, IN_A_TRIP_WITH_A_PLAN, in_the_file
from travio_inventory.imports.seat_plans import SeatPlan, read_plan, seats_per_group
from travio_inventory.imports.sections import read_sections
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.route import Segment
from travio_inventory.seats.trip import OUR_CHOICE, Trip, TripKey


def read_trip(path: Path, *, organization: str | None = None, trip_id: str | None = None) -> Trip:
    """The trip in the file, under another organization or id if one is given. Raises WrongFile."""
    return parse_trip(read_text(path), source=str(path), organization=organization, trip_id=trip_id)


def parse_trip(text: str, *, source: str, organization: str | None = None, trip_id: str | None = None) -> Trip:
    """The trip that the text of the file `source` describes. Raises WrongFile."""
    return trip_from_toml(parse_toml(text, source), source=source, organization=organization, trip_id=trip_id)


def trip_from_toml(
    plain: Mapping[str, Any], *, source: str, organization: str | None = None, trip_id: str | None = None
) -> Trip:
    """The trip that the parsed file `source` describes. Raises WrongFile."""
    document = Table(source, "", plain)
    head = document.table("trip")
    named = TripKey(head.take("organization", str, ORGANIZATION_DEFAULT), head.take("id", str))
    key = TripKey(organization or named.organization, trip_id or named.trip)
    vehicle = head.take("vehicle", str, "")
    plan = _plan(head)
    asset = head.take("asset", str, vehicle)
    sections = [plan.seats] if plan else list(read_sections(document.tables("sections"), asset))
    own_size = seats_per_group(head)
    try:
        trip = Trip(
            key=key,
            segments=_segments(document.tables("stops")),
            seats=tuple(chain.from_iterable(sections)),
            seats_per_group=plan.seats_per_group if plan and own_size == OUR_CHOICE else own_size,
            vehicle=vehicle or (plan.name if plan else ""),
            vehicle_type=head.take("vehicle_type", str, plan.vehicle_type if plan else ""),
            currency=head.take("currency", str, plan.currency if plan else ""),
        )
    except InvalidRequest as refusal:
        fields = IN_A_TRIP_WITH_A_PLAN if plan else IN_A_TRIP
        said = in_the_file(refusal.violations, list(map(len, sections)), fields)
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


def _segments(stops: list[Table]) -> tuple[Segment, ...]:
    read = []
    for stop in stops:
        read.append((stop.take("station", str), _time(stop, "arrives"), _time(stop, "departs")))
        stop.done()
    return tuple(
        Segment(origin, destination, departs_at_s, arrives_at_s)
        for (origin, _, departs_at_s), (destination, arrives_at_s, _) in pairwise(read)
    )


def _time(stop: Table, field: str) -> int:
    """Unix seconds, 0 if the file has none."""
    if field not in stop.values:
        return 0
    moment = stop.take(field, datetime)
    if moment.tzinfo is None:
        said = moment.isoformat()
        raise stop.wrong(field, f"{said} has no offset from UTC; end it with Z for UTC, or with the place's +HH:MM")
    return int(moment.timestamp())
