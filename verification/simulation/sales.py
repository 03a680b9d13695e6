"""Freezes and swaps of the trip, as whoever ordered them knows of them: what nobody gets once one is answered (I14)."""

from collections.abc import Sequence

from travio_inventory.protocol.batches import Kind, Partition, Table
from travio_inventory.store.memory import Change
from verification.simulation.history import LIVE
from verification.simulation.oracle import Violated, places_of


class Sales:
    """Follows the store from the answer to a freeze until its end is ordered."""

    def __init__(self) -> None:
        self.is_frozen = False
        self.is_of_former = 0
        """The first seat group that is of no former vehicle, as a swap was answered."""

    def applied(self, now_s: float, partition: Partition, changes: Sequence[Change]) -> None:
        """Judge a batch as it takes effect: nobody gets a seat of a former vehicle, nor any of a frozen trip but the
        house. Raises Violated.
        """
        if partition.table is not Table.SEAT_GROUPS:
            return
        for key, before, after in changes:
            if key.kind is not Kind.HOLD or after.get("status") not in LIVE:
                continue
            had = {*places_of(before)} if before.get("status") in LIVE else set()
            gained = {*places_of(after)} - had
            if gained and self.is_frozen and after.get("holder"):
                raise Violated(f"I14 {key.id} gets {gained} at {now_s:.2f}, though the trip is frozen")
            if lost := [cell for group, cell in gained if group < self.is_of_former]:
                raise Violated(f"I14 {key.id} has {lost} at {now_s:.2f}, of a former vehicle")
