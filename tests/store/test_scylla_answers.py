"""Reading a server's answers: ScyllaDB's as documented, Cassandra's as recorded."""

import asyncio
import json
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Literal, TypeAlias, cast

import pytest

from tests.store.cql_cases import CASES, Case
from tests.store.driver_batches import batch_statement
from tests.store.partitions import new_partition
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Kind,
    Outcome,
    Partition,
    Refused,
    RowKey,
    Rows,
    Table,
    Write,
)
from travio_inventory.protocol.tables import TABLES
from travio_inventory.store.memory import MemoryBatches
from travio_inventory.store.scylla import ScyllaOptions
from travio_inventory.store.scylla.answers import is_applied, rows_of
from travio_inventory.store.scylla.connecting import BATCH, ResultRows
from travio_inventory.store.scylla.connecting import session as scylla_session
from travio_inventory.store.scylla.statements import batch_of, place_of

Server: TypeAlias = Literal["scylladb", "cassandra"]
RECORDED = Path(__file__).with_name("cql_answers.json")
EXPECTED_KEY = ("org", "trip", 0)
WHOLE_ROWS = [
    "[applied]", "organization", "trip", "seat_group", "kind", "id", "segment",
    *sorted(TABLES[Table.SEAT_GROUPS].columns),
]  # fmt: skip
"""What a server sends where one of the conditions is absence: the key, then all other columns by name."""


@cache
def recorded() -> Any:  # noqa: ANN401 - what JSON holds
    """The file: answers by server and case."""
    return json.loads(RECORDED.read_text())


def answer_of(server: Server, case: str) -> ResultRows:
    """A recorded answer as the driver gives it; a column that a row does not have is null."""
    kept = recorded()[server][case]
    names = WHOLE_ROWS if kept["names"] == "whole rows" else kept["names"]
    return ResultRows(names, [tuple(row.get(name) for name in names) for row in kept["rows"]])


async def as_in_memory(case: Case) -> Outcome:
    """What the store in memory, which is the reference, answers in the case."""
    store, partition = MemoryBatches(None, Random(1), asyncio.sleep), new_partition()
    await store.apply(partition, case.before)
    return await store.apply(partition, case.tried)


def told(case: Case, rows: Rows) -> Rows:
    """Those rows that a refusal tells, with those columns: what was asked for, or all if absence was."""
    asked = [write for write in case.tried if write.condition is ABSENT or write.condition]
    is_whole = any(write.condition is ABSENT for write in asked)
    columns = {name for write in asked for name in write.condition or ()}
    keys = [write.key for write in asked if write.key in rows]
    return {key: {name: value for name, value in rows[key].items() if is_whole or name in columns} for key in keys}


@pytest.mark.parametrize("server", ["scylladb", "cassandra"])
@pytest.mark.parametrize("name", CASES)
async def test_both_servers_are_understood_alike(server: Server, name: str) -> None:
    answer, outcome = answer_of(server, name), await as_in_memory(CASES[name])
    assert is_applied(answer) == isinstance(outcome, Applied)
    if isinstance(outcome, Refused):
        assert rows_of(answer) == told(CASES[name], outcome.rows)


def test_rows_are_found_by_their_key_in_whatever_order_they_come() -> None:
    answer = answer_of("scylladb", "a hold that meets a taken and a missing cell")
    turned = ResultRows(answer.names, answer.rows[::-1])
    assert rows_of(turned) == rows_of(answer) != {}


def test_a_partition_column_is_not_part_of_a_row() -> None:
    """A hold has a holder; a ledger is a holder's, and has no segments."""
    answer = ResultRows(
        ["[applied]", "organization", "holder", "kind", "id", "hold"], [(False, "o", "ann", "slot", "0", "h")]
    )
    assert rows_of(answer) == {RowKey(Kind.SLOT, "0"): {"hold": "h"}}


def test_cells_of_a_seat_are_told_apart_by_their_segments() -> None:
    answer = ResultRows(["kind", "id", "segment", "status"], [("cell", "A1", 0, "sold"), ("cell", "A1", 7, "held")])
    cells = {RowKey(Kind.CELL, "A1"): {"status": "sold"}, RowKey(Kind.CELL, "A1", 7): {"status": "held"}}
    assert rows_of(answer) == cells


def test_every_case_is_recorded_of_both_servers() -> None:
    assert set(recorded()) == {"cassandra", "scylladb"}
    assert all(list(cases) == list(CASES) for cases in recorded().values())


@pytest.mark.scylla
@pytest.mark.parametrize("name", CASES)
async def test_what_is_recorded_of_cassandra_is_what_it_answers(scylla: ScyllaOptions, name: str) -> None:
    partition = new_partition()
    with scylla_session(scylla) as session:

        def try_batch(writes: list[Write]) -> ResultRows:
            place = place_of(partition)
            statements = batch_of(scylla.keyspace, place, writes)
            prepared = [session.prepare(statement.text) for statement in statements]
            batch = batch_statement(scylla.keyspace, place, statements, prepared)
            return cast("ResultRows", session.execute(batch, execution_profile=BATCH).current_rows)

        if CASES[name].before:
            assert is_applied(try_batch(list(CASES[name].before)))
        live = try_batch(list(CASES[name].tried))
    kept = answer_of("cassandra", name)
    assert list(live.names) == kept.names
    assert [_moved(live.names, row, partition) for row in live.rows] == kept.rows


def _moved(names: Any, row: tuple[Any, ...], partition: Partition) -> tuple[Any, ...]:  # noqa: ANN401 - the driver's
    """The row as if it were in the partition that the recorded ones are in."""
    assert partition.table is Table.SEAT_GROUPS
    there = dict(zip(("organization", "trip", "seat_group"), EXPECTED_KEY, strict=True))
    return tuple(there.get(name, value) if value is not None else None for name, value in zip(names, row, strict=True))
