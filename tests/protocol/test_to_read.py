"""Which single events a journal forgets when there are too many, and what it still knows of them."""

import pytest

from travio_inventory.protocol import to_read
from travio_inventory.protocol.batches import Partition, Table
from travio_inventory.protocol.minute_cursor import Place
from travio_inventory.protocol.rows import SEPARATOR, partition_entry
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.protocol.to_read import ToRead

ENTRY = partition_entry(Partition(Table.SEAT_GROUPS, "o", "t", 0))
SINGLES = [Place(1, f"{ENTRY}{SEPARATOR}{name}") for name in "abc"]
OPEN = 9


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> ToRead:
    """It has room for two single events, and a partition."""
    monkeypatch.setattr(to_read, "SINGLES_MAX", 2)
    monkeypatch.setattr(to_read, "PLACES_MAX", 1)
    return ToRead("events", lambda: 0, StoreWaits())


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


def test_the_ones_that_failed_are_the_first_to_be_forgotten(places: ToRead, caplog: pytest.LogCaptureFixture) -> None:
    for failed in (0, 2):
        places.back_off.failed(SINGLES[failed], ValueError("refused"))
    assert caplog.records[0].getMessage().startswith("events: 1 set aside")
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


OTHER = partition_entry(Partition(Table.SEAT_GROUPS, "o", "t", 1))
WHOLE = Place(1, "")
"""An epoch that could not be read."""


def refused(places: ToRead, *failed: Place) -> None:
    for place in failed:
        places.back_off.failed(place, ValueError("refused"))


def test_a_single_event_that_was_taken_in_is_known_until_its_epoch_is_closed_or_it_is_set_aside_again(
    places: ToRead,
) -> None:
    single, late = SINGLES[:2]
    add(places, single)
    places.begin(single)
    places.finish(single, 5)
    assert (places.has(single), places.is_aside("a")) == (False, False)
    places.forget(5)
    assert places.unfinished([single, late]) == [late]
    places.forget(6)
    assert places.unfinished([single]) == [single]
    places.finish(single, 7)
    add(places, single)
    assert places.unfinished([single]) == [single]


def test_what_was_forgotten_meanwhile_may_be_read_to_its_end(places: ToRead) -> None:
    places.begin(SINGLES[0])
    places.finish(SINGLES[0], OPEN)
    places.was_read(Place(1, ENTRY))
    assert places.left([SINGLES[0], Place(1, ENTRY)]) == set()


def test_of_an_epoch_is_left_what_is_to_be_read_and_the_whole_of_one_that_was_not(places: ToRead) -> None:
    add(places, Place(1, ENTRY), SINGLES[0])
    left = places.left([WHOLE, Place(1, ENTRY), Place(2, ENTRY), SINGLES[0]])
    assert left == {WHOLE, Place(1, ENTRY), SINGLES[0]}
    assert not places.can_wait(left, {SINGLES[0]})
    assert places.can_wait(left, {SINGLES[0], Place(1, ENTRY)})


def test_later_epochs_of_a_partition_wait_for_an_earlier_one_that_failed(places: ToRead) -> None:
    later, earlier, other = Place(2, ENTRY), Place(1, ENTRY), Place(1, OTHER)
    add(places, later, earlier, other, *SINGLES[:2])
    refused(places, later, SINGLES[0])
    assert places.failed() == {later, SINGLES[0]}
    assert [[*line] for line in places.lines()] == [[earlier, later], [SINGLES[1]], [other]]
    refused(places, earlier)
    assert places.failed() == {earlier, later, SINGLES[0]}
    assert [[*line] for line in places.lines()] == [[SINGLES[1]], [other]]


def test_the_oldest_epoch_of_a_partition_is_that_of_its_own_places(places: ToRead) -> None:
    add(places, Place(3, ENTRY), Place(2, ENTRY), Place(1, OTHER))
    partitions = [Partition(Table.SEAT_GROUPS, "o", "t", number) for number in (0, 1, 2)]
    assert [places.oldest(partition) for partition in partitions] == [2, 1, None]


def test_a_subject_waits_for_the_first_of_its_events_that_is_set_aside(places: ToRead) -> None:
    add(places, *(Place(1, f"{ENTRY}{SEPARATOR}{row_id}") for row_id in ("1~1~s~1", "1~1~s~2")))
    assert places.waiting() == {"s": 1}
    add(places, SINGLES[0])
    assert places.waiting() == {"s": 2}, "the first is forgotten, and what is no event is none"
