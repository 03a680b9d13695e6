"""A seat plan: the seats of a vehicle or a hall, with classes and prices, for any number of trips."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from travio_inventory.imports.documents import PLAN_BYTES_MAX, Table, WrongFile, parse_json, parse_toml, read_text
from travio_inventory.imports.file_fields import IN_A_PLAN, in_the_file
from travio_inventory.imports.layouts import read_layout
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.layout import Feature, Seat, Section
from travio_inventory.seats.route import Segment, StationName
from travio_inventory.seats.seat_plan import TripOnPlan
from travio_inventory.seats.trip import ALL_IN_ONE_GROUP, OUR_CHOICE, Trip, TripKey

ALL_SEATS = "all"
_ANY_TRIP = TripKey("any", "any")
_ONE_SEGMENT = (Segment("from", "to"),)


@dataclass(frozen=True)
class SeatPlan:
    """A plan with its seats in layout order. Raises InvalidRequest if not even a trip of one segment can have it."""

    name: str
    seats: tuple[Seat, ...]
    vehicle_type: str = ""
    currency: str = ""
    seats_per_group: int = OUR_CHOICE
    sections: tuple[Section, ...] = ()
    features: tuple[Feature, ...] = ()

    def __post_init__(self) -> None:
        trip = self.trip(_ANY_TRIP, _ONE_SEGMENT)
        object.__setattr__(self, "seats", trip.seats)
        object.__setattr__(self, "features", trip.features)

    def trip(
        self,
        key: TripKey,
        segments: tuple[Segment, ...],
        *,
        time_zone: str = "",
        station_names: tuple[StationName, ...] = (),
    ) -> Trip:
        """A trip with these seats. Raises InvalidRequest."""
        return Trip(
            key=key,
            segments=segments,
            seats=self.seats,
            seats_per_group=self.seats_per_group,
            vehicle=self.name,
            vehicle_type=self.vehicle_type,
            currency=self.currency,
            sections=self.sections,
            features=self.features,
            time_zone=time_zone,
            station_names=station_names,
        )


@dataclass(frozen=True)
class StoredSeats:
    """The seats of a plan that only the service has. Raises InvalidRequest for what cannot be the id of one."""

    plan: str

    def __post_init__(self) -> None:
        self.trip(_ANY_TRIP, _ONE_SEGMENT)

    def trip(
        self,
        key: TripKey,
        segments: tuple[Segment, ...],
        *,
        time_zone: str = "",
        station_names: tuple[StationName, ...] = (),
    ) -> TripOnPlan:
        """A trip with these seats. Raises InvalidRequest."""
        return TripOnPlan(key, segments, self.plan, time_zone=time_zone, station_names=station_names)


def read_plan(path: Path, *, asset: str | None = None) -> SeatPlan:
    """The plan in a TOML file, or in a JSON file if its name ends in .json; `asset` replaces the file's. Raises
    WrongFile.
    """
    text, source = read_text(path, PLAN_BYTES_MAX), str(path)
    plain = parse_json(text, source) if path.suffix.lower() == ".json" else parse_toml(text, source)
    return plan_from(plain, source=source, asset=asset)


def plan_from(plain: Mapping[str, Any], *, source: str, asset: str | None = None) -> SeatPlan:
    """The plan that the parsed file `source` describes. Raises WrongFile."""
    document = Table(source, "", plain)
    head = document.table("plan")
    name = head.take("name", str)
    own_asset = head.take("asset", str, name)
    layout = read_layout(document.tables("sections"), own_asset if asset is None else asset)
    try:
        plan = SeatPlan(
            name=name,
            seats=layout.seats,
            vehicle_type=head.take("vehicle_type", str, ""),
            currency=head.take("currency", str, ""),
            seats_per_group=seats_per_group(head),
            sections=layout.sections,
            features=layout.features,
        )
    except InvalidRequest as refusal:
        said = in_the_file(refusal.violations, list(map(len, layout.tables)), IN_A_PLAN)
        raise WrongFile(f"{source}: {said}") from None
    head.done()
    document.done()
    return plan


def plan_of_trip(trip: Trip) -> SeatPlan:
    """The plan with which the same trip can be made."""
    return SeatPlan(
        trip.vehicle,
        trip.seats,
        trip.vehicle_type,
        trip.currency,
        trip.seats_per_group,
        sections=trip.sections,
        features=trip.features,
    )


def seats_per_group(head: Table) -> int:
    """The field of that name: a number, "all", or our choice. Raises WrongFile."""
    value = head.take_any("seats_per_group", None)
    if value is None:
        return OUR_CHOICE
    if value == ALL_SEATS:
        return ALL_IN_ONE_GROUP
    if not isinstance(value, int) or isinstance(value, bool):
        raise head.wrong("seats_per_group", f'must be a whole number or "{ALL_SEATS}", not {value!r}')
    if value < 1:
        raise head.wrong("seats_per_group", "must be at least 1")
    return value
