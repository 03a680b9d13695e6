"""What reads of a group with expired rows cost: each request of either group, at each of its ages."""

from pathlib import Path

import pytest

from verification.aging.expired import aged
from verification.servers.cassandra import cassandra
from verification.servers.fixtures import need

HOLDS = 500


@pytest.mark.scylla
@pytest.mark.timeout(300)
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
