"""Batches in company: each is told the truth about itself, whatever happened to the others."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from random import Random

import pytest

from tests.store.partitions import Group, index_entry, new_partition
from tests.store.written_rows import BORN, FREE, HELD, TOLD
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Index,
    IndexEntry,
    Kind,
    NotDone,
    Outcome,
    Refused,
    RowKey,
    Unknown,
    Write,
)
from travio_inventory.store.group_commit import ROWS_MAX, Counts, GroupCommit
from travio_inventory.store.memory import Faults, MemoryBatches
from verification.kit.passing import Batch, Passing, Send
from verification.simulation.virtual_loop import run_virtually

HOLDS = [RowKey(Kind.HOLD, f"hold-{at}") for at in range(40)]
SEATS = [RowKey(Kind.CELL, f"A{at}", 0) for at in range(40)]


class Road(Passing):
    """The way to a store in memory: it notes what passes, and can be closed. `answer` replaces the store's."""

    def __init__(self) -> None:
        super().__init__(MemoryBatches(None, Random(1), asyncio.sleep))
        self.open = asyncio.Event()
        self.open.set()
        self.passed: list[Batch] = []
        self.answer: Callable[[Batch], Outcome | None] = lambda _batch: None

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        """The outcome of the batch."""
        self.passed.append(batch)
        await self.open.wait()
        return self.answer(batch) or await send(batch)

    @property
    def companies(self) -> list[list[str]]:
        """The holds of each batch with holds that has passed."""
        named = ([write.key.id for write in batch.writes if write.key.kind is Kind.HOLD] for batch in self.passed)
        return [holds for holds in named if holds]


class Sale:
    """Seats of one partition behind group commit."""

    def __init__(self, *, under_way_max: int = 1, **limits: float) -> None:
        self.road = Road()
        self.store = GroupCommit(self.road, under_way_max=under_way_max, **limits)  # type: ignore[arg-type]  # integers where it takes integers
        self.group = Group(self.store, new_partition())

    def hold(self, at: int, seat: int | None = None) -> asyncio.Task[Outcome]:
        """Hold the seat of that number, or another, with the event."""
        return asyncio.ensure_future(self.group.apply(*claim(at, seat)))

    @asynccontextmanager
    async def meanwhile(self) -> AsyncIterator[None]:
        """What is asked for now comes while another batch is under way; on leaving, that one is answered."""
        self.road.open.clear()
        first = self.hold(39)
        await settle()
        yield
        await settle()
        self.road.open.set()
        await first


def claim(at: int, seat: int | None = None) -> Sequence[Write]:
    """The batch of a hold."""
    held = {**HELD, "owner": HOLDS[at].id}
    return (
        Write(HOLDS[at], ABSENT, BORN),
        Write(SEATS[at if seat is None else seat], {"status": "available"}, held),
        Write(RowKey(Kind.EVENT, f"event-{at}"), {}, TOLD),
    )


def entries_of(at: int, bucket: str) -> Sequence[IndexEntry]:
    """An entry that announces the hold, and one that follows it."""
    return index_entry(f"due-{at}", bucket), index_entry(f"h-{at}", bucket, Index.HOLDS)


