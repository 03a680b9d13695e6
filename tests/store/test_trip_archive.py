"""The archive of forgotten trips: a whole file for each, whatever its ids are, or none."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.seats.long_after import KEY, a_trip
from travio_inventory.seats.former import FormerVehicle
from travio_inventory.seats.hold import NEVER_MS, Confirmed, Held, Hold, Passenger
from travio_inventory.seats.layout import Seat, Section
from travio_inventory.seats.ports import ArchiveFailed, EndedTrip
from travio_inventory.seats.route import Segment
from travio_inventory.seats.trip import Journey, Trip, TripKey
from travio_inventory.store.trip_archive import TripArchive, file_name
from verification.kit.legal_ids import AWKWARD

NAMED = (Passenger("A1", "Zoë\nX", "12"),)


def ended(key: TripKey = KEY, *, opened_at_ms: int = 5, vehicle: str = "") -> EndedTrip:
    """With a booking and a block."""
    trip = Trip(key, a_trip().segments, a_trip().seats, seats_per_group=2, vehicle=vehicle)
    booking = Hold("h1", key, "ann", ("A1",), (0,), Journey(0, 1), 7, "", Confirmed("o1", NAMED), prices=(90,))
    block = Hold("h2", key, "", ("A2",), (0,), Journey(0, 1), 8, "", Held(NEVER_MS), reason="broken")
    return EndedTrip(trip, opened_at_ms, 9, [block, booking])


def definitions_in(folder: Path) -> list[Any]:
    """The definition in each of its files."""
    return [json.loads(file.read_text().splitlines()[0])["definition"] for file in folder.iterdir()]


def vehicles_in(folder: Path) -> list[str]:
    """The vehicle in each of its files."""
    return sorted(definition["vehicle"] for definition in definitions_in(folder))


async def test_a_trip_is_a_file_of_lines(tmp_path: Path) -> None:
    archive = TripArchive(tmp_path / "archive")
    archive.check()
    await archive.keep(ended())
    (file,) = (tmp_path / "archive").iterdir()
    assert file.name.startswith("acme_t1_5_")
    assert file.stat().st_mode & 0o777 == 0o600
    trip, booking, blocked, end = map(json.loads, file.read_text().splitlines())
    definition = trip.pop("definition")
    assert [Seat(**seat) for seat in definition["seats"]] == list(ended().trip.seats)
    assert (definition["sections"], definition["features"], definition["station_names"]) == ([], [], {})
    assert [Segment(**segment) for segment in definition["segments"]] == list(ended().trip.segments)
    assert trip == {
        "line": "trip", "version": 1, "organization": "acme", "trip": "t1", "opened_at_ms": 5, "archived_at_ms": 9
    }  # fmt: skip
    assert booking == {
        "line": "booking", "hold": "h1", "holder": "ann", "order": "o1", "seats": ["A1"], "prices": [90],
        "currency": "", "first_segment": 0, "last_segment": 1, "since_ms": 7,
        "passengers": [{"seat": "A1", "name": "Zoë\nX", "id": "12"}],
    }  # fmt: skip
    assert blocked == {"line": "blocked", "hold": "h2", "seats": ["A2"], "since_ms": 8, "reason": "broken"}
    assert end == {"line": "end", "bookings": 1, "blocked": 1}


async def test_the_vehicles_that_a_trip_had_are_kept_with_it(tmp_path: Path) -> None:
    """Some bookings may have kept their seats there."""
    car = FormerVehicle((Seat("C1", "1", 1, 1, section="car"),), 2, (Section("car", "Car 7"),))
    swapped = ended()
    await TripArchive(tmp_path).keep(swapped._replace(trip=replace(swapped.trip, former=(car,))))
    (definition,) = definitions_in(tmp_path)
    (former,) = definition["former"]
    assert [Seat(**seat) for seat in former["seats"]] == [*car.seats]
    assert [Section(**section) for section in former["sections"]] == [*car.sections]
    assert [seat["id"] for seat in definition["seats"]] == [seat.id for seat in swapped.trip.seats]


async def test_a_repetition_replaces_the_file_and_another_life_of_the_trip_does_not(tmp_path: Path) -> None:
    archive = TripArchive(tmp_path)
    for each in (ended(vehicle="a"), ended(vehicle="b"), ended(opened_at_ms=6)):
        await archive.keep(each)
    assert vehicles_in(tmp_path) == ["", "b"]


def test_no_two_trips_have_one_file_whatever_their_ids_are() -> None:
    ids = [*AWKWARD, "a", "a,b", "b", "a/b", "../x", ".", "é" * 60, "é" * 59 + "e", "A", "%2C"]
    names = {file_name(ended(TripKey(one, other))).casefold() for one in ids for other in ids}
    assert len(names) == len(set(ids)) ** 2
    assert all(len(name.encode()) < 200 and not name.startswith(".") and "/" not in name for name in names)


async def test_a_failed_write_leaves_what_was_there_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = TripArchive(tmp_path)
    await archive.keep(ended(vehicle="a"))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArchiveFailed, match=r"acme_t1_5_.*: No space left on device"):
        await archive.keep(ended(vehicle="b"))
    assert vehicles_in(tmp_path) == ["a"]


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    archive = TripArchive(tmp_path / "file" / "archive")
    with pytest.raises(OSError, match="file"):
        archive.check()
    with pytest.raises(ArchiveFailed, match="Not a directory"):
        await archive.keep(ended())
