"""A node joins the cluster and leaves it again while seats are sold: each is sold once, and what is sold stays so."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

import pytest

from tests.store.coordinators import Asked
from tests.store.partitions import new_partition
from travio_inventory.protocol.batches import ABSENT, Applied, Kind, Partition, RowKey, Write
from travio_inventory.store.group_commit import GroupCommit
from travio_inventory.store.scylla import ScyllaBatches
from verification.kit.stores import make_tables, scylla_options
from verification.servers.cassandra import Cassandra, cassandra
from verification.servers.fixtures import need

BUYERS = 6
PARTITIONS = 40
SEEN_S_MAX = 60
STEP_S_MAX = 150
TEST_S_MAX = 600

pytestmark = [pytest.mark.scylla, pytest.mark.cluster, pytest.mark.thorough, pytest.mark.timeout(TEST_S_MAX)]


@pytest.fixture
def growing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cassandra]:
    """Two nodes with a copy each, and one that may join."""
    need("scylla")
    with cassandra(tmp_path_factory.mktemp("growing"), 2, joining=1, takes_commands=True) as running:
        yield running


@dataclass
class Sale:
    """Buyers who want rows until they are told to stop, several of them each row."""

    stores: list[GroupCommit]
    partitions: list[Partition] = field(default_factory=lambda: [new_partition() for _ in range(PARTITIONS)])
    won: dict[tuple[Partition, RowKey], list[str]] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def buy(self, buyer: int) -> None:
        """Ask for one row after the other, in an order that all buyers have."""
        for n in count():
            if self.over.is_set():
                return
            partition = self.partitions[n % PARTITIONS]
            key, name = RowKey(Kind.HOLD, f"h{n // PARTITIONS}"), f"buyer-{buyer}"
            write = Write(key, ABSENT, {"status": name})
            outcome = await self.stores[buyer % len(self.stores)].apply(partition, [write])
            self.told[type(outcome).__name__] += 1
            if isinstance(outcome, Applied):
                self.won.setdefault((partition, key), []).append(name)

    async def sold_more(self, rows: int) -> None:
        """Return when so many more rows are sold."""
        before = len(self.won)
        async with asyncio.timeout(SEEN_S_MAX):
            while len(self.won) < before + rows:  # noqa: ASYNC110 - the buyers set no event
                await asyncio.sleep(0.1)

    async def wrong(self) -> list[object]:
        """Rows with two winners, or that do not have the one who was told to have won."""
        found: list[object] = [names for names in self.won.values() if len(names) > 1]
        for (partition, key), (name, *_) in self.won.items():
            rows = await self.stores[0].get(partition, [key])
            if key not in rows or rows[key]["status"] != name:
                found.append((partition, key, name, rows))
        return found


async def test_a_node_is_added_and_removed_while_rows_are_sold(growing: Cassandra) -> None:
    options = replace(scylla_options(growing), replication_min=2)
    make_tables(options)
    (newcomer,) = growing.joining
    async with ScyllaBatches.connect(options) as one, ScyllaBatches.connect(options) as other:
        asked, sale = Asked(one), Sale([GroupCommit(one), GroupCommit(other)])
        async with asyncio.TaskGroup() as buyers:
            for buyer in range(BUYERS):
                buyers.create_task(sale.buy(buyer))
            await sale.sold_more(20)
            assert set(asked.take()) <= set(growing.hosts)
            await asyncio.wait_for(asyncio.to_thread(newcomer.start), STEP_S_MAX)
            async with asyncio.timeout(SEEN_S_MAX):
                while newcomer.address not in asked.take():  # noqa: ASYNC110 - nor does the store
                    await asyncio.sleep(0.1)
            await sale.sold_more(20)
            await asyncio.wait_for(asyncio.to_thread(newcomer.nodetool, "decommission", "--force"), STEP_S_MAX)
            async with asyncio.timeout(SEEN_S_MAX):
                while newcomer.address in asked.take():  # noqa: ASYNC110 - nor does the store
                    await asyncio.sleep(1)
            newcomer.kill()
            await sale.sold_more(20)
            sale.over.set()
        assert await sale.wrong() == []
        assert sale.told["Refused"] > len(sale.won)
