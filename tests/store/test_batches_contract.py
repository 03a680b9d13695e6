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

from tests.store.conftest import Block, Store, hint, new_partition
from travio_inventory.protocol.batches import (
    ABSENT,
    COLUMNS,
    INTEGER_COLUMNS,
    TEXT_COLUMNS,
    Applied,
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
from travio_inventory.store.memory import MemoryBatches

HOLD = RowKey(Kind.HOLD, "hold-1")
EVENT = RowKey(Kind.EVENT, "event-1")
A1 = RowKey(Kind.CELL, "A1", 0)
A2 = RowKey(Kind.CELL, "A2", 0)
FREE: Row = {"status": "available"}
HELD: Row = {"status": "held", "owner": "hold-1", "until": 5}
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
        ({"status": None, "until": None}, True),
        ({"status": "available"}, False),
        ({"until": 0}, False),
        ({"status": None, "owner": ""}, False),
    ],
)
async def test_on_a_missing_row_only_absence_and_null_are_true(
    block: Block, condition: Condition, is_met: bool
) -> None:
    outcome = await block.apply(Write(A1, condition, HELD))
    assert isinstance(outcome, Applied if is_met else Refused)
    assert await block.get(A1) == ({A1: HELD} if is_met else {})


@pytest.mark.parametrize(
    ("condition", "is_met"),
    [
        (ABSENT, False),
        ({}, True),
        ({"status": "held"}, True),
        ({"status": "held", "owner": "hold-1", "until": 5}, True),
        ({"status": "held", "reason": None}, True),
        ({"reason": None, "sequence": None}, True),
        ({"status": None}, False),
        ({"status": "Held"}, False),
        ({"status": "held", "owner": "hold-2"}, False),
        ({"reason": ""}, False),
        ({"sequence": 0}, False),
        ({"until": 6}, False),
    ],
)
async def test_on_a_row_every_column_of_the_condition_counts(block: Block, condition: Condition, is_met: bool) -> None:
    await block.stands(Write(A1, {}, HELD))
    outcome = await block.apply(Write(A1, condition, {"status": "sold"}))
    assert isinstance(outcome, Applied if is_met else Refused)
    assert await block.row(A1) == ({**HELD, "status": "sold"} if is_met else HELD)


async def test_an_empty_condition_makes_or_changes_the_row(block: Block) -> None:
    await block.stands(Write(A1, {}, {"status": "available", "until": 1}))
    await block.stands(Write(A1, {}, {"until": 2, "owner": "x"}))
    assert await block.row(A1) == {"status": "available", "until": 2, "owner": "x"}


async def test_a_null_value_clears_the_column_and_no_other(block: Block) -> None:
    await block.stands(Write(A1, {}, HELD))
    await block.stands(Write(A1, {"owner": "hold-1"}, {"owner": None, "status": "available"}))
    assert await block.row(A1) == {"status": "available", "until": 5}
    await block.stands(Write(A1, {"owner": None}, {"owner": "hold-2"}))


async def test_null_values_do_not_make_a_row(block: Block) -> None:
    await block.stands(Write(A1, {"status": None}, {"owner": None}), Write(HOLD, ABSENT, {"status": "held"}))
    assert await block.get(A1, HOLD) == {HOLD: {"status": "held"}}


async def test_every_column_keeps_what_it_is_given(block: Block) -> None:
    row: Row = {name: f"text {name}" for name in TEXT_COLUMNS} | {
        name: number for number, name in enumerate(INTEGER_COLUMNS, start=7)
    }
    await block.stands(Write(HOLD, ABSENT, row))
    assert list(row) == list(COLUMNS)
    assert await block.row(HOLD) == row
    await block.stands(Write(HOLD, row, dict.fromkeys(row) | {"status": "over"}))
    assert await block.row(HOLD) == {"status": "over"}


