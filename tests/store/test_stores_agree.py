"""The memory store, on which the protocol is simulated, answers as the real ones do."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeAlias

import pytest

from tests.store.partitions import new_partition
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Batches,
    Condition,
    Index,
    IndexEntry,
    Kind,
    Outcome,
    Partition,
    Refused,
    Row,
    RowKey,
    Rows,
    Write,
)
from travio_inventory.store.memory import MemoryBatches
from travio_inventory.store.scylla import ScyllaOptions
from verification.kit.passing import Batch, PassingMemory, Send
from verification.kit.stores import memory_store, scylla_store, sqlite_store

SEQUENCES = 30
BATCHES = 15
KEYS = (
    *(RowKey(Kind.CELL, seat, segment) for seat in ("A1", "A2") for segment in (0, 1)),
    RowKey(Kind.HOLD, "h1"),
    RowKey(Kind.HOLD, "h2"),
    RowKey(Kind.EVENT, "e1"),
)
STATUSES = ("available", "held", "sold")
OWNERS = (None, "h1", "h2")
TIMES = (None, 0, 2**53 + 1)

Answers: TypeAlias = list[object]


@dataclass(frozen=True)
class DrawnBatch:
    """One batch of a sequence."""

    writes: Sequence[Write]
    entries: Sequence[IndexEntry]


@pytest.mark.parametrize("seed", range(SEQUENCES))
async def test_memory_and_sqlite_answer_alike(seed: int, tmp_path: Path) -> None:
    async with memory_store(tmp_path) as memory, sqlite_store(tmp_path) as sqlite:
        await assert_alike({"memory": memory, "sqlite": sqlite}, [seed])


async def test_memory_sqlite_and_a_cql_server_answer_alike(scylla: ScyllaOptions, tmp_path: Path) -> None:
    async with AsyncExitStack() as opened:
        stores = {
            "memory": await opened.enter_async_context(memory_store(tmp_path)),
            "sqlite": await opened.enter_async_context(sqlite_store(tmp_path)),
            "scylla": await opened.enter_async_context(scylla_store(scylla)),
        }
        await assert_alike(stores, range(1_000, 1_020))


class ForgetsNulls(PassingMemory):
    """Takes a condition that a column is null for one that asks nothing."""

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        kept = [write._replace(condition=_without_nulls(write.condition)) for write in batch.writes]
        return await send(batch._replace(writes=kept))


class ShowsTooLittle(PassingMemory):
    """Leaves a column out of the rows that a refusal shows."""

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        outcome = await send(batch)
        if isinstance(outcome, Refused):
            return Refused({key: {**row, "until_ms": None} for key, row in outcome.rows.items()})
        return outcome


class ReadsPastTheEnd(MemoryBatches):
    """Reads one row more than was asked for."""

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        return await super().read(partition, kind, start=start, most=most)


@pytest.mark.parametrize("other", [ForgetsNulls, ShowsTooLittle, ReadsPastTheEnd])
async def test_a_store_that_answers_otherwise_is_noticed(other: type[MemoryBatches], tmp_path: Path) -> None:
    planted = other(None, Random(1), asyncio.sleep)
    with pytest.raises(AssertionError, match="differ"):
        async with memory_store(tmp_path) as memory:
            await assert_alike({"memory": memory, "planted": planted}, range(SEQUENCES))


def test_the_sequences_are_of_every_sort() -> None:
    """Conditions on absence, on nulls, on nothing and on values; enough batches work, and enough do not."""
    writes = [write for seed in range(SEQUENCES) for tried in sequence(seed) for write in tried.writes]
    assert sum(write.condition is ABSENT for write in writes) > 100
    assert sum(write.condition == {} for write in writes) > 100
    assert sum(None in (write.condition or {}).values() for write in writes) > 100
    assert sum(None in write.values.values() for write in writes) > 100


async def assert_alike(stores: Mapping[str, Batches], seeds: Sequence[int]) -> None:
    """Every store gives the same answers to the same sequences."""
    for seed in seeds:
        partition = new_partition()
        tried = sequence(seed)
        answers = {name: await answers_of(store, partition, tried) for name, store in stores.items()}
        first, *others = answers
        for other in others:
            for number, (one, another) in enumerate(zip(answers[first], answers[other], strict=True)):
                assert one == another, f"seed {seed}: {first} and {other} differ at {number}: {tried}"
        kinds = {type(answer) for answer in answers[first]}
        assert {Applied, Refused} <= kinds, f"seed {seed} tries too little: {kinds}"


async def answers_of(store: Batches, partition: Partition, tried: Sequence[DrawnBatch]) -> Answers:
    """What the store answers to the batches, and to reads after each."""
    answers: Answers = []
    for batch in tried:
        outcome = await store.apply(partition, batch.writes, _in_own_bucket(partition, batch.entries))
        answers += [_comparable(batch, outcome), await store.get(partition, KEYS)]
    for kind in (Kind.CELL, Kind.HOLD, Kind.EVENT):
        answers.append(list((await store.read(partition, kind)).items()))
        answers.append(list((await store.read(partition, kind, start="A2", end="h2")).items()))
    answers.append(list((await store.read(partition, Kind.CELL, end="A2")).items()))
    for most in (None, 2):
        answers.append(list(await store.read_index(Index.EXPIRY, partition.name, most=most)))
    return answers


def sequence(seed: int) -> list[DrawnBatch]:
    """Batches on a few rows, drawn so that about as many are refused as applied."""
    random = Random(seed)
    return [DrawnBatch(_writes(random), _entries(random)) for _ in range(BATCHES)]


def _writes(random: Random) -> list[Write]:
    keys = random.sample(KEYS, random.choice((1, 1, 2, 3)))
    return [_fitting(Write(key, _condition(random), _values(random))) for key in keys]


NAMES: Mapping[Kind, Mapping[str, str]] = {
    Kind.CELL: {"status": "status", "owner": "owner", "until_ms": "until_ms"},
    Kind.HOLD: {"status": "status", "owner": "holder", "until_ms": "expires_at_ms"},
    Kind.EVENT: {"status": "type", "owner": "subject", "until_ms": "at_ms"},
}
"""What rows of other kinds have instead of a cell's columns."""


