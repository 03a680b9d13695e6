"""What is read at which level: decisions by a Paxos round, views by the majority that has each answered batch."""

import pytest
from cassandra import ConsistencyLevel

from tests.store.partitions import new_partition
from travio_inventory.protocol.batches import Kind, Partition, RowKey
from travio_inventory.store.scylla.connecting import ResultRows
from travio_inventory.store.scylla.data_path import Request
from travio_inventory.store.scylla.levels import levels_of
from travio_inventory.store.scylla.row_reads import RowReads

NOTHING = ResultRows([], [])


@pytest.mark.parametrize(
    ("is_global", "serial", "majority"),
    [
        (False, ConsistencyLevel.LOCAL_SERIAL, ConsistencyLevel.LOCAL_QUORUM),
        (True, ConsistencyLevel.SERIAL, ConsistencyLevel.QUORUM),
    ],
)
async def test_a_view_is_read_by_the_majority_that_commits(is_global: bool, serial: int, majority: int) -> None:
    levels, asked = levels_of(is_global=is_global), list[int]()

    async def ask(request: Request, _: Partition) -> ResultRows:
        asked.append(request.levels.consistency)
        return NOTHING

    for level in (levels.serial_read, levels.plain):
        reads = RowReads("k", level, ask, page=100)
        await reads.get(new_partition(), [RowKey(Kind.HOLD, "h")])
        await reads.read(new_partition(), Kind.CELL)
    assert asked == [serial, serial, majority, majority]
    assert (levels.consistency, levels.serial) == (majority, serial)