@pytest.mark.parametrize("number", [0, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)])
async def test_integers_are_64_bits_wide(block: Block, number: int) -> None:
    await block.stands(Write(HOLD, ABSENT, {"expires_at": number}))
    await block.refused(Write(HOLD, {"expires_at": number + (1 if number < 0 else -1)}, {"expires_at": 1}))
    await block.stands(Write(HOLD, {"expires_at": number}, {"generation": number}))
    assert await block.row(HOLD) == {"expires_at": number, "generation": number}


@pytest.mark.parametrize("text", ["", " ", "A1,A2", "1", "null", "\U0001f683 e\u0301", "x" * 20_000])
async def test_a_text_comes_back_as_it_was_and_is_equal_only_to_itself(block: Block, text: str) -> None:
    await block.stands(Write(HOLD, ABSENT, {"seats": text}))
    await block.refused(Write(HOLD, {"seats": text + " "}, {"seats": "other"}))
    await block.refused(Write(HOLD, {"seats": None}, {"seats": "other"}))
    await block.stands(Write(HOLD, {"seats": text}, {"status": "seen"}))
    assert await block.row(HOLD) == {"seats": text, "status": "seen"}


@pytest.mark.parametrize("met", range(4))
async def test_one_condition_that_is_not_met_undoes_all_wherever_it_stands(block: Block, met: int) -> None:
    """The one that fails is in every place, and there are writes of every sort before and after it."""
    await block.stands(Write(A1, {}, FREE), Write(A2, {}, HELD))
    good = [Write(HOLD, ABSENT, HELD), Write(A1, FREE, HELD), Write(EVENT, {}, {"hold": "hold-1"})]
    before = await block.get(A1, A2, HOLD, EVENT)
    await block.refused(*good[:met], Write(A2, FREE, {"status": "held", "owner": "hold-9"}), *good[met:])
    assert await block.get(A1, A2, HOLD, EVENT) == before == {A1: FREE, A2: HELD}
    await block.stands(*good)


@pytest.mark.parametrize("spoilt", range(4))
async def test_a_seats_neighbouring_cells_are_taken_together_or_not_at_all(block: Block, spoilt: int) -> None:
    """A journey's cells ask and set the very same. One of them is taken, or not there: none is taken."""
    cells = [RowKey(Kind.CELL, "A1", segment) for segment in range(4)]
    taken: Row = {**HELD, "first_segment": 1}
    for others in (Write(cells[spoilt], {}, {"status": "held", "owner": "hold-9"}), None):
        await block.stands(*(Write(cell, {}, FREE) for cell in cells if cell != cells[spoilt]))
        if others is not None:
            await block.stands(others)
        before = await block.get(*cells)
        assert await block.refused(*(Write(cell, FREE, taken) for cell in cells)) == before
        assert await block.get(*cells) == before
        block = Block(block.store, new_partition())
    await block.stands(*(Write(cell, {}, FREE) for cell in cells))
    await block.stands(*(Write(cell, FREE, taken) for cell in cells))
    assert await block.get(*cells) == dict.fromkeys(cells, taken)


async def test_a_refusal_shows_the_rows_that_stand_whole_and_no_others(block: Block) -> None:
    """Also rows whose own condition was met, and rows after the one that failed. EVENT is missing, HOLD not named."""
    await block.stands(Write(A1, {}, FREE), Write(A2, {}, {**HELD, "since": 3}), Write(HOLD, ABSENT, HELD))
    rows = await block.refused(
        Write(EVENT, ABSENT, {"event": "hold.created"}), Write(A2, FREE, HELD), Write(A1, FREE, HELD)
    )
    assert rows == {A1: FREE, A2: {**HELD, "since": 3}}


async def test_a_refusal_may_leave_out_what_nothing_was_asked_of(block: Block) -> None:
    await block.stands(Write(A1, {}, HELD), Write(A2, {}, FREE), Write(EVENT, {}, {"event": "old"}))
    for others in ((Write(HOLD, ABSENT, HELD),), ()):
        rows = await block.refused(*others, Write(EVENT, {}, {"event": "new"}), Write(A1, FREE, HELD))
        assert rows in ({A1: HELD}, {A1: HELD, EVENT: {"event": "old"}})


