"""Sends a batch as often as it takes to know its outcome."""

from collections.abc import Sequence

from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol.batches import (
    ANY_TIME,
    Applied,
    Batches,
    IndexEntry,
    NotDone,
    Partition,
    Refused,
    Rows,
    Unknown,
    Write,
)

TRIES_MAX = 4


async def until_known(
    batches: Batches,
    partition: Partition,
    writes: Sequence[Write],
    entries: Sequence[IndexEntry] = (),
    *,
    send_by: float = ANY_TIME,
) -> Rows | None:
    """None if it was applied; else the rows that stand, which may be by an earlier try. Raises BackendUnavailable if it
    was certainly not applied, OutcomeUnknown.
    """
    was_sent = False
    for _ in range(TRIES_MAX):
        match await batches.apply(partition, writes, entries, send_by=send_by):
            case Applied():
                return None
            case Refused(rows=standing):
                return standing
            case Unknown():
                was_sent = True
            case NotDone():
                pass
    raise OutcomeUnknown if was_sent else BackendUnavailable
