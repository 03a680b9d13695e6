"""What is kept beside the holds on a resource: ledgers, lists, the places that are due, and how long bookings stay."""

from collections.abc import Sequence
from typing import Protocol

from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol import listings, rows
from travio_inventory.protocol.batches import IndexEntry, Partition, Write
from travio_inventory.protocol.hold import Recorded
from travio_inventory.protocol.resource import H_contra, Hold
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.rules import Rules


class Books(Protocol[H_contra]):
    """How a resource keeps its books."""

    @property
    def bookings_kept_s(self) -> int | None:
        """For how long a booking is kept from its last step; None if something else ends it."""
        ...

    def ledger(self, actor: Actor) -> Partition:
        """Where the keys and slots of a holder are."""
        ...

    def live_max(self, rules: Rules) -> int:
        """How many live holds a holder may have; 0 = any number."""
        ...

    @property
    def begins_anew(self) -> bool:
        """Whether hardly any holder has asked before: then a batch that assumes so is cheaper than a read before it."""
        ...

    @property
    def bookings_free_slots(self) -> bool:
        """Whether a holder may have another hold beside a booking, a late one too."""
        ...

    def slots_s(self, retention: Retention) -> int:
        """For how long a slot is kept from when it was taken."""
        ...

    def listed(self, hold: H_contra, retention: Retention) -> Sequence[IndexEntry]:
        """The lists that the hold is in since its last step."""
        ...

    @property
    def folds(self) -> bool:
        """Whether attempts on one partition are computed from it, so that they go together."""
        ...

    @property
    def tells(self) -> bool:
        """Whether a batch on claims writes more than the claims: events, and the like."""
        ...

    def noted(
        self, partition: Partition, writes: Sequence[Write], now: Recorded, retention: Retention
    ) -> Sequence[IndexEntry]:
        """What leads to that in a partition, recorded there."""
        ...


class HolderBooks:
    """Books by holder: a user's holds are listed, and a booking is as many as a user wants."""

    bookings_kept_s: int | None = None
    folds = False
    tells = False
    begins_anew = False
    bookings_free_slots = True

    def ledger(self, actor: Actor) -> Partition:
        """See Books."""
        return rows.ledger_partition(actor)

    def live_max(self, rules: Rules) -> int:
        """See Books."""
        return rules.holds_per_holder_max

    def slots_s(self, retention: Retention) -> int:
        """See Books."""
        return retention.slots_s

    def listed(self, hold: Hold, retention: Retention) -> Sequence[IndexEntry]:
        """See Books."""
        return listings.of_hold(hold, retention)

    def noted(
        self, _partition: Partition, _writes: Sequence[Write], _now: Recorded, _retention: Retention
    ) -> Sequence[IndexEntry]:
        """See Books: a claim has no history."""
        return ()
