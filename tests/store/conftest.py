"""The stores that the contract suite runs on."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4

import pytest

from travio_inventory.store.batches import (
    Applied,
    Batches,
    Hint,
    Index,
    Kind,
    Outcome,
    Partition,
    Refused,
    Row,
    RowKey,
    Rows,
    Table,
    Write,
)
from travio_inventory.store.memory import MemoryBatches
from travio_inventory.store.sqlite import SqliteBatches

Store: TypeAlias = Batches


@dataclass(frozen=True)
class Block:
    """A partition that no other test uses."""

    store: Store
    partition: Partition

    async def apply(self, *writes: Write, hints: Sequence[Hint] = ()) -> Outcome:
        """Try the batch."""
        return await self.store.apply(self.partition, writes, hints)

    async def stands(self, *writes: Write) -> None:
        """Apply the batch, which must work."""
        assert isinstance(await self.apply(*writes), Applied)

    async def refused(self, *writes: Write) -> Rows:
        """Try the batch, which must be refused; the rows that it names."""
        outcome = await self.apply(*writes)
        assert isinstance(outcome, Refused)
        return outcome.rows

    async def get(self, *keys: RowKey) -> Rows:
        """Those of the rows that stand."""
        return await self.store.get(self.partition, keys)

    async def row(self, key: RowKey) -> Row | None:
        """The row, None where there is none."""
        return (await self.get(key)).get(key)

    async def ids(self, kind: Kind, *, start: str = "", end: str = "") -> list[str]:
        """The ids of a range of rows, as they come."""
        rows = await self.store.read(self.partition, kind, start=start, end=end)
        return [key.id for key in rows]


def new_partition() -> Partition:
    """A partition that no other test uses."""
    return Partition(Table.BLOCKS, "store-tests", uuid4().hex, 3)


def hint(entry: str, bucket: str, index: Index = Index.EXPIRY) -> Hint:
    """An entry of a bucket."""
    return Hint(index, bucket, entry)


@asynccontextmanager
async def memory_store(_: Path) -> AsyncIterator[Store]:
    """In memory, without faults."""
    yield MemoryBatches(None, random.Random(1), asyncio.sleep)


def sqlite_store(folder: Path) -> AbstractAsyncContextManager[Store]:
    """In a folder of its own."""
    return SqliteBatches.open(folder)


STORES = {"memory": memory_store, "sqlite": sqlite_store}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """The loop that the service runs on."""
    return "asyncio"


@pytest.fixture(scope="module", params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    """Every store; many tests share it, each with partitions and buckets of its own."""
    async with STORES[request.param](tmp_path_factory.mktemp("store")) as opened:
        yield opened


@pytest.fixture
def block(store: Store) -> Block:
    """A partition of every store."""
    return Block(store, new_partition())