async def test_a_refusal_with_nothing_there_shows_nothing(block: Block) -> None:
    assert await block.refused(Write(A1, FREE, HELD), Write(A2, FREE, HELD)) == {}


async def test_absence_fails_on_any_row_that_stands(block: Block) -> None:
    await block.stands(Write(HOLD, ABSENT, {"status": "aborted"}))
    assert await block.refused(Write(HOLD, ABSENT, HELD)) == {HOLD: {"status": "aborted"}}
    assert await block.refused(Write(HOLD, ABSENT, {"status": "aborted"})) == {HOLD: {"status": "aborted"}}


async def test_conditions_see_the_rows_as_they_were_before(block: Block) -> None:
    """Two cells swap owners: each condition holds only before the other write."""
    await block.stands(Write(A1, {}, {"owner": "x"}), Write(A2, {}, {"owner": "y"}))
    await block.stands(Write(A1, {"owner": "x"}, {"owner": "y"}), Write(A2, {"owner": "y"}, {"owner": "x"}))
    assert await block.get(A1, A2) == {A1: {"owner": "y"}, A2: {"owner": "x"}}


async def test_the_same_batch_again_is_judged_anew(block: Block) -> None:
    await block.stands(Write(A1, {}, FREE))
    batch = (Write(HOLD, ABSENT, HELD), Write(A1, FREE, HELD))
    await block.stands(*batch)
    assert await block.refused(*batch) == {HOLD: HELD, A1: HELD}


async def test_rows_of_one_id_differ_by_kind_and_segment(block: Block) -> None:
    keys = [RowKey(Kind.CELL, "A1", segment) for segment in range(3)] + [RowKey(Kind.TAIL, "A1")]
    await block.stands(*(Write(key, ABSENT, {"sequence": place}) for place, key in enumerate(keys)))
    assert await block.get(*keys) == {key: {"sequence": place} for place, key in enumerate(keys)}


@pytest.mark.parametrize("table", Table)
@pytest.mark.parametrize("kind", Kind)
async def test_every_table_takes_every_kind(store: Store, table: Table, kind: Kind) -> None:
    partition = Partition(table, "store-tests", uuid4().hex)
    key = RowKey(kind, "x")
    assert isinstance(await store.apply(partition, [Write(key, ABSENT, FREE)]), Applied)
    assert await store.read(partition, kind) == {key: FREE}


async def test_get_leaves_out_what_is_not_there(block: Block) -> None:
    await block.stands(Write(A1, {}, FREE))
    assert await block.get() == {}
    assert await block.get(HOLD, A1, A2) == {A1: FREE}


async def test_read_gives_one_kind_in_the_order_of_id_and_segment(block: Block) -> None:
    keys = [RowKey(Kind.CELL, seat, segment) for seat in ("B10", "B2", "B", "a") for segment in (10, 9, 0, 1)]
    await block.stands(*(Write(key, {}, FREE) for key in keys), Write(HOLD, ABSENT, HELD))
    rows = await block.store.read(block.partition, Kind.CELL)
    assert list(rows) == sorted(keys)
    assert set(map(repr, rows.values())) == {repr(FREE)}
    assert await block.ids(Kind.TAIL) == []


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
    block: Block, start: str, end: str, ids: list[str]
) -> None:
    await block.stands(*(Write(RowKey(Kind.EVENT, name), {}, FREE) for name in ("c", "a", "b~1", "b")))
    assert await block.ids(Kind.EVENT, start=start, end=end) == ids


async def test_odd_ids_are_kept_apart_and_in_the_order_of_their_code_points(block: Block) -> None:
    assert unicodedata.normalize("NFC", ODD_IDS[0]) == ODD_IDS[1]
    await block.stands(*(Write(RowKey(Kind.HOLD, odd), ABSENT, {"owner": odd}) for odd in ODD_IDS))
    assert await block.ids(Kind.HOLD) == sorted(ODD_IDS)
    for odd in ODD_IDS:
        assert await block.row(RowKey(Kind.HOLD, odd)) == {"owner": odd}


