"""No two ids have the same key, in any store, index, edge or digest."""

from collections.abc import Callable, Iterable, Sequence
from itertools import permutations
from typing import NamedTuple

import pytest
from hypothesis import given, settings

from travio_inventory.edge import keys
from travio_inventory.kernel import ids as kernel_ids
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.incoming import Incoming
from travio_inventory.protocol import event_rows, listings, rows, told_notes
from travio_inventory.protocol.batches import FOR_EVER, IndexEntry, Partition, RowKey, Table
from travio_inventory.protocol.dead_letter_rows import LetterList, Way
from travio_inventory.protocol.dead_letters import letter_partition
from travio_inventory.protocol.hold import is_id_at
from travio_inventory.protocol.inbox import inbox_partition
from travio_inventory.seats.hold import (
    NEVER_MS,
    Confirmed,
    Held,
    Hold,
    HoldId,
    HoldRequest,
    Recorded,
    base_id,
    claimant_of,
    late_id,
    parse_hold_id,
)
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.ports import Cell, SeatGroupKey
from travio_inventory.seats.records import listed_trips, seat_rows, trip_rows, waitlists
from travio_inventory.seats.records.list_turns import entry_key
from travio_inventory.seats.records.seat_plans import plan_partition
from travio_inventory.seats.refusals import TakenCell
from travio_inventory.seats.route import Segment
from travio_inventory.seats.seat_plan import PlanKey
from travio_inventory.seats.trip import Journey, Trip, TripKey
from travio_inventory.stock.records import stock_rows, warehouses
from travio_inventory.store.sqlite.statements import partition_text
from verification.kit.legal_ids import confusable

DIGEST = "0" * 32
AT = Recorded(7, 8)


class Keys(NamedTuple):
    """Makes the keys of this number of ids: all in one space, in which no two may be equal."""

    ids: int
    make: Callable[..., Iterable[object]]


def a_trip(key: TripKey, *seats: str) -> Trip:
    """One segment, these seats, as it is stored."""
    return Trip(key, (Segment("x", "y"),), tuple(Seat(seat, "", 0, 0) for seat in seats), is_stored=True)


def gate(organization: str, trip: str, name: str) -> Iterable[bytes]:
    """Every key of the edge for one seat, hold, or claimant of that name."""
    for number in (0, 1, 11):
        group = SeatGroupKey(TripKey(organization, trip), number)
        cells = [Cell(name, segment) for segment in (0, 1, 11)]
        yield from keys.lock_keys(group, cells)
        yield from keys.taken_keys(group, cells)
        yield keys.left_key(group, name)
        yield keys.known_key(group, name)


def partitions(one: str, other: str) -> Iterable[Partition]:
    """Those of a trip, of a holder, of an organization's trip definition and seat plan, of an event that came in, of a
    dead letter, of what lies in a warehouse.
    """
    key = TripKey(one, other)
    yield from (seat_rows.group_partition(key, number) for number in (0, 1, 11))
    yield rows.ledger_partition(Actor(one, other))
    yield trip_rows.partition(key)
    yield plan_partition(PlanKey(one, other))
    yield inbox_partition(Incoming(one, other, "t", 0, "", {}))
    yield letter_partition(LetterList(Way.IN, one), other)
    yield from (stock_rows.place(one, other, warehouse) for warehouse in (1, 2, 11))


def listed(organization: str, holder: str, trip: str) -> Iterable[IndexEntry]:
    """The entries of holds and bookings of that holder."""
    for number in (0, 1):
        hold_id = str(HoldId(trip, number, DIGEST, is_late=False))
        for at_ms in (0, 1, 10):
            yield listings.held(organization, holder, hold_id, at_ms, keep_s=FOR_EVER)
            of = organization, holder, hold_id, at_ms
            among_holds, among_bookings, _ = listings.booked(*of, order="o", keep_s=FOR_EVER)
            yield among_holds
        yield among_bookings


def hold_rows(trip: str) -> Iterable[RowKey]:
    """The rows of holds, of their late bookings, and of their events."""
    for number in (0, 1, 11):
        hold_id = str(HoldId(trip, number, DIGEST, is_late=False))
        yield rows.hold_key(hold_id)
        yield rows.hold_key(late_id(hold_id))
        yield from (event_rows.key_of(base_id(hold_id), ordinal, AT) for ordinal in (0, 1, 11))


def entries(organization: str, trip: str) -> Iterable[object]:
    """How indexes name a seat group, and the trip itself."""
    key = TripKey(organization, trip)
    for number in (0, 1, 11):
        yield rows.partition_entry(seat_rows.group_partition(key, number))
        yield told_notes.bucket_of("sink", seat_rows.group_partition(key, number), 1)
    yield listed_trips.listed(a_trip(key, "s"), 1).entry


