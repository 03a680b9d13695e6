"""The rows of a seat group, written and read: cells, and what a hold of seats says beside what any hold does."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from json import dumps, loads

from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey, Rows, Table, partition_of
from travio_inventory.protocol.rows import CLOSED, FORGOTTEN, SEPARATOR, number, of_hold, read_state, text
from travio_inventory.seats.hold import NEVER_MS, Confirmed, Hold, HoldState, Passenger, Recorded, parse_hold_id
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.names import CELLS_KNOWN_MAX
from travio_inventory.seats.ports import SeatGroupKey
from travio_inventory.seats.refusals import TakenCell
from travio_inventory.seats.trip import Journey, TripKey

FREE: Row = {"status": "available", "owner": None, "until_ms": None, "since_ms": None}
NEW_CELL: Row = {"status": "available"}
"""A cell that nobody had yet: on CQL a null that is written is a tombstone, so there is none."""
NOBODY = "[]"
"""The passengers of a booking that names nobody any more: a null would be a tombstone on CQL."""
IF_AVAILABLE: Row = {"status": "available", "period": None}
"""In the first period of a trip's sale."""
OFF_SALE = frozenset({CLOSED, FORGOTTEN})
"""What a cell says of itself whose trip is being forgotten: nobody has it, and nobody can have it any more."""


def group_partition(trip: TripKey, group: int) -> Partition:
    """The partition that all cells of the seat group's seats are in."""
    return partition_of(Table.SEAT_GROUPS, trip.organization, trip.trip, group)


def home_partition(organization: str, hold_id: str) -> Partition:
    """The partition of the row that decides the hold; the id names it."""
    parsed = parse_hold_id(hold_id)
    return partition_of(Table.SEAT_GROUPS, organization, parsed.name, parsed.home)


def group_key(partition: Partition) -> SeatGroupKey:
    """The seat group that is in the partition."""
    return SeatGroupKey(TripKey(partition.organization, partition.name), partition.number)


def cell_keys(seats: Iterable[str], journey: Journey) -> list[RowKey]:
    """The cells of these seats on the journey."""
    return [key for seat in seats for key in _keys_of(seat, journey)]


@lru_cache(maxsize=CELLS_KNOWN_MAX)
def _keys_of(seat: str, journey: Journey) -> tuple[RowKey, ...]:
    return tuple([RowKey(Kind.CELL, seat, segment) for segment in journey.segments])


def hold_row(hold: Hold) -> Row:
    """The whole row of a hold of seats."""
    row: dict[str, str | int | None] = {
        **of_hold(hold),
        **booking_columns(hold.state),
        "seats": places_text(hold),
        "first_segment": hold.journey.first,
        "last_segment": hold.journey.last,
    }
    if hold.prices:
        row["prices"] = " ".join([hold.currency, *map(str, hold.prices)])
    if hold.moves:
        row["moves"] = hold.moves
    if hold.given_up:
        row["given_up"] = _given_up_text(hold)
    if hold.reason:
        row["reason"] = hold.reason
    return row


def names(home: Row, group: int, cell: RowKey, move: int) -> bool:
    """Whether the row of a live hold says that this cell of the seat group is its own, by a title of that move."""
    if not move and home.get("given_up") is None and home.get("moves") is None:
        return True
    journey = range(number(home, "first_segment"), number(home, "last_segment") + 1)
    return cell.segment in journey and (group, cell.id) in _places(home)


def are_made(cells: Rows, seats: Sequence[Seat], segments: int) -> bool:
    """Whether all cells of these seats, which are a whole seat group, are among those of its partition."""
    if len(cells) == len(seats) * segments:
        return True
    return all(RowKey(Kind.CELL, seat.id, segment) in cells for seat in seats for segment in range(segments))


def if_available(period: int) -> Row:
    """The condition of a claim in that period of the trip's sale."""
    return {"status": "available", "period": period} if period else IF_AVAILABLE


def cell_status(home: Row) -> str:
    """What the cells of a live hold are, as its home row says."""
    if home.get("status") == "confirmed":
        return "sold"
    return "held" if number(home, "expires_at_ms") < NEVER_MS else "blocked"


def read_hold(organization: str, hold_id: str, row: Row) -> Hold:
    """The hold that a row says; an aborted one has no seats."""
    places = _places(row) if row.get("holder") is not None else []
    currency, *prices = text(row, "prices").split(" ")
    given_up = [tuple(line.split(SEPARATOR)) for line in text(row, "given_up").split("\n") if line]
    return Hold(
        id=hold_id,
        trip=TripKey(organization, parse_hold_id(hold_id).name),
        holder=text(row, "holder"),
        seats=tuple(seat for _, seat in places),
        groups=tuple(group for group, _ in places),
        journey=Journey(number(row, "first_segment"), number(row, "last_segment")),
        created_at_ms=number(row, "created_at_ms"),
        claimant=text(row, "claimant"),
        state=_state(row),
        extensions=number(row, "extensions"),
        reason=text(row, "reason") if row.get("status") != "aborted" else "",
        prices=tuple(map(int, prices)),
        currency=currency,
        moves=number(row, "moves"),
        given_up=tuple(seat for seat, *_ in given_up),
        replaced=tuple((seat, other[0]) for seat, *other in given_up if other),
        recorded=Recorded(number(row, "event_epoch"), number(row, "event_at_ms")),
    )


def read_closed(organization: str, hold_id: str, row: Row) -> Hold:
    """The booking, or the block by the house, that a row was before it was closed."""
    before = "confirmed" if row.get("holder") else "held"
    return read_hold(organization, hold_id, {**row, "status": before})


def booking_columns(state: HoldState) -> Row:
    """What a hold's row says of the passengers of its booking, where they are named."""
    if not isinstance(state, Confirmed):
        return {}
    plain = [[each.seat, each.name, each.national_id] for each in state.named if isinstance(each, Passenger)]
    return {"passengers": dumps(plain, ensure_ascii=False, separators=(",", ":"))} if plain else {}


def _state(row: Row) -> HoldState:
    """Its state, with the passengers of a booking."""
    state = read_state(row)
    return replace(state, named=_passengers(row)) if isinstance(state, Confirmed) else state


def _passengers(row: Row) -> tuple[Passenger, ...]:
    return tuple(Passenger(*each) for each in loads(text(row, "passengers") or "[]"))


def refusal_row(refused: Hold, taken: Sequence[TakenCell]) -> Row:
    """What the fenced row of a hold keeps that was finally refused: who asked for which journey, and who had it."""
    first, last = refused.journey
    return {"taken": taken_text(taken), "asked_by": refused.holder, "first_segment": first, "last_segment": last}


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
    if len(hold.seats) == 1:
        return f"{hold.groups[0]} {hold.seats[0]}"
    return "\n".join([f"{group} {seat}" for seat, group in zip(hold.seats, hold.groups, strict=True)])


def _given_up_text(hold: Hold) -> str:
    """The seats that it had once, each with the one that it got for it."""
    replaced = dict(hold.replaced)
    return "\n".join([seat + SEPARATOR + replaced[seat] if seat in replaced else seat for seat in hold.given_up])


def _places(row: Row) -> list[tuple[int, str]]:
    places = (place.split(" ", 1) for place in text(row, "seats").split("\n"))
    return [(int(group), seat) for group, seat in places]
