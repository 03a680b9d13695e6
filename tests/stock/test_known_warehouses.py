"""Orders are planned by warehouses that are remembered for a moment, and nobody is refused by them."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.stock.shop import Shop
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import Kind, Partition, Rows, Table
from travio_inventory.stock.commands import ChangeWarehouse
from travio_inventory.stock.records.known_warehouses import (
    KNOWN_MS,
    ORGANIZATIONS_MAX,
    Known,
    KnownWarehouses,
)
from travio_inventory.stock.refusals import InsufficientStock
from travio_inventory.stock.reservation import Status
from travio_inventory.stock.warehouse import Site, Warehouse
from verification.kit.clocks import Clock
from verification.kit.passing import Passing


class Counted(Passing):
    """Batches that count the reads of all warehouses."""

    reads = 0

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        self.reads += partition.table is Table.WAREHOUSES
        return await super().read(partition, kind, start=start, end=end, most=most)


async def test_orders_that_come_within_a_moment_read_the_warehouses_once(shop: Shop) -> None:
    counted = Counted(shop.store)
    shop = Shop(counted)
    await shop.entry("cup", 9)
    counted.reads = 0
    for number in range(5):
        await shop.reserve(f"o{number}", ("cup", 1))
    assert counted.reads == 1
    shop.clock.pass_ms(KNOWN_MS)
    await shop.reserve("later", ("cup", 1))
    assert counted.reads == 2


async def test_a_warehouse_that_is_closed_here_serves_nobody_any_more(shop: Shop) -> None:
    north = await shop.warehouse("north")
    await shop.entry("cup", 9)
    south = await shop.entry("cup", 9, code="south")
    await shop.reserve("o1", ("cup", 1))
    await shop.stock.warehouses.change(shop.actor, ChangeWarehouse(north.id, Site("North", is_active=False), 1))
    assert [line.inventory_id for line in (await shop.reserve("o2", ("cup", 1))).lines] == [south.id]


@pytest.mark.parametrize("was", ["new", "closed"])
async def test_what_another_process_opens_is_found_before_anybody_is_refused(shop: Shop, was: str) -> None:
    """This process remembers one warehouse, whose batch would say the final no."""
    other = Shop(shop.store, shop.actor.organization)
    await shop.entry("cup", 1)
    if was == "closed":
        closed = await other.warehouse("south", is_active=False)
        await other.entry("cup", 1, code="south")
    await shop.reserve("o1", ("cup", 1))
    if was == "closed":
        await other.stock.warehouses.change(other.actor, ChangeWarehouse(closed.id, Site("South"), 1))
    else:
        await other.entry("cup", 1, code="south")
    assert (await shop.reserve("o2", ("cup", 1))).status is Status.PENDING
    with pytest.raises(InsufficientStock):
        await shop.reserve("o3", ("cup", 1))


async def none(_organization: str) -> Sequence[Warehouse]:
    return []


async def test_what_changes_while_it_is_read_is_not_remembered() -> None:
    known = KnownWarehouses(Clock().elapsed_ms)

    async def changed_meanwhile(organization: str) -> Sequence[Warehouse]:
        known.forget(organization)
        return []

    assert (await known.of("o", changed_meanwhile)).is_fresh
    assert (await known.of("o", none)).is_fresh
    assert not (await known.of("o", none)).is_fresh


class Slow:
    """A read that is answered when it is told so."""

    def __init__(self) -> None:
        self.answers: list[asyncio.Future[Sequence[Warehouse]]] = []

    async def __call__(self, _organization: str) -> Sequence[Warehouse]:
        self.answers.append(asyncio.get_running_loop().create_future())
        return await self.answers[-1]


async def asked(known: KnownWarehouses, read: Slow, many: int) -> list[asyncio.Task[Known]]:
    """So many who ask at once, and wait."""
    tasks = [asyncio.ensure_future(known.of("o", read)) for _ in range(many)]
    await asyncio.sleep(0)
    return tasks


async def test_a_crowd_waits_for_one_read_however_long_it_takes() -> None:
    clock, read = Clock(), Slow()
    known = KnownWarehouses(clock.elapsed_ms)
    crowd = await asked(known, read, 9)
    clock.pass_ms(2 * KNOWN_MS)
    crowd += await asked(known, read, 9)
    read.answers[0].set_result([])
    assert [each.is_fresh for each in await asyncio.gather(*crowd)] == [True, *[False] * 17]
    assert len(read.answers) == 1


async def test_who_comes_after_a_change_does_not_wait_for_a_read_from_before_it() -> None:
    known, read = KnownWarehouses(Clock().elapsed_ms), Slow()
    before = await asked(known, read, 1)
    known.forget("o")
    after = await asked(known, read, 2)
    assert len(read.answers) == 2
    for answer in read.answers:
        answer.set_result([])
    assert [(await each).is_fresh for each in (*before, *after)] == [True, True, False]


@pytest.mark.parametrize("why", ["failed", "cancelled"])
async def test_if_nothing_came_of_the_read_each_reads(why: str) -> None:
    known, read = KnownWarehouses(Clock().elapsed_ms), Slow()
    first, *others = await asked(known, read, 3)
    if why == "failed":
        read.answers[0].set_exception(BackendUnavailable())
    else:
        first.cancel()
    with pytest.raises((BackendUnavailable, asyncio.CancelledError)):
        await first
    await asyncio.sleep(0)
    for answer in read.answers[1:]:
        answer.set_result([])
    assert [(await each).is_fresh for each in others] == [True, True]


async def test_there_is_a_bound_on_what_is_remembered() -> None:
    known = KnownWarehouses(Clock().elapsed_ms)
    for number in range(ORGANIZATIONS_MAX + 1):
        await known.of(str(number), none)
    assert not (await known.of("1", none)).is_fresh
    assert (await known.of("0", none)).is_fresh
