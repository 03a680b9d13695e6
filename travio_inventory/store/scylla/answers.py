"""Reads what servers answer to a conditional batch, in ScyllaDB's shape and in Cassandra's.

ScyllaDB sends one row per conditional statement, in their order, also when the batch was applied; a row that is
missing has no key. Cassandra sends one row when it was applied, else those that exist, in the order of their keys.
So `[applied]` is read from the first row, and everything else is found by its key, never by counting.
"""

from typing import cast

from travio_inventory.protocol.batches import COLUMNS, Kind, Row, RowKey, Rows
from travio_inventory.store.scylla.connecting import ResultRows

_COLUMNS = frozenset(COLUMNS)
_KINDS = {kind.value: kind for kind in Kind}
_KEY = ("kind", "id", "segment")


def is_applied(answer: ResultRows) -> bool:
    """Whether the batch was applied."""
    assert answer.names[0] == "[applied]"  # noqa: S101 - else it was no conditional batch
    return cast("bool", answer.rows[0][0])


def rows_of(answer: ResultRows) -> Rows:
    """The rows that stand, by key, with those columns that the server has sent."""
    if not set(_KEY).issubset(answer.names):
        return {}
    kind_at, id_at, segment_at = map(list(answer.names).index, _KEY)
    columns = [(place, name) for place, name in enumerate(answer.names) if name in _COLUMNS]
    found: dict[RowKey, Row] = {}
    for record in answer.rows:
        kind = _KINDS.get(record[kind_at])
        if kind is not None:
            row = {name: record[place] for place, name in columns if record[place] is not None}
            found[RowKey(kind, record[id_at], record[segment_at])] = row
    return found
