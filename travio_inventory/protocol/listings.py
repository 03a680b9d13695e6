"""What a holder has, for lists: an entry for each hold that came to be, and one more for each booking.

An entry is added once the step is committed, so attempts that are refused leave none. One that gets lost is added when
the step's event is handed over. Entries are hints: what they name is read before it is told.
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
    """The entry of a hold that comes to be, or that becomes a booking; none of what is the house's."""
    if not hold.holder:
        return []
    created_at_ms = None if isinstance(hold.state, Confirmed) else hold.created_at_ms
    return [entry_of(hold.organization, hold.holder, hold.id, created_at_ms)]


def hold_of(entry: str) -> str:
    """The base id of the hold that an entry of either bucket names."""
    return base_id(entry.rpartition(rows.SEPARATOR)[2])


def entry_of(organization: str, holder: str, hold_id: str, created_at_ms: int | None) -> IndexEntry:
    """Of a hold that came to be at that moment, or of a booking."""
    if created_at_ms is None:
        return IndexEntry(Index.HOLDS, bookings_bucket(organization, holder), base_id(hold_id))
    newest_first = f"{NEVER_MS - created_at_ms:016d}"
    return IndexEntry(Index.HOLDS, holds_bucket(organization, holder), f"{newest_first}{rows.SEPARATOR}{hold_id}")
