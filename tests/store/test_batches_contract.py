"""What every store must do: each sentence of the port's contract."""

import asyncio
import itertools
import time
import unicodedata
from collections.abc import Sequence
from random import Random
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.partitions import Group, index_entry, new_partition
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Batches,
    Condition,
    Index,
    Kind,
    NotDone,
    Outcome,
    Partition,
    Refused,
    Row,
    RowKey,
    Table,
    Write,
)
from travio_inventory.protocol.tables import COLUMNS, TABLES, TYPES, Type
from travio_inventory.store.memory import MemoryBatches

HOLD = RowKey(Kind.HOLD, "hold-1")
EVENT = RowKey(Kind.EVENT, "event-1")
A1 = RowKey(Kind.CELL, "A1", 0)
A2 = RowKey(Kind.CELL, "A2", 0)
FREE: Row = {"status": "available"}
HELD: Row = {"status": "held", "owner": "hold-1", "until_ms": 5}
TOLD: Row = {"type": "hold.created"}
BORN: Row = {"status": "held", "holder": "ann", "expires_at_ms": 5}
ODD_IDS = [
    "e\u0301",
    "\u00e9",
    "a b",
    "'; DROP TABLE rows; --",
    "\u202eabc",
    "\U0001f683",
    "\uffff",
    "~",
    "%_*?",
    "\u05d0",
]


@pytest.mark.parametrize(
    ("condition", "is_met"),
    [
        (ABSENT, True),
        ({}, True),
        ({"status": None}, True),
        ({"status": None, "until_ms": None}, True),
        ({"status": "available"}, False),
        ({"until_ms": 0}, False),
        ({"status": None, "owner": ""}, False),
    ],
)
async def test_on_a_missing_row_only_absence_and_null_are_true(
    group: Group, condition: Condition, is_met: bool
) -> None:
    outcome = await group.apply(Write(A1, condition, HELD))
    assert isinstance(outcome, Applied if is_met else Refused)
    assert await group.get(A1) == ({A1: HELD} if is_met else {})


@pytest.mark.parametrize(
    ("condition", "is_met"),
    [
        (ABSENT, False),
        ({}, True),
        ({"status": "held"}, True),
        ({"status": "held", "owner": "hold-1", "until_ms": 5}, True),
        ({"status": "held", "since_ms": None}, True),
        ({"since_ms": None}, True),
        ({"status": None}, False),
        ({"status": "Held"}, False),
        ({"status": "held", "owner": "hold-2"}, False),
        ({"owner": ""}, False),
        ({"since_ms": 0}, False),
        ({"until_ms": 6}, False),
    ],
)
async def test_on_a_row_every_column_of_the_condition_counts(group: Group, condition: Condition, is_met: bool) -> None:
    await group.stands(Write(A1, {}, HELD))
    outcome = await group.apply(Write(A1, condition, {"status": "sold"}))
    assert isinstance(outcome, Applied if is_met else Refused)
    assert await group.row(A1) == ({**HELD, "status": "sold"} if is_met else HELD)


async def test_an_empty_condition_makes_or_changes_the_row(group: Group) -> None:
    await group.stands(Write(A1, {}, {"status": "available", "until_ms": 1}))
    await group.stands(Write(A1, {}, {"until_ms": 2, "owner": "x"}))
    assert await group.row(A1) == {"status": "available", "until_ms": 2, "owner": "x"}


async def test_a_null_value_clears_the_column_and_no_other(group: Group) -> None:
    await group.stands(Write(A1, {}, HELD))
    await group.stands(Write(A1, {"owner": "hold-1"}, {"owner": None, "status": "available"}))
    assert await group.row(A1) == {"status": "available", "until_ms": 5}
    await group.stands(Write(A1, {"owner": None}, {"owner": "hold-2"}))


async def test_null_values_do_not_make_a_row(group: Group) -> None:
    await group.stands(Write(A1, {"status": None}, {"owner": None}), Write(HOLD, ABSENT, {"status": "held"}))
    assert await group.get(A1, HOLD) == {HOLD: {"status": "held"}}


def partition_of(table: Table) -> Partition:
    """One of that table, which nobody else has."""
    return Partition(table, "store-tests" if TABLES[table].organization else "", uuid4().hex)


