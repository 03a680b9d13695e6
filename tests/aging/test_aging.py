"""The comparison of an aged store with a fresh one: each kind of call, in time and in rows."""

from pathlib import Path

from travio_inventory.protocol.batches import Kind
from travio_inventory.seats.records import seat_rows
from verification.aging.__main__ import aged
from verification.aging.lapses import measured
from verification.aging.life import TRIP, living

CELLS = 16 * 3


async def test_every_kind_of_call_is_compared_in_time_and_rows() -> None:
    found = await aged(20)
    assert set(found["calls"]) == {
        "hold and release",
        "seat map",
        "sweep by another process",
        "events read by another process",
        "join and leave the waiting list",
        "hold with a key",
    }
    assert all(compared["fresh_ms"] > 0 < compared["aged_ms"] for compared in found["calls"].values())
    assert found["calls"]["seat map"]["aged_rows"] == CELLS
    assert found["files"]["aged"] >= found["files"]["fresh"] > 0


async def test_the_rows_of_a_read_are_counted(tmp_path: Path) -> None:
    async with living(tmp_path) as life:
        before = life.store.rows
        await life.store.read(seat_rows.group_partition(TRIP.key, 0), Kind.CELL)
        assert life.store.rows - before == CELLS


async def test_one_sweep_frees_every_lapsed_hold_of_a_seat_group() -> None:
    found = await measured("sqlite", 40)
    assert (found["free"], found["failed"]) == (40, 0)
    assert found["seconds"] > 0
