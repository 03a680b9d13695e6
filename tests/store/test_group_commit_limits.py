"""What is bounded in group commit, what it keeps, and what it passes on as it is."""

import asyncio

import pytest

from tests.store.partitions import new_partition
from tests.store.test_group_commit import HOLDS, SEATS, claim, entries_of, for_sale, settle
from tests.store.written_rows import FREE, HELD
from travio_inventory.protocol.batches import (
    ABSENT,
    ANY_TIME,
    TOO_OLD,
    Applied,
    Index,
    Kind,
    NotDone,
    Outcome,
    Refused,
    RowKey,
    Unknown,
    Write,
)
from travio_inventory.store import group_commit
from verification.kit.passing import Batch


async def test_only_so_many_wait_for_a_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "WAITING_MAX", 2)
    sale = await for_sale()
    async with sale.meanwhile():
        holds = [sale.hold(at) for at in range(3)]
    outcomes = [await hold for hold in holds]
    assert [type(outcome) for outcome in outcomes] == [Applied, Applied, NotDone]
    assert outcomes[2] == NotDone("2 batches wait for this partition")


async def test_a_company_has_only_so_much_text(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [value for write in claim(0) for value in write.values.values() if isinstance(value, str)]
    monkeypatch.setattr(group_commit, "CHARS_MAX", 2 * sum(map(len, texts)))
    sale = await for_sale()
    async with sale.meanwhile():
        holds = [sale.hold(at) for at in range(3)]
    assert [type(await hold) for hold in holds] == [Applied] * 3
    assert sale.road.companies[1:] == [["hold-0", "hold-1"], ["hold-2"]]


async def test_only_so_many_are_asked_to_join(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "LOOKS_MAX", 2)
    sale = await for_sale()
    async with sale.meanwhile():
        holds = [sale.hold(at, seat=seat) for at, seat in ((0, 0), (1, 0), (2, 0), (3, 3))]
    assert [type(await hold) for hold in holds] == [Applied, Refused, Refused, Applied]
    assert sale.road.companies[1:] == [["hold-0"], ["hold-1", "hold-3"], ["hold-3", "hold-2"], ["hold-3"]]


async def test_only_so_many_unknown_outcomes_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "DOUBTFUL_MAX", 1)
    sale = await for_sale()
    for answer in (Unknown("lost"), None):
        async with sale.meanwhile():
            holds = [sale.hold(at) for at in range(3)]
            await settle()
            sale.road.answer = lambda batch, answer=answer: answer if len(batch.writes) > 3 else None  # type: ignore[misc]
        outcomes = [await hold for hold in holds]
    assert [type(outcome) for outcome in outcomes] == [Applied] * 3
    assert sale.road.companies[-2:] == [["hold-0", "hold-1"], ["hold-2"]]


async def test_a_company_is_sent_by_the_time_of_its_most_urgent_member() -> None:
    sale = await for_sale()
    now = asyncio.get_running_loop().time()
    async with sale.meanwhile():
        tasks = [
            asyncio.ensure_future(sale.store.apply(sale.group.partition, claim(at), send_by=now + within))
            for at, within in enumerate((50, 40, 60))
        ]
    assert [type(await task) for task in tasks] == [Applied] * 3
    assert sale.road.passed[-1].send_by == now + 40


async def test_nothing_is_kept_of_a_partition_for_which_nothing_is_under_way() -> None:
    sale = await for_sale(under_way_max=2)
    async with sale.meanwhile():
        holds = [sale.hold(at) for at in range(6)]
    assert [type(await hold) for hold in holds] == [Applied] * 6
    await settle()
    assert (sale.store._lanes, sale.store._sending, sale.store._doubtful) == ({}, set(), {})


async def test_a_batch_without_writes_waits_for_nobody_and_passes_as_it_is() -> None:
    sale = await for_sale()
    asked = Batch(sale.group.partition, (), entries_of(1, new_partition().name), asyncio.get_running_loop().time() + 9)
    async with sale.meanwhile():
        noting = asyncio.ensure_future(sale.store.apply(*asked[:3], send_by=asked.send_by))
        await settle()
        assert sale.road.passed[-1] == asked
    assert isinstance(await noting, Applied)


