"""The distributed store: what only it promises, on a real server and with real failures."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
from cassandra import InvalidRequest

from tests.store.partitions import index_entry, new_partition
from travio_inventory.bench.free_ports import free_port
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Condition,
    Index,
    IndexEntry,
    Kind,
    NotDone,
    Outcome,
    Refused,
    Row,
    RowKey,
    StoreUnavailable,
    Unknown,
    Write,
)
from travio_inventory.seats.refusals import SeatTaken
from travio_inventory.store.memory import MemoryBatches
from travio_inventory.store.scylla import Counts, ScyllaBatches, ScyllaOptions
from travio_inventory.store.scylla.connecting import session as scylla_session
from verification.kit.sale import Market
from verification.kit.stores import scylla_store
from verification.servers.cassandra import Cassandra, Node
from verification.servers.process import wait_until

pytestmark = pytest.mark.scylla

HOLD = RowKey(Kind.HOLD, "hold-1")
EVENT = RowKey(Kind.EVENT, "event-1")
A1 = RowKey(Kind.CELL, "A1")
FREE: Row = {"status": "available"}
HELD: Row = {"status": "held", "owner": "hold-1", "until_ms": 5}
RECOVERY_S_MAX = 60
ANSWER_S_MAX = 8
"""Shorter than the driver's own timeout."""
HALT_S_MAX = 30
SOON_S_MAX = 60.0


@pytest.fixture
async def batches(scylla: ScyllaOptions) -> AsyncIterator[ScyllaBatches]:
    """A store for this test, with its own counts."""
    async with scylla_store(scylla) as opened:
        yield opened


def birth(name: object) -> list[Write]:
    """A batch that makes one hold."""
    return [Write(RowKey(Kind.HOLD, str(name)), ABSENT, {"status": "held"})]


async def until_listed(batches: ScyllaBatches) -> None:
    """Wait until what follows the batches is written."""
    async with asyncio.timeout(SOON_S_MAX):
        while batches.entries_on_their_way:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)


async def test_a_hold_is_one_batch_whether_it_wins_or_loses(batches: ScyllaBatches) -> None:
    """The winner's has an entry in its holder's list after it, and, once in a minute, its group in the minute's index
    before it; the loser reads whose the seat is.
    """
    async with Market(batches) as market:
        sale = await market.open(seats_per_group=16)
        await sale.confirm(await sale.hold("A1", "A-B"))
        rival = sale.elsewhere()
        await rival.hold("A2", by="bob")
        await until_listed(batches)
        batches.counts = Counts()
        await rival.hold("A3 A4 A5", "B-D", by="bob")
        assert batches.counts == Counts(applied=1, requests=1)
        await until_listed(batches)
        assert batches.counts == Counts(applied=1, entries=1, requests=2)
        batches.counts = Counts()
        with pytest.raises(SeatTaken):
            await rival.hold("A6 A1", "A-D", by="bob")
        assert batches.counts == Counts(refused=1, reads=1, requests=2)


async def test_a_list_shows_a_hold_at_once_here_and_soon_in_another_process(
    batches: ScyllaBatches, scylla: ScyllaOptions
) -> None:
    partition, bucket = new_partition(), uuid4().hex
    entries = [IndexEntry(Index.HOLDS, bucket, name, 600) for name in ("b", "d", "a", "c")]
    async with scylla_store(scylla) as another:
        for listed in entries:
            assert await batches.apply(partition, birth(listed.entry), [listed]) == Applied()
        assert await batches.read_index(Index.HOLDS, bucket) == ["a", "b", "c", "d"]
        assert await batches.read_index(Index.HOLDS, bucket, after="a", most=2) == ["b", "c"]
        async with asyncio.timeout(SOON_S_MAX):
            while len(await another.read_index(Index.HOLDS, bucket)) < 4:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.01)
    written = batches.counts.entries
    await batches.apply(partition, (), entries)
    assert batches.counts.entries == written, "their event need not add them again"
    await batches.apply(partition, (), [entries[0]._replace(keep_s=60)])
    assert batches.counts.entries == written + 1


