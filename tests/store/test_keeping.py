"""Rows and entries that are kept for a while are forgotten, whole, on every store."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from time import monotonic
from uuid import uuid4

import pytest

from tests.store.partitions import Group, new_partition
from travio_inventory.protocol.batches import (
    ABSENT,
    FOR_EVER,
    Applied,
    Batches,
    Index,
    IndexEntry,
    Kind,
    Refused,
    Row,
    RowKey,
    Write,
)
from verification.kit.stores import EVERY_STORE, store_of

pytestmark = pytest.mark.long

KEEP_S = 2
FORGOTTEN_S_MAX = 60.0
"""How long a test waits for what should be forgotten."""
HOLD = RowKey(Kind.HOLD, "hold-1")
OTHER = RowKey(Kind.HOLD, "hold-2")
EVENT = RowKey(Kind.EVENT, "event-1")
A1 = RowKey(Kind.CELL, "A1", 0)
A1_NEXT = RowKey(Kind.CELL, "A1", 1)
BORN: Row = {"status": "held", "holder": "ann", "expires_at_ms": 5}
ENDED: Row = {"status": "released", "extensions": 1}
TOLD: Row = {"type": "hold.created"}
FREE: Row = {"status": "available"}
BEGIN = Write(HOLD, ABSENT, BORN)
WAYS = {
    "on condition that there is none": [Write(HOLD, ABSENT, ENDED, KEEP_S)],
    "without a condition": [Write(HOLD, {}, ENDED, KEEP_S)],
    "on condition that a column is null": [Write(HOLD, {"status": None}, ENDED, KEEP_S)],
    "after it was made, on condition": [BEGIN, Write(HOLD, {"status": "held"}, ENDED, KEEP_S)],
    "after it was made, without a condition": [BEGIN, Write(HOLD, {}, ENDED, KEEP_S)],
    "after it was made without a condition": [
        Write(HOLD, {}, BORN),
        Write(HOLD, {"status": "held"}, ENDED, KEEP_S),
    ],
    "after it was kept for ever": [
        Write(HOLD, ABSENT, BORN, FOR_EVER),
        Write(HOLD, {"status": "held"}, ENDED, KEEP_S),
    ],
    "after it was kept for longer": [
        Write(HOLD, ABSENT, BORN, 3_600),
        Write(HOLD, {"status": "held"}, ENDED, KEEP_S),
    ],
}


@pytest.fixture(scope="module", params=EVERY_STORE)
async def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Batches]:
    """Every store; each test has partitions and buckets of its own."""
    async with store_of(request, tmp_path_factory) as opened:
        yield opened


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for it, not for ever."""
    ends = monotonic() + FORGOTTEN_S_MAX
    while not await condition():
        assert monotonic() < ends, "it is still there"
        await asyncio.sleep(0.05)


async def forgotten(group: Group, *keys: RowKey) -> None:
    """Wait until none of the rows is there."""

    async def all_gone() -> bool:
        return not await group.get(*keys)

    await until(all_gone)


async def all_entries(store: Batches, bucket: str) -> Sequence[str]:
    """What the bucket has."""
    return await store.read_index(Index.EXPIRY, bucket)


def an_entry(entry: str, bucket: str, keep_s: int) -> IndexEntry:
    """An entry of the bucket that is kept for so long."""
    return IndexEntry(Index.EXPIRY, bucket, entry, keep_s)


async def live_and_be_forgotten(group: Group, writes: Sequence[Write]) -> None:
    """The row is there, whole, until its end; afterwards nothing is left of it that a condition could meet."""
    began = monotonic()
    for write in writes:
        await group.stands(write)
    if monotonic() - began < KEEP_S / 2:
        assert await group.row(HOLD) == ENDED
        assert await group.refused(BEGIN) == {HOLD: ENDED}
    await forgotten(group, HOLD)
    assert monotonic() - began > KEEP_S - 1.5, "clocks of servers may differ a little"
    assert await group.ids(Kind.HOLD) == []
    await group.stands(Write(HOLD, {"status": None, "extensions": None}, {}))
    await group.stands(BEGIN)
    assert await group.row(HOLD) == BORN


@pytest.mark.once
async def test_a_row_is_forgotten_and_may_be_made_anew_whatever_made_it_and_whatever_ended_it(store: Batches) -> None:
    ways = {way: live_and_be_forgotten(Group(store, new_partition()), writes) for way, writes in WAYS.items()}
    found = await asyncio.gather(*ways.values(), return_exceptions=True)
    assert dict(zip(ways, found, strict=True)) == dict.fromkeys(WAYS)


async def test_values_that_are_kept_are_the_whole_row(group: Group) -> None:
    await group.stands(BEGIN, Write(OTHER, ABSENT, BORN))
    await group.stands(Write(HOLD, {"status": "held"}, ENDED, FOR_EVER), Write(OTHER, {}, ENDED, 3_600))
    assert await group.get(HOLD, OTHER) == {HOLD: ENDED, OTHER: ENDED}
    assert await group.refused(BEGIN, Write(OTHER, {"holder": "ann"}, BORN)) == {HOLD: ENDED, OTHER: ENDED}


async def test_a_write_that_does_not_say_how_long_leaves_the_other_columns(group: Group) -> None:
    await group.stands(BEGIN)
    await group.stands(Write(HOLD, {"status": "held"}, {"status": "confirmed"}))
    assert await group.row(HOLD) == {**BORN, "status": "confirmed"}


