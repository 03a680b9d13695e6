"""Index entries for lists of holds: one for each hold that took effect, and three more for each booking.

An entry is added once the step is committed, so refused attempts leave none. A lost one is added when the step's event
is published. An entry is never trusted: the hold that it names is read.

    holds bucket       when, the hold             from when it is held: as long as any hold can be held, and kept
    holds bucket       when, the hold, `booked`   from the confirm on, for ever; from the cancel on, as the hold is kept
    bookings bucket    the hold                   the same
    order's bucket     when, the hold             the same

A booking has an entry of its own among the holds. So the entry of a hold that is written late, after its confirm, ends
nothing that must stay. A booking's entry that is written late, after its cancel, stays: the event of the cancel ends
it, and whatever is left leads to no hold and goes when a page meets it.
"""

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import FOR_EVER, Index, IndexEntry
from travio_inventory.protocol.hold import NEVER_MS, Cancelled, Confirmed, Held, base_id
from travio_inventory.protocol.resource import Hold
from travio_inventory.protocol.retention import Retention

BOOKED = "booked"


def holds_bucket(organization: str, holder: str) -> str:
    """The holds of this holder, the newest first."""
    return rows.SEPARATOR.join((organization, holder))


def bookings_bucket(organization: str, holder: str) -> str:
    """The bookings of this holder, those that were cancelled too."""
    return rows.SEPARATOR.join((organization, holder, BOOKED))


def order_bucket(organization: str, order: str) -> str:
    """The bookings of this order, whoever made them, those that were cancelled too."""
    return rows.SEPARATOR.join((organization, order))


def of_hold(hold: Hold, retention: Retention) -> list[IndexEntry]:
    """The entries of a hold that begins, of one that is confirmed, and of a booking that is cancelled; none for other
    ends, or for holds of the house.
    """
    of = hold.organization, hold.holder, hold.id, hold.created_at_ms
    match hold.state:
        case _ if not hold.holder:
            return []
        case Held():
            return [held(*of, keep_s=retention.listed_s)]
        case Confirmed(order=order):
            return booked(*of, order=order, keep_s=FOR_EVER)
        case Cancelled(order=order):
            return booked(*of, order=order, keep_s=retention.ended_s)
        case _:
            return []


def held(organization: str, holder: str, hold_id: str, created_at_ms: int, *, keep_s: int) -> IndexEntry:
    """The entry of a hold created at that moment."""
    named = rows.SEPARATOR.join((_newest_first(created_at_ms), base_id(hold_id)))
    return IndexEntry(Index.HOLDS, holds_bucket(organization, holder), named, keep_s)


def booked(
    organization: str, holder: str, hold_id: str, created_at_ms: int, *, order: str, keep_s: int
) -> list[IndexEntry]:
    """The entries of the booking, under that order, that came of a hold created at that moment."""
    base = base_id(hold_id)
    named = rows.SEPARATOR.join((_newest_first(created_at_ms), base))
    as_booking = rows.SEPARATOR.join((named, BOOKED))
    return [
        IndexEntry(Index.HOLDS, holds_bucket(organization, holder), as_booking, keep_s),
        IndexEntry(Index.HOLDS, bookings_bucket(organization, holder), base, keep_s),
        IndexEntry(Index.ORDERS, order_bucket(organization, order), named, keep_s),
    ]


def hold_of(entry: str) -> str:
    """The id of the hold that an entry of any of these buckets names."""
    named = entry.split(rows.SEPARATOR)
    return named[min(1, len(named) - 1)]


def _newest_first(created_at_ms: int) -> str:
    return f"{NEVER_MS - created_at_ms:016d}"
