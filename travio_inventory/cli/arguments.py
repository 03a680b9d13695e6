"""Options of several commands: a trip, seats, segments; and how times are printed."""

import re
from datetime import datetime
from typing import Annotated

from cyclopts import Parameter

from travio_inventory.seats.trip import Journey

_SEGMENTS = re.compile(r"(\d{1,3})(?:-(\d{1,3}))?", re.ASCII)


def _segments(_kind: type[str], said: str) -> None:
    journey_of(said)


TripId = Annotated[str, Parameter(help="The trip's id.")]
SeatIds = Annotated[str, Parameter(help="Ids of the seats.", required=True)]
SectionId = Annotated[str, Parameter(name="--section", help="Only this section: a car, a deck, a block of seats.")]
Segments = Annotated[
    str,
    Parameter(
        help="First and last segment of the journey, as in 0-2, if the route visits a station twice; "
        "`trip show` numbers them.",
        validator=_segments,
    ),
]


def journey_of(said: str) -> Journey | None:
    """The segments in "0-2" or "1", None for "". Raises ValueError."""
    if not said:
        return None
    found = _SEGMENTS.fullmatch(said)
    if found is None:
        raise ValueError("Must be FIRST-LAST, as in 0-2.")
    return Journey(int(found[1]), int(found[2] or found[1]))


def stamp(moment: datetime | None) -> str:
    """RFC 3339, "" if there is no time."""
    return moment.isoformat() if moment else ""
