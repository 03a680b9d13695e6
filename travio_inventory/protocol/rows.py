"""The rows of a seat group and a ledger, written and read: the one place that knows what a column means."""

from collections.abc import Iterable, Sequence
from json import dumps, loads
from typing import cast

from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey, Table
from travio_inventory.protocol.resource import Hold as AnyHold
from travio_inventory.seats.hold import (
    NEVER_MS,
    Aborted,
    Cancelled,
    Confirmed,
    Expired,
    Held,
    Hold,
    HoldState,
    Passenger,
    Recorded,
    Released,
    parse_hold_id,
)
from travio_inventory.seats.ports import SeatGroupKey
from travio_inventory.seats.refusals import TakenCell
from travio_inventory.seats.trip import Journey, TripKey

FREE: Row = {"status": "available", "owner": None, "until_ms": None, "since_ms": None}
NEW_CELL: Row = {"status": "available"}
"""A cell that nobody had yet: on CQL a null that is written is a tombstone, so there is none."""
IF_AVAILABLE: Row = {"status": "available"}
LIVE = ("held", "confirmed")
SEPARATOR = "\x1f"
"""Joins ids in index entries; ids have no control characters."""


def group_partition(trip: TripKey, group: int) -> Partition:
    """The partition that all cells of the seat group's seats are in."""
    return Partition(Table.SEAT_GROUPS, trip.organization, trip.trip, group)


def ledger_partition(actor: Actor) -> Partition:
    """The partition of the holder's idempotency keys and slots."""
    return Partition(Table.LEDGERS, actor.organization, actor.user)


def home_partition(organization: str, hold_id: str) -> Partition:
    """The partition of the row that decides the hold; the id names it."""
    parsed = parse_hold_id(hold_id)
    return Partition(Table.SEAT_GROUPS, organization, parsed.trip, parsed.home)


def group_key(partition: Partition) -> SeatGroupKey:
    """The seat group that is in the partition."""
    return SeatGroupKey(TripKey(partition.organization, partition.name), partition.number)


def group_entry(partition: Partition) -> str:
    """A seat group as an index names it."""
    return f"{partition.organization}{SEPARATOR}{partition.name}{SEPARATOR}{partition.number}"


def read_group_entry(entry: str) -> SeatGroupKey:
    """The seat group that an index entry names."""
    organization, trip, group = entry.split(SEPARATOR)
    return SeatGroupKey(TripKey(organization, trip), int(group))


def recorded(place: Recorded) -> Row:
    """What a hold's row says of its last event."""
    return {"event_epoch": place.epoch, "event_at_ms": place.at_ms}


def hold_key(hold_id: str) -> RowKey:
    """The hold's own row, in its home seat group."""
    return RowKey(Kind.HOLD, hold_id)


def cell_keys(seats: Iterable[str], journey: Journey) -> list[RowKey]:
    """The cells of these seats on the journey."""
    segments = journey.segments
    return [RowKey(Kind.CELL, seat, segment) for seat in seats for segment in segments]


def number(row: Row, column: str) -> int:
    """The integer in that column, 0 where it is null."""
    return cast("int | None", row.get(column)) or 0


def text(row: Row, column: str) -> str:
    """The text in that column, "" where it is null."""
    return cast("str | None", row.get(column)) or ""


def begun(hold: AnyHold) -> Row:
    """What the row of any hold says that comes to be, whatever it claims."""
    row: dict[str, str | int | None] = {
        "holder": hold.holder,
        "claimant": hold.claimant,
        "created_at_ms": hold.created_at_ms,
        "extensions": hold.extensions,
    }
    match hold.state:
        case Held(expires_at_ms=expires_at_ms):
            row |= {"status": "held", "expires_at_ms": expires_at_ms}
        case Confirmed() as booked:
            row |= booking_columns(booked)
        case _:
            raise ValueError(f"a hold does not begin as {hold.state}")
    return row


def hold_row(hold: Hold) -> Row:
    """The row of a hold of seats that comes to be."""
    row: dict[str, str | int | None] = {
        **begun(hold),
        "seats": places_text(hold),
        "first_segment": hold.journey.first,
        "last_segment": hold.journey.last,
    }
    if hold.reason:
        row["reason"] = hold.reason
    return row


def cell_status(home: Row) -> str:
    """What the cells of a live hold are, as its home row says."""
    if home.get("status") == "confirmed":
        return "sold"
    return "held" if number(home, "expires_at_ms") < NEVER_MS else "blocked"


def read_hold(organization: str, hold_id: str, row: Row) -> Hold:
    """The hold that a row says; an aborted one has no seats."""
    places = _places(row) if row.get("holder") is not None else []
    return Hold(
        id=hold_id,
        trip=TripKey(organization, parse_hold_id(hold_id).trip),
        holder=text(row, "holder"),
        seats=tuple(seat for _, seat in places),
        groups=tuple(group for group, _ in places),
        journey=Journey(number(row, "first_segment"), number(row, "last_segment")),
        created_at_ms=number(row, "created_at_ms"),
        claimant=text(row, "claimant"),
        state=read_state(row),
        extensions=number(row, "extensions"),
        recorded=Recorded(number(row, "event_epoch"), number(row, "event_at_ms")),
    )


def booking_columns(booked: Confirmed) -> Row:
    """What a hold's row says once it is a booking."""
    columns = {"status": "confirmed", "order_id": booked.order}
    if booked.passengers:
        plain = [[each.seat, each.name, each.national_id] for each in booked.passengers]
        columns["passengers"] = dumps(plain, ensure_ascii=False, separators=(",", ":"))
    return columns


def _passengers(row: Row) -> tuple[Passenger, ...]:
    return tuple(Passenger(*each) for each in loads(text(row, "passengers") or "[]"))


def read_state(row: Row) -> HoldState:
    """The state of any hold, as its row says."""
    match row.get("status"):
        case "held":
            return Held(number(row, "expires_at_ms"))
        case "confirmed":
            return Confirmed(text(row, "order_id"), _passengers(row))
        case "released":
            return Released()
        case "expired":
            return Expired(number(row, "expires_at_ms"))
        case "cancelled":
            return Cancelled(text(row, "order_id"))
        case "aborted":
            return Aborted(text(row, "reason"))
        case other:
            raise ValueError(f"no hold has the status {other!r}")


def taken_text(cells: Sequence[TakenCell]) -> str:
    """What a final no was about, as its fenced row keeps it."""
    return "\n".join(SEPARATOR.join((cell.seat, *map(str, cell[1:]))) for cell in cells)


def read_taken(row: Row) -> list[TakenCell]:
    """What the fenced row's final no was about."""
    lines = (line.split(SEPARATOR) for line in text(row, "taken").split("\n") if line)
    return [
        TakenCell(seat, int(segment), status, claimant, hold, int(until_ms))
        for seat, segment, status, claimant, hold, until_ms in lines
    ]


def places_text(hold: Hold) -> str:
    """The hold's seats, each with its seat group, as a row keeps them."""
    return "\n".join([f"{group} {seat}" for seat, group in zip(hold.seats, hold.groups, strict=True)])


def _places(row: Row) -> list[tuple[int, str]]:
    places = (place.split(" ", 1) for place in text(row, "seats").split("\n"))
    return [(int(group), seat) for group, seat in places]
