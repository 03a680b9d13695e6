"""schema.cql: the only place where tables are defined, applied to a real server and compared with it."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from uuid import uuid4

import pytest
from cassandra.cluster import Session

from travio_inventory.protocol.plain_tables import ENTRY_KEY, PLAIN_TABLES, PlainTable
from travio_inventory.protocol.tables import TABLES
from travio_inventory.store.scylla import ScyllaBatches, ScyllaOptions, placement, schema
from travio_inventory.store.scylla.connecting import session as scylla_session

CONDITIONAL = "Only conditional batches write to it."
PLAIN = "Only plain writes add to it, and nothing in it is trusted."


@pytest.fixture
def keyspace() -> str:
    """The name of a keyspace that is not there."""
    return f"schema_{uuid4().hex[:16]}"


@pytest.fixture
def options(scylla: ScyllaOptions, keyspace: str) -> ScyllaOptions:
    """That keyspace."""
    return replace(scylla, keyspace=keyspace)


@pytest.fixture
def session(scylla: ScyllaOptions, keyspace: str) -> Iterator[Session]:
    """A session whose keyspace goes away afterwards."""
    with scylla_session(scylla) as opened:
        yield opened
        opened.execute(f"DROP KEYSPACE IF EXISTS {keyspace}")


def test_the_file_has_what_is_declared_table_by_table_and_column_by_column() -> None:
    tables = dict(schema.ours().tables)
    for name, declared in TABLES.items():
        key = {column.name: column.type for column in declared.partition} | {"kind": "text", "id": "text"}
        segment = {} if declared.segment is None else {"segment": "int"}
        assert tables.pop(name) == {**key, **segment, **declared.columns}
    for plain in PlainTable:
        assert tables.pop(plain) == {column.name: column.type for column in ENTRY_KEY}
    assert tables.keys() == {"agreements", "schema_version"}


def test_tables_of_conditional_batches_are_separate_from_plain_ones() -> None:
    statements = schema.ours().statements
    for tables, comment in ((TABLES, CONDITIONAL), (PLAIN_TABLES, PLAIN)):
        told = [text for text in statements if f"comment = '{comment}'" in text]
        assert [text.split("{keyspace}.")[1].split(" (")[0] for text in told] == list(tables)


def test_what_only_scylladb_understands_is_apart() -> None:
    ours = schema.ours()
    assert not [statement for statement in ours.statements if "tombstone_gc" in statement or "tablets" in statement]
    assert [statement.split()[:3] for statement in ours.scylla_statements] == [
        ["ALTER", "TABLE", f"{{keyspace}}.{table}"] for table in PlainTable
    ]


@pytest.mark.scylla
def test_what_a_node_missed_of_a_batch_has_ten_days_to_be_repaired_of_an_index_a_day_and_of_a_list_an_hour(
    session: Session, options: ScyllaOptions, keyspace: str
) -> None:
    """Rows that are read before each batch lie in few files."""
    schema.apply(session, options, replication=1)
    text = "SELECT table_name, gc_grace_seconds, compaction FROM system_schema.tables WHERE keyspace_name = %s"
    found = {
        name: (grace_s, how["class"].rpartition(".")[2]) for name, grace_s, how in session.execute(text, [keyspace])
    }
    assert {found[table] for table in TABLES} == {(864_000, "LeveledCompactionStrategy")}
    assert found[PlainTable.INDEX_ENTRIES][0] == 86_400
    assert found[PlainTable.LISTINGS] == (3_600, "LeveledCompactionStrategy")


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE IF NOT EXISTS {keyspace}.x (\n a text PRIMARY KEY\n);",
        "-- version: 1\nCREATE TABLE IF NOT EXISTS {keyspace}.x (\n a float,\n PRIMARY KEY (a)\n);",
    ],
)
def test_a_file_without_a_version_or_with_another_type_is_no_schema(text: str) -> None:
    with pytest.raises(ValueError, match=r"no version|not a column: a float"):
        schema.parse(text)


@pytest.mark.scylla
def test_applying_it_again_changes_nothing(session: Session, options: ScyllaOptions, keyspace: str) -> None:
    schema.apply(session, options, replication=1)
    schema.check(session, options)
    session.execute(f"INSERT INTO {keyspace}.listings (index_name, bucket, entry) VALUES ('a', 'b', 'c')")  # noqa: S608 - our own text
    schema.apply(session, options, replication=1)
    schema.check(session, options)
    assert len(list(session.execute(f"SELECT * FROM {keyspace}.listings"))) == 1  # noqa: S608 - our own text


@pytest.mark.scylla
def test_a_column_that_a_table_lacks_is_missed_and_then_added(
    session: Session, options: ScyllaOptions, keyspace: str
) -> None:
    schema.apply(session, options, replication=1)
    session.execute(f"ALTER TABLE {keyspace}.ledgers DROP fingerprint")
    with pytest.raises(schema.SchemaDiffers, match=r"ledgers\.fingerprint is missing"):
        schema.check(session, options)
    schema.apply(session, options, replication=1)
    schema.check(session, options)


@pytest.mark.scylla
def test_a_table_that_is_missing_is_missed_and_then_made(
    session: Session, options: ScyllaOptions, keyspace: str
) -> None:
    schema.apply(session, options, replication=1)
    session.execute(f"DROP TABLE {keyspace}.index_entries")
    with pytest.raises(schema.SchemaDiffers, match=r"index_entries\.index_name is missing"):
        schema.check(session, options)
    schema.apply(session, options, replication=1)
    schema.check(session, options)


@pytest.mark.scylla
def test_versions_are_compared(
    session: Session, options: ScyllaOptions, keyspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema.apply(session, options, replication=1)
    record = f"INSERT INTO {keyspace}.schema_version (name, version) VALUES ('inventory', {{}})"  # noqa: S608 - our own text
    session.execute(record.format(schema.ours().version + 1))
    schema.check(session, options)
    schema.apply(session, options, replication=1)
    recorded = session.execute(f"SELECT version FROM {keyspace}.schema_version").one()  # noqa: S608 - our own text
    assert recorded == (schema.ours().version + 1,)
    newer = replace(schema.ours(), version=schema.ours().version + 2)
    with monkeypatch.context() as patched:
        patched.setattr(schema, "ours", lambda: newer)
        with pytest.raises(schema.SchemaTooOld, match="run `travio-inventory schema"):
            schema.check(session, options)
    session.execute(record.format(schema.OLDEST_VERSION - 1))
    for asked in (partial(schema.apply, replication=1), schema.check):
        with pytest.raises(schema.SchemaTooOld, match="cannot read: drop it or name another"):
            asked(session, options)


@pytest.mark.scylla
async def test_a_store_without_a_schema_or_with_too_few_replicas_does_not_open(
    session: Session, options: ScyllaOptions, keyspace: str
) -> None:
    with pytest.raises(schema.SchemaMissing, match=f"{keyspace} has no schema: run"):
        async with ScyllaBatches.connect(options):
            pass
    schema.apply(session, options, replication=1)
    with pytest.raises(placement.ReplicationTooLow, match="keeps 1 copies of a row, not 3"):
        async with ScyllaBatches.connect(replace(options, replication_min=3)):
            pass


@pytest.mark.scylla
@pytest.mark.parametrize("name", ["", "Upper", "a-b", "x; DROP TABLE y", "1a", "a" * 49])
def test_a_keyspace_has_a_name_that_needs_no_quotes(session: Session, options: ScyllaOptions, name: str) -> None:
    with pytest.raises(ValueError, match="no name for a keyspace"):
        schema.apply(session, replace(options, keyspace=name), replication=1)


@pytest.mark.scylla
def test_cassandra_is_not_taken_for_scylladb(session: Session) -> None:
    assert not schema.is_scylla(session)


@pytest.mark.scylla
def test_index_entries_go_by_themselves_and_nothing_else(
    session: Session, options: ScyllaOptions, keyspace: str
) -> None:
    schema.apply(session, options, replication=1)
    text = "SELECT table_name, default_time_to_live FROM system_schema.tables WHERE keyspace_name = %s"
    lasting = dict(iter(session.execute(text, (keyspace,))))
    assert lasting.pop("index_entries") == 30 * 86_400
    assert set(lasting.values()) == {0}


@pytest.mark.scylla
@pytest.mark.parametrize("version", [1, 2])
async def test_a_keyspace_of_an_earlier_release_is_refused_in_one_line_that_says_what_to_do(
    session: Session, options: ScyllaOptions, keyspace: str, version: int
) -> None:
    """By a start, by `schema check` and by `schema apply`, which leaves it as it was."""
    session.execute(
        f"CREATE KEYSPACE {keyspace} WITH replication = {{'class': 'NetworkTopologyStrategy', 'replication_factor': 1}}"
    )
    session.execute(f"CREATE TABLE {keyspace}.blocks (id text PRIMARY KEY, status text)")
    session.execute(f"CREATE TABLE {keyspace}.schema_version (name text PRIMARY KEY, version int)")
    session.execute(f"INSERT INTO {keyspace}.schema_version (name, version) VALUES ('inventory', {version})")  # noqa: S608 - our own text
    said = []
    with pytest.raises(schema.SchemaTooOld) as started:
        async with ScyllaBatches.connect(options):
            pass
    for asked in (schema.check, partial(schema.apply, replication=1)):
        with pytest.raises(schema.SchemaTooOld) as refused:
            asked(session, options)
        said.append(str(refused.value))
    assert said == [str(started.value)] * 2
    assert said[0] == (
        f"keyspace {keyspace} has schema version {version}, whose records this release cannot read: drop it or "
        "name another keyspace (TRAVIO_SCYLLA_KEYSPACE), then run `travio-inventory schema apply`"
    )
    tables = session.execute("SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", (keyspace,))
    assert {name for (name,) in tables} == {"blocks", "schema_version"}
