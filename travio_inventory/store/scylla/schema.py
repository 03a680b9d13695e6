"""The schema: creates the tables of schema.cql in a cluster, and checks them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cassandra import ConsistencyLevel, InvalidRequest, Unauthorized
from cassandra.cluster import Session
from cassandra.query import SimpleStatement

from travio_inventory.protocol.batches import IndexEntry
from travio_inventory.protocol.plain_tables import INDEXES
from travio_inventory.store.addresses import KEYSPACE
from travio_inventory.store.scylla import agreements, placement
from travio_inventory.store.scylla.connecting import ScyllaOptions
from travio_inventory.store.scylla.placement import READ_S_MAX, KeyspaceProblem, Scope

SCHEMA_FILE = Path(__file__).with_name("schema.cql")
CHANGE_S_MAX = 60
OLDEST_VERSION = 3
"""Records of earlier releases cannot be read: their tables differ."""
_COMPONENT = "inventory"
_NO_SCHEMA = "keyspace {} has no schema: run `travio-inventory schema apply`"
_ONLY_SCYLLA = "-- only ScyllaDB:"
_VERSION = re.compile(r"^-- version: (\d+)$", re.MULTILINE)
_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS \{keyspace\}\.(\w+) \(\n(.*)\n\)", re.DOTALL)
_COLUMN = re.compile(r"(\w+) (text|int|bigint)(?: PRIMARY KEY)?")


class SchemaMissing(KeyspaceProblem):
    """The keyspace has no tables of ours."""


class SchemaTooOld(KeyspaceProblem):
    """The cluster has a schema of an earlier release."""


class SchemaDiffers(KeyspaceProblem):
    """A table differs from the schema, whatever its version."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The content of schema.cql. Texts still have their parameters."""

    version: int
    statements: tuple[str, ...]
    scylla_statements: tuple[str, ...]
    tables: Mapping[str, Mapping[str, str]]
    """The columns of each table, with their types."""


def parse(text: str) -> Schema:
    """The content of a schema file. Raises ValueError if it has no version or a column of an unexpected type."""
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


def apply(session: Session, options: ScyllaOptions, *, replication: int) -> None:
    """Create what is missing, with so many copies where they decide, add missing columns, and record the version in the
    cluster at the end. Repeating it changes nothing; run one at a time.

    Raises ValueError for a keyspace name that is none, KeyspaceProblem where the keyspace or the cluster cannot be what
    the options say, and the driver's errors.
    """
    keyspace, schema = options.keyspace, ours()
    if not KEYSPACE.fullmatch(keyspace):
        raise ValueError(f"no name for a keyspace: {keyspace!r}")
    _check_age(keyspace, _version(session, keyspace))
    scope = placement.planned(session, options)
    _create(session, schema, {"{keyspace}": keyspace, "{replicas}": _replicas(scope, replication)})
    agreements.record(session, options, scope)
    if (_recorded(session, keyspace) or 0) < schema.version:
        text = f"INSERT INTO {keyspace}.schema_version (name, version) VALUES (%s, %s)"  # noqa: S608 - a checked name
        everywhere = SimpleStatement(text, consistency_level=ConsistencyLevel.EACH_QUORUM)
        session.execute(everywhere, (_COMPONENT, schema.version), timeout=CHANGE_S_MAX)


def _create(session: Session, schema: Schema, parameters: Mapping[str, str]) -> None:
    keyspace = parameters["{keyspace}"]
    for statement in schema.statements:
        session.execute(_filled(statement, parameters), timeout=CHANGE_S_MAX)
    live = _live_tables(session, keyspace)
    for table, columns in schema.tables.items():
        for name in columns.keys() - live[table].keys():
            session.execute(f"ALTER TABLE {keyspace}.{table} ADD {name} {columns[name]}", timeout=CHANGE_S_MAX)
    if is_scylla(session):
        for statement in schema.scylla_statements:
            session.execute(_filled(statement, parameters), timeout=CHANGE_S_MAX)


def add_entry(session: Session, keyspace: str, entry: IndexEntry) -> None:
    """Add an entry with an end to an index, where its table is there already. Raises the driver's errors."""
    table = INDEXES[entry.of].table
    if table in _live_tables(session, keyspace):
        text = f"INSERT INTO {keyspace}.{table} (index_name, bucket, entry) VALUES (%s, %s, %s) USING TTL %s"  # noqa: S608 - a checked name
        everywhere = SimpleStatement(text, consistency_level=ConsistencyLevel.EACH_QUORUM)
        session.execute(everywhere, (str(entry.of), entry.bucket, entry.entry, entry.keep_s), timeout=CHANGE_S_MAX)


def check(session: Session, options: ScyllaOptions) -> Mapping[str, str]:
    """What all processes on the keyspace have agreed on (`agreements`). Raises KeyspaceProblem, with one line that says
    what to do. A later release's schema has all that this one needs.
    """
    keyspace = options.keyspace
    if not placement.copies(session, keyspace):
        raise SchemaMissing(_NO_SCHEMA.format(keyspace))
    scope = placement.check(session, options)
    _check_tables(session, keyspace)
    agreed = agreements.recorded(session, keyspace)
    agreements.check(keyspace, str(scope), agreed)
    return agreed


def has_rows(session: Session, keyspace: str) -> bool:
    """Whether there is such a keyspace, with a table that is not ours or a row of ours."""
    live = _live_tables(session, keyspace)
    if live.keys() - ours().tables.keys() - {"agreements", "schema_version"}:
        return True
    return any(
        session.execute(f"SELECT * FROM {keyspace}.{table} LIMIT 1", timeout=CHANGE_S_MAX)  # noqa: S608 - known names
        for table in ours().tables.keys() & live.keys()
        if table not in ("agreements", "schema_version")
    )


def _version(session: Session, keyspace: str) -> int | None:
    """The version of the schema that was applied, None where none was."""
    return _recorded(session, keyspace) if "schema_version" in _live_tables(session, keyspace) else None


def _check_age(keyspace: str, version: int | None) -> None:
    if version is not None and version < OLDEST_VERSION:
        raise SchemaTooOld(
            f"keyspace {keyspace} has schema version {version}, whose records this release cannot read: "
            "drop it or name another keyspace (TRAVIO_SCYLLA_KEYSPACE), then run `travio-inventory schema apply`"
        )


def _check_tables(session: Session, keyspace: str) -> None:
    schema, live, version = ours(), _live_tables(session, keyspace), _version(session, keyspace)
    if version is None:
        raise SchemaMissing(_NO_SCHEMA.format(keyspace))
    _check_age(keyspace, version)
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
    without_comments = re.sub(r"\s*--.*$", "", text, flags=re.MULTILINE)
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


def _replicas(scope: Scope, replication: int) -> str:
    """The copies of a new keyspace: in the home datacenter only, or so many in each."""
    where = scope.home.replace("'", "''") or "replication_factor"
    return f"'{where}': {replication}"


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
    text = f"SELECT version FROM {keyspace}.schema_version WHERE name = '{_COMPONENT}'"  # noqa: S608 - a checked name
    rows = agreements.known(session, text)
    return int(rows[0][0]) if rows else None
