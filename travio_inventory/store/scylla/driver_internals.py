"""What we use of the driver that it does not promise: the only place; its test fails when that changes."""

from uuid import UUID

from cassandra.metadata import Metadata, Token
from cassandra.query import Statement
from cassandra.tablets import Tablet


def tablet_replicas(metadata: Metadata, query: Statement, token: Token) -> dict[UUID, int] | None:
    """Who has the tablet that the statement goes to, each with its shard; None where the table has none, or the driver
    has not learnt of it yet, as it does from its first answer.
    """
    tablet = metadata._tablets.get_tablet_for_key(query.keyspace, query.table, token)
    return None if tablet is None else dict(tablet.replicas)


def add_tablet(metadata: Metadata, keyspace: str, table: str, tablet: Tablet) -> None:
    """Tell the driver of a tablet, as its own answers do."""
    metadata._tablets.add_tablet(keyspace, table, tablet)