async def test_a_batch_for_an_idle_partition_passes_as_it_is() -> None:
    sale = await for_sale()
    asked = Batch(
        sale.group.partition, claim(1), entries_of(1, new_partition().name), asyncio.get_running_loop().time() + 9
    )
    assert isinstance(await sale.store.apply(*asked[:3], send_by=asked.send_by), Applied)
    assert sale.road.passed[-1] == asked


async def test_reads_pass_as_they_are() -> None:
    sale = await for_sale()
    bucket = new_partition().name
    for at in range(5):
        await sale.group.apply(*claim(at), entries=entries_of(at, bucket))
    partition, ids = sale.group.partition, [f"hold-{at}" for at in range(5)]
    assert [key.id for key in await sale.store.get(partition, HOLDS[:2])] == ids[:2]
    held = await sale.store.read(partition, Kind.HOLD, start=ids[1], end=ids[4], most=2)
    assert [key.id for key in held] == ids[1:3]
    assert [key.id for key in await sale.store.read(partition, Kind.HOLD, start=ids[1], end=ids[3])] == ids[1:3]
    assert [key.id for key in await sale.store.read(partition, Kind.HOLD)] == ids
    assert await sale.store.read_index(Index.HOLDS, bucket, after="h-1", most=2) == ["h-2", "h-3"]
    assert await sale.store.read_index(Index.HOLDS, bucket) == [f"h-{at}" for at in range(5)]


async def test_a_member_is_late_only_after_its_time() -> None:
    outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    too_old = group_commit.Member((), (), 5, 9, 1, outcome)
    assert [too_old.is_late(now) for now in (5, 5.1)] == [None, TOO_OLD]
    too_long = group_commit.Member((), (), 9, 5, 1, outcome)
    assert [too_long.is_late(now) for now in (5, 5.1)] == [None, "its turn did not come in time"]


def member(name: str, *, rows: int = 1, company_max: int = 32) -> group_commit.Member:
    """A batch of so many rows."""
    writes = [Write(RowKey(Kind.CELL, name, number), ABSENT, {}) for number in range(rows)]
    outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    return group_commit.Member(writes, (), ANY_TIME, ANY_TIME, company_max, outcome)


async def test_a_company_admits_to_the_last_row_and_nobody_who_wants_less_company() -> None:
    company = group_commit._Company()
    for name in "ab":
        assert company.admits(member(name))
        company.add(member(name))
    assert [company.admits(member("c", company_max=most)) for most in (2, 3)] == [False, True]
    rows = group_commit.ROWS_MAX - 2
    assert [company.admits(member("c", rows=count)) for count in (rows, rows + 1)] == [True, False]
    assert not company.admits(member("a")), "it names the same row"


async def test_who_went_alone_is_refused_whatever_the_rows_say() -> None:
    """They were read a moment after the decision; to go again would change nothing for who had no company."""
    sale = await for_sale()
    free = Refused(dict.fromkeys(SEATS, FREE))
    async with sale.meanwhile():
        hold = sale.hold(0)
        await settle()
        sale.road.answer = lambda batch: free if batch.writes[0].key == HOLDS[0] else None
    assert await hold == free
    assert sale.road.companies[1:] == [["hold-0"]]


async def test_who_went_in_vain_twice_goes_in_half_the_company() -> None:
    sale = await for_sale()
    taken = iter(SEATS[:2])

    def refused(batch: Batch) -> Outcome | None:
        """The first seat was taken when they went, and the second when the others went again."""
        seat = next(taken, None) if len(batch.writes) > 3 else None
        return Refused({**dict.fromkeys(SEATS, FREE), seat: HELD}) if seat else None

    async with sale.meanwhile():
        holds = [sale.hold(at) for at in range(8)]
        await settle()
        sale.road.answer = refused
    assert [type(await hold) for hold in holds] == [Refused] * 2 + [Applied] * 6
    assert [len(company) for company in sale.road.companies[1:]] == [8, 7, 3, 3]
