"""Commands about trips: open one from a file, show it, take seats off sale."""

import shlex
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from travio_inventory.cli import examples
from travio_inventory.cli.arguments import SeatIds, TripId, stamp
from travio_inventory.cli.connection_options import HERE, WHOLE_TRIP_S, AsJson, ConnectionOptions, ask, fail
from travio_inventory.cli.exits import Exit, Failure
from travio_inventory.cli.opening_progress import bar, follow, open_any, percent
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.trip_files import read_trip_to_open
from travio_inventory.cli.vehicles import feature_as_plain, section_title
from travio_inventory.client import Journey
from travio_inventory.client.client import InventoryClient
from travio_inventory.client.messages import moment_or_none
from travio_inventory.imports.documents import WrongFile
from travio_inventory.seats.opening import Opening
from travio_inventory.seats.trip import Trip


def open_trip(
    file: Annotated[Path, Parameter(help="A trip file, as printed by `trip example`.")],
    /,
    *,
    id: Annotated[str | None, Parameter(help="Use this id instead of the file's.")] = None,  # noqa: A002 - the option's name
    stored_plan: Annotated[
        str | None, Parameter(help="The seats are those of this stored plan (`plan put`); the file has none.")
    ] = None,
    detach: Annotated[bool, Parameter(negative="", help="Do not wait until a large trip is on sale.")] = False,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Open a trip for sale from a TOML file. Opening it again changes nothing.

    A large trip (more than 5,000 seats or 50,000 cells) is opened by the service; the command shows how far it is, and
    may be stopped and repeated.
    """
    organization = reach.organization if reach.organization != HERE.organization else None
    try:
        trip = read_trip_to_open(file, organization=organization, trip_id=id, stored_plan=stored_plan)
    except WrongFile as wrong:
        advice = "" if file.exists() else "`travio-inventory trip example` lists example files"
        return fail(Screen(as_json=reach.as_json), Failure(Exit.WRONG, "TRIP_FILE", str(wrong), advice))
    key = trip.key

    async def work(client: InventoryClient, screen: Screen) -> None:
        opening = await open_any(client, screen, trip)
        if not (opening.is_over or detach):
            await follow(client, screen, key.trip, opening)
            opening = Opening(opening.cells, opening.cells)
        seats = opening.cells // len(trip.segments)
        whose = "" if key.organization == reach.organization else f", for --organization {key.organization}"
        state = "is open" if opening.is_over else f"is being opened ({percent(opening)} %)"
        count = len(trip.segments)
        said = f"{key.trip} {state}: {seats} seats on {count} {'segment' if count == 1 else 'segments'}{whose}"
        screen.answer(
            {
                "trip": key.trip,
                "organization": key.organization,
                "seats": seats,
                "cells": opening.cells,
                "cells_done": opening.cells_done,
            },
            lambda: screen.say(said, "bold"),
        )

    return ask(replace(reach, organization=key.organization), work, deadline_s=WHOLE_TRIP_S)


def show_example(
    name: Annotated[str | None, Parameter(help="Name of the example; without it all are listed.")] = None,
    /,
    *,
    as_json: AsJson = False,
) -> Exit:
    """Print an example of a trip file, or list the examples."""
    screen = Screen(as_json=as_json)
    known = examples.names()
    if name is None:
        rows = [{"example": each, "about": examples.about(each)} for each in known]
        screen.answer({"examples": rows}, lambda: screen.fields({each: examples.about(each) for each in known}))
    elif name in known:
        text = examples.text(name)
        screen.answer({"example": name, "toml": text}, lambda: screen.raw(text.rstrip()))
    else:
        return fail(
            screen, Failure(Exit.WRONG, "NO_EXAMPLE", f"no example {name!r}", f"the examples are {', '.join(known)}")
        )
    return Exit.DONE


def show_trip(
    trip: TripId,
    /,
    *,
    seats: Annotated[bool, Parameter(negative="", help="Also list every seat.")] = False,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Show a trip: its state, its stops, classes and prices, and how many seats are free, held, booked and off sale.

    A seat counts as free if it is free from the first stop to the last.
    """

    async def work(client: InventoryClient, screen: Screen) -> None:
        opening = await client.trip_opening(trip)
        if not opening.is_over:
            value = {"trip": trip, "cells_done": opening.cells_done, "cells": opening.cells}
            screen.answer(value, lambda: screen.say(f"{trip} is being opened: {bar(opening)}"))
            return
        found, sale = await client.trip(trip), await client.trip_sale(trip)
        sold = {"state": (sale.state.name or "").lower(), "version": sale.version}
        counts = await _counts(client, found)
        said = {**sold, **({"time zone": found.time_zone} if found.time_zone else {})}
        told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        screen.answer(
            {**_as_plain(found), **sold, "counts": counts},
            lambda: _show(screen, found, said, told, with_seats=seats),
        )

    return ask(reach, work, deadline_s=WHOLE_TRIP_S)


async def _counts(client: InventoryClient, trip: Trip) -> dict[str, int]:
    """How many seats are in which state on the whole route; a seat that is held or booked on a part of it counts so."""
    whole = Journey(0, len(trip.segments) - 1)
    lines = (await client.trip_summary(trip.key.trip, trip.stops[0], trip.stops[-1], segments=whole)).lines
    return {kind: sum(getattr(line, kind) for line in lines) for kind in ("free", "held", "booked", "blocked")}


def _as_plain(trip: Trip) -> dict[str, object]:
    return {
        "trip": trip.key.trip,
        "organization": trip.key.organization,
        "vehicle": trip.vehicle,
        "vehicle_type": trip.vehicle_type,
        "currency": trip.currency,
        "seats_per_group": trip.seats_per_group,
        "segments": [
            {
                "segment": at,
                "from": segment.origin,
                "departs_at": stamp(moment_or_none(segment.departs_at_s)),
                "to": segment.destination,
                "arrives_at": stamp(moment_or_none(segment.arrives_at_s)),
                "ahead": segment.direction.value,
            }
            for at, segment in enumerate(trip.segments)
        ],
        "seats": [
            {
                "seat": seat.id,
                "number": seat.number,
                "row": seat.row,
                "column": seat.column,
                "class": seat.seat_class,
                "type": seat.seat_type,
                "price_minor": seat.price_minor,
                "accessible": seat.is_accessible,
                "power": seat.has_power,
                "exit": seat.is_exit_row,
                "section": seat.section,
                "row_label": seat.row_label,
                "label": seat.label,
            }
            for seat in trip.seats
        ],
        "sections": [{"section": each.id, "label": each.label, "kind": each.kind} for each in trip.sections],
        "features": [feature_as_plain(each) for each in trip.features],
        "time_zone": trip.time_zone,
        "station_names": dict(trip.station_names),
    }


def _show(screen: Screen, trip: Trip, sold: dict[str, object], counts: str, *, with_seats: bool) -> None:
    screen.fields(
        {
            "trip": trip.key.trip,
            **sold,
            "vehicle": trip.vehicle + (f" ({trip.vehicle_type})" if trip.vehicle_type else ""),
            "seats": f"{len(trip.seats)} in {trip.group_count} groups of up to {trip.seats_per_group}",
            "whole route": counts,
        }
    )
    screen.raw("")
    screen.table(
        ["segment", "from", "departs (UTC)", "to", "arrives (UTC)"],
        [
            [
                at,
                segment.origin,
                _clock(segment.departs_at_s),
                segment.destination,
                _clock(segment.arrives_at_s),
            ]
            for at, segment in enumerate(trip.segments)
        ],
    )
    screen.raw("")
    titles = {section.id: section_title(section) for section in trip.sections}
    kinds = Counter((titles.get(seat.section, "-"), seat.seat_class, seat.price_minor) for seat in trip.seats)
    rows = [[of, name or "-", f"{price} {trip.currency}", count] for (of, name, price), count in kinds.items()]
    columns = ["section", "class", "price (minor units)", "seats"]
    screen.table(*((columns, rows) if titles else (columns[1:], [row[1:] for row in rows])))
    if with_seats:
        screen.raw("")
        screen.table(
            ["seat", "number", "row", "column", "class", "type"],
            [[seat.id, seat.number, seat.row, seat.column, seat.seat_class, seat.seat_type] for seat in trip.seats],
        )


def _clock(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M") if unix_s else "-"


def block(
    trip: TripId,
    /,
    *seats: SeatIds,
    reason: Annotated[str, Parameter(help="The reason; stored with the block.")] = "",
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Take seats off sale, all of them or none."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        count = await client.block_seats(trip, seats, reason=reason)
        screen.answer({"trip": trip, "blocked": count}, lambda: screen.say(f"{count} blocked"))

    return ask(reach, work)


def unblock(trip: TripId, /, *seats: SeatIds, reach: ConnectionOptions = HERE) -> Exit:
    """Put blocked seats back on sale, one by one. Held and sold seats stay as they are."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        unblocked = await client.unblock_seats(trip, seats)
        value = {"trip": trip, "unblocked": unblocked.count, "not_blocked": list(unblocked.not_blocked)}
        others = f"; not blocked: {shlex.join(unblocked.not_blocked)}" if unblocked.not_blocked else ""
        screen.answer(value, lambda: screen.say(f"{unblocked.count} unblocked{others}"))

    return ask(reach, work)
