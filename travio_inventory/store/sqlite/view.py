"""Looks at the embedded record beside the process that has it: it reads, and writes nothing."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Self

from travio_inventory.protocol.batches import ANY_TIME, IndexEntry, NotDone, Outcome, Partition, Write
from travio_inventory.store.sqlite.database import open_reader
from travio_inventory.store.sqlite.migrations import UnfitDatabase, check, is_of_this_release
from travio_inventory.store.sqlite.reads import CommittedRows, Reads

WAIT_MS_MAX = 5_000


class SqliteView(CommittedRows):
    """Batches, of which none is ever done. Takes no lock: it sees what is committed, whoever writes."""

    def __init__(self, path: Path) -> None:
        super().__init__(Reads(path, wait_ms_max=WAIT_MS_MAX))

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator[Self]:
        """The view of the database in this folder. Raises UnfitDatabase."""
        view = cls(_checked(folder))
        try:
            yield view
        finally:
            view.close()

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        """NotDone, always."""
        return NotDone("the record is only looked at")


def _checked(folder: Path) -> Path:
    """The database in the folder, if this release can read it as it is. Raises UnfitDatabase."""
    path = folder / "inventory.db"
    if not path.exists():
        raise UnfitDatabase(f"no database in {folder.absolute()}: name the service's folder in TRAVIO_DATA")
    with closing(open_reader(path)) as connection:
        check(connection, path)
        if not is_of_this_release(connection):
            raise UnfitDatabase(f"{path} is of an earlier release: start the service once, which migrates it")
    return path