async def test_a_view_shows_at_once_what_was_answered_and_takes_no_place_from_batches(
    batches: ScyllaBatches, scylla: ScyllaOptions
) -> None:
    partition = new_partition()
    for number in range(1, 11):
        assert await batches.apply(partition, birth(number)) == Applied()
        assert len(await batches.views.read(partition, Kind.HOLD)) == number
        assert await batches.views.get(partition, [RowKey(Kind.HOLD, str(number))]) != {}
    async with scylla_store(replace(scylla, calls_per_partition_max=1, wait_ms_max=1)) as narrow:
        await narrow.views.get(partition, [HOLD])
        assert await asyncio.gather(*(narrow.views.get(partition, [HOLD]) for _ in range(20))) == [{}] * 20


async def test_what_follows_the_last_batches_is_written_before_the_store_is_closed(scylla: ScyllaOptions) -> None:
    partition, bucket = new_partition(), uuid4().hex
    async with scylla_store(scylla) as first:
        assert await first.apply(partition, birth("a"), [IndexEntry(Index.HOLDS, bucket, "a", 600)]) == Applied()
    async with scylla_store(scylla) as second:
        assert await second.read_index(Index.HOLDS, bucket) == ["a"]


async def test_of_many_attempts_for_one_seat_one_wins(batches: ScyllaBatches) -> None:
    """All at once, without the gate of their process: the store decides."""
    async with Market(batches) as market:
        sale = await market.open(seats_per_group="all")
        await sale.hold("A1", "A-C")
        with pytest.raises(SeatTaken):
            await sale.hold("A2 A1", "B-D")
        await sale.hold("A2", "A-D")


async def test_a_refusal_with_incomplete_rows_is_read(batches: ScyllaBatches) -> None:
    """Servers return all columns if one condition was absence, else only those of the conditions."""
    partition = new_partition()
    await batches.apply(partition, [Write(A1, {}, HELD), Write(EVENT, {}, {"type": "old", "at_ms": 3})])
    told, claim = Write(EVENT, {}, {"type": "new"}), Write(A1, FREE, HELD)
    batches.counts = Counts()
    assert await batches.apply(partition, [Write(HOLD, ABSENT, {"status": "held"}), told, claim]) == Refused({A1: HELD})
    assert batches.counts == Counts(refused=1, requests=1)
    assert await batches.apply(partition, [told, claim]) == Refused({A1: HELD})
    assert batches.counts == Counts(refused=2, reads=1, requests=3)


async def test_what_is_too_long_for_one_answer_is_read_in_several(scylla: ScyllaOptions) -> None:
    """Answers of 600 rows: they end among a seat's cells, and exactly at the end."""
    keys = [RowKey(Kind.CELL, f"{seat:03}", segment) for seat in range(430) for segment in range(3)]
    names = [f"{number:04}" for number in range(1_200)]
    partition, bucket = new_partition(), uuid4().hex
    async with scylla_store(replace(scylla, rows_per_read_max=600)) as batches:
        entries = [index_entry(name, bucket) for name in names]
        for start in range(0, len(keys), 150):
            writes = [Write(key, ABSENT, FREE) for key in keys[start : start + 150]]
            assert await batches.apply(partition, writes, entries) == Applied()
        assert list(await batches.read(partition, Kind.CELL)) == keys
        assert batches.counts.reads == 3
        assert list(await batches.read(partition, Kind.CELL, start="010", end="035")) == keys[30:105]
        assert await batches.read_index(Index.EXPIRY, bucket) == names
        for most in (1, 599, 600, 601, 1_199, 1_200, 1_201):
            assert await batches.read_index(Index.EXPIRY, bucket, most=most) == names[:most]


def test_answers_too_short_to_get_past_one_seat_are_refused(scylla: ScyllaOptions) -> None:
    with pytest.raises(ValueError, match="reads of 64 rows"):
        replace(scylla, rows_per_read_max=64)


@pytest.mark.parametrize("condition", [ABSENT, {}, {"status": None}, {"status": None, "owner": None}])
async def test_a_row_whose_columns_are_all_cleared_still_stands(batches: ScyllaBatches, condition: Condition) -> None:
    """However it was created; servers drop a row that was created by an update with its last column."""
    for store in (MemoryBatches(None, Random(1), asyncio.sleep), batches):
        partition = new_partition()
        await store.apply(partition, [Write(A1, condition, HELD)])
        await store.apply(partition, [Write(A1, HELD, dict.fromkeys(HELD))])
        assert await store.get(partition, [A1]) == {A1: {}}
        assert await store.apply(partition, [Write(A1, ABSENT, HELD)]) == Refused({A1: {}})


