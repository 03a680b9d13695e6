"""Which entries a process knows to be durable, and what the lists of holders name."""

from dataclasses import replace

import pytest

from travio_inventory.protocol import index_entries, listings
from travio_inventory.protocol.batches import FOR_EVER, Index, IndexEntry, Partition, Table
from travio_inventory.protocol.hold import NEVER_MS, Cancelled, Confirmed, Expired, HoldState, Released
from travio_inventory.protocol.index_entries import DurableEntries
from travio_inventory.protocol.retention import Retention
from travio_inventory.seats.hold import Held, Hold, HoldId, late_id
from travio_inventory.seats.trip import Journey, TripKey
from verification.kit.clocks import START_MS, Clock

KEPT = Retention()
ONE, TWO, THREE = (
    index_entries.due(Partition(Table.SEAT_GROUPS, "org", "t", number), START_MS, KEPT) for number in (1, 2, 3)
)
ID = str(HoldId("t", 0, "0" * 32, is_late=False))
HOLD = Hold(ID, TripKey("org", "t"), "ann", ("A1",), (0,), Journey(0, 0), START_MS, "", Held(START_MS))
WHEN = f"{NEVER_MS - START_MS:016d}"


def test_an_entry_names_its_minute_or_epoch_and_its_partition() -> None:
    partition = Partition(Table.SEAT_GROUPS, "org", "t", 3)
    named = "seat_groups\x1forg\x1ft\x1f3"
    assert index_entries.due(partition, 60_000 * 7 + 59_999, KEPT) == IndexEntry(
        Index.EXPIRY, "0000000007", named, KEPT.entries_s
    )
    stock = index_entries.due(partition._replace(table=Table.STOCK), 60_000 * 7, KEPT)
    assert (stock.of, stock.bucket) == (Index.STOCK_EXPIRY, "0000000007"), "swept by itself"
    assert index_entries.recorded(partition, 7, KEPT) == IndexEntry(Index.JOURNAL, "0000000007", named, KEPT.entries_s)


def test_so_many_entries_are_known_and_then_none_but_the_newest() -> None:
    durable = DurableEntries(Clock(), known_s=10, entries_max=2)
    durable.remember([ONE], sent_ms=0)
    durable.remember([TWO], sent_ms=0)
    assert durable.missing([ONE, TWO, THREE]) == [THREE]
    durable.remember([THREE], sent_ms=0)
    assert durable.missing([ONE, TWO, THREE]) == [ONE, TWO]


def test_they_are_known_for_a_while_from_when_the_first_was_written() -> None:
    clock = Clock()
    clock.pass_ms(5_000)
    durable = DurableEntries(clock, known_s=10)
    durable.remember([ONE], sent_ms=5_000)
    clock.pass_ms(9_999)
    assert durable.missing([ONE]) == []
    clock.pass_ms(1)
    assert durable.missing([ONE]) == [ONE]
    durable.remember([ONE], sent_ms=14_999)
    assert durable.missing([ONE]) == [ONE], "it was sent before all were forgotten"
    durable.remember([ONE], sent_ms=15_000)
    assert durable.missing([ONE]) == []


def test_those_of_lists_are_not_remembered_for_they_are_written_once() -> None:
    durable = DurableEntries(Clock(), known_s=10)
    [listed] = listings.of_hold(HOLD, KEPT)
    durable.remember([listed], sent_ms=0)
    assert durable.missing([listed]) == [listed]


def test_a_hold_is_listed_for_as_long_as_it_may_be_held_and_kept() -> None:
    named = f"{WHEN}\x1f{ID}"
    assert listings.of_hold(HOLD, KEPT) == [IndexEntry(Index.HOLDS, "org\x1fann", named, KEPT.listed_s)]
    assert listings.hold_of(named) == ID


@pytest.mark.parametrize(("state", "keep_s"), [(Confirmed("o"), FOR_EVER), (Cancelled("o"), KEPT.ended_s)])
@pytest.mark.parametrize("hold_id", [ID, late_id(ID)])
def test_a_booking_is_listed_for_its_holder_and_its_order_by_the_id_of_its_hold(
    hold_id: str, state: HoldState, keep_s: int
) -> None:
    named = f"{WHEN}\x1f{ID}\x1fbooked"
    entries = listings.of_hold(replace(HOLD, id=hold_id, state=state), KEPT)
    assert entries == [
        IndexEntry(Index.HOLDS, "org\x1fann", named, keep_s),
        IndexEntry(Index.HOLDS, "org\x1fann\x1fbooked", ID, keep_s),
        IndexEntry(Index.ORDERS, "org\x1fo", f"{WHEN}\x1f{ID}", keep_s),
    ]
    assert [listings.hold_of(entry.entry) for entry in entries] == [ID, ID, ID]


@pytest.mark.parametrize(
    "hold", [replace(HOLD, holder=""), *(replace(HOLD, state=s) for s in (Released(), Expired(0)))]
)
def test_other_ends_and_holds_of_the_house_are_not_listed(hold: Hold) -> None:
    assert listings.of_hold(hold, KEPT) == []
