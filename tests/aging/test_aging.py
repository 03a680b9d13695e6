"""The comparison of an aged store with a fresh one: each kind of call, in time and in rows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from travio_inventory.protocol.batches import Kind
from travio_inventory.protocol.retention import Retention
from travio_inventory.seats.records import seat_rows
from verification.aging.__main__ import AFTER, AGED, FRESH, aged
from verification.aging.lapses import measured
from verification.aging.life import TRIP, living
from verification.aging.places import SqlitePlace

CELLS = 16 * 3


def rows_of(found: Mapping[str, Any], what: str) -> list[float]:
    """How many rows such a call was given by the fresh store, by the aged one, and by that one after its retention."""
    rows = found["calls"][what]["rows"]
    return [rows[when] for when in (FRESH, AGED, AFTER)]


@pytest.mark.once
async def test_a_store_is_compared_with_a_fresh_one_before_and_after_its_retention(tmp_path: Path) -> None:
    found: Any = await aged(SqlitePlace(tmp_path / "new"), SqlitePlace(tmp_path / "old"), 200, Retention())
    assert set(found["calls"]) == {
        "hold and release",
        "seat map",
        "sweep by another process",
        "events read by another process",
        "join and leave the waiting list",
        "the holder's holds listed",
        "the holder's places on waiting lists listed",
        "hold with a key",
    }
    assert all(cost["ms"][when] > 0 for cost in found["calls"].values() for when in (FRESH, AGED, AFTER))
    assert rows_of(found, "seat map") == [CELLS] * 3
    new, old, after = rows_of(found, "events read by another process")
    assert new > 0
    assert max(old, after) < 2 * new, "events of epochs that are over are not read"
    new, old, after = rows_of(found, "the holder's holds listed")
    assert old > 1.5 * new > 1.3 * after > 0, "ended holds are listed until they are forgotten"
    size = found["bytes"]
    assert size[AGED] > 1.5 * size[FRESH]
    assert size["ratio"][AFTER] == round(size[AFTER] / size[FRESH], 2) < 1.3


async def test_the_rows_of_a_read_are_counted(tmp_path: Path) -> None:
    async with living(SqlitePlace(tmp_path), Retention()) as life:
        before = life.store.rows
        await life.store.read(seat_rows.group_partition(TRIP.key, 0), Kind.CELL)
        assert life.store.rows - before == CELLS


@pytest.mark.once
async def test_one_sweep_frees_every_lapsed_hold_of_a_seat_group() -> None:
    found = await measured("sqlite", 40)
    assert (found["free"], found["failed"]) == (40, 0)
    assert found["seconds"] > 0
