"""Index entries for lists of a holder's holds: one for each hold that took effect, and one more for each booking.

An entry is added once the step is committed, so refused attempts leave none. A lost one is added when the step's event
is published. An entry is never trusted: the hold that it names is read.
"""

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Index, IndexEntry
from travio_inventory.protocol.hold import NEVER_MS, Confirmed, base_id
from travio_inventory.protocol.resource import Hold


def holds_bucket(organization: str, holder: str) -> str:
    """The holds of this holder, the newest first."""
    return rows.SEPARATOR.join((organization, holder))


def bookings_bucket(organization: str, holder: str) -> str:
    """The bookings of this holder, those that were cancelled too."""
    return rows.SEPARATOR.join((organization, holder, "booked"))


def of_hold(hold: Hold) -> list[IndexEntry]:
    """The entry of a new hold or booking; none for holds of the house."""
    if not hold.holder:
        return []
    created_at_ms = None if isinstance(hold.state, Confirmed) else hold.created_at_ms
    return [entry_of(hold.organization, hold.holder, hold.id, created_at_ms)]


def hold_of(entry: str) -> str:
    """The base id of the hold that an entry of either bucket names."""
    return base_id(entry.rpartition(rows.SEPARATOR)[2])


def entry_of(organization: str, holder: str, hold_id: str, created_at_ms: int | None) -> IndexEntry:
    """Of a hold created at that moment, or of a booking."""
    if created_at_ms is None:
        return IndexEntry(Index.HOLDS, bookings_bucket(organization, holder), base_id(hold_id))
    newest_first = f"{NEVER_MS - created_at_ms:016d}"
    return IndexEntry(Index.HOLDS, holds_bucket(organization, holder), f"{newest_first}{rows.SEPARATOR}{hold_id}")
