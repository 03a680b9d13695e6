"""The seats of a large trip, in rows of bounded size beside the trip's own, which names them by their digests.

A row is written before the trip's row names it, with an end, in case that never happens; it is kept for good before a
definition that names it is the trip's. Its id is the digest of what it says, so no write of one can change what another
one says.

A row that the trip's new definition does not name any more gets an end again, later than anybody reads the old one. Who
goes back to the old prices meanwhile relies on rows that were kept: so leaving some is a change of the trip's row too,
which whoever redefines the trip has seen, or begins anew.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import chain
from json import dumps, loads
from typing import Any, NamedTuple

from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.kernel.refusals import BackendUnavailable, Violation
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    ABSENT,
    ANY_TIME,
    FOR_EVER,
    Batches,
    Kind,
    Row,
    RowKey,
    Rows,
    StoreUnavailable,
    Write,
)
from travio_inventory.protocol.until_known import until_known
from travio_inventory.seats.definition import read_seats, write_each
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.opening import Opening, Portions
from travio_inventory.seats.records import trip_rows
from travio_inventory.seats.records.trip_rows import TRIP, Stage, TripRow
from travio_inventory.seats.records.visits import Visit
from travio_inventory.seats.refusals import InvalidTrip
from travio_inventory.seats.trip import Trip, TripKey, read_trip

PART_CHARS_MAX = 128 * 1_024
"""In JSON, which has ASCII only; a single seat has less than 8,000."""
DEFINITION_CHARS_MAX = 32 * 1_024 * 1_024
"""100,000 seats have 7 to 15 million. So a trip has at most a few hundred parts, which are forgotten in one batch."""
READ_TOGETHER = 4
WAITS_S = 7 * 86_400

_WAITING: Row = {"status": "waiting"}
_KEPT: Row = {"status": "kept"}
_FORGOTTEN: Row = {"status": rows.FORGOTTEN}


class Written(NamedTuple):
    """A trip as rows say it: its definition, and by their digests the parts that this names."""

    definition: str
    parts: Mapping[str, str]


def written(trip: Trip, portions: Portions) -> Written:
    """The trip as rows say it. Raises InvalidTrip for more text than is stored of a trip."""
    if not portions.has_parts(trip):
        return Written(trip.definition, {})
    texts = list(parts_of(trip.seats_ever, portions.seats_per_part_max))
    named = list(map(_digest, texts))
    parts = dict(zip(named, texts, strict=True))  # two vehicles may have the same part
    if sum(map(len, parts.values())) > DEFINITION_CHARS_MAX:
        said = f"their texts are too long together: the seats of a trip take at most {DEFINITION_CHARS_MAX} characters"
        raise InvalidTrip([Violation("seat_config.seats", said)])
    return Written(trip.written({"count": len(trip.seats_ever), "parts": named}), parts)


class TripSeats:
    """Puts and reads the seats of large trips."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    async def put(self, key: TripKey, parts: Mapping[str, str]) -> None:
        """Write them where they are missing; they stand at least WAITS_S from now."""
        for digest, text in parts.items():
            row: Row = {"seats": text, **_WAITING}
            standing = await self._write(key, Write(_part(digest), ABSENT, row, WAITS_S))
            if standing is not None and standing.get(_part(digest), {}).get("status") == _WAITING["status"]:
                await self._write(key, Write(_part(digest), _WAITING, row, WAITS_S))

    async def keep(self, key: TripKey, definition: str, *, send_by: float) -> bool:
        """Keep those that the definition names for as long as the trip; False if one is gone."""
        for digest in dict.fromkeys(_named(loads(definition))):
            part = (await self._read(key, [digest])).get(_part(digest))
            if part is None:
                return False
            if part["status"] == _WAITING["status"]:
                write = Write(_part(digest), _WAITING, {**part, **_KEPT}, FOR_EVER)
                standing = await self._write(key, write, send_by)
                if standing is not None and standing.get(_part(digest), {}).get("status") != _KEPT["status"]:
                    return False
        return True

    async def leave(self, key: TripKey, row: TripRow, definition: str) -> None:
        """Give those an end that this definition named, and the trip's row does not. It stops where somebody changes
        the trip: what is left then is forgotten with the trip. Raises BackendUnavailable, OutcomeUnknown.
        """
        visit, named = Visit(self._batches), {*_named(loads(row.definition))}
        for digest in dict.fromkeys(_named(loads(definition))):
            if digest in named or (found := (await self._read(key, [digest])).get(_part(digest))) is None:
                continue
            values: Row = {"parts_left": row.parts_left + 1}
            writes = [Write(TRIP, row.seen, values), Write(_part(digest), _KEPT, {**found, **_WAITING}, WAITS_S)]
            if not await visit.write(trip_rows.partition(key), writes):
                return
            row = row.changed(values)

    async def forget_left(self, visit: Visit, key: TripKey, definition: str) -> None:
        """Forget those that were kept for a definition that the trip has no more, or never had. Raises
        StoreUnavailable, BackendUnavailable, OutcomeUnknown.
        """
        partition, named = trip_rows.partition(key), {*_named(loads(definition))}
        async for part, row in visit.rows(partition, Kind.SEATS, together=READ_TOGETHER):
            if row.get("status") == _KEPT["status"] and part.id not in named:
                await visit.write(partition, [Write(part, _KEPT, _FORGOTTEN, trip_rows.FORGOTTEN_S)])

    async def read(self, key: TripKey, definition: str) -> Trip | None:
        """The trip of that definition; None if seats are gone that were never kept. Raises BackendUnavailable."""
        values = loads(definition)
        if not isinstance(values["seats"], dict):
            return read_trip(values, read_seats(values["seats"]))
        seats: list[tuple[Seat, ...]] = []
        named = _named(values)
        for start in range(0, len(named), READ_TOGETHER):
            digests = named[start : start + READ_TOGETHER]
            found = await self._read(key, digests)
            for digest in digests:
                if _part(digest) not in found:
                    return None
                await asyncio.sleep(0)  # others have their turn: a part takes some milliseconds
                seats.append(read_seats(loads(rows.text(found[_part(digest)], "seats"))))
        return await off_loop(values["seats"]["count"], read_trip, values, tuple(chain.from_iterable(seats)))

    async def _read(self, key: TripKey, digests: Sequence[str]) -> Rows:
        try:
            return await self._batches.get(trip_rows.partition(key), [_part(each) for each in dict.fromkeys(digests)])
        except StoreUnavailable:
            raise BackendUnavailable from None

    async def _write(self, key: TripKey, write: Write, send_by: float = ANY_TIME) -> Rows | None:
        return await until_known(self._batches, trip_rows.partition(key), [write], send_by=send_by)