async def settle() -> None:
    """Let everything go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def for_sale(*, under_way_max: int = 1, **limits: float) -> Sale:
    """A sale of 40 free seats."""
    sale = Sale(under_way_max=under_way_max, **limits)
    await sale.group.stands(*(Write(seat, ABSENT, FREE) for seat in SEATS))
    return sale


async def test_a_batch_for_an_idle_partition_is_sent_at_once_and_alone() -> None:
    sale = await for_sale()
    for at in range(3):
        assert isinstance(await sale.hold(at), Applied)
    assert sale.road.companies == [["hold-0"], ["hold-1"], ["hold-2"]]
    assert sale.store.counts.groups == 0


async def test_those_who_come_in_one_turn_of_the_loop_go_together() -> None:
    sale = await for_sale()
    holds = [sale.hold(at) for at in range(4)]
    assert [type(await hold) for hold in holds] == [Applied] * 4
    assert sale.road.companies == [[f"hold-{at}" for at in range(4)]]
    assert (sale.store.counts.groups, sale.store.counts.members) == (1, 4)


async def test_of_those_who_come_in_one_turn_the_first_may_leave() -> None:
    sale = await for_sale()
    first, *others = [sale.hold(at) for at in range(4)]
    await asyncio.sleep(0)
    first.cancel()
    assert [type(await hold) for hold in others] == [Applied] * 3
    assert first.cancelled()
    assert sale.road.companies == [[f"hold-{at}" for at in (1, 2, 3)]]
    assert isinstance(await sale.hold(0), Applied)


async def test_what_comes_meanwhile_goes_together_and_each_is_applied() -> None:
    sale = await for_sale()
    async with sale.meanwhile():
        holds = [sale.hold(at) for at in range(16)]
    assert [type(await hold) for hold in holds] == [Applied] * 16
    assert sale.road.companies == [["hold-39"], [f"hold-{at}" for at in range(16)]]
    assert len(await sale.group.get(*HOLDS[:16], *SEATS[:16])) == 32
    assert (sale.store.counts.groups, sale.store.counts.members) == (1, 16)


async def test_who_lost_is_refused_with_its_own_rows_and_the_others_are_applied() -> None:
    sale = await for_sale()
    assert isinstance(await sale.hold(7, seat=3), Applied)
    async with sale.meanwhile():
        holds = {at: sale.hold(at) for at in (1, 2, 3, 4)}
    outcomes = {at: await hold for at, hold in holds.items()}
    assert {at: type(outcome) for at, outcome in outcomes.items()} == {1: Applied, 2: Applied, 3: Refused, 4: Applied}
    assert outcomes[3] == Refused({SEATS[3]: {**HELD, "owner": "hold-7"}})
    assert sale.road.companies[-2:] == [["hold-1", "hold-2", "hold-3", "hold-4"], ["hold-1", "hold-2", "hold-4"]]
    assert await sale.group.row(HOLDS[3]) is None
    assert (sale.store.counts.refused, sale.store.counts.again) == (1, 3)


async def test_what_is_counted_adds_up() -> None:
    sale = await for_sale()
    assert isinstance(await sale.hold(30), Applied)
    for at in (0, 10):
        async with sale.meanwhile():
            holds = [sale.hold(at), sale.hold(at + 1), sale.hold(at + 2, seat=30)]
        assert [type(await hold) for hold in holds] == [Applied, Applied, Refused]
    assert sale.store.counts == Counts(groups=4, members=10, refused=2, again=4)


async def test_two_that_want_the_same_row_never_share_a_batch_and_one_wins() -> None:
    sale = await for_sale()
    async with sale.meanwhile():
        holds = [sale.hold(at, seat=at % 2) for at in range(6)]
    outcomes = [type(await hold) for hold in holds]
    assert outcomes == [Applied, Applied, Refused, Refused, Refused, Refused]
    for batch in sale.road.passed:
        keys = [write.key for write in batch.writes]
        assert len(keys) == len(set(keys))


async def test_an_unknown_outcome_is_unknown_to_each_and_each_next_try_is_alone() -> None:
    sale = await for_sale()
    async with sale.meanwhile():
        holds = [sale.hold(at) for at in range(3)]
        await settle()
        sale.road.answer = lambda batch: Unknown("lost") if len(batch.writes) > 3 else None
    assert [await hold for hold in holds] == [Unknown("lost")] * 3
    async with sale.meanwhile():
        holds = [sale.hold(at) for at in (0, 1, 2, 10, 11)]
        await settle()
        sale.road.answer = lambda _batch: None
    assert [type(await hold) for hold in holds] == [Applied] * 5
    assert sale.road.companies[-4:] == [["hold-0"], ["hold-1"], ["hold-2"], ["hold-10", "hold-11"]]


async def test_an_unknown_outcome_alone_is_tried_alone_too() -> None:
    sale = await for_sale()
    sale.road.answer = lambda _batch: Unknown("lost")
    assert await sale.hold(0) == Unknown("lost")
    sale.road.answer = lambda _batch: None
    async with sale.meanwhile():
        holds = [sale.hold(at) for at in (0, 1, 2)]
    assert [type(await hold) for hold in holds] == [Applied] * 3
    assert sale.road.companies[-2:] == [["hold-0"], ["hold-1", "hold-2"]]


async def test_what_is_not_done_is_not_done_for_each() -> None:
    sale = await for_sale()
    async with sale.meanwhile():
        holds = [sale.hold(at) for at in range(3)]
        await settle()
        sale.road.answer = lambda batch: NotDone("down") if len(batch.writes) > 3 else None
    assert [await hold for hold in holds] == [NotDone("down")] * 3


async def test_an_impossible_batch_fails_alone() -> None:
    sale = await for_sale()
    async with sale.meanwhile():
        holds = [sale.hold(at) for at in range(3)]
        wrong = asyncio.ensure_future(sale.group.apply(Write(HOLDS[20], ABSENT, {"sequence": 1})))
    assert [type(await hold) for hold in holds] == [Applied] * 3
    with pytest.raises(ValueError, match="sequence"):
        await wrong


@pytest.mark.parametrize(
    ("count", "companies"), [(3, [1, 3, 1, 1, 1]), (8, [1, 8, 4, 2, 1, 1, 2, 1, 1, 4, 2, 1, 1, 2, 1, 1])]
)
async def test_a_refusal_that_no_row_explains_halves_the_company_until_each_is_answered(
    count: int, companies: list[int]
) -> None:
    """The rows were read after the decision, and show the seats free."""
    sale = await for_sale()
    async with sale.meanwhile():
        holds = [sale.hold(at) for at in range(count)]
        await settle()
        free = Refused(dict.fromkeys(SEATS, FREE))
        sale.road.answer = lambda batch: free if len(batch.writes) > 3 else None
    outcomes = [await hold for hold in holds]
    assert {type(outcome) for outcome in outcomes} == {Applied}
    assert [len(company) for company in sale.road.companies] == companies


async def test_a_member_whose_time_is_up_is_not_sent() -> None:
    sale = await for_sale()
    loop = asyncio.get_running_loop()
    async with sale.meanwhile():
        late = asyncio.ensure_future(sale.store.apply(sale.group.partition, claim(0), send_by=loop.time() - 1))
        in_time = asyncio.ensure_future(sale.store.apply(sale.group.partition, claim(1), send_by=loop.time() + 60))
    assert isinstance(await late, NotDone)
    assert isinstance(await in_time, Applied)
    assert await sale.group.row(HOLDS[0]) is None
    assert sale.road.passed[-1].send_by > loop.time()


async def test_who_waits_too_long_is_not_done() -> None:
    sale = await for_sale(wait_s=0.01)
    async with sale.meanwhile():
        hold = sale.hold(0)
        await asyncio.sleep(0.05)
    assert await hold == NotDone("its turn did not come in time")
    assert isinstance(await sale.hold(0), Applied)


async def test_a_caller_that_leaves_while_it_waits_is_not_sent() -> None:
    sale = await for_sale()
    async with sale.meanwhile():
        first, left, other = (sale.hold(at) for at in range(3))
        await settle()
        left.cancel()
    assert [type(await hold) for hold in (first, other)] == [Applied] * 2
    assert sale.road.companies[-1] == ["hold-0", "hold-2"]


async def test_a_company_has_limits() -> None:
    sale = await for_sale(company_max=4)
    async with sale.meanwhile():
        holds = [sale.hold(at) for at in range(10)]
    assert [type(await hold) for hold in holds] == [Applied] * 10
    assert [len(company) for company in sale.road.companies] == [1, 4, 4, 2]


async def test_a_batch_of_many_rows_goes_alone() -> None:
    sale = await for_sale()
    many = [Write(RowKey(Kind.CELL, f"B{at}", 0), ABSENT, FREE) for at in range(ROWS_MAX)]
    async with sale.meanwhile():
        large = asyncio.ensure_future(sale.group.apply(*many))
        holds = [sale.hold(at) for at in range(2)]
    assert isinstance(await large, Applied)
    assert [type(await hold) for hold in holds] == [Applied] * 2
    assert [len(batch.writes) for batch in sale.road.passed[-2:]] == [ROWS_MAX, 6]


async def test_several_batches_of_a_partition_may_be_under_way() -> None:
    sale = await for_sale(under_way_max=2)
    sale.road.open.clear()
    holds = []
    for together in ([0], [1], [2, 3, 4, 5]):
        holds += [sale.hold(at) for at in together]
        await settle()
    assert sale.road.companies == [["hold-0"], ["hold-1"]]
    sale.road.open.set()
    assert [type(await hold) for hold in holds] == [Applied] * 6


async def test_entries_go_with_their_batch_once() -> None:
    """An entry that announces the batch is durable before it; one that follows is added for who was applied only."""
    sale = await for_sale()
    assert isinstance(await sale.hold(7, seat=3), Applied)
    bucket = new_partition().name
    async with sale.meanwhile():
        tasks = [asyncio.ensure_future(sale.group.apply(*claim(at), entries=entries_of(at, bucket))) for at in (2, 3)]
    assert [type(await task) for task in tasks] == [Applied, Refused]
    assert await sale.store.read_index(Index.EXPIRY, bucket) == ["due-2", "due-3"]
    assert await sale.store.read_index(Index.HOLDS, bucket) == ["h-2"]
    assert [len(batch.entries) for batch in sale.road.passed[-2:]] == [4, 1]


@pytest.mark.parametrize("seed", range(30))
def test_every_answer_is_true_however_the_store_fails(seed: int) -> None:
    """Batches that compare and set are tried in a crowd: what is applied happened once, what is refused did not."""
    told = run_virtually(seed, _crowd(seed))
    assert told >= {Applied, Refused}


def test_a_crowd_meets_every_outcome() -> None:
    assert set().union(*(run_virtually(seed, _crowd(seed)) for seed in range(30))) == {
        Applied,
        Refused,
        Unknown,
        NotDone,
    }


async def _crowd(seed: int) -> set[type[Outcome]]:
    random, road = Random(seed), Road()
    faults = Faults(lost=0.05, unanswered=0.05, not_done=0.05, delay_s_max=0.002)
    road.store = MemoryBatches(faults, Random(seed), asyncio.sleep)
    group = Group(
        GroupCommit(road, under_way_max=random.choice((1, 2)), company_max=random.choice((2, 5, 32))), new_partition()
    )
    counter = [RowKey(Kind.CELL, f"C{at}", 0) for at in range(3)]
    told: dict[RowKey, Outcome] = {}
    numbers = count()

    async def caller() -> None:
        for _ in range(8):
            at = random.choice(counter)
            seen = (await road.store.get(group.partition, [at])).get(at, {})
            mine = RowKey(Kind.HOLD, f"hold-{next(numbers)}")
            value = seen.get("until_ms")
            assert value is None or isinstance(value, int)
            outcome = await group.apply(
                Write(at, {"until_ms": value}, {"until_ms": (value or 0) + 1, "status": "held"}),
                Write(mine, ABSENT, BORN),
            )
            told[mine] = outcome
            if isinstance(outcome, Refused):
                assert outcome.rows.get(at, {}).get("until_ms") != value
                assert mine not in outcome.rows

    await asyncio.gather(*(caller() for _ in range(12)))
    there = await road.store.get(group.partition, list(told))
    for mine, outcome in told.items():
        match outcome:
            case Applied():
                assert mine in there
            case Refused() | NotDone():
                assert mine not in there
            case Unknown():
                continue
    rows = await road.store.get(group.partition, counter)
    assert sum(int(row["until_ms"] or 0) for row in rows.values()) == len(there)
    return {type(outcome) for outcome in told.values()}
