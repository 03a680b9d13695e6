"""What rows of holds say, and the partitions that entries of an index name."""

import pytest

from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey, Table
from travio_inventory.protocol.hold import (
    Aborted,
    Cancelled,
    Confirmed,
    Expired,
    Forgotten,
    Held,
    HoldState,
    Recorded,
    Released,
)
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.trip import Journey, TripKey

HOLD = Hold(
    id="t~0~d",
    trip=TripKey("org", "t"),
    holder="ann",
    seats=("A1",),
    groups=(0,),
    journey=Journey(0, 1),
    created_at_ms=5,
    claimant="c",
    state=Held(7),
    extensions=2,
)
OF_ANY: Row = {"holder": "ann", "claimant": "c", "created_at_ms": 5, "extensions": 2}


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (Held(7), {"status": "held", "expires_at_ms": 7}),
        (Confirmed("o1"), {"status": "confirmed", "order_id": "o1"}),
        (Expired(8), {"status": "expired", "expires_at_ms": 8}),
        (Released(), {"status": "released"}),
        (Cancelled("o2"), {"status": "cancelled", "order_id": "o2"}),
    ],
)
def test_a_state_is_read_as_it_was_written(state: HoldState, said: Row) -> None:
    assert rows.of_hold(HOLD.with_state(state)) == {**OF_ANY, **said}
    assert rows.read_state(said) == state


def test_what_never_came_to_be_has_no_row_of_a_hold_and_is_read_from_the_fence() -> None:
    with pytest.raises(ValueError, match=r"^no hold is Aborted\(reason='refused'\)$"):
        rows.of_hold(HOLD.with_state(Aborted("refused")))
    assert rows.read_state({"status": "aborted", "reason": "refused"}) == Aborted("refused")


@pytest.mark.parametrize("status", ["closed", "forgotten"])
def test_a_hold_of_a_trip_that_is_over_is_forgotten(status: str) -> None:
    assert rows.read_state({"status": status}) == Forgotten()
    with pytest.raises(ValueError, match=r"^no hold is Forgotten\(\)$"):
        rows.of_hold(HOLD.with_state(Forgotten()))


def test_an_unknown_status_is_no_state() -> None:
    with pytest.raises(ValueError, match=r"^no hold has the status 'sold'$"):
        rows.read_state({"status": "sold"})
    with pytest.raises(ValueError, match=r"^no hold has the status None$"):
        rows.read_state({})


def test_a_missing_column_is_null_and_a_null_is_nothing() -> None:
    assert rows.number({"n": 3}, "n") == 3
    assert rows.text({"t": "x"}, "t") == "x"
    for row in ({}, {"n": None}):
        assert rows.number(row, "n") == 0
        assert rows.text(row, "n") == ""


def test_rows_and_partitions_have_their_names() -> None:
    assert rows.hold_key("t~0~d") == RowKey(Kind.HOLD, "t~0~d")
    assert rows.ledger_partition(Actor("org", "ann")) == Partition(Table.LEDGERS, "org", "ann", 0)
    assert rows.recorded(Recorded(3, 5)) == {"event_epoch": 3, "event_at_ms": 5}


def test_an_entry_names_its_partition_whatever_is_in_the_ids() -> None:
    for partition in (Partition(Table.SEAT_GROUPS, "org", "t~a|b:c", 12), Partition(Table.LEDGERS, "o", "", 0)):
        assert rows.read_partition_entry(rows.partition_entry(partition)) == partition
    assert rows.partition_entry(Partition(Table.SEAT_GROUPS, "org", "t", 1)) == "seat_groups\x1forg\x1ft\x1f1"


@pytest.mark.parametrize(
    "entry", ["", "seat_groups\x1forg\x1ft", "seats\x1forg\x1ft\x1f1", "seat_groups\x1fo\x1ft\x1fx"]
)
def test_an_entry_that_names_no_partition_is_an_error(entry: str) -> None:
    with pytest.raises(ValueError, match=r"unpack|Table|invalid literal"):
        rows.read_partition_entry(entry)
