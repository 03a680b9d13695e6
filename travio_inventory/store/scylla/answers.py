"""Reads what servers answer to a conditional batch, in ScyllaDB's shape and in Cassandra's.

ScyllaDB sends one row per conditional statement, in their order, also when the batch was applied; a row that is
missing has no key. Cassandra sends one row when it was applied, else those that exist, in the order of their keys.
So `[applied]` is read from the first row, and everything else is found by its key, never by counting.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, cast

from travio_inventory.protocol.batches import Kind, Row, RowKey, Rows
from travio_inventory.protocol.tables import COLUMNS
from travio_inventory.store.scylla.connecting import ResultRows

NAMES_CACHED = 256
_KINDS = {kind.value: kind for kind in Kind}


def is_applied(answer: ResultRows) -> bool:
    """Whether the batch was applied."""
    assert answer.names[0] == "[applied]"  # noqa: S101 - else it was no conditional batch
    return cast("bool", answer.rows[0][0])


def rows_of(answer: ResultRows) -> Rows:
    """The present rows, by key, with the columns of their kind that the server has sent."""
    at = _places(tuple(answer.names))
    if at is None:
        return {}
    found: dict[RowKey, Row] = {}
    for record in answer.rows:
        kind = _KINDS.get(record[at.kind])
        if kind is not None:
            row = {name: record[place] for name, place in at.columns[kind] if record[place] is not None}
            found[RowKey(kind, record[at.id], 0 if at.segment is None else record[at.segment])] = row
    return found


class _Places(NamedTuple):
    """The position of each column in a record."""

    kind: int
    id: int
    segment: int | None
    columns: Mapping[Kind, Sequence[tuple[str, int]]]


@lru_cache(maxsize=NAMES_CACHED)
def _places(names: tuple[str, ...]) -> _Places | None:
    """None where the answer has no rows."""
    at = {name: place for place, name in enumerate(names)}
    if not {"kind", "id"} <= at.keys():
        return None
    columns = {kind: [(name, at[name]) for name in names if name in at] for kind, names in COLUMNS.items()}
    return _Places(at["kind"], at["id"], at.get("segment"), columns)
