"""Writes to a data folder until it is killed, and prints what was acknowledged: `endless_writer FOLDER NAME`."""

import asyncio
import sys
from pathlib import Path

from travio_inventory.protocol.batches import ABSENT, Applied, Index, IndexEntry, Kind, Partition, RowKey, Table, Write
from travio_inventory.store.sqlite import SqliteBatches

PARTITION = Partition(Table.SEAT_GROUPS, "org", "trip")
BUCKET = "bucket"
CALLERS = 32


async def write(folder: Path, name: str) -> None:
    """Print the id of each hold whose batch ((hold, event and index entry)) was applied."""
    async with SqliteBatches.open(folder) as store:

        async def caller(number: int) -> None:
            step = 0
            while True:
                hold = f"{name}-{number}-{step}"
                writes = [
                    Write(RowKey(Kind.HOLD, hold), ABSENT, {"holder": hold}),
                    Write(RowKey(Kind.EVENT, hold), ABSENT, {"subject": hold}),
                ]
                outcome = await store.apply(PARTITION, writes, [IndexEntry(Index.EXPIRY, BUCKET, hold)])
                assert isinstance(outcome, Applied)
                sys.stdout.write(f"{hold}\n")
                sys.stdout.flush()
                step += 1

        await asyncio.gather(*(caller(number) for number in range(CALLERS)))


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), sys.argv[2]))
