"""The books of orders: an order has one reservation that lives, or was committed."""

from collections.abc import Sequence
from typing import Final

from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol import index_entries, rows
from travio_inventory.protocol.batches import IndexEntry, Kind, Partition, RowKey, Table, Write
from travio_inventory.protocol.hold import Recorded
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.rules import Rules
from travio_inventory.stock.records import movement_days
from travio_inventory.stock.records.reservation_rows import COMMITTED_KEPT_S
from travio_inventory.stock.reservation import Reservation

SLOT: Final = RowKey(Kind.SLOT, "0")
"""Names the last reservation of an order."""


class OrderBooks:
    """Implements `protocol.books.Books`."""

    bookings_kept_s: int | None = COMMITTED_KEPT_S
    folds = True
    tells = True
    begins_anew = True
    bookings_free_slots = False
    """An order is not served twice."""

    def ledger(self, actor: Actor) -> Partition:
        """See Books: no user's, since no id has such a sign."""
        return Partition(Table.LEDGERS, actor.organization, rows.SEPARATOR.join((actor.user, "order")))

    def live_max(self, _rules: Rules) -> int:
        """See Books."""
        return 1

    def slots_s(self, retention: Retention) -> int:
        """See Books."""
        return retention.slots_s + COMMITTED_KEPT_S

    def listed(self, _hold: Reservation, _retention: Retention) -> Sequence[IndexEntry]:
        """See Books: an order leads to its reservation by its slot."""
        return ()

    def noted(
        self, partition: Partition, writes: Sequence[Write], now: Recorded, retention: Retention
    ) -> Sequence[IndexEntry]:
        """See Books: its events, and its movements by their day."""
        moved = [int(each.key.id) for each in writes if each.key.kind is Kind.MOVEMENT]
        return [
            index_entries.recorded(partition, now.epoch, retention),
            *(movement_days.listed_at(partition, each, now.at_ms) for each in moved),
        ]