SPACES: dict[str, Keys] = {
    "gate": Keys(3, gate),
    "seat maps": Keys(2, lambda one, other: [keys.map_key(TripKey(one, other))]),
    "partitions": Keys(2, partitions),
    "partitions on SQLite": Keys(
        2, lambda one, other: [(each.table, partition_text(each)) for each in partitions(one, other)]
    ),
    "waiting lists": Keys(
        3, lambda organization, trip, of: [waitlists.list_partition(TripKey(organization, trip), of)]
    ),
    "waiting lists on SQLite": Keys(
        3, lambda organization, trip, of: [partition_text(waitlists.list_partition(TripKey(organization, trip), of))]
    ),
    "warehouses": Keys(1, lambda organization: [warehouses._partition(organization)]),
    "lists of holds": Keys(3, listed),
    "entries": Keys(2, entries),
    "rows of holds": Keys(1, hold_rows),
    "rows of cells": Keys(1, lambda seat: seat_rows.cell_keys([seat], Journey(0, 11))),
    "rows of who waits": Keys(1, lambda holder: [entry_key(holder)]),
    "claimants": Keys(
        3,
        lambda organization, user, key: [
            claimant_of(Actor(organization, user), key),
            claimant_of(Actor(organization, user), None, key),
        ],
    ),
}


def clashes(space: Keys, ids: Sequence[str]) -> list[object]:
    """The keys that two different lists of ids share, or that one list has twice."""
    made: set[object] = set()
    twice: list[object] = []
    for chosen in permutations(ids, space.ids):
        for key in space.make(*chosen):
            if key in made:
                twice.append((chosen, key))
            made.add(key)
    return twice


@pytest.mark.parametrize("space", SPACES)
@settings(max_examples=30)
@given(confusable())
def test_no_two_lists_of_ids_share_a_key(space: str, ids: list[str]) -> None:
    assert clashes(SPACES[space], ids) == []


def test_each_table_that_is_named_by_ids_is_here() -> None:
    """Cursors are named by the service alone."""
    made = [
        *partitions("a", "b"),
        waitlists.list_partition(TripKey("a", "b"), "c"),
        warehouses._partition("a"),
    ]
    assert {each.table for each in made} == {*Table} - {Table.CURSORS}, "add its keys to SPACES"


@pytest.mark.once
@settings(max_examples=60)
@given(confusable())
def test_no_two_requests_share_a_fingerprint(ids: list[str]) -> None:
    """Nor with journeys and times whose numbers could be taken for seats."""
    asked: dict[str, object] = {}
    for trip, one, other in permutations(ids, 3):
        for seats in ((one,), (one, other)):
            held = a_trip(TripKey("o", trip), *seats)
            for journey in (Journey(0, 1), Journey(0, 11), Journey(1, 1)):
                for asked_s in (0, 1, 11):
                    request = HoldRequest(Actor("o", "u"), held, journey, seats, 1, None, asked_s)
                    what = (trip, {*seats}, journey, asked_s)
                    assert asked.setdefault(request.fingerprint, what) == what


@pytest.mark.once
@settings(max_examples=60)
@given(confusable())
def test_ids_that_are_stored_in_one_text_are_split_again(ids: list[str]) -> None:
    """In entries, in rows, in the ids of holds, in lists of ids."""
    for one, other, third in permutations(ids, 3):
        key = TripKey(one, other)
        group = seat_rows.group_partition(key, 11)
        assert rows.read_partition_entry(rows.partition_entry(group)) == group
        name = rows.SEPARATOR.join((*key, third))
        assert waitlists._named(name) == (key, third)
        hold_id = HoldId(other, 11, DIGEST, is_late=False)
        assert parse_hold_id(str(hold_id)) == hold_id
        assert parse_hold_id(late_id(str(hold_id))) == hold_id._replace(is_late=True)
        assert [is_id_at(str(hold_id), *at) for at in ((one, 11), (other, 11), (other, 1))] == [
            one == other,
            True,
            False,
        ]
        assert not is_id_at(late_id(str(hold_id)), other, 11)
        assert base_id(late_id(str(hold_id))) == base_id(str(hold_id)) == str(hold_id)
        for entry in listed(one, third, other):
            assert isinstance(entry, IndexEntry)
            assert parse_hold_id(listings.hold_of(entry.entry)).name == other
        for state in (Held(NEVER_MS), Confirmed(third)):
            hold = Hold(str(hold_id), key, third, (one, third), (0, 11), Journey(0, 1), 1, "claimant", state)
            assert seat_rows.read_hold(one, hold.id, seat_rows.hold_row(hold)) == hold
        cells = [TakenCell(seat, 11, "held", "claimant", str(hold_id), 5) for seat in (one, third)]
        assert seat_rows.read_taken({"taken": seat_rows.taken_text(cells)}) == cells
        assert kernel_ids.split_ids(kernel_ids.join_ids([one, other, third])) == [one, other, third]
