"""Requests and answers about trips and their vehicles."""

from typing import Annotated

from pydantic import BaseModel, Field, SkipValidation

from travio_inventory.api.rest.json_types import Body, Int32, Int64, Moment, Shown
from travio_inventory.api.rest.native.hold_models import Hold
from travio_inventory.api.rest.native.map_models import Direction, TripState
from travio_inventory.kernel import limits
from travio_inventory.seats.layout import Feature, Seat, Section
from travio_inventory.seats.route import Direction as Ahead
from travio_inventory.seats.route import Segment

EXAMPLE_SEATS = {
    "seats": [
        {"seat_id": f"seat-{row}1", "seat_number": f"{row}1", "row": at, "column": 1, "price_paisa": 120_000}
        | {"seat_class": "economy"}
        for at, row in enumerate("AB", start=1)
    ]
}


class SegmentDefinition(Body):
    """The stretch between two neighbouring stops, in the order of travel."""

    from_station_id: Annotated[str, Field(examples=["dhaka"])]
    to_station_id: Annotated[str, Field(examples=["chattogram"])]
    departure_time: Moment | None = None
    arrival_time: Moment | None = None
    direction: Direction = "DIRECTION_OF_TRAVEL_UNSPECIFIED"

    def value(self) -> Segment:
        ahead = Ahead[self.direction.removeprefix("DIRECTION_OF_TRAVEL_")]
        times = self.departure_time or 0, self.arrival_time or 0
        return Segment(self.from_station_id, self.to_station_id, *times, ahead)


class SeatDefinition(Body):
    """A seat as it is sold and drawn; the price is in the minor unit of the trip's currency."""

    seat_id: Annotated[str, Field(examples=["seat-A1"])]
    seat_number: Annotated[str, Field(examples=["A1"])] = ""
    row: Annotated[Int32, Field(examples=[1])] = 0
    column: Annotated[Int32, Field(examples=[1])] = 0
    seat_type: Annotated[str, Field(examples=["window"])] = ""
    seat_class: Annotated[str, Field(examples=["economy"])] = ""
    price_paisa: Annotated[Int64, Field(examples=[120_000])] = 0
    is_accessible: bool = False
    has_power: bool = False
    is_exit_row: bool = False
    section_id: str = ""
    row_label: str = ""
    label: str = ""

    def value(self) -> Seat:
        return Seat(
            id=self.seat_id,
            number=self.seat_number,
            row=self.row,
            column=self.column,
            seat_class=self.seat_class,
            seat_type=self.seat_type,
            price_minor=self.price_paisa,
            is_accessible=self.is_accessible,
            has_power=self.has_power,
            is_exit_row=self.is_exit_row,
            section=self.section_id,
            row_label=self.row_label,
            label=self.label,
        )


class SectionDefinition(Body):
    """A part of a vehicle with rows of its own."""

    section_id: str
    label: str = ""
    kind: str = ""

    def value(self) -> Section:
        return Section(self.section_id, self.label, self.kind)


class FeatureDefinition(Body):
    """Something that is no seat."""

    kind: str
    section_id: str = ""
    row: Int32 = 0
    column: Int32 = 0
    rows: Int32 = 1
    columns: Int32 = 1
    label: str = ""

    def value(self) -> Feature:
        size = {"rows": self.rows, "columns": self.columns}
        return Feature(self.kind, self.row, self.column, section=self.section_id, label=self.label, **size)


class Layout(Body):
    """Seats, sections and features."""

    seats: list[SkipValidation[SeatDefinition]] = Field(
        default_factory=list, max_length=limits.SEATS_MAX, examples=[EXAMPLE_SEATS["seats"]]
    )
    sections: list[SkipValidation[SectionDefinition]] = Field(default_factory=list, max_length=limits.SECTIONS_MAX)
    features: list[SkipValidation[FeatureDefinition]] = Field(default_factory=list, max_length=limits.FEATURES_MAX)


class PartialLayout(Layout):
    """A part of them."""

    seats: list[SkipValidation[SeatDefinition]] = Field(
        default_factory=list, max_length=limits.SEATS_PER_PART_MAX, examples=[EXAMPLE_SEATS["seats"]]
    )


class Vehicle(Body):
    """What a vehicle is; `seats_per_group` 0: the service chooses."""

    vehicle_id: Annotated[str, Field(examples=["coach-7"])] = ""
    vehicle_type: Annotated[str, Field(examples=["coach"])] = ""
    seats_per_group: Int32 = 0