@pytest.mark.once
async def test_a_later_write_moves_the_end_or_takes_it_away(group: Group) -> None:
    third = RowKey(Kind.HOLD, "hold-3")
    await group.stands(*(Write(key, ABSENT, ENDED, KEEP_S) for key in (HOLD, OTHER, third)))
    await group.stands(Write(HOLD, {"status": "released"}, BORN, FOR_EVER), Write(OTHER, {}, BORN, 3_600))
    await forgotten(group, third)
    assert await group.get(HOLD, OTHER) == {HOLD: BORN, OTHER: BORN}
    await group.stands(Write(OTHER, {"status": "held"}, ENDED, KEEP_S))
    await forgotten(group, OTHER)
    assert await group.ids(Kind.HOLD) == ["hold-1"]


@pytest.mark.once
async def test_all_rows_of_a_batch_have_ends_of_their_own(group: Group) -> None:
    """A journey's cells, alike but for one that stays, beside a hold and an event."""
    cells = (A1, A1_NEXT, RowKey(Kind.CELL, "A1", 2))
    await group.stands(BEGIN, *(Write(key, {}, {**FREE, "until_ms": 7}) for key in cells))
    await group.stands(
        *(Write(key, FREE, FREE, KEEP_S) for key in cells[:2]),
        Write(cells[2], FREE, FREE, FOR_EVER),
        Write(HOLD, {"status": "held"}, ENDED, KEEP_S),
        Write(EVENT, {}, TOLD, KEEP_S),
        Write(OTHER, ABSENT, BORN),
    )
    await forgotten(group, A1, A1_NEXT, HOLD, EVENT)
    assert await group.get(*cells, HOLD, EVENT, OTHER) == {cells[2]: FREE, OTHER: BORN}


@pytest.mark.once
async def test_a_refused_batch_ends_nothing(group: Group) -> None:
    await group.stands(BEGIN, Write(OTHER, ABSENT, ENDED, KEEP_S))
    await group.refused(Write(HOLD, {"status": "held"}, ENDED, KEEP_S), Write(A1, FREE, FREE, KEEP_S))
    await forgotten(group, OTHER)
    assert await group.row(HOLD) == BORN


@pytest.mark.parametrize("condition", [{}, {"status": None}])
@pytest.mark.parametrize("values", [{}, {"status": None}])
async def test_an_empty_row_that_may_not_be_there_is_given_no_end(group: Group, condition: Row, values: Row) -> None:
    """Not every store could without making it."""
    with pytest.raises(ValueError, match="may not be there"):
        await group.apply(Write(HOLD, condition, values, KEEP_S))
    await group.stands(Write(HOLD, condition, values))
    assert await group.row(HOLD) is None


async def test_a_column_that_its_kind_does_not_have_is_refused_in_a_whole_row(group: Group) -> None:
    for condition in (ABSENT, {}, {"status": "held"}):
        with pytest.raises(ValueError, match="colour"):
            await group.apply(Write(HOLD, condition, {"colour": "red"}, KEEP_S))


@pytest.mark.once
async def test_of_many_who_make_a_row_anew_when_it_is_forgotten_one_wins(group: Group) -> None:
    await group.stands(Write(HOLD, ABSENT, ENDED, KEEP_S))
    won: list[str] = []

    async def contend(name: str) -> None:
        async with asyncio.timeout(FORGOTTEN_S_MAX):
            while not won:
                outcome = await group.apply(Write(HOLD, ABSENT, {**BORN, "holder": name}))
                if isinstance(outcome, Applied):
                    won.append(name)
                else:
                    assert isinstance(outcome, Refused)
                    await asyncio.sleep(0.02)

    await asyncio.gather(*(contend(f"h{number}") for number in range(4)))
    assert len(won) == 1
    assert await group.row(HOLD) == {**BORN, "holder": won[0]}


@pytest.mark.once
async def test_an_entry_is_forgotten_some_time_after_it_was_last_added(store: Batches, group: Group) -> None:
    bucket = uuid4().hex
    await group.apply(
        entries=[an_entry("for ever", bucket, FOR_EVER), an_entry("once", bucket, KEEP_S), an_entry("now", bucket, 60)]
    )
    await group.apply(entries=[an_entry("kept", bucket, KEEP_S), an_entry("repeated", bucket, KEEP_S)])
    await group.apply(entries=[an_entry("kept", bucket, FOR_EVER), an_entry("repeated", bucket, 3_600)])
    await group.apply(entries=[an_entry("now", bucket, KEEP_S)])

    async def two_gone() -> bool:
        return not {"once", "now"} & set(await all_entries(store, bucket))

    await until(two_gone)
    assert await all_entries(store, bucket) == ["for ever", "kept", "repeated"]


@pytest.mark.once
async def test_an_entry_that_is_added_again_and_again_stays(store: Batches, group: Group) -> None:
    bucket, began = uuid4().hex, monotonic()
    while monotonic() - began < 2 * KEEP_S:
        added = monotonic()
        await group.apply(Write(A1, FREE, FREE), entries=[an_entry("here", bucket, KEEP_S)])
        found = await all_entries(store, bucket)
        assert found == ["here"] or monotonic() - added > KEEP_S / 2
        await asyncio.sleep(0.2)

    async def gone() -> bool:
        return not await all_entries(store, bucket)

    await until(gone)
