"""When rows and entries of the database end: a list beside them, in the order of ends.

What one transaction gives the same end is one row of the list; an index would have an entry for each. The list only
says where to look: what was written again since ends when its own `ends_s` says.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from travio_inventory.kernel.json_text import encode
from travio_inventory.protocol.batches import Table
from travio_inventory.protocol.plain_tables import PlainTable

AT_ONCE_MAX = 128
"""A row of the list names so many rows or entries at most: they are removed together."""

Key: TypeAlias = tuple[str | int, ...]
"""What names a row, or an entry, in its table."""

_KEYS: Mapping[Table | PlainTable, tuple[str, ...]] = {
    **dict.fromkeys(Table, ("partition", "kind", "id", "segment")),
    **dict.fromkeys(PlainTable, ("index_name", "bucket", "entry")),
}
_REMOVE = {
    str(table): f"DELETE FROM {table} WHERE {' AND '.join(f'{name} = ?' for name in key)} AND ends_s <= ?"  # noqa: S608 - ours
    for table, key in _KEYS.items()
}
_INSERT = "INSERT INTO ends (ends_s, of_table, keys) VALUES (?, ?, ?)"
_EARLIEST = "SELECT rowid, of_table, keys FROM ends WHERE ends_s <= ? ORDER BY ends_s LIMIT 1"


class Ends:
    """What one transaction gives an end."""

    def __init__(self) -> None:
        self._keys: defaultdict[tuple[float, Table | PlainTable], list[Key]] = defaultdict(list)

    def note(self, end_s: float, table: Table | PlainTable, key: Key) -> None:
        """What the table has under that key ends then."""
        self._keys[end_s, table].append(key)

    def write(self, cursor: sqlite3.Cursor) -> None:
        """Write down what was noted."""
        for (end_s, table), keys in self._keys.items():
            for start in range(0, len(keys), AT_ONCE_MAX):
                cursor.execute(_INSERT, (end_s, table, encode(keys[start : start + AT_ONCE_MAX])))


def earliest_s(connection: sqlite3.Connection) -> float | None:
    """The earliest end that is there."""
    (end_s,) = connection.execute("SELECT min(ends_s) FROM ends").fetchone()
    return None if end_s is None else float(end_s)


class Portion(NamedTuple):
    """Of so many rows and entries that were listed, so many had ended and were removed."""

    listed: int
    removed: int


def remove_earliest(cursor: sqlite3.Cursor, now_s: float) -> Portion | None:
    """Remove the portion that ended first, if one ended by then."""
    found = cursor.execute(_EARLIEST, (now_s,)).fetchone()
    if found is None:
        return None
    row, table, text = found
    keys = [(*key, now_s) for key in json.loads(text)]
    removed = cursor.executemany(_REMOVE[table], keys).rowcount
    cursor.execute("DELETE FROM ends WHERE rowid = ?", (row,))
    return Portion(len(keys), removed)