KINDS = [(table, kind) for table, declared in TABLES.items() for kind in declared.kinds]


@pytest.mark.parametrize(("table", "kind"), KINDS)
async def test_every_column_of_every_kind_keeps_what_it_is_given(store: Batches, table: Table, kind: Kind) -> None:
    group, key = Group(store, partition_of(table)), RowKey(kind, "x")
    row: Row = {
        name: f"text {name}" if TYPES[name] is Type.TEXT else number
        for number, name in enumerate(COLUMNS[kind], start=7)
    }
    await group.stands(Write(key, ABSENT, row))
    assert await group.row(key) == row
    assert await store.read(group.partition, kind) == {key: row}
    (first, value), *_ = row.items()
    await group.stands(Write(key, row, dict.fromkeys(row) | {first: value}))
    assert await group.row(key) == {first: value}


@pytest.mark.parametrize("table", Table)
@pytest.mark.parametrize("kind", Kind)
async def test_a_row_of_a_kind_or_with_a_column_that_its_table_does_not_have_is_refused(
    store: Batches, table: Table, kind: Kind
) -> None:
    """Whether it is asked or set, alone or beside others; and nothing of the batch is done."""
    group, key = Group(store, partition_of(table)), RowKey(kind, "x")
    declared = TABLES[table].kinds.get(kind)
    known = {column.name for column in declared.columns} if declared else set[str]()
    other = RowKey(next(iter(TABLES[table].kinds)), "y")
    for name in [*(TYPES.keys() - known), "colour"]:
        for write in (
            Write(key, ABSENT, {name: 1}), Write(key, {}, {name: 1}), Write(key, {name: None}, {}),
            Write(key, {name: None}, {name: 1}), Write(key, {name: 1}, {name: None}),
        ):  # fmt: skip
            for batch in ([write], [Write(other, ABSENT, {}), write]):
                with pytest.raises(ValueError, match=f"{table} ha|{name}"):
                    await group.apply(*batch)
    assert await group.get(other) == {}
    if declared is None:
        with pytest.raises(ValueError, match=f"{table} has no rows of kind {kind}"):
            await store.read(group.partition, kind)


@pytest.mark.parametrize("table", [table for table in Table if table is not Table.SEAT_GROUPS])
async def test_a_partition_or_a_segment_that_the_table_has_no_column_for_is_refused(
    store: Batches, table: Table
) -> None:
    group, (kind, *_) = Group(store, partition_of(table)), TABLES[table].kinds
    with pytest.raises(ValueError, match=f"{table} has no segments"):
        await group.apply(Write(RowKey(kind, "x", 1), ABSENT, {}))
    with pytest.raises(ValueError, match=f"{table} has no such partition"):
        await store.apply(group.partition._replace(number=1), [Write(RowKey(kind, "x"), ABSENT, {})])
    with pytest.raises(ValueError, match=f"{table} has no such partition"):
        await store.get(group.partition._replace(number=1), [RowKey(kind, "x")])
    with pytest.raises(ValueError, match=f"{table} has no such partition"):
        await store.read(group.partition._replace(number=1), kind)


@pytest.mark.parametrize("number", [0, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)])
async def test_integers_are_64_bits_wide(group: Group, number: int) -> None:
    await group.stands(Write(HOLD, ABSENT, {"expires_at_ms": number}))
    await group.refused(Write(HOLD, {"expires_at_ms": number + (1 if number < 0 else -1)}, {"expires_at_ms": 1}))
    await group.stands(Write(HOLD, {"expires_at_ms": number}, {"extensions": number}))
    assert await group.row(HOLD) == {"expires_at_ms": number, "extensions": number}


@pytest.mark.parametrize("text", ["", " ", "A1,A2", "1", "null", "\U0001f683 e\u0301", "x" * 20_000])
async def test_a_text_comes_back_as_it_was_and_is_equal_only_to_itself(group: Group, text: str) -> None:
    await group.stands(Write(HOLD, ABSENT, {"seats": text}))
    await group.refused(Write(HOLD, {"seats": text + " "}, {"seats": "other"}))
    await group.refused(Write(HOLD, {"seats": None}, {"seats": "other"}))
    await group.stands(Write(HOLD, {"seats": text}, {"status": "seen"}))
    assert await group.row(HOLD) == {"seats": text, "status": "seen"}


