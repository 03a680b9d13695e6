"""What reads of a group with expired rows cost: each request of either group, at each of its ages."""

from pathlib import Path

import pytest

from travio_inventory.protocol.batches import Kind
from travio_inventory.protocol.retention import HOLDS_S_MIN, Retention
from travio_inventory.seats.records import seat_rows
from verification.aging import cql_place
from verification.aging.cql_place import CqlPlace
from verification.aging.expired import aged
from verification.aging.life import HELD_S_MAX, TRIP, living
from verification.servers.cassandra import cassandra
from verification.servers.fixtures import need

HOLDS = 500
A_DAY_IN_A_SECOND = 86_400


@pytest.mark.scylla
@pytest.mark.thorough
async def test_what_has_expired_leaves_the_disk_with_a_compaction_that_waits_for_no_repair(tmp_path: Path) -> None:
    need("scylla")
    with cassandra(tmp_path, takes_commands=True) as nodes:
        costs = (await aged(nodes, HOLDS, keep_s=5))["costs"]
    assert list(costs) == [
        "both are fresh",
        "the rows live",
        "the rows have expired",
        "after a compaction",
        "after a compaction without a grace",
    ]
    kept, gone = costs["after a compaction"]["bytes_on_disk"], costs["after a compaction without a grace"]
    assert kept > 1.5 * gone["bytes_on_disk"] > 0
    assert all(cost["fresh_ms"] > 0 < cost["aged_ms"] for what, cost in gone.items() if what != "bytes_on_disk")


@pytest.mark.scylla
@pytest.mark.thorough
async def test_a_life_on_cql_leaves_few_rows_on_disk_once_its_retention_has_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("scylla")
    monkeypatch.setattr(cql_place, "FASTER", A_DAY_IN_A_SECOND)
    retention = Retention(4 * HOLDS_S_MIN, HOLDS_S_MIN, HOLDS_S_MIN, HELD_S_MAX)
    with cassandra(tmp_path, takes_commands=True) as nodes:
        place = CqlPlace(nodes, "life")
        async with living(place, retention) as life:
            for _ in range(100):
                await life.hold_and_release()
        lived = place.bytes()
        await place.pass_retention(retention)
        async with place.open() as store:
            group = seat_rows.group_partition(TRIP.key, 0)
            assert {len(await store.read(group, kind)) for kind in (Kind.HOLD, Kind.EVENT)} == {0}
            assert len(await store.read(group, Kind.CELL)) == 16 * 3
        assert place.bytes() < lived / 2
