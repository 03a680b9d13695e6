"""The keys with which warehouses and suppliers were added: a repetition is answered by what stands now."""

from collections.abc import Sequence
from typing import NamedTuple

from travio_inventory.kernel.refusals import IdempotencyKeyReused
from travio_inventory.protocol.batches import ABSENT, Kind, Row, RowKey, Rows, Write
from travio_inventory.protocol.retention import Retention


class Addition(NamedTuple):
    """What a request adds, and the key that it may have. The row of the key is written with what is added."""

    key: str
    fingerprint: str

    @property
    def keys(self) -> Sequence[RowKey]:
        """The row that says whether it was added before."""
        return [RowKey(Kind.ADDED, self.key)] if self.key else []

    def was_made(self, standing: Rows) -> bool:
        """Raises IdempotencyKeyReused where the key added something else."""
        found = [standing[key]["definition"] for key in self.keys if key in standing]
        if any(each != self.fingerprint for each in found):
            raise IdempotencyKeyReused
        return bool(found)

    def writes(self, retention: Retention, *, at_ms: int) -> Sequence[Write]:
        """What remembers it."""
        row: Row = {"definition": self.fingerprint, "created_at_ms": at_ms}
        return [Write(key, ABSENT, row, retention.keys_s) for key in self.keys]
