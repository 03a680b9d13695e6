"""A database as the first release with migrations writes it: `python -m tests.store.old_database` wrote version_3.db.

Every later release must understand it; so it is never written again once that release is out.
"""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory

from travio_inventory.seats.trip import TripKey
from travio_inventory.store.sqlite import SqliteBatches
from verification.kit.asking import open_trip
from verification.kit.sale import Market, Sale
from verification.kit.trips import a_trip

VERSION_3 = Path(__file__).with_name("version_3.db")
TRIP = replace(a_trip(seats=6, seats_per_group=2), key=TripKey("org", "t1"))


async def sell(sale: Sale) -> None:
    """A little of all that can be taken: a hold over two seat groups under a key, a booking, seats off sale, a wait."""
    await open_trip(sale.inventory, TRIP)
    await sale.hold("A1 A6", "A-C", key="k")
    await sale.confirm(await sale.hold("A2", by="bob", key="k"), "order-1")
    await sale.release(await sale.hold("A5", by="bob"))
    await sale.block("A4")
    await sale.join("bob", "first", seats=2)
    await sale.market.settled()


async def write(path: Path) -> None:
    """Sell, and keep the database in the one file."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        async with SqliteBatches.open(folder) as store, Market(store) as market:
            await sell(market.prepare(TRIP))
            await market.settled()
        with closing(sqlite3.connect(folder / "inventory.db")) as shell:
            shell.execute("VACUUM")
            shell.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        copy(folder / "inventory.db", path)


if __name__ == "__main__":
    asyncio.run(write(VERSION_3))
