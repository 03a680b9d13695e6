"""What is in stores already is read by every later release: forms that must not change, each with its value of today.

Where one of these tests fails, a seat that is sold, or a key that is bound, would not be found any more.
"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.ids import fault_of
from travio_inventory.protocol import event_rows, index_entries, minute_cursor, rows
from travio_inventory.protocol.batches import Index, IndexEntry, Kind, Partition, Row, RowKey, Table
from travio_inventory.protocol.retention import Retention
from travio_inventory.seats.events import EventType
from travio_inventory.seats.hold import (
    NEVER_MS,
    Confirmed,
    Held,
    Hold,
    HoldId,
    HoldRequest,
    Recorded,
    base_id,
    late_id,
    parse_hold_id,
)
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.seats import Seats
from travio_inventory.seats.refusals import TakenCell
from travio_inventory.seats.route import Segment
from travio_inventory.seats.trip import Journey, Trip, TripKey, read_definition
from verification.kit.legal_ids import legal_ids, several

TRIP = Trip(
    TripKey("org", "t1"),
    (Segment("A", "B", 10, 20), Segment("B", "C", 30, 40)),
    tuple(Seat(f"{row}{column}", f"no {row}{column}", row, "BA".index(column)) for row in (2, 1) for column in "AB"),
    seats_per_group=2,
    vehicle="bus",
    vehicle_type="coach",
    currency="BDT",
)
DEFINITION = (
    '{"organization":"org","trip":"t1","segments":[["A","B",10,20],["B","C",30,40]],'
    '"seats":[["1B","no 1B",1,0,"","",0,false,false,false],["1A","no 1A",1,1,"","",0,false,false,false],'
    '["2B","no 2B",2,0,"","",0,false,false,false],["2A","no 2A",2,1,"","",0,false,false,false]],'
    '"seats_per_group":2,"vehicle":"bus","vehicle_type":"coach","currency":"BDT"}'
)
HOLD_ID = "t1~1~b0c6a04d9e1fbd4bb3ff4f9d5f0b1a37"
ANN = Actor("org", "ann")


def test_a_definition_is_written_as_ever_and_read_as_ever() -> None:
    assert TRIP.definition == DEFINITION
    assert read_definition(DEFINITION) == TRIP


def test_a_definition_of_a_release_that_knew_less_is_read_with_defaults() -> None:
    """Fields are only ever added, at the end."""
    assert read_definition(
        DEFINITION.replace(',"","",0,false,false,false]', "]").replace(',"currency":"BDT"', "")
    ) == Trip(TRIP.key, TRIP.segments, TRIP.seats, seats_per_group=2, vehicle="bus", vehicle_type="coach")


def test_each_seat_stays_in_its_seat_group() -> None:
    """By layout order: row, column, id."""
    assert [(seat.id, TRIP.group_of(seat.id)) for seat in TRIP.seats] == [("1B", 0), ("1A", 0), ("2B", 1), ("2A", 1)]
    assert seat_rows.group_partition(TRIP.key, 1) == Partition(Table.SEAT_GROUPS, "org", "t1", 1)
    assert seat_rows.cell_keys(["2B"], Journey(0, 1)) == [RowKey(Kind.CELL, "2B", 0), RowKey(Kind.CELL, "2B", 1)]


def test_the_id_of_a_hold_says_where_it_is() -> None:
    assert parse_hold_id(HOLD_ID) == HoldId("t1", 1, HOLD_ID[-32:], is_late=False)
    assert str(parse_hold_id(HOLD_ID)) == HOLD_ID
    assert late_id(HOLD_ID) == f"{HOLD_ID}~late"
    assert base_id(f"{HOLD_ID}~late") == HOLD_ID
    assert seat_rows.home_partition("org", f"{HOLD_ID}~late") == Partition(Table.SEAT_GROUPS, "org", "t1", 1)


def test_a_key_knows_its_request() -> None:
    request = HoldRequest(ANN, TRIP, Journey(0, 1), ("1A", "2B"), 600_000, "key")
    assert request.fingerprint == "238f03e1cb2ddbf454965e41df71e0a7"
    assert rows.ledger_partition(ANN) == Partition(Table.LEDGERS, "org", "ann")


def test_the_rows_of_a_hold_are_written_as_ever() -> None:
    hold = Hold(HOLD_ID, TRIP.key, "ann", ("1A", "2B"), (0, 1), Journey(0, 1), 1_000, "claimant", Held(601_000))
    hold = replace(hold, prices=(900, 1_100), currency="BDT")
    row: Row = {
        "status": "held",
        "holder": "ann",
        "claimant": "claimant",
        "seats": "0 1A\n1 2B",
        "prices": "BDT 900 1100",
        "first_segment": 0,
        "last_segment": 1,
        "created_at_ms": 1_000,
        "extensions": 0,
        "expires_at_ms": 601_000,
    }
    assert seat_rows.hold_row(hold).items() >= row.items()
    assert seat_rows.read_hold("org", HOLD_ID, row) == hold
    assert rows.recorded(Recorded(7, 1_000)) == {"event_epoch": 7, "event_at_ms": 1_000}
    event = Seats().event(hold, Recorded(7, 1_000))
    assert event.key == RowKey(Kind.EVENT, f"0000000007~000000000001000~{HOLD_ID}~0")
    booking = replace(hold, id=late_id(HOLD_ID), state=Confirmed("o"), recorded=Recorded(7, 1_000))
    assert event_rows.before(Seats().event(booking, Recorded(9, 2_000)).values) == event.key


def test_texts_that_rows_are_found_by() -> None:
    assert sorted(Table) == [
        "cursors", "dead_letters", "inbox", "ledgers", "seat_groups", "seat_plans", "stock", "trips", "waitlists",
        "warehouses",
    ]  # fmt: skip
    assert {"cell", "hold", "event", "key", "slot", "trip", "tail", "entry", "cursor"} <= set(Kind)
    assert {"expiry", "journal", "holds", "waitlists"} <= set(Index)
    assert sorted(EventType) == [
        "booking.cancelled", "booking.changed", "hold.changed", "hold.created", "hold.expired", "hold.extended",
        "hold.released", "passengers.erased", "payment.refund_required",
        "seats.blocked", "seats.purchased", "seats.unblocked", "trip.cancelled",
        "trip.vehicle_swapped",
    ]  # fmt: skip
    assert NEVER_MS == 9_007_199_254_740_991, "the expiry of what the house has taken off sale"


def test_an_index_names_seat_groups_and_minutes_as_ever() -> None:
    group = seat_rows.group_partition(TRIP.key, 1)
    named, retention = "seat_groups\x1forg\x1ft1\x1f1", Retention()
    assert index_entries.due(group, 1_800_000_059_999, retention) == IndexEntry(
        Index.EXPIRY, "0030000000", named, retention.entries_s
    )
    assert index_entries.recorded(group, 7, retention) == IndexEntry(
        Index.JOURNAL, "0000000007", named, retention.entries_s
    )
    assert rows.read_partition_entry("seat_groups\x1forg\x1ft1\x1f1") == group


@pytest.mark.parametrize("trip", ["a~b", "~", "~late", "a~0~late", f"t1~1~{'1' * 32}"])
def test_the_id_of_a_hold_is_read_from_its_end(trip: str) -> None:
    """Its trip may be any text, even one like another hold."""
    assert parse_hold_id(f"{trip}~7~{'0' * 32}") == HoldId(trip, 7, "0" * 32, is_late=False)
    assert parse_hold_id(f"{trip}~7~{'0' * 32}~late") == HoldId(trip, 7, "0" * 32, is_late=True)


@pytest.mark.parametrize("joins", [rows.SEPARATOR, minute_cursor.CARRIED, "\n"])
def test_what_joins_ids_is_part_of_none(joins: str) -> None:
    assert "control characters" in fault_of(f"a{joins}b")


# ---- any ids


@given(legal_ids, st.integers(0, 5_000), st.booleans())
def test_the_id_of_a_hold_says_its_trip_whatever_its_name(trip: str, home: int, is_late: bool) -> None:
    hold_id = HoldId(trip, home, "0" * 32, is_late)
    assert parse_hold_id(str(hold_id)) == hold_id


@given(several(12), st.integers(0, 63))
def test_rows_give_back_the_seats_that_they_were_given(ids: list[str], segment: int) -> None:
    organization, trip, *seats = ids
    groups = tuple(range(len(seats)))
    hold_id = str(HoldId(trip, 0, "0" * 32, is_late=False))
    key = TripKey(organization, trip)
    hold = Hold(hold_id, key, "ann", tuple(seats), groups, Journey(0, segment), 1_000, "claimant", Held(601_000))
    assert seat_rows.read_hold(organization, hold_id, seat_rows.hold_row(hold)) == hold
    taken = [TakenCell(seat, segment, "sold", "claimant", hold_id, 7) for seat in seats]
    assert seat_rows.read_taken({"taken": seat_rows.taken_text(taken)}) == taken
    group = seat_rows.group_partition(key, 5)
    assert rows.read_partition_entry(rows.partition_entry(group)) == group