def _fitting(write: Write) -> Write:
    """The write, with the columns of its kind."""
    condition, values = (
        row and {NAMES[write.key.kind][name]: value for name, value in row.items()}
        for row in (write.condition, write.values)
    )
    return Write(write.key, condition, values or {})


def _condition(random: Random) -> Condition:
    sort = random.random()
    if sort < 0.25:
        return ABSENT
    if sort < 0.5:
        return {}
    asked = {
        "status": random.choice((*STATUSES, None)),
        "owner": random.choice(OWNERS),
        "until_ms": random.choice(TIMES),
    }
    return {name: asked[name] for name in random.sample(sorted(asked), random.choice((1, 1, 2)))}


def _values(random: Random) -> Row:
    """As in the protocol, a row always has a status."""
    values: dict[str, str | int | None] = {"status": random.choice(STATUSES)}
    if random.random() < 0.6:
        values["owner"] = random.choice(OWNERS)
    if random.random() < 0.4:
        values["until_ms"] = random.choice(TIMES)
    return values


def _entries(random: Random) -> list[IndexEntry]:
    return [IndexEntry(Index.EXPIRY, "", f"entry-{random.randrange(4)}")] if random.random() < 0.3 else []


def _in_own_bucket(partition: Partition, entries: Sequence[IndexEntry]) -> list[IndexEntry]:
    return [index_entry._replace(bucket=partition.name) for index_entry in entries]


def _comparable(tried: DrawnBatch, outcome: Outcome) -> object:
    """The outcome without the rows of a refusal that nothing was asked of: a store need not show those."""
    if not isinstance(outcome, Refused):
        return outcome
    asked = {write.key for write in tried.writes if write.condition != {}}
    return Refused({key: row for key, row in outcome.rows.items() if key in asked})


def _without_nulls(condition: Condition) -> Condition:
    return condition and {name: value for name, value in condition.items() if value is not None}
