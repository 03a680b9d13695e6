"""A batch as the driver sends it, for tests that compare with it."""

from collections.abc import Sequence

from cassandra.query import BatchStatement, BoundStatement, PreparedStatement

from travio_inventory.store.scylla.statements import Place, Statement


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
        bound.values = statement.values
        batch.add(bound)
    return batch
