"""The event rows of a hold, and the places in which an index says that they are."""

import pytest

from travio_inventory.kernel.actor import ActorKind
from travio_inventory.kernel.events import Event, Step
from travio_inventory.kernel.trace_context import CURRENT, TraceParent
from travio_inventory.protocol import event_rows
from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey, Table, Write
from travio_inventory.protocol.event_places import FoundEvent, partition_in, place_of, row_id_in, unit_of
from travio_inventory.protocol.hold import Recorded
from travio_inventory.protocol.minute_cursor import Place
from travio_inventory.seats.hold import Held, Hold, HoldId
from travio_inventory.seats.trip import Journey, TripKey

ID = str(HoldId("t", 3, "0" * 32, is_late=False))
HOLD = Hold(
    ID, TripKey("o", "t"), "ann", ("A1",), (3,), Journey(0, 0), 5, "", Held(9), recorded=Recorded(epoch=6, at_ms=1_500)
)
STEP = Step(2, "hold.confirmed", 4, ActorKind.SYSTEM, '{"a":1}')
PARTITION = Partition(Table.SEAT_GROUPS, "o", "t", 3)
KEY = RowKey(Kind.EVENT, f"0000000007~000000000002500~{ID}~2")
VALUES: Row = {
    "type": "hold.confirmed",
    "version": 4,
    "at_ms": 2_500,
    "actor": "system",
    "subject": ID,
    "ordinal": 2,
    "previous_epoch": 6,
    "previous_at_ms": 1_500,
    "data": '{"a":1}',
}


def test_an_event_row_says_what_happened_and_where_the_one_before_is() -> None:
    assert event_rows.event_of(HOLD, STEP, Recorded(7, 2_500)) == Write(KEY, {}, VALUES)
    assert event_rows.before(VALUES) == RowKey(Kind.EVENT, f"0000000006~000000000001500~{ID}~1")
    assert event_rows.epoch_of(KEY) == 7


def test_the_only_event_of_what_is_no_hold_has_none_before_it() -> None:
    only = event_rows.only_event(ID, "trip.cancelled", 4, ActorKind.HOUSE, "{}", Recorded(7, 2_500))
    first = {"ordinal": 0, "previous_epoch": 0, "previous_at_ms": 0}
    said = {"type": "trip.cancelled", "actor": "house", "data": "{}"}
    key = RowKey(Kind.EVENT, f"0000000007~000000000002500~{ID}~0")
    assert only == Write(key, {}, {**VALUES, **first, **said})


def test_events_are_told_in_the_order_of_each_subject() -> None:
    later = {**VALUES, "ordinal": 10}
    of_another = {**VALUES, "subject": f"{ID}+", "ordinal": 0}
    assert sorted([of_another, later, VALUES], key=event_rows.turn_of) == [VALUES, later, of_another]
    assert event_rows.turn_of(VALUES) == (ID, 2)


def test_what_is_published_is_in_the_row() -> None:
    assert event_rows.stable_id(VALUES) == f"{ID}~2"
    assert event_rows.read_event(PARTITION, VALUES) == Event(
        f"{ID}~2", "hold.confirmed", 4, 2_500, ActorKind.SYSTEM, "o", ID, 2, "t", '{"a":1}'
    )


@pytest.mark.parametrize("column", ["type", "data", "subject"])
@pytest.mark.parametrize("lacking", ["", None])
def test_a_row_without_type_subject_or_data_is_no_event(column: str, lacking: str | None) -> None:
    with pytest.raises(ValueError, match=r"^an event without type, subject or data$"):
        event_rows.read_event(PARTITION, {**VALUES, column: lacking})


def test_row_ids_are_in_order_of_epoch_and_time() -> None:
    assert event_rows.id_from(7) == "0000000007~000000000000000"
    assert event_rows.id_from(7, -1) == event_rows.id_from(7)
    assert event_rows.id_from(7, 1) == "0000000007~000000000000001"
    assert event_rows.id_from(7) < KEY.id < event_rows.id_from(8)


def test_names_in_a_place_may_have_spaces() -> None:
    partition = Partition(Table.SEAT_GROUPS, "an organization", "a trip", 3)
    single = place_of(FoundEvent(partition, KEY, VALUES))
    assert (partition_in(single), row_id_in(single)) == (partition, KEY.id)


def test_a_place_is_a_partition_in_an_epoch_or_a_single_event() -> None:
    whole = Place(7, "seat_groups\x1fo\x1ft\x1f3")
    single = place_of(FoundEvent(PARTITION, KEY, VALUES))
    assert single == Place(7, f"{whole.entry}\x1f{KEY.id}")
    assert (partition_in(whole), row_id_in(whole), unit_of(whole)) == (PARTITION, None, PARTITION)
    assert (partition_in(single), row_id_in(single), unit_of(single)) == (PARTITION, KEY.id, single)


@pytest.mark.parametrize("entry", ["rubbish", "seat_groups\x1fo\x1ft", "seat_groups\x1fo\x1ft\x1fx", ""])
def test_a_place_that_names_nothing_readable_is_a_unit_of_its_own(entry: str) -> None:
    place = Place(7, entry)
    assert (partition_in(place), row_id_in(place), unit_of(place)) == (None, None, place)


def test_a_row_id_names_the_subject_and_the_ordinal() -> None:
    assert event_rows.named_in(KEY.id) == (ID, 2)


@pytest.mark.parametrize("row_id", ["", "odd", "1~2~subject~odd"])
def test_another_id_is_not_an_events(row_id: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - what is said of it goes nowhere
        event_rows.named_in(row_id)


@pytest.mark.parametrize("state", ["", "a=1,b=2 3"])
@pytest.mark.parametrize("is_sampled", [True, False])
def test_the_trace_of_the_moment_is_in_the_row_and_in_the_event(state: str, is_sampled: bool) -> None:
    trace = TraceParent("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", is_sampled, state)
    token = CURRENT.set(trace)
    try:
        for written in (
            event_rows.event_of(HOLD, STEP, Recorded(7, 2_500)),
            event_rows.only_event(ID, "trip.cancelled", 4, ActorKind.HOUSE, "{}", Recorded(7, 2_500)),
        ):
            assert written.values["trace"] == (f"{trace} {state}" if state else str(trace))
            event = event_rows.read_event(PARTITION, written.values)
            assert (event.traceparent, event.tracestate) == (str(trace), state)
    finally:
        CURRENT.reset(token)