@pytest.mark.parametrize(
    "names",
    list(
        itertools.combinations([("a:b", "c"), ("a", "b:c"), ("a/b", "c"), ("a", "b/c"), ("a~b", "c"), ("a", "b~c")], 2)
    ),
)
async def test_partitions_of_names_that_look_alike_are_apart(
    store: Store, names: tuple[tuple[str, str], tuple[str, str]]
) -> None:
    own = uuid4().hex
    one, other = (Partition(Table.BLOCKS, f"{own}{organization}", name) for organization, name in names)
    assert isinstance(await store.apply(one, [Write(A1, ABSENT, FREE)]), Applied)
    assert await store.get(other, [A1]) == await store.read(other, Kind.CELL) == {}
    assert isinstance(await store.apply(other, [Write(A1, ABSENT, HELD)]), Applied)
    assert await store.get(one, [A1]) == {A1: FREE}


async def test_partitions_differ_by_table_and_number(store: Store) -> None:
    base = new_partition()
    partitions = [base, base._replace(number=4), base._replace(number=33), base._replace(table=Table.LEDGERS)]
    for place, partition in enumerate(partitions):
        outcome = await store.apply(partition, [Write(A1, ABSENT, {"sequence": place})])
        assert isinstance(outcome, Applied)
    found = [await store.get(partition, [A1]) for partition in partitions]
    assert found == [{A1: {"sequence": place}} for place in range(len(partitions))]


async def test_a_hint_is_found_in_its_bucket_only_and_once(block: Block) -> None:
    bucket = uuid4().hex
    for entry in ("b", "a", "b", "\U0001f683", "B"):
        await block.apply(Write(EVENT, {}, FREE), hints=[hint(entry, bucket), hint("z", f"{bucket}0")])
    assert list(await block.store.hinted(Index.EXPIRY, bucket)) == ["B", "a", "b", "\U0001f683"]
    assert list(await block.store.hinted(Index.JOURNAL, bucket)) == []
    assert list(await block.store.hinted(Index.EXPIRY, f"{bucket}0")) == ["z"]


@pytest.mark.parametrize(("most", "entries"), [(None, 9), (0, 0), (4, 4), (9, 9), (50, 9)])
async def test_hints_are_given_up_to_the_number_asked_for(block: Block, most: int | None, entries: int) -> None:
    bucket = uuid4().hex
    await block.apply(Write(EVENT, {}, FREE), hints=[hint(str(number), bucket) for number in range(9)])
    found = await block.store.hinted(Index.EXPIRY, bucket, most=most)
    assert list(found) == [str(number) for number in range(entries)]


async def test_a_bucket_is_read_on_from_where_one_stopped(block: Block) -> None:
    bucket = uuid4().hex
    await block.apply(Write(EVENT, {}, FREE), hints=[hint(str(number), bucket) for number in range(9)])
    for after, most, found in (("3", 2, "45"), ("35", 2, "45"), ("7", 9, "8"), ("8", 9, ""), ("6", None, "78")):
        assert "".join(await block.store.hinted(Index.EXPIRY, bucket, after=after, most=most)) == found


async def test_the_hints_of_a_refused_batch_are_kept(block: Block) -> None:
    bucket = uuid4().hex
    outcome = await block.apply(
        Write(A1, FREE, HELD), Write(A2, FREE, HELD), hints=[hint("x", bucket), hint("y", bucket, Index.JOURNAL)]
    )
    assert isinstance(outcome, Refused)
    assert list(await block.store.hinted(Index.EXPIRY, bucket)) == ["x"]
    assert list(await block.store.hinted(Index.JOURNAL, bucket)) == ["y"]


