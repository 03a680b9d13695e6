"""Broken designs of shards: units are lost, doubled or never found; what is low is told twice, or never."""

from dataclasses import replace

import pytest

from travio_inventory.protocol.batches import Kind, Partition, RowKey
from travio_inventory.stock import sharing
from travio_inventory.stock.entry import InventoryEntry, Sharing
from travio_inventory.stock.records.late_units import LateUnits
from travio_inventory.stock.records.shard_marks import ShardMarks
from travio_inventory.stock.records.shards import Shards
from travio_inventory.stock.records.stock_rows import number_of_shard, shard_of
from travio_inventory.stock.records.stock_units import StockUnits
from travio_inventory.stock.reservation import Reservation
from verification.simulation.broken_units import BrokenUnits
from verification.simulation.plan import Plan

SHARDS_DAY = Plan(0, seats=12, seats_per_group=6, holders=3, faults=0.3, kills=0.2)
SMALL_SHARDS = Plan(0, seats=4, seats_per_group=2, holders=4, faults=0.2, kills=0.2, day_s=12.0)
CALM_SHARDS = Plan(0, seats=12, seats_per_group=6, holders=5, faults=0.0, kills=0.0)


def _forgotten_first(patch: pytest.MonkeyPatch) -> None:
    """The giver forgets a move before its units have arrived: who dies between both loses them."""
    go_on = Shards._go_on

    async def forgetting(self: Shards, home: Partition, giver: InventoryEntry) -> None:
        if giver.sharing is not None and giver.sharing.move is not None:
            await self._settle(shard_of(home, sharing.number_of(giver)), giver.sharing.move)
        await go_on(self, home, giver)

    patch.setattr(Shards, "_go_on", forgetting)


def _taken_by_each(patch: pytest.MonkeyPatch) -> None:
    """Whoever goes on with a move has its units arrive, whether they are there already or not."""

    async def again(self: Shards, home: Partition, giver: InventoryEntry) -> None:
        if giver.sharing is None or giver.sharing.move is None:
            return
        move, number = giver.sharing.move, sharing.number_of(giver)
        cause = RowKey(Kind.CAUSE, f"shard {number} {move.number} {self._sender.new_digest()}")

        def make(row: InventoryEntry | None, now_ms: int) -> InventoryEntry:
            forgetting = None if row is None else replace(row, sharing=replace(row.sharing or Sharing(), took=()))
            return sharing.taken(forgetting, now_ms, giver=giver, to=move.to, units=move.units)

        await self._changing.change(shard_of(home, move.to), self._internal(home, make, cause))
        await self._settle(shard_of(home, number), move)

    patch.setattr(Shards, "_go_on", again)


def _nobody_goes_on(patch: pytest.MonkeyPatch) -> None:
    """Who announced a move goes on with it, and nobody else."""

    async def nothing(_self: Shards, _at: Partition) -> None:
        pass

    async def no(_self: Shards, _home: Partition, _rows: sharing.Rows) -> bool:
        return False

    patch.setattr(Shards, "sweep", nothing)
    patch.setattr(Shards, "_go_on_with", no)


def _own_shard_only(patch: pytest.MonkeyPatch) -> None:
    """What the first shard has not, nobody has."""

    def first(rows: sharing.Rows) -> InventoryEntry:
        return replace(summed(rows), quantities=rows[0].quantities)

    summed = sharing.summed
    patch.setattr(sharing, "summed", first)


def _late_in_its_own_shard_only(patch: pytest.MonkeyPatch) -> None:
    """Nothing is brought to a late commit, and what is contended is refused for good."""

    async def nothing(_self: LateUnits, _booking: Reservation, _partitions: list[Partition]) -> bool:
        return True

    patch.setattr(LateUnits, "bring", nothing)
    patch.setattr(StockUnits, "refuses_contended_late", True)


def _from_memory(patch: pytest.MonkeyPatch) -> None:
    """Who changed an entry tells of it, and nobody else: no index entry leads there, and sweepers tell nothing."""
    sweep = Shards.sweep

    async def moves_only(self: Shards, at: Partition) -> None:
        if number_of_shard(at):
            await sweep(self, at)

    patch.setattr(ShardMarks, "leading_to", lambda _self, _at, _writes: ())
    patch.setattr(Shards, "sweep", moves_only)


def _at_a_glance(patch: pytest.MonkeyPatch) -> None:
    """What was read once of each shard is what all have."""

    async def as_read(_self: Shards, _home: Partition, before: sharing.Rows) -> sharing.Rows:
        return before

    patch.setattr(Shards, "_at_once", as_read)


def _whoever_told(patch: pytest.MonkeyPatch) -> None:
    """Who saw that it is low tells so, whatever was told since."""

    def marked(row: InventoryEntry | None, now_ms: int, *, seen: InventoryEntry, marks: str) -> InventoryEntry:
        return with_marks(row, now_ms, seen=seen if row is None else row, marks=marks)

    with_marks = sharing.with_marks
    patch.setattr(sharing, "with_marks", marked)


BROKEN_SHARDS = {
    "a late commit looks in its own shard only": BrokenUnits(
        "S8", CALM_SHARDS.with_seed(3), _late_in_its_own_shard_only
    ),
    "a crossing is told from memory only": BrokenUnits("T2", SHARDS_DAY.with_seed(40), _from_memory),
    "what is low is told of shards read one after the other": BrokenUnits("T1", CALM_SHARDS, _at_a_glance),
    "what is low is told by each who saw it": BrokenUnits("T1", SHARDS_DAY, _whoever_told),
    "rebalancing that loses units": BrokenUnits("S7", SHARDS_DAY, _forgotten_first),
    "rebalancing that doubles units": BrokenUnits("S7", SHARDS_DAY, _taken_by_each),
    "a move that nobody goes on with": BrokenUnits("L2", SHARDS_DAY, _nobody_goes_on),
    "the first shard has none, so nobody has": BrokenUnits("S5", CALM_SHARDS, _own_shard_only),
}