@pytest.mark.parametrize("met", range(4))
async def test_one_condition_that_is_not_met_undoes_all_wherever_it_stands(group: Group, met: int) -> None:
    """The one that fails is in every place, and there are writes of every sort before and after it."""
    await group.stands(Write(A1, {}, FREE), Write(A2, {}, HELD))
    good = [Write(HOLD, ABSENT, BORN), Write(A1, FREE, HELD), Write(EVENT, {}, {"subject": "hold-1"})]
    before = await group.get(A1, A2, HOLD, EVENT)
    await group.refused(*good[:met], Write(A2, FREE, {"status": "held", "owner": "hold-9"}), *good[met:])
    assert await group.get(A1, A2, HOLD, EVENT) == before == {A1: FREE, A2: HELD}
    await group.stands(*good)


@pytest.mark.parametrize("spoilt", range(4))
async def test_a_seats_neighbouring_cells_are_taken_together_or_not_at_all(group: Group, spoilt: int) -> None:
    """A journey's cells ask and set the very same. One of them is taken, or not there: none is taken."""
    cells = [RowKey(Kind.CELL, "A1", segment) for segment in range(4)]
    taken: Row = {**HELD, "since_ms": 1}
    for others in (Write(cells[spoilt], {}, {"status": "held", "owner": "hold-9"}), None):
        await group.stands(*(Write(cell, {}, FREE) for cell in cells if cell != cells[spoilt]))
        if others is not None:
            await group.stands(others)
        before = await group.get(*cells)
        assert await group.refused(*(Write(cell, FREE, taken) for cell in cells)) == before
        assert await group.get(*cells) == before
        group = Group(group.store, new_partition())
    await group.stands(*(Write(cell, {}, FREE) for cell in cells))
    await group.stands(*(Write(cell, FREE, taken) for cell in cells))
    assert await group.get(*cells) == dict.fromkeys(cells, taken)


async def test_a_refusal_shows_the_rows_that_stand_whole_and_no_others(group: Group) -> None:
    """Also rows whose own condition was met, and rows after the one that failed. EVENT is missing, HOLD not named."""
    await group.stands(Write(A1, {}, FREE), Write(A2, {}, {**HELD, "since_ms": 3}), Write(HOLD, ABSENT, BORN))
    rows = await group.refused(
        Write(EVENT, ABSENT, {"type": "hold.created"}), Write(A2, FREE, HELD), Write(A1, FREE, HELD)
    )
    assert rows == {A1: FREE, A2: {**HELD, "since_ms": 3}}


async def test_a_refusal_may_leave_out_what_nothing_was_asked_of(group: Group) -> None:
    await group.stands(Write(A1, {}, HELD), Write(A2, {}, FREE), Write(EVENT, {}, {"type": "old"}))
    for others in ((Write(HOLD, ABSENT, BORN),), ()):
        rows = await group.refused(*others, Write(EVENT, {}, {"type": "new"}), Write(A1, FREE, HELD))
        assert rows in ({A1: HELD}, {A1: HELD, EVENT: {"type": "old"}})


async def test_a_refusal_with_nothing_there_shows_nothing(group: Group) -> None:
    assert await group.refused(Write(A1, FREE, HELD), Write(A2, FREE, HELD)) == {}


async def test_absence_fails_on_any_row_that_stands(group: Group) -> None:
    await group.stands(Write(HOLD, ABSENT, {"status": "aborted"}))
    assert await group.refused(Write(HOLD, ABSENT, BORN)) == {HOLD: {"status": "aborted"}}
    assert await group.refused(Write(HOLD, ABSENT, {"status": "aborted"})) == {HOLD: {"status": "aborted"}}


async def test_conditions_see_the_rows_as_they_were_before(group: Group) -> None:
    """Two cells swap owners: each condition holds only before the other write."""
    await group.stands(Write(A1, {}, {"owner": "x"}), Write(A2, {}, {"owner": "y"}))
    await group.stands(Write(A1, {"owner": "x"}, {"owner": "y"}), Write(A2, {"owner": "y"}, {"owner": "x"}))
    assert await group.get(A1, A2) == {A1: {"owner": "y"}, A2: {"owner": "x"}}