class TripRequest(Vehicle):
    """A trip to open, with its seats or with those of a stored plan."""

    trip_id: Annotated[str, Field(examples=["dhaka-chattogram-0605"])]
    segments: Annotated[list[SkipValidation[SegmentDefinition]], Field(max_length=limits.SEGMENTS_MAX)]
    seat_config: Layout = Field(default_factory=Layout, examples=[EXAMPLE_SEATS])
    seat_plan: str = ""
    currency: Annotated[str, Field(examples=["BDT"])] = ""
    time_zone: Annotated[str, Field(examples=["Asia/Dhaka"])] = ""
    station_names: dict[str, SkipValidation[str]] = Field(
        default_factory=dict, max_length=limits.SEGMENTS_MAX + 1, examples=[{"dhaka": "Dhaka"}]
    )


class Opening(BaseModel):
    """How many of a trip's cells are made; it is on sale once all are."""

    cells_done: int
    cells_total: int


class Opened(BaseModel):
    """The trip is open, or is being opened by a background job if `opening` is there. Repeated, it changes nothing."""

    trip_id: str
    segments_created: int
    seats_created: int
    opening: Opening | None = None


class SegmentShown(BaseModel):
    """A segment of a trip."""

    segment_index: int
    from_station_id: str
    to_station_id: str
    departure_time: Shown | None
    arrival_time: Shown | None
    direction: Direction


class LayoutShown(BaseModel):
    """Seats, sections and features; without the seats where they are more than 5,000."""

    total_seats: int
    seats: list[SeatDefinition]
    sections: list[SectionDefinition]
    features: list[FeatureDefinition]


class Trip(BaseModel):
    """A trip as it was opened and changed. While it is being opened there is only `opening` beside the ids."""

    trip_id: str
    organization_id: str
    opening: Opening | None = None
    vehicle_id: str = ""
    vehicle_type: str = ""
    segments: list[SegmentShown] = Field(default_factory=list)
    seat_config: LayoutShown | None = None
    seats_per_group: int = 0
    currency: str = ""
    time_zone: str = ""
    station_names: dict[str, str] = Field(default_factory=dict)
    seat_count: int = 0
    state: TripState | None = None
    version: int = 0
    opened_at: Shown | None = None


class SeatPage(BaseModel):
    """Seats in layout order; the token of the next page, empty after the last."""

    seats: list[SeatDefinition]
    next_page_token: str


class ListedTrip(BaseModel):
    """A trip in a list."""

    trip_id: str
    state: TripState | None
    version: int
    opened_at: Shown | None
    from_station_id: str
    to_station_id: str
    departure_time: Shown | None
    arrival_time: Shown | None
    seat_count: int
    opening: Opening | None


class TripPage(BaseModel):
    """Some trips by departure, even none; the token of the next page, empty after the last."""

    trips: list[ListedTrip]
    next_page_token: str


class SegmentTimes(Body):
    """The times of a segment."""

    segment_index: Int32
    departure_time: Moment | None = None
    arrival_time: Moment | None = None

    def value(self) -> tuple[int, tuple[int, int]]:
        return self.segment_index, (self.departure_time or 0, self.arrival_time or 0)


class ChangeRequest(Body):
    """Prices and times to change, if the trip is of that version; 0: of any."""

    class_prices: dict[str, SkipValidation[Int64]] = Field(
        default_factory=dict, max_length=limits.SEATS_MAX, examples=[{"economy": 130_000}]
    )
    seat_prices: dict[str, SkipValidation[Int64]] = Field(default_factory=dict, max_length=limits.SEATS_MAX)
    times: list[SkipValidation[SegmentTimes]] = Field(default_factory=list, max_length=limits.SEGMENTS_MAX)
    version: Int64 = 0


class Changed(BaseModel):
    """The version that the trip has now."""

    version: int


class Sales(BaseModel):
    """Whether the trip is sold, and its version."""

    state: TripState
    version: int


class Cancelled(Sales):
    """How many holds and bookings ended since the cancellation began."""

    released_holds: int
    cancelled_bookings: int


class SwapRequest(Vehicle):
    """Another vehicle, with its seats or with those of a stored plan, if the trip is of that version; 0: of any.
    `seat_mapping` names for seats of the trip those that stand for them.
    """

    seat_config: Layout = Field(default_factory=Layout, examples=[EXAMPLE_SEATS])
    seat_plan: str = ""
    seat_mapping: dict[str, SkipValidation[str]] = Field(
        default_factory=dict, max_length=limits.SEATS_MAX, examples=[{"seat-A1": "seat-B1"}]
    )
    version: Int64 = 0


class LeftHold(BaseModel):
    """A hold that has no seats in the new vehicle, and why, by seat."""

    hold: Hold
    reasons: dict[str, str]


class Swapped(Sales):
    """How far the swap is: until it is done, the call is to be repeated."""

    done: bool
    groups_done: int
    groups_total: int
    moved: int
    left: int
    left_holds: list[LeftHold]