def forgotten_parts(definition: str) -> list[Write]:
    """The rows of a closed trip's seats with an end, for the batch that ends the trip's own."""
    named = dict.fromkeys(_named(loads(definition)))
    return [Write(_part(digest), {}, _FORGOTTEN, trip_rows.FORGOTTEN_S) for digest in named]


def opening_of(row: TripRow) -> Opening:
    """How far the trip of that row is opened."""
    values = loads(row.definition)
    seats, segments = values["seats"], len(values["segments"])
    count: int = seats["count"] if isinstance(seats, dict) else len(seats)
    count -= sum(former for former, *_ in values.get("former", ()))
    done = count if row.stage is Stage.ON_SALE else min(row.seeded * values["seats_per_group"], count)
    return Opening(done * segments, count * segments)


def _named(values: Mapping[str, Any]) -> list[str]:
    """The digests of the parts that a definition names."""
    seats = values["seats"]
    return list(seats["parts"]) if isinstance(seats, dict) else []


def parts_of(seats: Iterable[Seat], seats_max: int) -> Iterator[str]:
    """The seats as JSON arrays of bounded size, in order."""
    part: list[str] = []
    chars = 0
    for seat in seats:
        text = dumps(write_each([seat])[0], separators=(",", ":"))
        if part and (len(part) == seats_max or chars + len(text) > PART_CHARS_MAX):
            yield f"[{','.join(part)}]"
            part, chars = [], 0
        part.append(text)
        chars += len(text)
    if part:
        yield f"[{','.join(part)}]"


def _digest(part: str) -> str:
    return blake2b(part.encode(), digest_size=16).hexdigest()


def _part(digest: str) -> RowKey:
    return RowKey(Kind.SEATS, digest)
