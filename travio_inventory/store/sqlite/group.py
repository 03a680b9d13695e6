"""A group of batches, tried one after the other in one transaction."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from travio_inventory.protocol.batches import (
    ABSENT,
    FOR_EVER,
    Applied,
    IndexEntry,
    Outcome,
    Refused,
    Row,
    Rows,
    Table,
    Value,
    Write,
    split,
)
from travio_inventory.protocol.plain_tables import INDEXES
from travio_inventory.protocol.tables import check_end, check_segment
from travio_inventory.store.sqlite.ends import Ends
from travio_inventory.store.sqlite.statements import (
    INSERT_ENTRY,
    exists_text,
    insert_run_text,
    insert_text,
    keys_json,
    row_of,
    select_keys_text,
    update_run_text,
    update_text,
    upsert_text,
)

_APPLIED = Applied()
_NULL: Final = frozenset({None})

ENTRY_STEPS = 64
"""An entry that is added again and again is written to disk so often at most while it is kept."""

# Errors of SQLite about values, not about the database.
_UNFIT = (sqlite3.InterfaceError, sqlite3.ProgrammingError)


class Batch(NamedTuple):
    """What was given to `apply`; `partition` is its text within the table."""

    table: Table
    partition: str
    writes: Sequence[Write]
    entries: Sequence[IndexEntry]


class GroupOutcome(NamedTuple):
    """The outcome of a group: an answer for each batch, in order, and whether there is anything to commit. For a batch
    that cannot be executed the answer is its error.
    """

    answers: list[Outcome | Exception]
    changed: bool


def try_group(connection: sqlite3.Connection, batches: Iterable[Batch], now_s: float) -> GroupOutcome:
    """Try the batches in a transaction that is left open; their index entries stay whatever the answers are. `now_s` is
    Unix time. Raises sqlite3.Error; then all of it is to be rolled back.
    """
    group = _Group(connection.cursor(), now_s)
    group.cursor.execute("BEGIN IMMEDIATE")
    answers = [group.answer(batch) for batch in batches]
    group.ends.write(group.cursor)
    return GroupOutcome(answers, group.changed)


class _Group:
    """The transaction, and what it has done so far."""

    def __init__(self, cursor: sqlite3.Cursor, now_s: float) -> None:
        self.cursor = cursor
        self.ends = Ends()
        self.changed = False
        self._now_s = now_s
        self._added: set[IndexEntry] = set()

    def answer(self, batch: Batch) -> Outcome | Exception:
        """Try the batch with its index entries. Raises sqlite3.Error."""
        try:
            before, following = split(batch.writes, batch.entries)
            if before:
                self._add([index_entry for index_entry in before if index_entry not in self._added])
                self._added.update(before)
            if not self._is_applied(batch):
                return Refused(self._standing(batch))
            self._note_ends(batch)
            if following:
                self._add(following)
        except Exception as error:
            if isinstance(error, sqlite3.Error) and not isinstance(error, _UNFIT):
                raise
            return error
        self.changed = True
        return _APPLIED

    def _add(self, entries: Sequence[IndexEntry]) -> None:
        """Add the index entries. Each is kept a little longer than asked, and stays as it is while that is enough: a
        refused batch with entries that are there already need not wait for the disk.
        """
        for index, bucket, entry, keep_s in entries:
            least_s = self._end_s(keep_s)
            end_s = None if least_s is None else least_s + keep_s / ENTRY_STEPS
            self.cursor.execute(INSERT_ENTRY[index], (bucket, entry, end_s, least_s))
            if self.cursor.rowcount:
                self.changed = True
                if end_s is not None:
                    self.ends.note(end_s, INDEXES[index].table, (index, bucket, entry))

    def _note_ends(self, batch: Batch) -> None:
        for write in batch.writes:
            if write.keep_s:
                self.ends.note(self._now_s + write.keep_s, batch.table, (batch.partition, *write.key))

    def _end_s(self, keep_s: int) -> float | None:
        """When that is forgotten which is kept for so long."""
        return None if keep_s == FOR_EVER else self._now_s + keep_s

    def _is_applied(self, batch: Batch) -> bool:
        """Write all the rows if all conditions are met, and say whether they were. They see the rows as they were
        before, though the rows are written one by one, because no row is named twice.
        """
        if len(batch.writes) <= 1:
            return not batch.writes or self._write(batch, batch.writes[0])
        met = False
        self.cursor.execute("SAVEPOINT batch")
        try:
            for run in _runs(batch.writes):
                if not (self._write(batch, run[0]) if len(run) == 1 else self._write_run(batch, run)):
                    return False
            met = True
        finally:
            if not met:
                self.cursor.execute("ROLLBACK TO batch")
            self.cursor.execute("RELEASE batch")
        return True

    def _write_run(self, batch: Batch, run: Sequence[Write]) -> bool:
        """Write two rows or more if all their conditions are met, and say whether they were: a journey's cells in one
        statement.
        """
        (kind, row_id, segment), condition, values, keep_s = run[0]
        if condition is ABSENT:
            return self._insert_run(batch, run)
        if not condition or _all_null(condition):
            return all(self._write(batch, write) for write in run)
        text = update_run_text(batch.table, kind, tuple(values), tuple(condition), keep_s is not None)
        key = (batch.partition, row_id, segment, run[-1].key.segment)
        self.cursor.execute(text, (*self._bound(run[0]), *key, *condition.values()))
        return self.cursor.rowcount == len(run)

    def _insert_run(self, batch: Batch, run: Sequence[Write]) -> bool:
        """Insert rows that are all alike, and say whether none of them was there: the cells of a seat group."""
        if segment := max(write.key.segment for write in run):
            check_segment(batch.table, segment)
        text = insert_run_text(batch.table, run[0].key.kind, tuple(run[0].values), run[0].keep_s is not None)
        keys = keys_json(write.key for write in run)
        self.cursor.execute(text, (batch.partition, *self._bound(run[0]), keys))
        return self.cursor.rowcount == len(run)

    def _write(self, batch: Batch, write: Write) -> bool:
        """Write the row if its condition is met, and say whether it was."""
        (kind, row_id, segment), condition, values, keep_s = write
        cursor, table, key, is_whole = self.cursor, batch.table, (batch.partition, row_id, segment), keep_s is not None
        if segment:
            check_segment(table, segment)
        if condition is ABSENT:
            cursor.execute(insert_text(table, kind, tuple(values), is_whole), (*key, *self._bound(write)))
        elif _all_null(condition) and not _all_null(values):
            text = upsert_text(table, kind, tuple(values), tuple(condition), is_whole)
            cursor.execute(text, (*key, *self._bound(write), *condition.values()))
        else:
            if is_whole:
                check_end(write)
            text = update_text(table, kind, tuple(values), tuple(condition), is_whole)
            cursor.execute(text, (*self._bound(write), *key, *condition.values()))
            if not cursor.rowcount and _all_null(condition):
                return cursor.execute(exists_text(table, kind), key).fetchone() is None
        return cursor.rowcount == 1

    def _bound(self, write: Write) -> Iterable[Value | float]:
        """The values of the row that a statement binds, and the end of one that is whole."""
        values = write.values.values()
        return values if write.keep_s is None else (*values, self._end_s(write.keep_s))

    def _standing(self, batch: Batch) -> Rows:
        keys = keys_json(write.key for write in batch.writes)
        found = self.cursor.execute(select_keys_text(batch.table), (keys, batch.partition))
        return dict(map(row_of(batch.table), found))


def _runs(writes: Sequence[Write]) -> list[Sequence[Write]]:
    """The writes, together where they ask and set the very same: of neighbouring cells of one seat, or new rows."""
    runs: list[Sequence[Write]] = []
    start, before = 0, writes[0]
    for end, write in enumerate(writes):
        if end and not (before.values is write.values and _goes_on(before, write)):
            runs.append(writes[start:end])
            start = end
        before = write
    runs.append(writes[start:])
    return runs


def _goes_on(before: Write, write: Write) -> bool:
    (kind, row_id, segment), condition, _, keep_s = write
    if before.condition is not condition or before.keep_s != keep_s:
        return False
    if condition is ABSENT:
        return before.key.kind is kind
    return bool(condition) and before.key == (kind, row_id, segment - 1)


def _all_null(row: Row) -> bool:
    """Whether a missing row has it as a condition, and stays missing with it as values."""
    return _NULL.issuperset(row.values())
