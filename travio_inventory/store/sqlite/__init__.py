"""The embedded record: SQLite in a data folder, every answer on disk before it is given."""

from travio_inventory.store.sqlite.batches import Counts, SqliteBatches
from travio_inventory.store.sqlite.folder import DataFolderInUse
from travio_inventory.store.sqlite.guest import SqliteGuest
from travio_inventory.store.sqlite.migrations import (
    DatabaseNotWritable,
    DatabaseTooNew,
    DatabaseTooOld,
    UnfitDatabase,
)
from travio_inventory.store.sqlite.purge import Pace
from travio_inventory.store.sqlite.view import SqliteView

__all__ = [
    "Counts",
    "DataFolderInUse",
    "DatabaseNotWritable",
    "DatabaseTooNew",
    "DatabaseTooOld",
    "Pace",
    "SqliteBatches",
    "SqliteGuest",
    "SqliteView",
    "UnfitDatabase",
]
