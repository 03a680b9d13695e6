"""Seat plans that an organization stores once, for any number of trips; they arrive part by part."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from travio_inventory.kernel import limits
from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.refusals import Violation
from travio_inventory.seats.layout import Seat, check_layout
from travio_inventory.seats.refusals import InvalidTrip
from travio_inventory.seats.route import Segment, StationName, check_route, route_violations
from travio_inventory.seats.trip import ALL_IN_ONE_GROUP, OUR_CHOICE, Trip, TripKey, check_key, check_vehicle

NOWHERE = (Segment("A", "B"),)
"""The route of a plan, which is read and written as a trip: seats, sections, vehicle and currency are the plan's."""
MISSING_NAMED_MAX = 100


class PlanKey(NamedTuple):
    """Names a seat plan: the organization and the organization's own id for it."""

    organization: str
    plan: str


def plan_key(organization: str, plan: str) -> PlanKey:
    """Raises InvalidRequest."""
    found = Faults()
    found.id("plan_id", plan)
    found.finish()
    return PlanKey(organization, plan)


class StoredPlan(NamedTuple):
    """A plan as it is listed."""

    plan: str
    revision: str
    seats: int
    stored_at_ms: int


class PlanProgress(NamedTuple):
    """What is stored of a plan: all, with so many seats, or not yet; after the last part what is missing."""

    is_stored: bool
    seats: int = 0
    missing: tuple[int, ...] = ()


@dataclass(frozen=True)
class SeatPlanPart:
    """One of the parts of a revision of a plan: `layout` has its seats. Raises InvalidRequest."""

    key: PlanKey
    revision: str
    index: int
    count: int
    layout: Trip

    def __post_init__(self) -> None:
        found = Faults()
        found.id("plan_id", self.key.plan)
        found.id("revision", self.revision)
        found.number("part_count", self.count, 1, limits.PLAN_PARTS_MAX)
        found.number("part_index", self.index, 0, max(0, min(self.count, limits.PLAN_PARTS_MAX) - 1))
        layout, of_part = self.layout, found.at("part.")
        if found.count("part.seats", layout.seats, 0, limits.SEATS_PER_PART_MAX):
            check_layout(of_part, layout.seats, layout.sections, layout.features, seats_min=0)
        if not (layout.seats or layout.sections or layout.features):
            of_part.wrong("seats", "a part has seats, sections or features")
        found.number("seats_per_group", self.layout.seats_per_group_asked, ALL_IN_ONE_GROUP, limits.SEATS_MAX)
        check_vehicle(found, self.layout)
        found.finish()


class Pricing(NamedTuple):
    """What the seats of a plan cost on one trip, in minor units: those of a class, and all others; None: as the plan
    says.
    """

    price_minor: int | None = None
    class_prices: Mapping[str, int] = MappingProxyType({})

    def check(self, found: Faults) -> None:
        """Each field by itself."""
        if self.price_minor is not None:
            found.number("price_minor", self.price_minor, 0, limits.PRICE_MINOR_MAX)
        if found.count("class_prices", self.class_prices, 0, limits.SECTIONS_MAX):
            found.ids_of("class_prices", filter(None, self.class_prices))  # seats may have none
            for seat_class, price in self.class_prices.items():
                found.number(f"class_prices[{seat_class}]", price, 0, limits.PRICE_MINOR_MAX)

    def of(self, seats: tuple[Seat, ...]) -> tuple[Seat, ...]:
        """These seats with their prices. Raises InvalidTrip for a class that none has."""
        if unknown := {*self.class_prices} - {seat.seat_class for seat in seats}:
            raise InvalidTrip([Violation("pricing.class_prices", f"no seat is of class {min(unknown)!r}")])
        if self == AS_PLANNED:
            return seats
        return tuple([replace(seat, price_minor=self._price(seat)) for seat in seats])

    def _price(self, seat: Seat) -> int:
        otherwise = seat.price_minor if self.price_minor is None else self.price_minor
        return self.class_prices.get(seat.seat_class, otherwise)


AS_PLANNED = Pricing()


@dataclass(frozen=True)
class TripOnPlan:
    """A trip to be opened with the seats of a stored plan; of its vehicle, the plan says what is empty here. Raises
    InvalidRequest, and InvalidTrip for a route that contradicts itself.
    """

    key: TripKey
    segments: tuple[Segment, ...]
    plan: str
    seats_per_group: int = OUR_CHOICE
    vehicle: str = ""
    vehicle_type: str = ""
    currency: str = ""
    time_zone: str = ""
    station_names: tuple[StationName, ...] = field(default=())
    pricing: Pricing = AS_PLANNED

    def __post_init__(self) -> None:
        found = Faults()
        check_key(found, self.key)
        self.pricing.check(found.at("pricing."))
        found.id("seat_plan", self.plan)
        check_route(found, self.segments, self.station_names)
        found.finish()
        if violations := list(route_violations(self.segments, self.station_names)):
            raise InvalidTrip(violations)

    @classmethod
    def of(cls, trip: Trip, plan: str) -> "TripOnPlan":
        """The trip with the seats of the plan in place of its own."""
        return cls(
            trip.key,
            trip.segments,
            plan,
            seats_per_group=trip.seats_per_group_asked,
            vehicle=trip.vehicle,
            vehicle_type=trip.vehicle_type,
            currency=trip.currency,
            time_zone=trip.time_zone,
            station_names=trip.station_names,
        )

    def trip(self, plan: Trip) -> Trip:
        """The trip. Raises InvalidRequest, InvalidTrip."""
        return Trip(
            self.key,
            self.segments,
            self.pricing.of(plan.seats),
            seats_per_group=self.seats_per_group or plan.seats_per_group_asked,
            vehicle=self.vehicle or plan.vehicle,
            vehicle_type=self.vehicle_type or plan.vehicle_type,
            currency=self.currency or plan.currency,
            sections=plan.sections,
            features=plan.features,
            time_zone=self.time_zone,
            station_names=self.station_names,
        )