async def test_what_follows_a_batch_is_added_once_it_is_applied(block: Block) -> None:
    bucket = uuid4().hex
    refused = await block.apply(Write(A1, FREE, HELD), hints=[hint("refused", bucket, Index.HOLDS)])
    assert isinstance(refused, Refused)
    assert list(await block.store.hinted(Index.HOLDS, bucket)) == []
    await block.apply(Write(A1, {}, FREE), hints=[hint("applied", bucket, Index.HOLDS)])
    await block.apply(hints=[hint("alone", bucket, Index.HOLDS)])
    assert list(await block.store.hinted(Index.HOLDS, bucket)) == ["alone", "applied"]


async def test_of_two_hundred_batches_for_one_row_exactly_one_wins(block: Block) -> None:
    await block.stands(Write(A1, {}, FREE))
    outcomes = await asyncio.gather(
        *(
            block.apply(Write(RowKey(Kind.HOLD, name), ABSENT, HELD), Write(A1, FREE, {**HELD, "owner": name}))
            for name in map(str, range(200))
        )
    )
    winners = [str(place) for place, outcome in enumerate(outcomes) if isinstance(outcome, Applied)]
    assert len(winners) == 1
    won: Row = {**HELD, "owner": winners[0]}
    losers = [outcome.rows for outcome in outcomes if isinstance(outcome, Refused)]
    assert len(losers) == 199
    assert all(rows == {A1: won} for rows in losers)
    assert await block.row(A1) == won
    assert await block.ids(Kind.HOLD) == winners


async def test_batches_that_cross_are_never_half_done(block: Block) -> None:
    """A hundred pairs of cells, each wanted with its neighbours: who wins has both, and no cell has two owners."""
    cells = [RowKey(Kind.CELL, f"{place:03}") for place in range(100)]
    await block.stands(*(Write(cell, {}, FREE) for cell in cells))
    pairs = [*itertools.pairwise(cells)]
    outcomes = await asyncio.gather(
        *(
            block.apply(*(Write(cell, FREE, {"status": "held", "owner": str(place)}) for cell in pair))
            for place, pair in enumerate(pairs)
        )
    )
    won = [place for place, outcome in enumerate(outcomes) if isinstance(outcome, Applied)]
    rows = await block.get(*cells)
    owned = {cell: row["owner"] for cell, row in rows.items() if "owner" in row}
    assert owned == {cell: str(place) for place in won for cell in pairs[place]}
    assert len(owned) == 2 * len(won) > 2 * 30


async def test_reads_see_every_batch_that_was_answered(block: Block) -> None:
    """Readers run beside a crowd of writers; each writer reads its own row as soon as it has its answer."""

    async def write_and_read(name: str) -> None:
        key, bucket = RowKey(Kind.HOLD, name), uuid4().hex
        for generation in range(5):
            await block.apply(Write(key, {}, {"generation": generation}), hints=[hint(str(generation), bucket)])
            assert await block.row(key) == {"generation": generation}
            assert (await block.store.read(block.partition, Kind.HOLD, start=name))[key] == {"generation": generation}
            assert len(await block.store.hinted(Index.EXPIRY, bucket)) == generation + 1

    await asyncio.gather(*(write_and_read(f"{place:02}") for place in range(40)))


async def test_a_read_sees_one_moment(block: Block) -> None:
    """Every batch sets all rows to one number, so a read that mixes two moments shows two numbers."""
    keys = [RowKey(Kind.CELL, f"{place:03}") for place in range(40)]
    await block.stands(*(Write(key, {}, {"sequence": 0}) for key in keys))
    seen: set[int | str | None] = set()

    async def write() -> None:
        for number in range(1, 30):
            await block.stands(*(Write(key, {}, {"sequence": number}) for key in keys))

    writing = asyncio.create_task(write())
    while not writing.done():
        rows = await block.store.read(block.partition, Kind.CELL)
        numbers = {row["sequence"] for row in rows.values()}
        assert len(numbers) == 1
        seen |= numbers
    await writing
    assert len(seen) > 3


async def test_a_batch_may_be_large(block: Block) -> None:
    keys = [RowKey(Kind.CELL, f"{place:04}", place % 3) for place in range(160)]
    await block.stands(*(Write(key, ABSENT, FREE) for key in keys))
    assert list(await block.store.read(block.partition, Kind.CELL)) == keys
    assert await block.get(*keys) == dict.fromkeys(keys, FREE)
    assert await block.refused(*(Write(key, ABSENT, FREE) for key in keys)) == dict.fromkeys(keys, FREE)