async def test_the_same_batch_again_is_judged_anew(group: Group) -> None:
    await group.stands(Write(A1, {}, FREE))
    batch = (Write(HOLD, ABSENT, BORN), Write(A1, FREE, HELD))
    await group.stands(*batch)
    assert await group.refused(*batch) == {HOLD: BORN, A1: HELD}


async def test_rows_of_one_id_differ_by_kind_and_segment(group: Group) -> None:
    keys = [RowKey(Kind.CELL, "A1", segment) for segment in range(3)] + [RowKey(Kind.HOLD, "A1")]
    await group.stands(*(Write(key, ABSENT, {"status": str(place)}) for place, key in enumerate(keys)))
    assert await group.get(*keys) == {key: {"status": str(place)} for place, key in enumerate(keys)}


async def test_get_leaves_out_what_is_not_there(group: Group) -> None:
    await group.stands(Write(A1, {}, FREE))
    assert await group.get() == {}
    assert await group.get(HOLD, A1, A2) == {A1: FREE}


async def test_read_gives_one_kind_in_the_order_of_id_and_segment(group: Group) -> None:
    keys = [RowKey(Kind.CELL, seat, segment) for seat in ("B10", "B2", "B", "a") for segment in (10, 9, 0, 1)]
    await group.stands(*(Write(key, {}, FREE) for key in keys), Write(HOLD, ABSENT, BORN))
    rows = await group.store.read(group.partition, Kind.CELL)
    assert list(rows) == sorted(keys)
    assert set(map(repr, rows.values())) == {repr(FREE)}
    assert await group.ids(Kind.EVENT) == []


@pytest.mark.parametrize(
    ("start", "end", "ids"),
    [
        ("", "", ["a", "b", "b~1", "c"]),
        ("b", "", ["b", "b~1", "c"]),
        ("b0", "", ["b~1", "c"]),
        ("d", "", []),
        ("", "b", ["a"]),
        ("a", "b~1", ["a", "b"]),
        ("b", "b", []),
        ("c", "a", []),
    ],
)
async def test_read_takes_a_range_that_begins_at_start_and_ends_before_end(
    group: Group, start: str, end: str, ids: list[str]
) -> None:
    await group.stands(*(Write(RowKey(Kind.EVENT, name), {}, TOLD) for name in ("c", "a", "b~1", "b")))
    assert await group.ids(Kind.EVENT, start=start, end=end) == ids


async def test_odd_ids_are_kept_apart_and_in_the_order_of_their_code_points(group: Group) -> None:
    assert unicodedata.normalize("NFC", ODD_IDS[0]) == ODD_IDS[1]
    await group.stands(*(Write(RowKey(Kind.HOLD, odd), ABSENT, {"holder": odd}) for odd in ODD_IDS))
    assert await group.ids(Kind.HOLD) == sorted(ODD_IDS)
    for odd in ODD_IDS:
        assert await group.row(RowKey(Kind.HOLD, odd)) == {"holder": odd}


@pytest.mark.parametrize(
    "names",
    list(
        itertools.combinations([("a:b", "c"), ("a", "b:c"), ("a/b", "c"), ("a", "b/c"), ("a~b", "c"), ("a", "b~c")], 2)
    ),
)
async def test_partitions_of_names_that_look_alike_are_apart(
    store: Batches, names: tuple[tuple[str, str], tuple[str, str]]
) -> None:
    own = uuid4().hex
    one, other = (Partition(Table.SEAT_GROUPS, f"{own}{organization}", name) for organization, name in names)
    assert isinstance(await store.apply(one, [Write(A1, ABSENT, FREE)]), Applied)
    assert await store.get(other, [A1]) == await store.read(other, Kind.CELL) == {}
    assert isinstance(await store.apply(other, [Write(A1, ABSENT, HELD)]), Applied)
    assert await store.get(one, [A1]) == {A1: FREE}


