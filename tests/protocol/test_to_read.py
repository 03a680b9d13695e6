"""Which single events a journal forgets when there are too many, and what it still knows of them."""

import pytest

from travio_inventory.protocol import to_read
from travio_inventory.protocol.batches import Partition, Table
from travio_inventory.protocol.minute_cursor import Place
from travio_inventory.protocol.rows import SEPARATOR, partition_entry
from travio_inventory.protocol.to_read import ToRead

ENTRY = partition_entry(Partition(Table.SEAT_GROUPS, "o", "t", 0))
SINGLES = [Place(1, f"{ENTRY}{SEPARATOR}{name}") for name in "abc"]
OPEN = 9


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> ToRead:
    """It has room for two single events, and a partition."""
    monkeypatch.setattr(to_read, "SINGLES_MAX", 2)
    monkeypatch.setattr(to_read, "PLACES_MAX", 1)
    return ToRead("events", lambda: 0)


def add(places: ToRead, *added: Place) -> None:
    for place in added:
        places.add(place, OPEN)


def test_the_first_are_forgotten_and_wait_in_the_index(places: ToRead) -> None:
    add(places, *SINGLES)
    assert [places.has(place) for place in SINGLES] == [False, True, True]
    assert [places.is_aside(name) for name in "abc"] == [False, True, True]
    left = places.left(SINGLES)
    assert left == set(SINGLES)
    assert not places.can_wait(left, places.failed()), "two are to be tried"
    assert places.can_wait(SINGLES[:1], places.failed())


def test_the_ones_that_failed_are_the_first_to_be_forgotten(places: ToRead) -> None:
    for failed in (0, 2):
        places.back_off.failed(SINGLES[failed], ValueError("refused"))
    assert places.unfinished(SINGLES) == [SINGLES[0], SINGLES[2], SINGLES[1]]


def test_all_are_known_once_the_epochs_that_name_forgotten_ones_are_closed(places: ToRead) -> None:
    add(places, *SINGLES[:2])
    assert places.knows_all(1)
    add(places, SINGLES[2])
    assert [places.knows_all(first) for first in (OPEN, OPEN + 1)] == [False, True]
    places.carried(SINGLES[1:], OPEN + 1)
    assert places.knows_all(OPEN + 1)
    places.carried(SINGLES, OPEN + 2)
    assert [places.knows_all(first) for first in (OPEN + 2, OPEN + 3)] == [False, True]


def test_only_partitions_keep_further_epochs_from_being_read(places: ToRead) -> None:
    add(places, *SINGLES, Place(1, ENTRY))
    assert not places.is_full
    add(places, Place(2, ENTRY))
    assert places.is_full