_NAMES = st.sampled_from(["A1", "A2", "\U0001f683"])
_VALUES = st.one_of(st.none(), st.sampled_from(["", "x", "y"]))
_ROWS = st.fixed_dictionaries(
    {"generation": st.integers(0, 2)},
    optional={"status": _VALUES, "owner": _VALUES, "until": st.none() | st.integers(0, 1)},
)
_CONDITIONS = st.none() | st.fixed_dictionaries(
    {}, optional={"status": _VALUES, "owner": _VALUES, "until": st.none() | st.integers(0, 1)}
)
_KEYS = st.builds(RowKey, st.sampled_from([Kind.CELL, Kind.HOLD]), _NAMES, st.integers(0, 1))
_BATCHES = st.lists(
    st.lists(st.builds(Write, _KEYS, _CONDITIONS, _ROWS), min_size=1, max_size=4, unique_by=lambda write: write.key),
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
async def test_all_stores_answer_alike_whatever_comes(store: Store, batches: Sequence[Sequence[Write]]) -> None:
    """The store in memory, which simulations run on, is the measure."""
    block = Block(store, new_partition())
    model = Block(MemoryBatches(None, Random(1), asyncio.sleep), block.partition)
    for place, batch in enumerate(batches):
        hints = [hint(str(place), block.partition.name)]
        told, wanted = [await one.apply(*batch, hints=hints) for one in (block, model)]
        assert required(batch, told) == required(batch, wanted)
        if isinstance(told, Refused) and isinstance(wanted, Refused):
            assert told.rows.items() <= wanted.rows.items()
    for kind in (Kind.CELL, Kind.HOLD):
        found, modelled = [await one.store.read(block.partition, kind) for one in (block, model)]
        assert [*found.items()] == [*modelled.items()]
    assert len(await store.hinted(Index.EXPIRY, block.partition.name)) == len(batches)


# ---- what is too old


async def test_a_batch_whose_time_to_be_sent_is_over_is_not_done_and_its_company_is(block: Block) -> None:
    now = asyncio.get_running_loop().time()
    late, early = (
        block.store.apply(block.partition, [Write(A1, {}, FREE)], [hint("x", uuid4().hex)], send_by=now - 0.001),
        block.store.apply(block.partition, [Write(A2, {}, FREE)], [hint("x", uuid4().hex)], send_by=now + 60),
    )
    assert [type(outcome) for outcome in await asyncio.gather(late, early)] == [NotDone, Applied]
    assert await block.get(A1, A2) == {A2: FREE}


async def test_a_batch_that_grew_too_old_on_its_way_to_the_store_is_not_done(block: Block) -> None:
    """The process is stopped, as by a signal, between asking and sending."""
    send_by = asyncio.get_running_loop().time() + 0.05
    asking = asyncio.create_task(
        block.store.apply(block.partition, [Write(A1, {}, FREE)], [hint("x", uuid4().hex)], send_by=send_by)
    )
    await asyncio.sleep(0)
    time.sleep(0.1)  # noqa: ASYNC251 - nothing of this process may run
    assert isinstance(await asking, NotDone)
    assert await block.get(A1) == {}


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
    block: Block, start: str, end: str, most: int, ids: list[str]
) -> None:
    await block.stands(*(Write(RowKey(Kind.EVENT, name), {}, FREE) for name in ("c", "a", "d", "b")))
    found = await block.store.read(block.partition, Kind.EVENT, start=start, end=end, most=most)
    assert [key.id for key in found] == ids


async def test_hints_may_travel_without_a_batch(block: Block) -> None:
    bucket = uuid4().hex
    assert isinstance(await block.store.apply(block.partition, [], [hint("x", bucket)]), Applied)
    assert list(await block.store.hinted(Index.EXPIRY, bucket)) == ["x"]
