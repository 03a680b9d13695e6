"""Freezes of the trip, as whoever ordered them knows of them: once one is answered, nothing new is held (I14)."""

from collections.abc import Sequence

from travio_inventory.protocol.batches import Kind, Partition, Table
from travio_inventory.store.memory import Change
from verification.simulation.history import LIVE
from verification.simulation.oracle import Violated


class Sales:
    """Follows the store from the answer to a freeze until its end is ordered."""

    def __init__(self) -> None:
        self.is_frozen = False

    def applied(self, now_s: float, partition: Partition, changes: Sequence[Change]) -> None:
        """Judge a batch at the moment when it takes effect. Raises Violated. The house may block seats."""
        if not self.is_frozen or partition.table is not Table.SEAT_GROUPS:
            return
        for key, before, after in changes:
            if key.kind is Kind.HOLD and not before and after.get("status") in LIVE and after.get("holder"):
                raise Violated(f"I14 {key.id} is {after['status']} at {now_s:.2f}, though the trip is frozen")
