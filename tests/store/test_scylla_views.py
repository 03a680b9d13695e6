"""What is shown of neighbours is read by one request, and each is told what is in its own partition."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import pytest
from cassandra import ConsistencyLevel

from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Kind,
    Partition,
    Row,
    RowKey,
    Rows,
    StoreUnavailable,
    Table,
    Write,
)
from travio_inventory.store.scylla import ScyllaBatches
from travio_inventory.store.scylla.connecting import ResultRows, ScyllaOptions
from travio_inventory.store.scylla.data_path import Request
from travio_inventory.store.scylla.levels import Levels
from travio_inventory.store.scylla.views import NEIGHBOURS_MAX, Views
from verification.kit.stores import scylla_store


@pytest.fixture
async def batches(scylla: ScyllaOptions) -> AsyncIterator[ScyllaBatches]:
    async with scylla_store(scylla) as store:
        yield store


STOCK, OTHER = RowKey(Kind.STOCK, ""), RowKey(Kind.LINE, "a")


def places(many: int, name: str = "cup") -> Sequence[Partition]:
    """So many neighbours of an organization of their own."""
    organization = uuid4().hex
    return [Partition(Table.STOCK, organization, name, 64 * number) for number in range(1, many + 1)]


async def written(store: ScyllaBatches, at: Partition, available: int, key: RowKey = STOCK) -> None:
    """A row there."""
    values: Row = (
        {"status": "active", "available": available} if key is STOCK else {"status": "reserved", "quantity": 1}
    )
    assert await store.apply(at, [Write(key, ABSENT, values)]) == Applied()


async def shown(store: ScyllaBatches, at: Sequence[Partition], key: RowKey = STOCK) -> Sequence[Rows]:
    """The row of each, asked for at once."""
    return await asyncio.gather(*(store.views.get(each, [key]) for each in at))


def entry(available: int) -> Rows:
    """What a view tells of it."""
    return {STOCK: {"status": "active", "available": available}}


@pytest.mark.scylla
async def test_neighbours_are_one_request_and_who_has_nothing_is_told_so(batches: ScyllaBatches) -> None:
    one, two, none, other = *places(3), *places(1)
    for available, at in enumerate((one, two, other), 5):
        await written(batches, at, available)
    await written(batches, two, 1, OTHER)
    before = batches.counts.requests
    assert await shown(batches, [one, two, none, one]) == [entry(5), entry(6), {}, entry(5)]
    assert batches.counts.requests - before == 1
    assert await shown(batches, [two, other]) == [entry(6), entry(7)]
    assert batches.counts.requests - before == 3, "another organization is no neighbour"


@pytest.mark.scylla
async def test_a_view_of_neighbours_shows_at_once_what_was_answered(batches: ScyllaBatches) -> None:
    some = places(3)
    for number, at in enumerate(some):
        asked = asyncio.ensure_future(shown(batches, some))
        await asyncio.sleep(0)
        await written(batches, at, 9)
        assert await shown(batches, some) == [entry(9)] * (number + 1) + [{}] * (2 - number)
        await asked


@pytest.mark.scylla
async def test_many_neighbours_are_read_some_at_a_time(batches: ScyllaBatches) -> None:
    many = places(NEIGHBOURS_MAX + 1)
    await written(batches, many[-1], 3)
    before = batches.counts.requests
    assert await shown(batches, many) == [{}] * NEIGHBOURS_MAX + [entry(3)]
    assert batches.counts.requests - before == 2


class Asking:
    """Answers of servers that a test gives."""

    def __init__(self) -> None:
        self.answers: list[asyncio.Future[ResultRows]] = []
        self.was_asked = asyncio.Event()

    async def __call__(self, _request: Request, _at: Partition) -> ResultRows:
        self.answers.append(asyncio.get_running_loop().create_future())
        self.was_asked.set()
        return await self.answers[-1]


async def asking(asked: Asking, at: Sequence[Partition]) -> list[asyncio.Task[Rows]]:
    """Those who wait for an answer."""
    views = Views("k", Levels(ConsistencyLevel.QUORUM), asked, page=100)
    tasks = [asyncio.create_task(views.get(each, [STOCK])) for each in at]
    await asked.was_asked.wait()
    return tasks


async def test_a_failure_is_told_to_all_who_asked() -> None:
    tasks = await asking(asked := Asking(), places(2))
    asked.answers[0].set_exception(StoreUnavailable("away"))
    for task in tasks:
        with pytest.raises(StoreUnavailable):
            await task


async def test_who_leaves_takes_nothing_from_the_others() -> None:
    one, two = places(2)
    first, again, other = await asking(asked := Asking(), [one, one, two])
    first.cancel()
    await asyncio.sleep(0)
    names = ["number", "kind", "id", "available"]
    asked.answers[0].set_result(ResultRows(names, [(one.number, "stock", "", 4), (two.number, "stock", "", 2)]))
    assert (await again, await other) == ({STOCK: {"available": 4}}, {STOCK: {"available": 2}})
    assert first.cancelled()
