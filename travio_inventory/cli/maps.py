"""Commands that show the seats of a trip for a journey: drawn, or in numbers."""

from typing import Annotated

from cyclopts import Parameter

from travio_inventory.cli.arguments import SectionId, Segments, TripId, journey_of, stamp
from travio_inventory.cli.connection_options import HERE, WHOLE_TRIP_S, ConnectionOptions, ask
from travio_inventory.cli.drawn_maps import drawn, drawn_state, show_drawing
from travio_inventory.cli.exits import Exit
from travio_inventory.cli.live_maps import WatchedPart, show_live
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.seat_drawing import counts
from travio_inventory.cli.vehicles import feature_as_plain, section_title
from travio_inventory.client import Journey, SeatMap, SummaryLine, TripSummary
from travio_inventory.client.client import InventoryClient

Origin = Annotated[str, Parameter(help="First station of the journey.")]
Destination = Annotated[str, Parameter(help="Last station of the journey.")]
Watch = Annotated[bool, Parameter(negative="", help="Go on with whatever changes, until it is interrupted.")]


def show_map(
    trip: TripId,
    origin: Origin,
    destination: Destination,
    /,
    *,
    segments: Segments = "",
    section: SectionId = "",
    watch: Watch = False,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Draw the seats of a trip for a journey, section by section. A free seat is free on every segment of it."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        if watch:
            await show_live(client, screen, WatchedPart(trip, origin, destination, journey_of(segments), section))
            return
        found = await client.seat_map(trip, origin, destination, segments=journey_of(segments), section=section)
        screen.answer(
            {"trip": trip, "from": origin, "to": destination, **_as_plain(found)},
            lambda: show_drawing(screen, found, f"{trip}  {origin} - {destination}"),
        )

    return ask(reach, work, deadline_s=WHOLE_TRIP_S)


def _as_plain(found: SeatMap) -> dict[str, object]:
    return {
        **_segments(found.journey),
        "as_of": stamp(found.as_of),
        "currency": found.currency,
        "time_zone": found.time_zone,
        "counts": {state.value: count for state, count in counts(drawn(found)).items()},
        "sections": [{"section": each.id, "label": each.label, "kind": each.kind} for each in found.sections],
        "seats": [
            {
                "seat": seat.id,
                "number": seat.number,
                "label": seat.label,
                "section": seat.section,
                "row": seat.row,
                "column": seat.column,
                "status": drawn_state(status).value,
            }
            for seat, status, _ in found.seats
        ],
        "features": [feature_as_plain(each) for each in found.features],
    }


def _segments(journey: Journey | None) -> dict[str, int]:
    """The first and the last segment, if the service said them."""
    return {"first_segment": journey.first, "last_segment": journey.last} if journey else {}


def summary(
    trip: TripId,
    origin: Origin,
    destination: Destination,
    /,
    *,
    segments: Segments = "",
    section: SectionId = "",
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Show how many seats of each section and class are free, held, booked and off sale for a journey."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        found = await client.trip_summary(trip, origin, destination, segments=journey_of(segments), section=section)
        value = {"trip": trip, "from": origin, "to": destination, **_segments(found.journey)}
        lines = [_line_as_plain(line) for line in found.lines]
        screen.answer(
            {**value, "as_of": stamp(found.as_of), "currency": found.currency, "classes": lines},
            lambda: _show_summary(screen, found),
        )

    return ask(reach, work, deadline_s=WHOLE_TRIP_S)


def _line_as_plain(line: SummaryLine) -> dict[str, object]:
    section = line.section
    return {
        "section": section.id if section else "",
        "label": section.label if section else "",
        "class": line.seat_class,
        "free": line.free,
        "held": line.held,
        "booked": line.booked,
        "blocked": line.blocked,
        "largest_run": line.largest_run,
        "lowest_price_minor": line.lowest_price_minor,
    }


def _show_summary(screen: Screen, found: TripSummary) -> None:
    screen.table(
        ["section", "class", "free", "held", "booked", "blocked", "side by side", "from (minor units)"],
        [
            [
                section_title(line.section) if line.section else "-",
                line.seat_class or "-",
                line.free,
                line.held,
                line.booked,
                line.blocked,
                line.largest_run,
                "-" if line.lowest_price_minor is None else f"{line.lowest_price_minor} {found.currency}".strip(),
            ]
            for line in found.lines
        ],
    )
