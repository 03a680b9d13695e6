"""Requests and answers about what an organization does and reads beside its trips: blocks, lists, plans, traces."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from travio_inventory.api.rest.json_types import AskedInt32, Body, Int32, Shown
from travio_inventory.api.rest.native.lists import paged
from travio_inventory.api.rest.native.trip_models import PartialLayout, Vehicle
from travio_inventory.kernel import limits
from travio_inventory.seats.queries import ManifestQuery


class BlockRequest(Body):
    """Seats to take off sale, all of them or none, and why."""

    seat_ids: Annotated[list[str], Field(max_length=limits.UPDATES_MAX, examples=[["seat-A1"]])]
    reason: Annotated[str, Field(examples=["broken window"])] = ""


class Updated(BaseModel):
    """How many seats are as requested, and which were not blocked: they stay as they are."""

    updated_count: int
    not_blocked_seat_ids: list[str]


class ManifestAsked(BaseModel):
    """Which bookings of a trip."""

    boarding_station_id: str = ""
    alighting_station_id: str = ""
    include_held: bool = False
    include_national_ids: bool = False
    only_without_place: bool = False
    page_size: AskedInt32 = 0
    page_token: str = ""

    def query(self, trip_id: str) -> ManifestQuery:
        """Raises InvalidRequest."""
        return paged(
            self.page_token,
            lambda after: ManifestQuery(
                trip_id=trip_id,
                boarding=self.boarding_station_id,
                alighting=self.alighting_station_id,
                include_held=self.include_held,
                with_national_ids=self.include_national_ids,
                only_without_place=self.only_without_place,
                after=after,
                page_size=self.page_size,
            ),
        )


class WaitRequest(Body):
    """A place on the waiting list for a class, "" for any."""

    seat_class: Annotated[str, Field(examples=["economy"])] = ""
    requested_seats: Annotated[Int32, Field(examples=[2])] = 1


class Joined(BaseModel):
    """The place, from 1."""

    position: int
    message: str


class Wait(BaseModel):
    """A place on a waiting list; it may have moved up since."""

    trip_id: str
    organization_id: str
    seat_class: str
    requested_seats: int
    status: Literal["waiting"]
    created_at: Shown | None
    position: int


class WaitPage(BaseModel):
    """Some places, the oldest first; the token of the next page, empty after the last."""

    entries: list[Wait]
    next_page_token: str


class PlanPart(Vehicle):
    """A part of a seat plan. Sections, features and what the vehicle is belong to part 0."""

    revision: Annotated[str, Field(examples=["1"])]
    part_index: Int32 = 0
    part_count: Annotated[Int32, Field(examples=[1])] = 1
    part: PartialLayout
    currency: str = ""


class PlanStored(BaseModel):
    """Whether the plan is whole; after the last part, the ones that are missing."""

    stored: bool
    missing_parts: list[int]
    seat_count: int


class Plan(BaseModel):
    """A stored seat plan."""

    plan_id: str
    revision: str
    seat_count: int
    stored_at: Shown | None


class Plans(BaseModel):
    """All plans of an organization, by id."""

    plans: list[Plan]


class OnSegment(BaseModel):
    """The seat on a segment, as the store has it. Times are in Unix milliseconds, since disputes are about moments."""

    segment_index: int
    status: str
    hold_id: str
    since_ms: int
    until_ms: int
    hold_status: str
    user_id: str
    order_id: str
    hold_expires_at_ms: int


class Taker(BaseModel):
    """Who had the seat when it was refused."""

    segment_index: int
    status: str
    hold_id: str
    until_ms: int


class Trace(BaseModel):
    """Something that is kept about the seat."""

    source: Literal["hold", "refusal", "event"]
    at_ms: int
    what: str
    hold_id: str
    user_id: str
    order_id: str
    seat_ids: list[str]
    from_segment_index: int | None
    to_segment_index: int | None
    until_ms: int
    changed_at_ms: int
    reason: str
    actor: str
    ordinal: int
    takers: list[Taker]


class Explanation(BaseModel):
    """A page of what is known of the seat; the token of the next page, empty after the last."""

    segments: list[OnSegment]
    traces: list[Trace]
    next_page_token: str
    left_out: str