async def test_a_batch_that_only_asks_changes_nothing(batches: ScyllaBatches) -> None:
    for store in (MemoryBatches(None, Random(1), asyncio.sleep), batches):
        partition = new_partition()
        assert await store.apply(partition, []) == Applied()
        assert await store.apply(partition, [Write(A1, {}, {})]) == Applied()
        assert await store.apply(partition, [Write(A1, {"status": None}, {})]) == Applied()
        assert await store.get(partition, [A1]) == {}
        await store.apply(partition, [Write(A1, ABSENT, {})])
        assert await store.get(partition, [A1]) == {A1: {}}
        assert await store.apply(partition, [Write(A1, {"status": "held"}, {})]) == Refused({A1: {}})


async def test_a_caller_that_is_cancelled_does_not_undo_its_batch_nor_keep_its_turn(batches: ScyllaBatches) -> None:
    partition = new_partition()
    await batches.apply(partition, birth("warm"))
    for number in range(20):
        task = asyncio.create_task(batches.apply(partition, birth(number)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    outcomes = [await batches.apply(partition, birth(f"after {number}")) for number in range(10)]
    assert outcomes == [Applied()] * 10
    assert batches.counts.applied == 11
    rows = await batches.read(partition, Kind.HOLD)
    assert {key.id for key in rows} >= {*map(str, range(4))}  # those that got a turn; the others were not sent


async def test_a_wrong_request_is_raised_and_costs_no_turn(scylla: ScyllaOptions) -> None:
    """A request that the server does not understand, or that is not sent at all; nobody may take it for an unknown
    outcome and try for ever.
    """
    options = replace(scylla, keyspace="store_tests_wrong")
    async with scylla_store(options) as batches:
        partition = new_partition()
        assert await batches.apply(partition, birth(1)) == Applied()
        await asyncio.to_thread(spoil, options)
        for number in range(6):
            with pytest.raises(InvalidRequest):
                await batches.get(partition, [HOLD])
            with pytest.raises(InvalidRequest):
                await batches.apply(partition, birth(number), [index_entry("x", "y")])
            with pytest.raises(InvalidRequest):
                await batches.apply(partition, [Write(HOLD, ABSENT, {"reason": "x"})])
            with pytest.raises(ValueError, match="no such columns: colour"):
                await batches.apply(partition, [Write(A1, ABSENT, {"colour": "red"})])
            with pytest.raises(OverflowError):
                await batches.apply(partition, birth("x" * 70_000))
        assert await batches.apply(partition, birth(2)) == Applied()
        counts = batches.counts
        assert (counts.applied, counts.reads, counts.entries) == (2, 6, 6)


def spoil(options: ScyllaOptions) -> None:
    """Take away what the schema promises."""
    with scylla_session(options) as session:
        session.execute(f"DROP TABLE {options.keyspace}.index_entries")
        session.execute(f"ALTER TABLE {options.keyspace}.seat_groups DROP reason")


async def test_more_than_may_be_in_flight_wait_and_are_told_so(scylla: ScyllaOptions) -> None:
    async with scylla_store(replace(scylla, calls_max=8, calls_per_partition_max=2, wait_ms_max=30_000)) as batches:
        partitions = [new_partition() for _ in range(5)]
        tries = [batches.apply(partition, birth(number)) for number in range(60) for partition in partitions]
        assert await asyncio.gather(*tries) == [Applied()] * 300
    async with scylla_store(replace(scylla, calls_per_partition_max=1, wait_ms_max=0)) as batches:
        await batches.apply(partitions[0], birth("warm"))
        outcomes = await asyncio.gather(*(batches.apply(partitions[0], birth(f"late {n}")) for n in range(50)))
        assert outcomes[0] == Applied()
        assert outcomes[1:] == [NotDone("NoTurn: limit not free within 0.0 s")] * 49


async def test_a_closed_store_does_nothing(scylla: ScyllaOptions) -> None:
    async with scylla_store(scylla) as batches:
        partition = new_partition()
    assert await batches.apply(partition, birth(1)) == NotDone("StoreUnavailable: the store is closed")
    with pytest.raises(StoreUnavailable):
        await batches.get(partition, [HOLD])


async def test_an_unreachable_server_is_one_line_in_the_log(scylla: ScyllaOptions) -> None:
    port = free_port("127.0.0.1")
    with pytest.raises(StoreUnavailable, match=rf"no session with 127\.0\.0\.1 port {port}: .*refused"):
        async with ScyllaBatches.connect(replace(scylla, port=port)):
            pass


def halt(node: Node) -> None:
    """Pause it. On a busy machine some threads of a process run on for a while after it was told to stop."""
    node.pause()
    threads = Path(f"/proc/{node.process.pid}/task")

    def has_stopped() -> bool:
        return all((thread / "stat").read_text().rpartition(") ")[2][0] == "T" for thread in threads.iterdir())

    wait_until(has_stopped, f"{node.address} stands still", [node.process], limit_s=HALT_S_MAX)


async def test_a_server_that_hangs_is_unknown_and_an_entry_that_is_not_written_stops_its_batch(
    scylla: ScyllaOptions, cassandra_node: Cassandra
) -> None:
    """Everything has a bound. What was sent is done when the server goes on; what was not sent never is."""
    partition, bucket = new_partition(), uuid4().hex
    async with scylla_store(replace(scylla, request_ms_max=700)) as batches:
        await batches.apply(partition, birth("warm"), [index_entry("warm", bucket)])
        await batches.get(partition, [HOLD])
        halt(cassandra_node.nodes[0])
        started = time.monotonic()
        try:
            sent, unsent, read = await asyncio.gather(
                batches.apply(partition, birth("sent")),
                batches.apply(partition, birth("unsent"), [index_entry("announced", bucket)]),
                batches.get(partition, [HOLD]),
                return_exceptions=True,
            )
            waited_s = time.monotonic() - started
        finally:
            cassandra_node.nodes[0].resume()
        assert isinstance(sent, Unknown)
        assert isinstance(unsent, NotDone)
        assert isinstance(read, StoreUnavailable)
        assert waited_s < ANSWER_S_MAX
    async with scylla_store(scylla) as batches:
        async with asyncio.timeout(RECOVERY_S_MAX):
            while {key.id for key in await batches.read(partition, Kind.HOLD)} == {"warm"}:  # noqa: ASYNC110 - a store tells nobody
                await asyncio.sleep(0.1)
            while set(await batches.read_index(Index.EXPIRY, bucket)) == {"warm"}:  # noqa: ASYNC110 - a store tells nobody
                await asyncio.sleep(0.1)
        assert {key.id for key in await batches.read(partition, Kind.HOLD)} == {"warm", "sent"}
        assert set(await batches.read_index(Index.EXPIRY, bucket)) == {"warm", "announced"}


async def test_a_server_that_dies_under_load_loses_no_answer_and_is_found_again(
    scylla: ScyllaOptions, cassandra_node: Cassandra
) -> None:
    node, partitions = cassandra_node.nodes[0], [new_partition() for _ in range(8)]
    kept: dict[str, Outcome] = {}
    busy = asyncio.Event()

    async def write(batches: ScyllaBatches, place: int) -> None:
        for number in range(10_000):
            name = f"{place}-{number}"
            kept[name] = outcome = await batches.apply(partitions[place % 8], birth(name))
            if not isinstance(outcome, Applied):
                return
            if batches.counts.applied == 300:
                busy.set()

    async with scylla_store(scylla) as batches:
        writing = [asyncio.create_task(write(batches, place)) for place in range(32)]
        await busy.wait()
        node.kill()
        try:
            await asyncio.gather(*writing)
            assert isinstance(await batches.apply(partitions[0], birth("down")), NotDone)
            with pytest.raises(StoreUnavailable):
                await batches.get(partitions[0], [HOLD])
        finally:
            await asyncio.to_thread(node.start)
        up = time.monotonic()
        while not isinstance(await batches.apply(partitions[0], birth("up again")), Applied | Refused):
            assert time.monotonic() - up < RECOVERY_S_MAX
            await asyncio.sleep(0.1)
        # at once, by a statement that is new
        found = {key.id for partition in partitions for key in await batches.read(partition, Kind.HOLD)}
    applied, not_done, unknown = (
        {name for name, outcome in kept.items() if isinstance(outcome, kind)} for kind in (Applied, NotDone, Unknown)
    )
    assert applied <= found
    assert not not_done & found
    assert unknown
    assert applied | not_done | unknown == set(kept)
