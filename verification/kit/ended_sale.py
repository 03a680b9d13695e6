"""A sale that is over for long: its trip is visited by a process that forgets it."""

from random import Random

from travio_inventory.protocol.lapses import LapseFinder
from travio_inventory.seats.ports import ListedTrip, TripArchive
from travio_inventory.seats.records import trip_rows
from travio_inventory.seats.records.trip_ends import TripEnds
from travio_inventory.seats.records.trip_rows import TRIP, TripRow
from verification.kit.sale import Sale

LONG_S = 400 * 86_400


async def visit_ended(sale: Sale, archive: TripArchive | None = None) -> bool:
    """Bring the sale's trip on once, as a process does by whose clock it was sold from more than a year ago; whether it
    was forgotten now.
    """
    later = sale.elsewhere(ahead_s=LONG_S)
    row = (await later.store.get(trip_rows.partition(sale.trip.key), [TRIP]))[TRIP]
    listed = ListedTrip(sale.trip.key, sale.trip.group_count, 0, TripRow.read(row).opened_at_ms)
    ends = TripEnds(
        later.store,
        later.clock,
        sweep=LapseFinder(later.process.holds).sweep,
        archive=archive,
        kept_s=LONG_S // 2,
        random=Random(1),
    )
    return await ends.visit(listed)
