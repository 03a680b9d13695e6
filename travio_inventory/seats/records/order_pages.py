"""Reads the bookings of an order, page by page and each at a bounded cost: entries say where to look, no more."""

from collections.abc import Mapping, Sequence
from typing import Final

from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import listings
from travio_inventory.protocol.batches import Batches, Index, IndexEntry, Partition, Row, StoreUnavailable, Table
from travio_inventory.seats.hold import Cancelled, Confirmed, Hold, HoldPage, late_id
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.home_rows import home_rows
from travio_inventory.seats.records.manifests import SEATS_MAX

READS_AT_ONCE: Final = 32
NAMES_MAX: Final = 400
"""So many entries a page looks at, whatever of them is listed."""
GONE_S: Final = 1
"""An entry whose hold is forgotten is to be forgotten as soon: no later page looks at it."""
_NOWHERE = Partition(Table.SEAT_GROUPS, "", "")


class OrderPages:
    """Implements `seats.ports.Orders` over conditional batches."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    async def page(self, organization: str, order: str, *, cancelled: bool, after: str, most: int) -> HoldPage:
        """See Orders."""
        bucket = listings.order_bucket(organization, order)
        wanted = (Confirmed, Cancelled) if cancelled else (Confirmed,)
        found: list[Hold] = []
        last, seats = after, 0
        try:
            names = await self._batches.read_index(Index.ORDERS, bucket, after=after, most=NAMES_MAX)
            for start in range(0, len(names), READS_AT_ONCE):
                part = names[start : start + READS_AT_ONCE]
                for name, hold in zip(part, await self._named(organization, bucket, part), strict=True):
                    if hold is not None and isinstance(hold.state, wanted) and hold.state.order == order:
                        if found and (len(found) == most or seats + len(hold.seats) > SEATS_MAX):
                            return HoldPage(found, last)
                        found.append(hold)
                        seats += len(hold.seats)
                    last = name
        except StoreUnavailable:
            raise BackendUnavailable from None
        return HoldPage(found, last if len(names) == NAMES_MAX else "")

    async def _named(self, organization: str, bucket: str, names: Sequence[str]) -> list[Hold | None]:
        """What the entries name: the late booking where there is one; None where nothing is left. Raises
        StoreUnavailable.
        """
        ids = [listings.hold_of(name) for name in names]
        standing = await home_rows(self._batches, organization, [*ids, *map(late_id, ids)])
        found = [_booked(organization, hold_id, standing) for hold_id in ids]
        gone = [name for name, hold in zip(names, found, strict=True) if hold is None]
        if gone:
            entries = [IndexEntry(Index.ORDERS, bucket, name, GONE_S) for name in gone]
            await self._batches.apply(_NOWHERE, (), entries)
        return found


def _booked(organization: str, hold_id: str, standing: Mapping[str, Row]) -> Hold | None:
    """The hold, or its late booking."""
    late = standing.get(late_id(hold_id), {})
    if late.get("status", "aborted") != "aborted":
        return seat_rows.read_hold(organization, late_id(hold_id), late)
    row = standing.get(hold_id)
    return seat_rows.read_hold(organization, hold_id, row) if row is not None else None
