"""Broken designs of stock: of its rows, and of the protocol, which reservations must show as well."""

from collections.abc import Sequence

import pytest

from travio_inventory.protocol.batches import ABSENT, Kind, Partition, Row, RowKey, Rows, Write
from travio_inventory.protocol.hold import HoldState, Recorded
from travio_inventory.protocol.resource import Claim, OwnShare
from travio_inventory.stock import planning
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.records import sold_out, stock_units
from travio_inventory.stock.records.entries import Entries
from travio_inventory.stock.records.entry_steps import EntryStep, entry_writes
from travio_inventory.stock.records.order_books import OrderBooks
from travio_inventory.stock.records.reservations import Reservations
from travio_inventory.stock.records.stock_rows import STOCK, read_entry
from travio_inventory.stock.reservation import Item, Reservation
from travio_inventory.stock.warehouse import Warehouse
from verification.simulation.broken import rewrite, unconditionally
from verification.simulation.broken_designs import BROKEN
from verification.simulation.broken_units import BrokenUnits
from verification.simulation.plan import Plan

ROUGH = Plan(0, seats=12, seats_per_group=4, holders=7, faults=0.5, kills=0.4)
SPARSE = Plan(0, seats=24, seats_per_group=4, holders=3, faults=0.5, kills=0.3, late_s=40.0)
"""Places in which nothing else happens for long: a late batch still finds the version that it was computed from."""
ONE_PLACE = Plan(0, seats=4, seats_per_group=4, holders=7, faults=0.3, kills=0.12)
CALM = Plan(0, seats=12, seats_per_group=4, holders=5, faults=0.0, kills=0.0)
_candidates = planning._candidates
Candidate = tuple[InventoryEntry, int]
CHANGING = Plan(0, seats=6, seats_per_group=3, faults=0.3, changes=0.7)


def _without_version(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, lambda write: unconditionally(write) if write.key == STOCK and write.condition else write)


def _line_over(patch: pytest.MonkeyPatch) -> None:
    """A line is written even if it stands: a second batch counts its units again."""
    rewrite(patch, lambda write: unconditionally(write) if _is_new(write, Kind.LINE) else write)


def _is_new(write: Write, kind: Kind) -> bool:
    return write.key.kind is kind and write.condition is ABSENT


def _without_movement(patch: pytest.MonkeyPatch) -> None:
    """What is committed has its event, and no movement."""

    def untold(
        before: InventoryEntry, steps: Sequence[EntryStep], now: Recorded, events_kept_s: int
    ) -> Sequence[Write]:
        writes = entry_writes(before, steps, now, events_kept_s)
        return [write for write in writes if write.key.kind is not Kind.MOVEMENT]

    patch.setattr(stock_units, "entry_writes", untold)


def _without_event(patch: pytest.MonkeyPatch) -> None:
    """What is committed has its movement, and no event."""

    def untold(
        before: InventoryEntry, steps: Sequence[EntryStep], now: Recorded, events_kept_s: int
    ) -> Sequence[Write]:
        writes = entry_writes(before, steps, now, events_kept_s)
        return [write for write in writes if write.key.kind is not Kind.EVENT]

    patch.setattr(stock_units, "entry_writes", untold)


def _sell_what_is_not_there(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stock_units, "_available", lambda _entry: 1_000)


def _return_nothing(patch: pytest.MonkeyPatch) -> None:
    """What was committed, and is cancelled, stays away."""
    moved = stock_units._is_to_be_moved

    def only_lines(key: RowKey, row: Row, state: HoldState) -> bool:
        return key.kind is Kind.LINE and moved(key, row, state)

    patch.setattr(stock_units, "_is_to_be_moved", only_lines)


def _never_open_again(patch: pytest.MonkeyPatch) -> None:
    """A return says nowhere that it began."""

    async def nothing(_self: Reservations, _partition: Partition, _found: Reservation) -> None:
        pass

    patch.setattr(Reservations, "_reopen_in", nothing)


def _served_twice(patch: pytest.MonkeyPatch) -> None:
    """A committed order may reserve once more."""
    patch.setattr(OrderBooks, "bookings_free_slots", True)


def _every_intent(patch: pytest.MonkeyPatch) -> None:
    """An intent counts as taken, whatever its batch met."""

    def own(claim: Claim[Reservation], _standing: Rows) -> OwnShare:
        return OwnShare.ALL if claim.is_intent else OwnShare.NONE

    patch.setattr(stock_units, "_own", own)


def _long_memory(patch: pytest.MonkeyPatch) -> None:
    """That an article is sold out is remembered for half a minute, whatever other processes bring back."""
    patch.setattr(sold_out, "REMEMBERED_MS", 30_000)


def _no_by_memory(patch: pytest.MonkeyPatch) -> None:
    """What is remembered of an entry counts as read: whoever finds too little there is refused."""
    read = Entries._read

    async def remembered(self: Entries, at: Partition) -> InventoryEntry | None:
        row = self._known.row(at)
        return await read(self, at) if row is None else read_entry(at, row)

    patch.setattr(Entries, "_read", remembered)


def _first_place_only(patch: pytest.MonkeyPatch) -> None:
    """What the first warehouse has not, nobody has."""
    patch.setattr(planning, "_candidates", _the_first)


def _the_first(item: Item, entries: Sequence[InventoryEntry], warehouses: Sequence[Warehouse]) -> Sequence[Candidate]:
    return _candidates(item, entries, warehouses)[:1]


def _own(name: str, promises: str, seed: int) -> BrokenUnits:
    """A broken design of the protocol, on stock."""
    return BrokenUnits(promises, ROUGH.with_seed(seed), BROKEN[name].plant)


BROKEN_STOCK = {
    "an entry without its version": BrokenUnits("S1 S2 S3 S4", ONE_PLACE, _without_version),
    "a line whether it stands already or not": BrokenUnits("S2", ROUGH, _line_over),
    "a commit without its movement": BrokenUnits("S3", ROUGH, _without_movement),
    "a commit without its event": BrokenUnits("S3", ROUGH, _without_event),
    "whatever is there, it is sold": BrokenUnits("S1", ROUGH, _sell_what_is_not_there),
    "what is returned stays away": BrokenUnits("L2", ROUGH, _return_nothing),
    "a return that nobody finds": BrokenUnits("L2", ROUGH.with_seed(20), _never_open_again),
    "an order is served twice": BrokenUnits("I6", ROUGH.with_seed(2), _served_twice),
    "an intent that was refused counts": BrokenUnits("I2", ROUGH, _every_intent),
    "sold out is remembered for long": BrokenUnits("S5", CALM, _long_memory),
    "too little is remembered, so nobody has": BrokenUnits("S5", CALM, _no_by_memory),
    "the first warehouse has none, so nobody has": BrokenUnits("S5", CALM, _first_place_only),
    "steal an intent without fencing it": BrokenUnits(
        "I2", SPARSE.with_seed(104), BROKEN["steal an intent without fencing it"].plant
    ),
    **{
        name: _own(name, promises, seed)
        for name, promises, seed in (
            ("the home batch before the intents", "I2", 0),
            ("fence whatever stands", "I4", 0),
            ("expire whatever the status", "I4", 41),
            ("never fence an abandoned attempt", "L2", 0),
        )
    },
}
