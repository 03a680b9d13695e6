"""Which partition decides a hold, and which index entries wait for its batch."""

from travio_inventory.protocol.batches import FOR_EVER, Index, IndexEntry, Kind, Partition, RowKey, Table, Write, split
from travio_inventory.protocol.resource import home_and_others, home_of
from travio_inventory.seats.hold import Held, Hold, HoldId
from travio_inventory.seats.records.seats import Seats
from travio_inventory.seats.trip import Journey, TripKey

ID = str(HoldId("t", 3, "0" * 32, is_late=False))
LEADS = IndexEntry(Index.EXPIRY, "1", "a", FOR_EVER)
FOLLOWS = IndexEntry(Index.HOLDS, "ann", "b", FOR_EVER)
WRITE = Write(RowKey(Kind.HOLD, ID), {}, {})


def group(number: int) -> Partition:
    return Partition(Table.SEAT_GROUPS, "o", "t", number)


def test_the_id_of_a_hold_names_the_partition_that_decides_it() -> None:
    hold = Hold(ID, TripKey("o", "t"), "ann", ("A1", "A2"), (2, 3), Journey(0, 0), 5, "", Held(9))
    assert home_of(Seats(), "o", ID) == group(3)
    assert home_and_others(Seats(), hold) == (group(3), [group(2)])


def test_only_entries_of_listings_follow_the_batch_that_carries_them() -> None:
    assert split([WRITE], [LEADS, FOLLOWS]) == ([LEADS], [FOLLOWS])
    assert split([WRITE], [LEADS]) == ([LEADS], ())
    assert split([WRITE], [FOLLOWS]) == ([], [FOLLOWS])
    assert split([], [LEADS, FOLLOWS]) == ([LEADS, FOLLOWS], ())
