"""Our statements as the driver sends them, for tests that compare with it."""

import struct
from collections.abc import Sequence

from cassandra.query import BatchStatement, BoundStatement, PreparedStatement

from travio_inventory.store.scylla.statements import Place, PlainWrite, Statement


def values_of(statement: Statement | PlainWrite) -> list[bytes | None]:
    """The values of a statement, of which `packed` says the number and each one's size."""
    packed = statement.packed
    (count,), at = struct.unpack_from(">H", packed), 2
    values: list[bytes | None] = []
    for _ in range(count):
        (size,) = struct.unpack_from(">i", packed, at)
        at += 4
        values.append(None if size < 0 else packed[at : at + size])
        at += max(0, size)
    assert at == len(packed)
    return values


def batch_statement(
    keyspace: str, place: Place, statements: Sequence[Statement], prepared: Sequence[PreparedStatement]
) -> BatchStatement:
    """One batch of prepared statements. It knows neither its table nor its partition by itself: without them it would
    go to any node.
    """
    batch = BatchStatement()
    batch.keyspace, batch.table, batch.routing_key = keyspace, place.table, place.routing_key
    for statement, one in zip(statements, prepared, strict=True):
        bound = BoundStatement(one)
        bound.values = values_of(statement)
        batch.add(bound)
    return batch
