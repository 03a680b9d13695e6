"""The command that lists who sits where on a trip, for the organization that runs it."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from cyclopts import Parameter

from travio_inventory.cli.arguments import TripId, stamp
from travio_inventory.cli.connection_options import HERE, ConnectionOptions, ask
from travio_inventory.cli.exits import Exit
from travio_inventory.cli.screen import Screen, printable
from travio_inventory.client.answers import HoldRecord
from travio_inventory.client.client import InventoryClient
from travio_inventory.kernel.formulas import no_formula

Line = Mapping[str, str]


def show_manifest(
    trip: TripId,
    /,
    *,
    boarding: Annotated[str, Parameter(help="Only who boards at this station.")] = "",
    alighting: Annotated[str, Parameter(help="Only who alights at this station.")] = "",
    held: Annotated[bool, Parameter(negative="", help="Also seats that are only held.")] = False,
    national_ids: Annotated[
        bool, Parameter(negative="", help="With the passengers' national identity numbers.")
    ] = False,
    without_place: Annotated[
        bool, Parameter(negative="", help="Only what `trip swap` left without a seat in the new vehicle.")
    ] = False,
    as_csv: Annotated[bool, Parameter(name="--csv", negative="", help="Print CSV, a line for each seat.")] = False,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """List a trip's bookings by seat: who boards where, under which order."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        records = await client.manifest(
            trip,
            boarding=boarding,
            alighting=alighting,
            include_held=held,
            national_ids=national_ids,
            only_without_place=without_place,
        )
        lines = [line for record in records for line in _lines(record, national_ids=national_ids)]

        def show() -> None:
            if as_csv:
                screen.raw(csv_of(_columns(national_ids=national_ids), [list(line.values()) for line in lines]))
            elif lines:
                screen.table(list(lines[0]), [list(line.values()) for line in lines])
            else:
                screen.say("no bookings")

        screen.answer({"trip": trip, "seats": lines}, show)

    return ask(reach, work)


def _columns(*, national_ids: bool) -> list[str]:
    named = ["passenger", "national_id"] if national_ids else ["passenger"]
    seat, booking = ["seat", "number", "label"], ["order", "status", "until", "price_minor", "currency", "hold", "user"]
    return [*seat, "from", "to", *named, *booking]


def _lines(record: HoldRecord, *, national_ids: bool) -> Iterator[Line]:
    """A line for each seat of a hold or a booking."""
    passengers = {passenger.seat: passenger for passenger in record.passengers}
    prices = record.prices or ("",) * len(record.seats)
    for seat, number, label, price in zip(record.seats, record.numbers, record.labels, prices, strict=True):
        passenger = passengers.get(seat)
        values = {
            "seat": seat,
            "number": number,
            "label": label,
            "from": record.origin,
            "to": record.destination,
            "passenger": passenger.name if passenger else "",
            "national_id": passenger.national_id if passenger else "",
            "order": record.order,
            "status": (record.status.name or "unknown").lower() + (" without place" if record.without_place else ""),
            "until": stamp(record.expires_at),
            "price_minor": str(price),
            "currency": record.currency,
            "hold": record.booking or record.id,
            "user": record.user,
        }
        yield {name: values[name] for name in _columns(national_ids=national_ids)}


def csv_of(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """CSV with a header line. What a spreadsheet would take for a formula begins with a quotation mark."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(
        [value if isinstance(value, int) else no_formula(printable(value)) for value in row] for row in rows
    )
    return text.getvalue().rstrip("\n")
