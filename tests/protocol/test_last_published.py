"""What a relay remembers of what it published, and for how long."""

from dataclasses import dataclass, field

import pytest

from travio_inventory.protocol import last_published, rows
from travio_inventory.protocol.batches import Partition, Table
from travio_inventory.protocol.last_published import LastPublished
from travio_inventory.protocol.minute_cursor import Place

HERE, THERE = (Partition(Table.SEAT_GROUPS, "o", "t", number) for number in range(2))


def place(epoch: int, partition: Partition = HERE, *row_id: str) -> Place:
    """The partition in that epoch, or one event row of it."""
    return Place(epoch, rows.SEPARATOR.join((rows.partition_entry(partition), *row_id)))


@dataclass
class Told:
    """Subjects whose first event was published in an epoch, which is named by its number."""

    last: LastPublished = field(default_factory=LastPublished)

    def add(self, *epochs: int, partition: Partition = HERE) -> None:
        for epoch in epochs:
            self.last.add(partition, f"{partition.number}:{epoch}", 0, epoch, epoch)

    def left(self, first: int, *epochs: int, partition: Partition = HERE) -> list[int]:
        """Those of these epochs of which something is known when that one is the first open one."""
        self.last.forget(first)
        return [epoch for epoch in epochs if self.last.upto(f"{partition.number}:{epoch}") == 0]


@pytest.fixture
def told() -> Told:
    return Told()


def test_nothing_was_published_of_a_subject_that_is_not_known() -> None:
    assert LastPublished().upto("s") == -1


def test_the_last_event_counts_in_whatever_order_they_are_published() -> None:
    last = LastPublished()
    last.add(HERE, "s", 1, 5, 9)
    last.add(HERE, "s", 0, 4, 4)
    assert (last.upto("s"), len(last)) == (1, 1)
    last.forget(9)
    assert last.upto("s") == 1
    last.forget(10)
    assert (last.upto("s"), len(last)) == (-1, 0)


def test_a_later_event_of_an_earlier_epoch_is_met_again_as_long_as_the_one_before_it() -> None:
    last = LastPublished()
    last.add(HERE, "s", 0, 5, 5)
    last.add(HERE, "s", 1, 4, 4)
    last.carried([place(5)], 20)
    last.forget(20)
    assert last.upto("s") == 1


def test_what_was_published_is_forgotten_with_its_epoch(told: Told) -> None:
    told.add(3, 4, 5)
    assert told.left(4, 3, 4, 5) == [4, 5]


@pytest.mark.parametrize("epochs", [(4, 5), (5, 4)])
def test_a_partition_that_is_carried_on_is_met_again_from_its_epoch_on(told: Told, epochs: tuple[int, int]) -> None:
    told.add(3, 4, 5)
    told.add(4, 5, partition=THERE)
    told.last.carried([*map(place, epochs)], 20)
    assert told.left(20, 3, 4, 5) == [4, 5]
    assert told.left(20, 4, 5, partition=THERE) == []
    assert told.left(21, 4, 5) == []


@pytest.mark.parametrize("places", [[Place(4, "")], [place(4), Place(4, "")]])
def test_an_epoch_that_cannot_be_read_is_met_again_with_all_partitions(told: Told, places: list[Place]) -> None:
    told.add(3, 4)
    told.add(3, 4, partition=THERE)
    told.last.carried(places, 20)
    assert told.left(20, 3, 4) == [3, 4], "older ones may have been carried into it"
    assert told.left(20, 3, 4, partition=THERE) == [3, 4]


def test_a_single_event_that_is_carried_on_leads_to_no_other(told: Told) -> None:
    told.add(4, 5)
    told.last.carried([place(4, HERE, "0000000004~000000000000001~4~0"), Place(4, "what a later release wrote")], 20)
    assert told.left(20, 4, 5) == []


def test_what_is_carried_on_is_never_met_earlier(told: Told) -> None:
    told.last.add(HERE, "0:4", 0, 4, 30)
    told.last.carried([place(4)], 20)
    assert told.left(30, 4) == [4]


def test_no_more_than_so_many_subjects_are_remembered(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_published, "SUBJECTS_MAX", 2)
    told.add(3, 4, 3, 5)
    assert told.left(0, 3, 4, 5) == [3, 5], "the one whose event is longest ago goes first"
    assert len(told.last) == 2


def test_a_single_event_was_published_if_it_or_a_later_one_of_its_subject_was() -> None:
    last = LastPublished()
    last.add(HERE, "s", 1, 4, 4)
    row_ids = [f"0000000004~000000000000001~s~{ordinal}" for ordinal in range(3)]
    assert [last.has(place(4, HERE, row_id)) for row_id in row_ids] == [True, True, False]
    assert not last.has(place(4, HERE, "0000000004~000000000000001~other~0"))
    assert not last.has(place(4)), "no single event"
    assert not last.has(Place(4, ""))
    assert not last.has(place(4, HERE, "what a later release wrote"))
