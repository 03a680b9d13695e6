"""The schema: puts what schema.cql says into a cluster, and tells whether it is there."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cassandra import InvalidRequest, Unauthorized
from cassandra.cluster import Session

from travio_inventory.store.addresses import KEYSPACE

SCHEMA_FILE = Path(__file__).with_name("schema.cql")
CHANGE_S_MAX = 60
READ_S_MAX = 10
_COMPONENT = "inventory"
_ONLY_SCYLLA = "-- only ScyllaDB:"
_VERSION = re.compile(r"^-- version: (\d+)$", re.MULTILINE)
_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS \{keyspace\}\.(\w+) \((.*)\)", re.DOTALL)
_COLUMN = re.compile(r"(\w+) (text|int|bigint)(?: PRIMARY KEY)?")


class SchemaProblem(Exception):
    """The keyspace is not as it must be; the message is one line that says what to do."""


class SchemaMissing(SchemaProblem):
    """The keyspace has no tables of ours."""


class SchemaTooOld(SchemaProblem):
    """The cluster has a schema of an earlier release."""


class SchemaDiffers(SchemaProblem):
    """A table is not what the schema says, whatever its version."""


class ReplicationTooLow(SchemaProblem):
    """The keyspace has fewer copies of each row than asked for."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What schema.cql says. Texts still have their parameters."""

    version: int
    statements: tuple[str, ...]
    scylla_statements: tuple[str, ...]
    tables: Mapping[str, Mapping[str, str]]
    """The columns of each table, with their types."""


def parse(text: str) -> Schema:
    """What a schema file says. Raises ValueError where it has no version or a column of an unexpected type."""
    found = _VERSION.search(text)
    if found is None:
        raise ValueError("no version")
    everywhere, _, scylla = text.partition(_ONLY_SCYLLA)
    statements = tuple(_statements(everywhere))
    tables = {table[1]: _columns(table[2]) for each in statements if (table := _TABLE.search(each))}
    return Schema(int(found[1]), statements, tuple(_statements(f"--{scylla}")), tables)


@cache
def ours() -> Schema:
    """The schema of this release."""
    return parse(SCHEMA_FILE.read_text())


def apply(session: Session, keyspace: str, *, replication: int) -> None:
    """Create what is missing and add what tables lack; says so in the cluster when all is there. Doing it again
    changes nothing; only one should do it at a time. Raises ValueError for a keyspace name that is none, and the
    driver's errors.
    """
    if not KEYSPACE.fullmatch(keyspace):
        raise ValueError(f"no name for a keyspace: {keyspace!r}")
    schema = ours()
    parameters = {"{keyspace}": keyspace, "{replication_factor}": str(replication)}
    for statement in schema.statements:
        session.execute(_filled(statement, parameters), timeout=CHANGE_S_MAX)
    live = _live_tables(session, keyspace)
    for table, columns in schema.tables.items():
        for name in columns.keys() - live[table].keys():
            session.execute(f"ALTER TABLE {keyspace}.{table} ADD {name} {columns[name]}", timeout=CHANGE_S_MAX)
    if is_scylla(session):
        for statement in schema.scylla_statements:
            session.execute(_filled(statement, parameters), timeout=CHANGE_S_MAX)
    if (_recorded(session, keyspace) or 0) < schema.version:
        values = (_COMPONENT, schema.version)
        text = f"INSERT INTO {keyspace}.schema_version (name, version) VALUES (%s, %s)"  # noqa: S608 - a checked name
        session.execute(text, values, timeout=CHANGE_S_MAX)


def check(session: Session, keyspace: str, *, replication_min: int) -> None:
    """Raises SchemaMissing, SchemaTooOld, SchemaDiffers or ReplicationTooLow, with one line that says what to do. A
    later release's schema has all that this one needs.
    """
    schema = ours()
    live = _live_tables(session, keyspace)
    version = _recorded(session, keyspace) if "schema_version" in live else None
    if version is None:
        raise SchemaMissing(f"keyspace {keyspace} has no schema: run `travio-inventory schema apply`")
    if version < schema.version:
        raise SchemaTooOld(
            f"keyspace {keyspace} has schema version {version}, this release needs {schema.version}: "
            "run `travio-inventory schema apply`"
        )
    wrong = [
        f"{table}.{name} {live.get(table, {}).get(name, 'is missing')}"
        for table, columns in schema.tables.items()
        for name, kind in columns.items()
        if live.get(table, {}).get(name) != kind
    ]
    if wrong:
        raise SchemaDiffers(f"keyspace {keyspace} is not what schema.cql says: {', '.join(wrong)}")
    copies = _copies(session, keyspace)
    if copies < replication_min:
        raise ReplicationTooLow(
            f"keyspace {keyspace} keeps {copies} copies of a row, not {replication_min}: raise its replication factor, "
            "or set TRAVIO_ENVIRONMENT=development where losing the record does not matter"
        )


def is_scylla(session: Session) -> bool:
    """Whether the server is ScyllaDB: only that has this table."""
    try:
        session.execute("SELECT key FROM system.scylla_local LIMIT 1", timeout=READ_S_MAX)
    except InvalidRequest:
        return False
    except Unauthorized:
        return True
    return True


def _statements(text: str) -> Iterator[str]:
    without_comments = re.sub(r"^\s*--.*$", "", text, flags=re.MULTILINE)
    for statement in without_comments.split(";"):
        if statement.strip():
            yield statement.strip()


def _columns(body: str) -> dict[str, str]:
    """The columns in the brackets of a table, one per line."""
    lines = [line.strip().rstrip(",") for line in body.splitlines()]
    columns = {}
    for line in lines:
        found = _COLUMN.fullmatch(line)
        if found is not None:
            columns[found[1]] = found[2]
        elif line and not line.startswith("PRIMARY KEY ("):
            raise ValueError(f"not a column: {line}")
    return columns


def _filled(statement: str, parameters: Mapping[str, str]) -> str:
    for name, value in parameters.items():
        statement = statement.replace(name, value)
    return statement


def _live_tables(session: Session, keyspace: str) -> dict[str, dict[str, str]]:
    text = "SELECT table_name, column_name, type FROM system_schema.columns WHERE keyspace_name = %s"
    tables: dict[str, dict[str, str]] = {}
    for table, column, kind in session.execute(text, (keyspace,), timeout=READ_S_MAX):
        tables.setdefault(table, {})[column] = kind
    return tables


def _recorded(session: Session, keyspace: str) -> int | None:
    text = f"SELECT version FROM {keyspace}.schema_version WHERE name = %s"  # noqa: S608 - a checked name
    row = session.execute(text, (_COMPONENT,), timeout=READ_S_MAX).one()
    return None if row is None else int(row[0])


def _copies(session: Session, keyspace: str) -> int:
    """How many copies the datacenter has that has the fewest. ScyllaDB may name racks instead of a number."""
    text = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = %s"
    replication = session.execute(text, (keyspace,), timeout=READ_S_MAX).one()[0]
    return min(
        (int(value) if value.isdigit() else value.count(",") + 1
         for name, value in replication.items() if name != "class"),
        default=0,
    )  # fmt: skip
