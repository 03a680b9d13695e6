"""Answers about seats, for the description of the face."""

from typing import Annotated, Literal

from pydantic import BaseModel, FailFast, Field

from travio_inventory.api.rest.json_types import Body, Int32, Shown
from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.limits import CHECKS_PER_BATCH_MAX
from travio_inventory.seats.commands import AvailabilityQuery
from travio_inventory.seats.trip import Ends

SeatStatus = Literal["SEAT_STATUS_AVAILABLE", "SEAT_STATUS_HELD", "SEAT_STATUS_BOOKED", "SEAT_STATUS_BLOCKED"]
TripState = Literal[
    "TRIP_STATE_OPEN",
    "TRIP_STATE_CLOSED",
    "TRIP_STATE_FREEZING",
    "TRIP_STATE_FROZEN",
    "TRIP_STATE_CANCELLING",
    "TRIP_STATE_CANCELLED",
    "TRIP_STATE_SWAPPING",
]
Direction = Literal[
    "DIRECTION_OF_TRAVEL_UNSPECIFIED",
    "DIRECTION_OF_TRAVEL_FIRST_ROW_AHEAD",
    "DIRECTION_OF_TRAVEL_LAST_ROW_AHEAD",
]


class FreeSeat(BaseModel):
    """A seat that is free on the whole journey."""

    seat_id: str
    seat_number: str
    seat_class: str
    seat_type: str
    status: Literal["SEAT_STATUS_AVAILABLE"]
    section_id: str
    label: str


class Availability(BaseModel):
    """The free seats, and what the cheapest of them cost the party; 0 if there are not enough."""

    is_available: bool
    available_seats: int
    price_paisa: int
    seats: list[FreeSeat]
    state: TripState
    departed: bool
    checked_at: Shown


class AvailabilityRequest(Body):
    """One question."""

    trip_id: Annotated[str, Field(examples=["dhaka-chattogram-0605"])]
    from_station_id: Annotated[str, Field(examples=["dhaka"])] = ""
    to_station_id: Annotated[str, Field(examples=["chattogram"])] = ""
    passengers: Annotated[Int32, Field(examples=[2])] = 1
    seat_class: str = ""
    section_id: str = ""
    from_segment_index: Int32 | None = None
    to_segment_index: Int32 | None = None

    def query(self) -> AvailabilityQuery:
        """Raises InvalidRequest."""
        ends = Ends(self.from_station_id, self.to_station_id, self.from_segment_index, self.to_segment_index)
        return AvailabilityQuery(
            trip_id=self.trip_id,
            ends=ends,
            passengers=self.passengers,
            seat_class=self.seat_class,
            section=self.section_id,
        )


class AvailabilityRequests(Body):
    """Questions, at most 32."""

    requests: Annotated[list[AvailabilityRequest], FailFast()]

    def queries(self) -> list[AvailabilityQuery]:
        """All of them. Raises InvalidRequest for all that is wrong with any."""
        found = Faults()
        queries: list[AvailabilityQuery] = []
        if found.count("requests", self.requests, 0, CHECKS_PER_BATCH_MAX):
            for index, asked in enumerate(self.requests):
                with found.at(f"requests[{index}]."):
                    queries.append(asked.query())
        found.finish()
        return queries


class Availabilities(BaseModel):
    """The answers, in the order of the questions."""

    results: list[Availability]


class MapSeat(BaseModel):
    """A seat on the map; how long it is held only where it is."""

    seat_id: str
    seat_number: str
    column: int
    seat_type: str
    seat_class: str
    status: SeatStatus
    price_paisa: int
    is_accessible: bool
    has_power: bool
    is_exit_row: bool
    label: str
    hold_expires_at: Shown | None = None


class MapRow(BaseModel):
    """The seats of a row, in their order."""

    row_number: int
    section_id: str
    row_label: str
    seats: list[MapSeat]


class Section(BaseModel):
    """A part of a vehicle with rows of its own."""

    section_id: str
    label: str = ""
    kind: str = ""


class Feature(BaseModel):
    """Something that is no seat."""

    kind: str
    section_id: str = ""
    row: int = 0
    column: int = 0
    rows: int = 1
    columns: int = 1
    label: str = ""


class MapStop(BaseModel):
    """A stop of the journey."""

    station_id: str
    name: str
    arrival_time: Shown | None
    departure_time: Shown | None
    direction: Direction


class SeatMap(BaseModel):
    """A map; its age is in the header X-As-Of."""

    trip_id: str
    vehicle_id: str
    vehicle_type: str
    total_rows: int
    total_columns: int
    currency: str
    time_zone: str
    legend: dict[str, str]
    class_colors: dict[str, str]
    sections: list[Section]
    features: list[Feature]
    rows: list[MapRow]
    stops: list[MapStop]
    direction: Direction
    from_segment_index: int
    to_segment_index: int
    state: TripState
    departed: bool


class ClassSummary(BaseModel):
    """The seats of one class in one section. So many can sit together as the largest run has."""

    section_id: str
    section_label: str
    section_kind: str
    seat_class: str
    free: int
    held: int
    booked: int
    blocked: int
    largest_run: int
    lowest_price_paisa: int


class Summary(BaseModel):
    """How many seats are free, held, booked and blocked."""

    classes: list[ClassSummary]
    currency: str
    as_of: Shown
    from_segment_index: int
    to_segment_index: int
    state: TripState
    departed: bool
