"""Long after the last call nothing is left of what ended."""

import asyncio
from collections import Counter
from random import Random

from tests.seats.keeping import ANN, KEPT, TRIP, Keeping
from travio_inventory.protocol import listings
from travio_inventory.protocol.batches import Index, Kind
from travio_inventory.protocol.plain_tables import INDEXES
from travio_inventory.protocol.tables import KINDS
from travio_inventory.store.memory import MemoryBatches
from verification.simulation.virtual_loop import run_virtually

LONG_S = 3 * KEPT.entries_s


async def some_of_everything(process: Keeping) -> None:
    """Holds that end in every way, keys, and a place on a list; one booking and one who waits stay."""
    await process.release(await process.hold("A1", key="k1"))
    await process.cancel(await process.confirm(await process.hold("A2")))
    lapsed = await process.hold("A3", key="k3")
    late = await process.hold("A4")
    await process.pass_s(700)
    await process.sweep()
    assert await process.cancel(await process.confirm(late)) != late
    assert lapsed.seats == ("A3",)
    await process.confirm(await process.hold("A5"))
    await process.join("bob")
    await process.join()
    await process.leave()
    await process.relay()


def test_what_lives_is_left_and_nothing_else_however_much_was_done() -> None:
    async def day() -> None:
        store = MemoryBatches(None, Random(1), asyncio.sleep)
        process = Keeping(store)
        await process.open_trip()
        await some_of_everything(process)
        await process.assembly.steps.drain(5)
        await process.pass_s(LONG_S)
        await store.read_index(Index.TRIPS, "00")
        await left(store)

    run_virtually(0, day())


async def left(store: MemoryBatches) -> None:
    """One booking, one who waits, what goes with the trip, and how far the jobs have come."""
    rows = [(key, row) for partition in store.partitions() for key, row in store.snapshot(partition).items()]
    kinds = Counter(key.kind for key, _ in rows)
    assert kinds.keys() == {Kind.CELL, Kind.HOLD, Kind.TRIP, Kind.TAIL, Kind.ENTRY, Kind.PLACES, Kind.CURSOR}
    assert [row["status"] for key, row in rows if key.kind is Kind.HOLD] == ["confirmed"]
    assert [key.id for key, _ in rows if key.kind is Kind.ENTRY] == ["bob"]
    assert kinds[Kind.CELL] == len(TRIP.seats) * len(TRIP.segments)
    buckets = {index: [of for of in store._entries if of[0] is index and store._entries[of]] for index in Index}
    assert not any(buckets[index] for index in (Index.EXPIRY, Index.JOURNAL, Index.TOLD))
    of = ANN.organization, ANN.user
    assert [bucket for _, bucket in buckets[Index.HOLDS]] == [listings.holds_bucket(*of), listings.bookings_bucket(*of)]
    assert [bucket for _, bucket in buckets[Index.ORDERS]] == [listings.order_bucket(ANN.organization, "order-1")]
    assert [bucket for _, bucket in buckets[Index.WAITLISTS]] == ["bob"]


def test_every_kind_and_every_index_says_for_how_long_it_is_kept() -> None:
    assert all(rows.kept for rows in KINDS.values())
    assert all(declared.kept for declared in INDEXES.values())
    for_ever = {kind for kind, rows in KINDS.items() if rows.kept.startswith(("for ever", "as long as the trip"))}
    of_stock = {Kind.STOCK, Kind.ON_ORDER, Kind.WAREHOUSE, Kind.SUPPLIER, Kind.NUMBERS}  # as many as there are of these
    assert for_ever == {Kind.CELL, Kind.TAIL, Kind.PLACES, Kind.CURSOR} | of_stock
