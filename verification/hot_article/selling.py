"""One process of several that sell one hot article: it sells when it is told to, and says how many it sold."""

import asyncio
import json
import sys

from travio_inventory.protocol.batches import Batches
from travio_inventory.store.scylla import ScyllaBatches
from verification.hot_article.sale import Sale
from verification.kit.stores import in_company, options_on


async def sell(store: Batches, organization: str, name: str) -> None:
    """Say that it is ready; for each line that comes sell as it says; end with the input."""
    sale = Sale(store, organization, name)
    _say("ready")
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked = json.loads(line)
        made = await sale.reserved(asked["warehouses"], buyers=asked["buyers"], seconds=asked["seconds"])
        _say(made)


def _say(what: object) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


async def _run(host: str, port: str, keyspace: str, organization: str, name: str) -> None:
    async with in_company(ScyllaBatches.connect(options_on([host], int(port), keyspace))) as store:
        await sell(store, organization, name)


if __name__ == "__main__":
    asyncio.run(_run(*sys.argv[1:]))
