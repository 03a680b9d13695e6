"""What every store must do with a batch: all of it if every condition is met, else nothing."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from random import Random
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.partitions import Group, index_entry, new_partition
from tests.store.written_rows import A1, A2, BORN, EVENT, FREE, HELD, HOLD
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Batches,
    Condition,
    Index,
    Kind,
    NotDone,
    Outcome,
    Refused,
    Row,
    RowKey,
    Write,
)
from travio_inventory.store.memory import MemoryBatches


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


@pytest.mark.parametrize("met", range(4))
async def test_one_condition_that_is_not_met_undoes_all_wherever_it_stands(group: Group, met: int) -> None:
    """The failing one is in each place in turn, with writes of every kind before and after it."""
    await group.stands(Write(A1, {}, FREE), Write(A2, {}, HELD))
    good = [Write(HOLD, ABSENT, BORN), Write(A1, FREE, HELD), Write(EVENT, {}, {"subject": "hold-1"})]
    before = await group.get(A1, A2, HOLD, EVENT)
    await group.refused(*good[:met], Write(A2, FREE, {"status": "held", "owner": "hold-9"}), *good[met:])
    assert await group.get(A1, A2, HOLD, EVENT) == before == {A1: FREE, A2: HELD}
    await group.stands(*good)


@pytest.mark.parametrize("spoilt", range(4))
async def test_a_seats_neighbouring_cells_are_taken_together_or_not_at_all(group: Group, spoilt: int) -> None:
    """A journey's cells have the same condition and values. If one of them is taken, or not there, none is taken."""
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


async def test_a_refusal_shows_the_existing_rows_whole_and_no_others(group: Group) -> None:
    """Also rows whose own condition was met, and rows after the one that failed. EVENT is missing, HOLD not named."""
    await group.stands(Write(A1, {}, FREE), Write(A2, {}, {**HELD, "since_ms": 3}), Write(HOLD, ABSENT, BORN))
    rows = await group.refused(
        Write(EVENT, ABSENT, {"type": "hold.created"}), Write(A2, FREE, HELD), Write(A1, FREE, HELD)
    )
    assert rows == {A1: FREE, A2: {**HELD, "since_ms": 3}}


async def test_a_refusal_may_omit_rows_without_a_condition(group: Group) -> None:
    await group.stands(Write(A1, {}, HELD), Write(A2, {}, FREE), Write(EVENT, {}, {"type": "old"}))
    for others in ((Write(HOLD, ABSENT, BORN),), ()):
        rows = await group.refused(*others, Write(EVENT, {}, {"type": "new"}), Write(A1, FREE, HELD))
        assert rows in ({A1: HELD}, {A1: HELD, EVENT: {"type": "old"}})


async def test_a_refusal_with_nothing_there_shows_nothing(group: Group) -> None:
    assert await group.refused(Write(A1, FREE, HELD), Write(A2, FREE, HELD)) == {}


async def test_absence_fails_on_any_existing_row(group: Group) -> None:
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
    """A hundred pairs of cells, each wanted with its neighbours: a winner has both, and no cell has two owners."""
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
    keys = st.builds(RowKey, st.just(kind), _NAMES, st.integers(0, 1))
    return st.builds(Write, keys, conditions, rows, keep_s=st.none())


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
@settings(max_examples=60)
@pytest.mark.once
async def test_all_stores_answer_alike_for_any_batches(store: Batches, batches: Sequence[Sequence[Write]]) -> None:
    """The store in memory, which simulations use, is the reference."""
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


async def test_a_batch_whose_time_to_be_sent_is_over_is_not_done_and_others_are(group: Group) -> None:
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
