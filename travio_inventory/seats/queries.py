"""What an organization asks about its trips, as values that check themselves, in the words of the wire."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from travio_inventory.kernel import limits
from travio_inventory.kernel.checking import Faults

_SCANNED = re.compile(r"(\d{1,7}) (.*)", re.ASCII | re.DOTALL)
_LISTED = re.compile("(\\d{4}-\\d{2}|untimed)\x1f(\\d{12}\x1f.*\x1f\\d+)?", re.ASCII | re.DOTALL)
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)
_DEED = re.compile("\\d{15}\x1f[0-9a-f]{32} ", re.ASCII)
_PLACE = re.compile(r"(\d{1,6}) (-1|\d{1,4})", re.ASCII)


class SeatPlace(NamedTuple):
    """A booking's place on the manifest: its first seat in layout order, from 0, and its first segment."""

    position: int
    segment: int

    def __str__(self) -> str:
        return f"{self.position} {self.segment}"


BEFORE_ALL = SeatPlace(0, -1)


class ScanPlace(NamedTuple):
    """How far the rows of a trip are scanned: which kind of which seat group is next, and from behind which row on."""

    step: int
    start: str = ""

    def __str__(self) -> str:
        return f"{self.step} {self.start}"


BEGIN = ScanPlace(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TripsQuery:
    """A page of the trips that depart from `departs_from_s` on and before `departs_before_s`, in Unix seconds; for 0
    and 0 of those without times. A `page_size` of 0 means the most allowed. Raises InvalidRequest.
    """

    departs_from_s: int = 0
    departs_before_s: int = 0
    after: str = ""
    page_size: int = 0

    def __post_init__(self) -> None:
        found = Faults()
        found.number("page_size", self.page_size, 0, limits.TRIPS_LISTED_MAX)
        found.number("departs_from", self.departs_from_s, 0, limits.TIME_S_MAX)
        found.number("departs_before", self.departs_before_s, 0, limits.TIME_S_MAX)
        if (self.departs_from_s or self.departs_before_s) and self.departs_before_s <= self.departs_from_s:
            found.wrong("departs_before", "must be later than departs_from")
        if self.after and not _LISTED.fullmatch(self.after):
            found.wrong("page_token", "must be empty or a next_page_token")
        found.finish()

    @property
    def most(self) -> int:
        """How many trips the page has at most."""
        return self.page_size or limits.TRIPS_LISTED_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class DeedsQuery:
    """A page of what the house did in a month, "2027-06" or "" for the present one. A `page_size` of 0 means the most
    allowed. Raises InvalidRequest.
    """

    month: str = ""
    after: str = ""
    page_size: int = 0

    def __post_init__(self) -> None:
        found = Faults()
        found.number("page_size", self.page_size, 0, limits.DEEDS_LISTED_MAX)
        if self.month and not _MONTH.fullmatch(self.month):
            found.wrong("month", "must be empty or YYYY-MM")
        if self.after and not _DEED.fullmatch(self.after):
            found.wrong("page_token", "must be empty or a next_page_token")
        found.finish()

    @property
    def most(self) -> int:
        """How many deeds the page has at most."""
        return self.page_size or limits.DEEDS_LISTED_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestQuery:
    """A page of a trip's bookings after `after`, with `include_held` also of what is only held: those that begin or end
    at a station, "" for any. A `page_size` of 0 means the most allowed. Raises InvalidRequest.
    """

    trip_id: str
    boarding: str = ""
    alighting: str = ""
    include_held: bool = False
    with_national_ids: bool = False
    only_without_place: bool = False
    after: str = ""
    page_size: int = 0

    def __post_init__(self) -> None:
        found = Faults()
        found.number("page_size", self.page_size, 0, limits.HOLDS_LISTED_MAX)
        found.id("trip_id", self.trip_id)
        found.id("boarding_station_id", self.boarding, required=False)
        found.id("alighting_station_id", self.alighting, required=False)
        if self.after and not _PLACE.fullmatch(self.after):
            found.wrong("page_token", "must be empty or a next_page_token")
        found.finish()

    @property
    def place(self) -> SeatPlace:
        """What the page comes after."""
        return SeatPlace(*map(int, self.after.split(" "))) if self.after else BEFORE_ALL

    @property
    def most(self) -> int:
        """How many holds the page has at most."""
        return self.page_size or limits.HOLDS_LISTED_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatQuery:
    """A page of what is kept about a seat of a trip, after `after`: what is found in so many rows. Raises
    InvalidRequest.
    """

    trip_id: str
    seat_id: str
    after: str = ""
    rows_max: int = limits.ROWS_EXPLAINED_MAX

    def __post_init__(self) -> None:
        found = Faults()
        found.id("trip_id", self.trip_id)
        found.id("seat_id", self.seat_id)
        if self.after and not _SCANNED.fullmatch(self.after):
            found.wrong("page_token", "must be empty or a next_page_token")
        found.finish()

    @property
    def place(self) -> ScanPlace:
        """Where the page begins."""
        step, _, start = self.after.partition(" ")
        return ScanPlace(int(step), start) if step else BEGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderQuery:
    """A page of an order's bookings after `after`, with `include_cancelled` also of those that were cancelled. A
    `page_size` of 0 means the most allowed. Raises InvalidRequest.
    """

    order_id: str
    include_cancelled: bool = False
    with_national_ids: bool = False
    after: str = ""
    page_size: int = 0

    def __post_init__(self) -> None:
        found = Faults()
        found.number("page_size", self.page_size, 0, limits.HOLDS_LISTED_MAX)
        found.id("order_id", self.order_id)
        found.finish()

    @property
    def most(self) -> int:
        """How many bookings the page has at most."""
        return self.page_size or limits.HOLDS_LISTED_MAX