async def test_partitions_differ_by_table_and_number(store: Batches) -> None:
    base = new_partition()
    others = [(Table.LEDGERS, Kind.SLOT), (Table.WAITLISTS, Kind.ENTRY)]
    rows = [(base._replace(number=number), Kind.HOLD) for number in (0, 4, 33)]
    rows += [(base._replace(table=table, number=0), kind) for table, kind in others]
    for place, (partition, kind) in enumerate(rows):
        outcome = await store.apply(partition, [Write(RowKey(kind, "x"), ABSENT, {COLUMNS[kind][0]: str(place)})])
        assert isinstance(outcome, Applied)
    found = [await store.get(partition, [RowKey(kind, "x")]) for partition, kind in rows]
    assert found == [{RowKey(kind, "x"): {COLUMNS[kind][0]: str(place)}} for place, (_, kind) in enumerate(rows)]


async def test_an_index_entry_is_found_in_its_bucket_only_and_once(group: Group) -> None:
    bucket = uuid4().hex
    for entry in ("b", "a", "b", "\U0001f683", "B"):
        await group.apply(Write(EVENT, {}, TOLD), entries=[index_entry(entry, bucket), index_entry("z", f"{bucket}0")])
    assert list(await group.store.read_index(Index.EXPIRY, bucket)) == ["B", "a", "b", "\U0001f683"]
    assert list(await group.store.read_index(Index.JOURNAL, bucket)) == []
    assert list(await group.store.read_index(Index.EXPIRY, f"{bucket}0")) == ["z"]


@pytest.mark.parametrize(("most", "entries"), [(None, 9), (0, 0), (4, 4), (9, 9), (50, 9)])
async def test_index_entries_are_given_up_to_the_number_asked_for(group: Group, most: int | None, entries: int) -> None:
    bucket = uuid4().hex
    await group.apply(Write(EVENT, {}, TOLD), entries=[index_entry(str(number), bucket) for number in range(9)])
    found = await group.store.read_index(Index.EXPIRY, bucket, most=most)
    assert list(found) == [str(number) for number in range(entries)]


async def test_a_bucket_is_read_on_from_where_one_stopped(group: Group) -> None:
    bucket = uuid4().hex
    await group.apply(Write(EVENT, {}, TOLD), entries=[index_entry(str(number), bucket) for number in range(9)])
    for after, most, found in (("3", 2, "45"), ("35", 2, "45"), ("7", 9, "8"), ("8", 9, ""), ("6", None, "78")):
        assert "".join(await group.store.read_index(Index.EXPIRY, bucket, after=after, most=most)) == found


async def test_the_index_entries_of_a_refused_batch_are_kept(group: Group) -> None:
    bucket = uuid4().hex
    outcome = await group.apply(
        Write(A1, FREE, HELD),
        Write(A2, FREE, HELD),
        entries=[index_entry("x", bucket), index_entry("y", bucket, Index.JOURNAL)],
    )
    assert isinstance(outcome, Refused)
    assert list(await group.store.read_index(Index.EXPIRY, bucket)) == ["x"]
    assert list(await group.store.read_index(Index.JOURNAL, bucket)) == ["y"]


async def test_what_follows_a_batch_is_added_once_it_is_applied(group: Group) -> None:
    bucket = uuid4().hex
    refused = await group.apply(Write(A1, FREE, HELD), entries=[index_entry("refused", bucket, Index.HOLDS)])
    assert isinstance(refused, Refused)
    assert list(await group.store.read_index(Index.HOLDS, bucket)) == []
    await group.apply(Write(A1, {}, FREE), entries=[index_entry("applied", bucket, Index.HOLDS)])
    await group.apply(entries=[index_entry("alone", bucket, Index.HOLDS)])
    assert list(await group.store.read_index(Index.HOLDS, bucket)) == ["alone", "applied"]


async def test_of_two_hundred_batches_for_one_row_exactly_one_wins(group: Group) -> None:
    await group.stands(Write(A1, {}, FREE))
    outcomes = await asyncio.gather(
        *(
            group.apply(Write(RowKey(Kind.HOLD, name), ABSENT, BORN), Write(A1, FREE, {**HELD, "owner": name}))
            for name in map(str, range(200))
        )
    )
    winners = [str(place) for place, outcome in enumerate(outcomes) if isinstance(outcome, Applied)]
    assert len(winners) == 1
    won: Row = {**HELD, "owner": winners[0]}
    losers = [outcome.rows for outcome in outcomes if isinstance(outcome, Refused)]
    assert len(losers) == 199
    assert all(rows == {A1: won} for rows in losers)
    assert await group.row(A1) == won
    assert await group.ids(Kind.HOLD) == winners


