"""A group of batches, tried one after the other in one transaction."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

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
from travio_inventory.protocol.tables import check_end, check_segment
from travio_inventory.store.sqlite.statements import (
    INSERT_ENTRY,
    exists_text,
    insert_text,
    keys_json,
    row_of,
    select_keys_text,
    update_run_text,
    update_text,
    upsert_text,
)

_APPLIED = Applied()

ENTRY_STEPS = 64
"""An entry that is added again and again is written to disk so often while it is kept."""

# Errors of SQLite about values, not about the database.
_UNFIT = (sqlite3.InterfaceError, sqlite3.ProgrammingError)


class Batch(NamedTuple):
    """What was given to `apply`, and when, in Unix seconds; `partition` is its text within the table."""

    table: Table
    partition: str
    writes: Sequence[Write]
    entries: Sequence[IndexEntry]
    now_s: int

    def end_s(self, keep_s: int) -> int | None:
        """When that is forgotten which is kept for so long: never too early."""
        return None if keep_s == FOR_EVER else self.now_s + keep_s + 1


class GroupOutcome(NamedTuple):
    """The outcome of a group: an answer for each batch, in order, and whether there is anything to commit. For a batch
    that cannot be executed the answer is its error.
    """

    answers: list[Outcome | Exception]
    changed: bool


def try_group(connection: sqlite3.Connection, batches: Iterable[Batch]) -> GroupOutcome:
    """Try the batches in a transaction that is left open; their index entries stay whatever the answers are.
    Raises sqlite3.Error; then all of it is to be rolled back.
    """
    cursor = connection.cursor()
    cursor.execute("BEGIN IMMEDIATE")
    answers: list[Outcome | Exception] = []
    changed = False
    for batch in batches:
        try:
            before, following = split(batch.writes, batch.entries)
            changed = _add(cursor, batch, before) or changed
            answer: Outcome | Exception = _try_batch(cursor, batch)
            if following and answer is _APPLIED:
                _add(cursor, batch, following)
        except Exception as error:
            if isinstance(error, sqlite3.Error) and not isinstance(error, _UNFIT):
                raise
            answer = error
        changed = changed or answer is _APPLIED
        answers.append(answer)
    return GroupOutcome(answers, changed)


def _add(cursor: sqlite3.Cursor, batch: Batch, entries: Sequence[IndexEntry]) -> bool:
    """Add the index entries, and say whether that changed anything."""
    changed = 0
    for index, bucket, entry, keep_s in entries:
        cursor.execute(INSERT_ENTRY[index], (bucket, entry, _rounded_up(batch.end_s(keep_s), keep_s)))
        changed += cursor.rowcount
    return changed > 0


def _rounded_up(end_s: int | None, keep_s: int) -> int | None:
    """An end that hardly moves when the same is kept for as long again: a refused batch with entries that are there
    already should not have to wait for the disk.
    """
    step_s = keep_s // ENTRY_STEPS
    return end_s if end_s is None or step_s < 2 else -(-end_s // step_s) * step_s


def _try_batch(cursor: sqlite3.Cursor, batch: Batch) -> Applied | Refused:
    is_one = len(batch.writes) == 1
    met = _write(cursor, batch, batch.writes[0]) if is_one else _write_all(cursor, batch)
    return _APPLIED if met else Refused(_standing(cursor, batch))


def _write_all(cursor: sqlite3.Cursor, batch: Batch) -> bool:
    """Write all the rows if all conditions are met, and say whether they were. They see the rows as they were
    before, though the rows are written one by one, because no row is named twice.
    """
    met = False
    cursor.execute("SAVEPOINT batch")
    try:
        met = all(_write_run(cursor, batch, run) for run in _runs(batch.writes))
    finally:
        if not met:
            cursor.execute("ROLLBACK TO batch")
        cursor.execute("RELEASE batch")
    return met


def _runs(writes: Sequence[Write]) -> Iterator[Sequence[Write]]:
    """The writes, those of neighbouring cells of one seat together where they ask and set the very same."""
    start = 0
    for end in range(1, len(writes) + 1):
        if end == len(writes) or not _goes_on(writes[end - 1], writes[end]):
            yield writes[start:end]
            start = end


def _goes_on(before: Write, write: Write) -> bool:
    (kind, row_id, segment), condition, values, keep_s = write
    return (
        before.condition is condition
        and before.values is values
        and before.keep_s == keep_s
        and before.key == (kind, row_id, segment - 1)
        and bool(condition)
    )


def _write_run(cursor: sqlite3.Cursor, batch: Batch, run: Sequence[Write]) -> bool:
    """Write the rows if all their conditions are met, and say whether they were: a journey's cells in one statement."""
    (kind, row_id, segment), condition, values, keep_s = run[0]
    if len(run) == 1 or not condition or _all_null(condition):
        return all(_write(cursor, batch, write) for write in run)
    is_whole = keep_s is not None
    text = update_run_text(batch.table, kind, tuple(values), tuple(condition), is_whole=is_whole)
    key = (batch.partition, row_id, segment, run[-1].key.segment)
    cursor.execute(text, (*_bound(batch, run[0]), *key, *condition.values()))
    return cursor.rowcount == len(run)


def _write(cursor: sqlite3.Cursor, batch: Batch, write: Write) -> bool:
    """Write the row if its condition is met, and say whether it was."""
    (kind, row_id, segment), condition, values, keep_s = write
    table, key, is_whole = batch.table, (batch.partition, row_id, segment), keep_s is not None
    if segment:
        check_segment(table, segment)
    if condition is ABSENT:
        cursor.execute(insert_text(table, kind, tuple(values), is_whole=is_whole), (*key, *_bound(batch, write)))
    elif _all_null(condition) and not _all_null(values):
        text = upsert_text(table, kind, tuple(values), tuple(condition), is_whole=is_whole)
        cursor.execute(text, (*key, *_bound(batch, write), *condition.values()))
    else:
        if is_whole:
            check_end(write)
        text = update_text(table, kind, tuple(values), tuple(condition), is_whole=is_whole)
        cursor.execute(text, (*_bound(batch, write), *key, *condition.values()))
        if not cursor.rowcount and _all_null(condition):
            return cursor.execute(exists_text(table, kind), key).fetchone() is None
    return cursor.rowcount == 1


def _bound(batch: Batch, write: Write) -> Iterable[Value]:
    """The values of the row that a statement binds, and the end of one that is whole."""
    values = write.values.values()
    return values if write.keep_s is None else (*values, batch.end_s(write.keep_s))


def _all_null(row: Row) -> bool:
    """Whether a missing row has it as a condition, and stays missing with it as values."""
    values = tuple(row.values())
    return values.count(None) == len(values)


def _standing(cursor: sqlite3.Cursor, batch: Batch) -> Rows:
    keys = keys_json(write.key for write in batch.writes)
    found = cursor.execute(select_keys_text(batch.table), (keys, batch.partition))
    return dict(map(row_of(batch.table), found))
