"""Writes the tables of schema.cql and of docs/data-model.md: `python -m verification.pages.data_model`."""

from collections.abc import Iterator

from travio_inventory.protocol.batches import Table
from travio_inventory.protocol.columns import Column, ConditionalTable
from travio_inventory.protocol.plain_tables import ENTRY_KEY, INDEXES, PLAIN_TABLES
from travio_inventory.protocol.tables import TABLES
from verification.pages.architecture import ROOT, parts

SCHEMA = ROOT / "schema.cql"
DOCUMENT = ROOT / "docs" / "data-model.md"
SCHEMA_BEGIN = "-- tables: written by `make docs` from travio_inventory/protocol/tables.py"
SCHEMA_END = "-- end of tables"
DOCUMENT_BEGIN = "<!-- tables: written by `make docs` from travio_inventory/protocol/tables.py -->"
DOCUMENT_END = "<!-- end of tables -->"
CONDITIONAL = "Only conditional batches write to it."
LEVELED = "compaction = {'class': 'LeveledCompactionStrategy'}"
"""A row is read before each batch that writes to it, and what has expired is met by few files."""
GRACE = f"gc_grace_seconds = {10 * 86_400}"
"""Within it every node is repaired, else what it missed comes back there."""
PLAIN = "Only plain writes add to it, and nothing in it is trusted."
_KIND, _ID = "which kind of row", "names the row among its kind"


def schema(text: str) -> str:
    """The schema file with today's tables of conditional batches between its markers and nothing else changed."""
    before, _, after = parts(text, SCHEMA_BEGIN, SCHEMA_END)
    return before + "\n".join([SCHEMA_BEGIN, *map(_statement, TABLES), SCHEMA_END]) + after


def document(text: str) -> str:
    """The document with today's tables between its markers and nothing else changed."""
    before, _, after = parts(text, DOCUMENT_BEGIN, DOCUMENT_END)
    lines = [line for table in TABLES for line in _section(table)]
    return before + "\n".join([DOCUMENT_BEGIN, "", *lines, *_plain_sections(), DOCUMENT_END]) + after


def _key(declared: ConditionalTable) -> list[Column]:
    """The columns of the key, with their meaning."""
    kinds = "; ".join(f"{kind}: {rows.id}" for kind, rows in declared.kinds.items())
    found = [*declared.partition, Column("kind", _TEXT, ", ".join(declared.kinds)), Column("id", _TEXT, kinds)]
    return found if declared.segment is None else [*found, declared.segment]


_TEXT = TABLES[Table.TRIPS].name.type


def _meanings(declared: ConditionalTable) -> dict[str, dict[Column, str]]:
    """The other columns by name, each with the kinds in which it means the same."""
    found: dict[str, dict[Column, str]] = {}
    for kind, rows in declared.kinds.items():
        for column in rows.columns:
            said = found.setdefault(column.name, {})
            said[column] = f"{said[column]}, {kind}" if column in said else kind
    return found


def _statement(table: Table) -> str:
    declared = TABLES[table]
    lines = [f"-- {line}" for line in _wrapped(declared.meaning)]
    for kind, rows in declared.kinds.items():
        lines += [f"-- {kind}: {rows.meaning}; its id is {rows.id}", f"--     kept: {rows.kept}"]
    lines.append(f"CREATE TABLE IF NOT EXISTS {{keyspace}}.{table} (")
    for column in _key(declared):
        lines.append(f"    {f'{column.name} {column.type},':24} -- {_ID if column.name == 'id' else column.meaning}")
    for said in _meanings(declared).values():
        begins = [f"{column.name} {column.type}," for column in said][:1] + [""] * (len(said) - 1)
        for begin, (column, kinds) in zip(begins, said.items(), strict=True):
            lines.append(f"    {begin:24} -- {kinds}: {column.meaning}")
    partition = ", ".join(column.name for column in declared.partition)
    rest = ", ".join(column.name for column in _key(declared)[len(declared.partition) :])
    options = [f") WITH {LEVELED}", f"    AND {GRACE}", f"    AND comment = '{CONDITIONAL}';"]
    return "\n".join([*lines, f"    PRIMARY KEY (({partition}), {rest})", *options, ""])


def _section(table: Table) -> Iterator[str]:
    declared = TABLES[table]
    yield from (f"### {table}", f"{declared.meaning} {CONDITIONAL}", "", "| kind | what it is | kept |")
    yield "| --- | --- | --- |"
    yield from (f"| {kind} | {rows.meaning} | {rows.kept} |" for kind, rows in declared.kinds.items())
    yield from ("", "| column | type | in | what it says |")
    yield "| --- | --- | --- | --- |"
    for column in _key(declared):
        place = "partition" if column in declared.partition else "row key"
        yield f"| `{column.name}` | {column.type} | {place} | {column.meaning} |"
    for said in _meanings(declared).values():
        for column, kinds in said.items():
            yield f"| `{column.name}` | {column.type} | {kinds} | {column.meaning} |"
    yield ""


def _plain_sections() -> Iterator[str]:
    for table, meaning in PLAIN_TABLES.items():
        yield from (f"### {table}", f"{meaning} {PLAIN}", "", "| column | type | in | what it says |")
        yield "| --- | --- | --- | --- |"
        for column, place in zip(ENTRY_KEY, ("partition", "partition", "row key"), strict=True):
            yield f"| `{column.name}` | {column.type} | {place} | {column.meaning} |"
        yield from ("", "| index | what it tells | bucket | entry | kept |", "| --- | --- | --- | --- | --- |")
        for index, declared in INDEXES.items():
            if declared.table is table:
                yield f"| `{index}` | {declared.meaning} | {declared.bucket} | {declared.entry} | {declared.kept} |"
        yield ""


def _wrapped(text: str, width: int = 115) -> Iterator[str]:
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = ""
        line = f"{line} {word}".strip()
    yield line


if __name__ == "__main__":
    SCHEMA.write_text(schema(SCHEMA.read_text()))
    DOCUMENT.write_text(document(DOCUMENT.read_text()))