async def test_batches_that_cross_are_never_half_done(group: Group) -> None:
    """A hundred pairs of cells, each wanted with its neighbours: who wins has both, and no cell has two owners."""
    cells = [RowKey(Kind.CELL, f"{place:03}") for place in range(100)]
    await group.stands(*(Write(cell, {}, FREE) for cell in cells))
    pairs = [*itertools.pairwise(cells)]
    outcomes = await asyncio.gather(
        *(
            group.apply(*(Write(cell, FREE, {"status": "held", "owner": str(place)}) for cell in pair))
            for place, pair in enumerate(pairs)
        )
    )
    won = [place for place, outcome in enumerate(outcomes) if isinstance(outcome, Applied)]
    rows = await group.get(*cells)
    owned = {cell: row["owner"] for cell, row in rows.items() if "owner" in row}
    assert owned == {cell: str(place) for place in won for cell in pairs[place]}
    assert len(owned) == 2 * len(won) > 2 * 30


async def test_reads_see_every_batch_that_was_answered(group: Group) -> None:
    """Readers run beside a crowd of writers; each writer reads its own row as soon as it has its answer."""

    async def write_and_read(name: str) -> None:
        key, bucket = RowKey(Kind.HOLD, name), uuid4().hex
        for place in range(5):
            row: Row = {"extensions": place}
            await group.apply(Write(key, {}, row), entries=[index_entry(str(place), bucket)])
            assert await group.row(key) == row
            assert (await group.store.read(group.partition, Kind.HOLD, start=name))[key] == row
            assert len(await group.store.read_index(Index.EXPIRY, bucket)) == place + 1

    await asyncio.gather(*(write_and_read(f"{place:02}") for place in range(40)))


async def test_a_read_sees_one_moment(group: Group) -> None:
    """Every batch sets all rows to one number, so a read that mixes two moments shows two numbers."""
    keys = [RowKey(Kind.CELL, f"{place:03}") for place in range(40)]
    await group.stands(*(Write(key, {}, {"since_ms": 0}) for key in keys))
    seen: set[int | str | None] = set()

    async def write() -> None:
        for number in range(1, 30):
            await group.stands(*(Write(key, {}, {"since_ms": number}) for key in keys))

    writing = asyncio.create_task(write())
    while not writing.done():
        rows = await group.store.read(group.partition, Kind.CELL)
        numbers = {row["since_ms"] for row in rows.values()}
        assert len(numbers) == 1
        seen |= numbers
    await writing
    assert len(seen) > 3


async def test_a_batch_may_be_large(group: Group) -> None:
    keys = [RowKey(Kind.CELL, f"{place:04}", place % 3) for place in range(160)]
    await group.stands(*(Write(key, ABSENT, FREE) for key in keys))
    assert list(await group.store.read(group.partition, Kind.CELL)) == keys
    assert await group.get(*keys) == dict.fromkeys(keys, FREE)
    assert await group.refused(*(Write(key, ABSENT, FREE) for key in keys)) == dict.fromkeys(keys, FREE)


_NAMES = st.sampled_from(["A1", "A2", "\U0001f683"])
_VALUES = st.one_of(st.none(), st.sampled_from(["", "x", "y"]))


def _writes(kind: Kind, always: str, text: str, other: str, number: str) -> st.SearchStrategy[Write]:
    """Writes on rows of the kind, with these columns of it."""
    some: dict[str, st.SearchStrategy[str | int | None]] = {
        text: _VALUES, other: _VALUES, number: st.none() | st.integers(0, 1)
    }  # fmt: skip
    conditions = st.none() | st.fixed_dictionaries({}, optional=some)
    rows = st.fixed_dictionaries({always: st.integers(0, 2)}, optional=some)
    return st.builds(Write, st.builds(RowKey, st.just(kind), _NAMES, st.integers(0, 1)), conditions, rows)


