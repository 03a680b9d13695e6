"""Slices of the journal's index: where a partition's events are, which no release may change."""

from travio_inventory.protocol.batches import Partition, Table
from travio_inventory.protocol.rows import SEPARATOR, partition_entry
from travio_inventory.protocol.slices import SLICES, OfSlice, slice_of

GROUPS = [Partition(Table.SEAT_GROUPS, "org", f"trip {number}", number) for number in range(40)]


class Everywhere:
    """Leads to all of them at once."""

    async def next_partitions(self) -> list[Partition]:
        """See Everywhere."""
        return [*GROUPS]


def test_a_partition_is_in_one_slice_whatever_an_entry_says_of_an_event_in_it() -> None:
    for group in GROUPS:
        entry = partition_entry(group)
        assert slice_of(f"{entry}{SEPARATOR}0000000020~000000000000005~h~0") == slice_of(entry) in range(SLICES)


def test_slices_are_those_in_which_positions_are_stored() -> None:
    """A release with others would read on in the wrong place."""
    assert [slice_of(partition_entry(group)) for group in GROUPS[:12]] == [3, 2, 1, 0, 6, 7, 4, 5, 1, 0, 1, 2]


async def test_each_partition_is_led_to_by_one_slice() -> None:
    led = [await OfSlice(Everywhere(), part).next_partitions() for part in range(SLICES)]
    assert sorted(group for groups in led for group in groups) == sorted(GROUPS)
    assert all(slice_of(partition_entry(group)) == part for part, groups in enumerate(led) for group in groups)
    assert all(led)
