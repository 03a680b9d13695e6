"""Reads all that is kept about one seat: its cells, their owners, and each hold, refusal and event that names the seat.

A hold is found in its home, which may be any seat group of the trip. So the rows of holds and events of all of them are
scanned, those of the seat's own group first: as many as the trip keeps, page by page and each at a bounded cost.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from json import loads
from typing import Any, Final

from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import event_rows, rows
from travio_inventory.protocol.batches import Batches, Kind, Row, RowKey, Rows, StoreUnavailable
from travio_inventory.protocol.hold import read_title
from travio_inventory.seats.explanation import CellNow, Source, Trace
from travio_inventory.seats.hold import NEVER_MS
from travio_inventory.seats.queries import ScanPlace
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.home_rows import home_rows
from travio_inventory.seats.trip import Journey, Trip

READS_MAX: Final = 64
READS_AT_ONCE: Final = 8
GIVEN_UP: Final = "given up"
"""What an owner that lives says of a seat that it had once."""
MOVING: Final = "moving"
"""What an owner says of a seat that it is being moved to; it may never have it."""
KINDS: Final = (Kind.HOLD, Kind.EVENT)


class Explanations:
    """Implements `seats.ports.Explanations` over conditional batches."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    async def cells(self, trip: Trip, seat: str) -> Sequence[CellNow]:
        """See Explanations."""
        group = _own_group(trip, seat)
        keys = [RowKey(Kind.CELL, seat, segment) for segment in range(len(trip.segments))]
        try:
            cells = await self._batches.get(seat_rows.group_partition(trip.key, group), keys)
            owners = {read_title(rows.text(cell, "owner")).hold_id for cell in cells.values()} - {""}
            homes = await home_rows(self._batches, trip.key.organization, owners)
        except StoreUnavailable:
            raise BackendUnavailable from None
        return [_cell(group, key, cells.get(key, {}), homes) for key in keys]

    async def traces(
        self, trip: Trip, seat: str, after: ScanPlace, *, rows_max: int
    ) -> tuple[Sequence[Trace], ScanPlace | None]:
        """See Explanations."""
        found: list[Trace] = []
        left, end = rows_max, len(KINDS) * trip.group_count
        places = [ScanPlace(step) for step in range(after.step, end)[:READS_MAX]]
        places[:1] = [after] if places else []
        for at in range(0, len(places), READS_AT_ONCE):
            together = places[at : at + READS_AT_ONCE]
            for place, read in zip(together, await self._read(trip, seat, together, left + 1), strict=True):
                fresh = {key: row for key, row in read.items() if key.id != place.start}
                found += _traces(trip, seat, _kind(place), fresh)
                if len(read) > left:
                    return found, place._replace(start=max(read).id)
                left -= len(fresh)
        after = ScanPlace(after.step + len(places))
        return found, after if after.step < end else None

    async def _read(self, trip: Trip, seat: str, places: Sequence[ScanPlace], most: int) -> Sequence[Rows]:
        """At most so many of the rows at each of these places."""
        try:
            return await asyncio.gather(*(self._read_one(trip, seat, place, most) for place in places))
        except StoreUnavailable:
            raise BackendUnavailable from None

    async def _read_one(self, trip: Trip, seat: str, place: ScanPlace, most: int) -> Rows:
        partition = seat_rows.group_partition(trip.key, _group(trip, seat, place.step // len(KINDS)))
        return await self._batches.read(partition, _kind(place), start=place.start, most=most)


def _kind(place: ScanPlace) -> Kind:
    return KINDS[place.step % len(KINDS)]


def _own_group(trip: Trip, seat: str) -> int:
    """Where the seat's cells are; of a seat that the trip has no more, those of the last vehicle with it."""
    return trip.group_of(seat) if trip.has_seat(seat) else trip.before.last_group_of(seat) or 0


def _group(trip: Trip, seat: str, at: int) -> int:
    """The seat's own group first, then the others in their order."""
    own = _own_group(trip, seat)
    if at == 0:
        return own
    return at - 1 if at <= own else at


def _cell(group: int, key: RowKey, cell: Row, homes: dict[str, Row]) -> CellNow:
    owner, move = read_title(rows.text(cell, "owner"))
    home = homes.get(owner, {})
    return CellNow(
        key.segment,
        rows.text(cell, "status") or "missing",
        owner,
        rows.number(cell, "since_ms"),
        _end(cell, "until_ms"),
        _said(home, group, key, move),
        rows.text(home, "holder"),
        rows.text(home, "order_id"),
        _expires_ms(home),
    )


def _said(home: Row, group: int, key: RowKey, move: int) -> str:
    """What the owner's home row says of the cell, which has a title of that move."""
    if home.get("status") not in rows.LIVE or seat_rows.names(home, group, key, move):
        return rows.text(home, "status")
    return MOVING if move > rows.number(home, "moves") else GIVEN_UP


def _expires_ms(home: Row) -> int:
    """When the hold runs out or ran out; 0 for what was booked, which never does."""
    return 0 if home.get("order_id") else _end(home, "expires_at_ms")


def _end(row: Row, column: str) -> int:
    """When it ends, 0 if never."""
    at_ms = rows.number(row, column)
    return at_ms if at_ms < NEVER_MS else 0


def _traces(trip: Trip, seat: str, kind: Kind, found: Rows) -> Iterator[Trace]:
    """What these rows tell of the seat."""
    for key, row in found.items():
        if kind is Kind.EVENT:
            yield from _of_event(seat, row)
        elif row.get("status") == "aborted":
            yield from _of_refusal(seat, key.id, row)
        elif row.get("seats"):
            yield from _of_hold(trip, seat, key.id, row)


def _of_hold(trip: Trip, seat: str, hold_id: str, row: Row) -> Iterable[Trace]:
    hold = seat_rows.read_hold(trip.key.organization, hold_id, row)
    if seat in (*hold.seats, *hold.given_up):
        yield Trace(
            at_ms=hold.created_at_ms,
            source=Source.HOLD,
            what=rows.text(row, "status"),
            hold=hold.id,
            holder=hold.holder,
            order=rows.text(row, "order_id"),
            seats=hold.seats,
            journey=hold.journey,
            until_ms=_expires_ms(row),
            changed_at_ms=hold.recorded.at_ms,
            reason=hold.reason,
        )


def _of_refusal(seat: str, hold_id: str, row: Row) -> Iterable[Trace]:
    taken = tuple(cell for cell in seat_rows.read_taken(row) if cell.seat == seat)
    if taken:
        yield Trace(
            at_ms=rows.number(row, "created_at_ms"),
            source=Source.REFUSAL,
            what=rows.text(row, "reason"),
            hold=hold_id,
            holder=rows.text(row, "asked_by"),
            seats=(seat,),
            journey=Journey(rows.number(row, "first_segment"), rows.number(row, "last_segment")),
            taken=taken,
        )


def _of_event(seat: str, row: Row) -> Iterable[Trace]:
    """An event of any type and version whose data name the seat in a list."""
    data: dict[str, Any] = loads(rows.text(row, "data") or "{}")
    if any(isinstance(value, list) and seat in value for value in data.values()):
        yield Trace(
            at_ms=rows.number(row, "at_ms"),
            source=Source.EVENT,
            what=rows.text(row, "type"),
            hold=data.get("hold_id") or event_rows.subject_of(row),
            holder=data.get("user_id", ""),
            order=data.get("order", ""),
            seats=tuple(data.get("seats", ())),
            journey=_journey(data),
            until_ms=data.get("expires_at_ms", 0),
            reason=data.get("reason", ""),
            actor=rows.text(row, "actor"),
            ordinal=event_rows.ordinal_of(row),
        )


def _journey(data: dict[str, Any]) -> Journey | None:
    first, last = data.get("first_segment"), data.get("last_segment")
    return Journey(first, last) if first is not None and last is not None else None
