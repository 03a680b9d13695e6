"""Several processes that sell one hot article on one store: from one shard, several, or each its own."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from secrets import token_hex
from typing import Any

from travio_inventory.protocol.batches import Batches
from verification.hot_article.sale import ENOUGH, Sale
from verification.servers.cassandra import Cassandra

KEYSPACE = "hot_article"
SAYS_S_MAX = 120
TURNS = 3


class Seller:
    """A process that sells."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def sell(self, asked: object) -> int:
        """How many it sold, told so."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(asked)}\n".encode())
        return int(await self.said())

    async def said(self) -> Any:  # noqa: ANN401 - whatever it says
        """Its next line. Raises AssertionError if it ended instead."""
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), SAYS_S_MAX)
        if not line:
            raise AssertionError("a process that sells has ended")
        return json.loads(line)


@asynccontextmanager
async def seller(node: Cassandra, organization: str, name: str) -> AsyncIterator[Seller]:
    """A process that sells for the organization; it ends with its input."""
    words = [node.hosts[0], str(node.port), KEYSPACE, organization, name]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "verification.hot_article.selling", *words, stdin=pipe, stdout=pipe
    )
    try:
        yield Seller(process)
    finally:
        if process.returncode is None:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()


async def sold_by_processes(
    store: Batches, node: Cassandra, *, processes: int, shards: int, buyers: int, seconds: float
) -> dict[str, list[int]]:
    """Reservations a second by all processes together, from one entry in one shard, from one in so many, and each
    process from an entry of its own, which is the best that shards could do; taken in turns, each as long.
    """
    sale = Sale(store, f"hot-{token_hex(6)}")
    one, several = await sale.entry("one", ENOUGH), await sale.entry("several", ENOUGH)
    await sale.spread(several, shards)
    own = [await sale.entry(f"w{number}", ENOUGH) for number in range(processes)]
    kinds = {"1 shard": [one] * processes, f"{shards} shards": [several] * processes, "an entry each": own}
    async with AsyncExitStack() as opened:
        names = [f"p{number}-" for number in range(processes)]
        sellers = [await opened.enter_async_context(seller(node, sale.organization, name)) for name in names]
        for each in sellers:
            await each.said()
        found: dict[str, list[int]] = {}
        share = max(buyers // processes, 1)
        for _ in range(TURNS):
            for kind, entries in kinds.items():
                made = await asyncio.gather(
                    *(
                        each.sell(
                            {
                                "warehouses": [entries[number].warehouse_id] * share,
                                "buyers": share,
                                "seconds": seconds / TURNS,
                            }
                        )
                        for number, each in enumerate(sellers)
                    )
                )
                found.setdefault(kind, []).append(round(sum(made) * TURNS / seconds))
    return found
