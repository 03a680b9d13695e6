"""Keeps trips that are forgotten in a folder: a file of JSON lines for each, there whole or not at all."""

import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path

from anyio import to_thread

from travio_inventory.kernel.ids import join_ids
from travio_inventory.seats.former import FormerVehicle
from travio_inventory.seats.hold import Confirmed, Hold
from travio_inventory.seats.ports import ArchiveFailed, EndedTrip
from travio_inventory.seats.trip import Trip

VERSION = 1
_NAME_CHARS = 40
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]+")


class TripArchive:
    """Implements `seats.ports.TripArchive` in a folder, which is made if needed; several processes may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def keep(self, ended: EndedTrip) -> None:
        """See TripArchive."""
        try:
            await to_thread.run_sync(self._write, ended)
        except OSError as failed:
            raise ArchiveFailed(f"{self._folder / file_name(ended)}: {failed.strerror or failed}") from failed

    def check(self) -> None:
        """Raises OSError if no file can be made in the folder."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._folder):
            pass

    def _write(self, ended: EndedTrip) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, unfinished = tempfile.mkstemp(prefix=".", suffix=".unfinished", dir=self._folder)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines_of(ended))
                file.flush()
                os.fsync(file.fileno())
            Path(unfinished).replace(self._folder / file_name(ended))
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise
        _sync(self._folder)


def file_name(ended: EndedTrip) -> str:
    """Different for every organization, trip and life of the trip, whatever is in their ids."""
    organization, trip = ended.trip.key
    whose = join_ids([organization, trip, str(ended.opened_at_ms)])
    digest = blake2b(whose.encode(), digest_size=16).hexdigest()
    return f"{_plain(organization)}_{_plain(trip)}_{ended.opened_at_ms}_{digest}.jsonl"


def lines_of(ended: EndedTrip) -> Iterator[str]:
    """The lines of the file: the trip, its bookings, the seats that were blocked, and how many there are."""
    (organization, trip), bookings = ended.trip.key, [hold for hold in ended.holds if hold.holder]
    blocked = [hold for hold in ended.holds if not hold.holder]
    yield _line(
        "trip",
        version=VERSION,
        organization=organization,
        trip=trip,
        opened_at_ms=ended.opened_at_ms,
        archived_at_ms=ended.ended_at_ms,
        definition=_definition(ended.trip),
    )
    yield from map(_booking, bookings)
    for hold in blocked:
        yield _line("blocked", hold=hold.id, seats=hold.seats, since_ms=hold.created_at_ms, reason=hold.reason)
    yield _line("end", bookings=len(bookings), blocked=len(blocked))


def _definition(trip: Trip) -> dict[str, object]:
    """The definition, each field by its name."""
    named = {
        "segments": [asdict(each) for each in trip.segments],
        "seats": [asdict(each) for each in trip.seats],
        "sections": [asdict(each) for each in trip.sections],
        "features": [asdict(each) for each in trip.features],
        "station_names": dict(trip.station_names),
    }
    if trip.former:
        named["former"] = [_former(each) for each in trip.former]
    return {**json.loads(trip.definition), **named}


def _former(vehicle: FormerVehicle) -> dict[str, object]:
    """A vehicle that the trip had before: some bookings may have kept their seats in it."""
    return {
        "seats": [asdict(each) for each in vehicle.seats],
        "seats_per_group": vehicle.seats_per_group,
        "sections": [asdict(each) for each in vehicle.sections],
    }


def _booking(hold: Hold) -> str:
    return _line(
        "booking",
        hold=hold.id,
        holder=hold.holder,
        order=hold.state.order if isinstance(hold.state, Confirmed) else "",
        seats=hold.seats,
        prices=hold.prices,
        currency=hold.currency,
        first_segment=hold.journey.first,
        last_segment=hold.journey.last,
        since_ms=hold.created_at_ms,
        passengers=[{"seat": each.seat, "name": each.name, "id": each.national_id} for each in hold.passengers],
    )


def _line(kind: str, **said: object) -> str:
    return json.dumps({"line": kind, **said}, separators=(",", ":"))


def _plain(text: str) -> str:
    """As much of the text as a file name can show."""
    return _NOT_PLAIN.sub("-", text)[:_NAME_CHARS]


def _sync(folder: Path) -> None:
    """Make the names in the folder as durable as the files."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
