"""The embedded record: SQLite in a data folder, every answer on disk before it is given."""

from travio_inventory.store.sqlite.batches import Counts, SqliteBatches
from travio_inventory.store.sqlite.database import DatabaseTooNew
from travio_inventory.store.sqlite.folder import DataFolderInUse

__all__ = ["Counts", "DataFolderInUse", "DatabaseTooNew", "SqliteBatches"]