_WRITES = _writes(Kind.CELL, "since_ms", "status", "owner", "until_ms") | _writes(
    Kind.HOLD, "extensions", "status", "holder", "expires_at_ms"
)
_BATCHES = st.lists(
    st.lists(_WRITES, min_size=1, max_size=4, unique_by=lambda write: write.key),
    max_size=25,
)


def required(batch: Sequence[Write], outcome: Outcome) -> Outcome:
    """The outcome without those rows that a store may leave out of a refusal."""
    if not isinstance(outcome, Refused):
        return outcome
    asked = {write.key for write in batch if write.condition is ABSENT or write.condition}
    return Refused({key: row for key, row in outcome.rows.items() if key in asked})


@given(batches=_BATCHES)
@settings(deadline=None, max_examples=60)
async def test_all_stores_answer_alike_whatever_comes(store: Batches, batches: Sequence[Sequence[Write]]) -> None:
    """The store in memory, which simulations run on, is the measure."""
    group = Group(store, new_partition())
    model = Group(MemoryBatches(None, Random(1), asyncio.sleep), group.partition)
    for place, batch in enumerate(batches):
        entries = [index_entry(str(place), group.partition.name)]
        told, wanted = [await one.apply(*batch, entries=entries) for one in (group, model)]
        assert required(batch, told) == required(batch, wanted)
        if isinstance(told, Refused) and isinstance(wanted, Refused):
            assert told.rows.items() <= wanted.rows.items()
    for kind in (Kind.CELL, Kind.HOLD):
        found, modelled = [await one.store.read(group.partition, kind) for one in (group, model)]
        assert [*found.items()] == [*modelled.items()]
    assert len(await store.read_index(Index.EXPIRY, group.partition.name)) == len(batches)


# ---- what is too old


async def test_a_batch_whose_time_to_be_sent_is_over_is_not_done_and_its_company_is(group: Group) -> None:
    now = asyncio.get_running_loop().time()
    late, early = (
        group.store.apply(group.partition, [Write(A1, {}, FREE)], [index_entry("x", uuid4().hex)], send_by=now - 0.001),
        group.store.apply(group.partition, [Write(A2, {}, FREE)], [index_entry("x", uuid4().hex)], send_by=now + 60),
    )
    assert [type(outcome) for outcome in await asyncio.gather(late, early)] == [NotDone, Applied]
    assert await group.get(A1, A2) == {A2: FREE}


async def test_a_batch_that_grew_too_old_on_its_way_to_the_store_is_not_done(group: Group) -> None:
    """The process is stopped, as by a signal, between asking and sending."""
    send_by = asyncio.get_running_loop().time() + 0.05
    asking = asyncio.create_task(
        group.store.apply(group.partition, [Write(A1, {}, FREE)], [index_entry("x", uuid4().hex)], send_by=send_by)
    )
    await asyncio.sleep(0)
    time.sleep(0.1)  # noqa: ASYNC251 - nothing of this process may run
    assert isinstance(await asking, NotDone)
    assert await group.get(A1) == {}


@pytest.mark.parametrize(
    ("start", "end", "most", "ids"),
    [
        ("", "", 1, ["a"]),
        ("", "", 3, ["a", "b", "c"]),
        ("", "", 9, ["a", "b", "c", "d"]),
        ("b", "", 2, ["b", "c"]),
        ("b\0", "", 2, ["c", "d"]),
        ("b", "c", 2, ["b"]),
    ],
)
async def test_read_takes_so_many_rows_and_goes_on_behind_the_last(
    group: Group, start: str, end: str, most: int, ids: list[str]
) -> None:
    await group.stands(*(Write(RowKey(Kind.EVENT, name), {}, TOLD) for name in ("c", "a", "d", "b")))
    found = await group.store.read(group.partition, Kind.EVENT, start=start, end=end, most=most)
    assert [key.id for key in found] == ids


async def test_index_entries_may_travel_without_a_batch(group: Group) -> None:
    bucket = uuid4().hex
    assert isinstance(await group.store.apply(group.partition, [], [index_entry("x", bucket)]), Applied)
    assert list(await group.store.read_index(Index.EXPIRY, bucket)) == ["x"]
