"""A guest at the embedded record: it notes what it may beside the process that has it, and fails nobody."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Index,
    IndexEntry,
    Kind,
    NotDone,
    Partition,
    Refused,
    RowKey,
    Table,
    Write,
)
from travio_inventory.store.sqlite import SqliteBatches, SqliteGuest, UnfitDatabase

LETTER = RowKey(Kind.DEAD_LETTER, "")
TRIP = RowKey(Kind.TRIP, "")


def letter(name: str) -> Partition:
    return Partition(Table.DEAD_LETTERS, "", name)


def write(status: str, condition: dict[str, str] | None = ABSENT) -> list[Write]:
    return [Write(LETTER, condition, {"status": status}, 100)]


async def test_both_see_what_the_other_wrote_and_conditions_hold_for_both(tmp_path: Path) -> None:
    async with SqliteBatches.open(tmp_path) as store, SqliteGuest.open(tmp_path) as guest:
        assert await guest.apply(letter("a"), write("kept")) == Applied()
        assert isinstance(await store.apply(letter("a"), write("kept")), Refused)
        assert await store.apply(letter("a"), write("wanted", {"status": "kept"})) == Applied()
        assert isinstance(await guest.apply(letter("a"), write("over", {"status": "kept"})), Refused)
        assert (await guest.get(letter("a"), [LETTER]))[LETTER]["status"] == "wanted"


async def test_a_guest_writes_nowhere_else(tmp_path: Path) -> None:
    trip = Partition(Table.TRIPS, "acme", "t1")
    async with SqliteBatches.open(tmp_path) as store, SqliteGuest.open(tmp_path) as guest:
        assert isinstance(await guest.apply(trip, [Write(TRIP, ABSENT, {"definition": "x"})]), NotDone)
        assert await store.get(trip, [TRIP]) == {}


async def test_of_indexes_a_guest_adds_to_those_of_dead_letters_and_of_deeds(tmp_path: Path) -> None:
    nowhere = Partition(Table.CURSORS, "", "deeds")
    async with SqliteBatches.open(tmp_path) as store, SqliteGuest.open(tmp_path) as guest:
        for index in Index:
            outcome = await guest.apply(nowhere, (), [IndexEntry(index, "here", "entry", 100)])
            found = await store.read_index(index, "here")
            if index in (Index.DEEDS, Index.DEAD_LETTERS):
                assert (outcome, found) == (Applied(), ["entry"])
            else:
                assert (type(outcome), found) == (NotDone, [])


async def test_nothing_fails_while_guests_and_the_owner_write(tmp_path: Path) -> None:
    """Each has a hundred batches; every one is applied, and none of them twice."""

    async def all_applied(of: SqliteBatches | SqliteGuest, name: str) -> None:
        for number in range(100):
            assert await of.apply(letter(f"{name}{number}"), write("kept")) == Applied()

    async with SqliteBatches.open(tmp_path) as store, SqliteGuest.open(tmp_path) as guest:
        await asyncio.gather(all_applied(store, "a"), all_applied(store, "b"), all_applied(guest, "c"))
        assert store.counts.failures == 0


async def test_the_owner_waits_for_who_holds_the_database_and_gives_up_in_time(tmp_path: Path) -> None:
    async with SqliteBatches.open(tmp_path, wait_ms_max=300) as store:
        with closing(sqlite3.connect(tmp_path / "inventory.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.ensure_future(store.apply(letter("a"), write("kept")))
            await asyncio.sleep(0.02)
            assert not waiting.done()
            other.rollback()
            assert await waiting == Applied()
            other.execute("BEGIN IMMEDIATE")
            assert isinstance(await store.apply(letter("b"), write("kept")), NotDone)
            other.rollback()
        assert await store.apply(letter("b"), write("kept")) == Applied()


async def test_where_there_is_no_database_a_guest_makes_none(tmp_path: Path) -> None:
    with pytest.raises(UnfitDatabase, match="no database in"):
        async with SqliteGuest.open(tmp_path):
            pass
    with pytest.raises(UnfitDatabase, match="no database in"):  # still
        async with SqliteGuest.open(tmp_path):
            pass
