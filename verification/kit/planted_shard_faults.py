"""Writes to the shards of an entry what no step ever writes: for each fault that the auditor finds between them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from travio_inventory.protocol.batches import Applied, Batches, Kind, Partition, Row, RowKey, Write
from travio_inventory.stock.audit.findings import StockFault
from travio_inventory.stock.entry import InventoryEntry, Quantities, ShardMove
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.records.shards import WHY, cause_of_move
from travio_inventory.stock.records.stock_rows import STOCK, shard_of


@dataclass(frozen=True, slots=True)
class InShards:
    """A store in which twelve units lie in three shards of an entry, four in each; the first gave two moves away."""

    store: Batches
    home: Partition
    long_ago_ms: int

    async def shard(self, number: int) -> InventoryEntry:
        """As it is."""
        at = shard_of(self.home, number)
        return stock_rows.read_entry(at, (await self.store.get(at, [STOCK]))[STOCK])

    async def moved(self, number: int, units: int, cause: str, *, move: ShardMove | None = None) -> None:
        """So many come to a shard, or leave it, by a movement with that cause; it announces a move if one is given."""
        before, at = await self.shard(number), shard_of(self.home, number)
        assert before.sharing is not None
        available, reserved = before.quantities
        moves = before.sharing.moves + (units < 0)
        after = replace(
            before,
            quantities=Quantities(available + units, reserved),
            version=before.version + 1,
            sharing=replace(before.sharing, moves=moves, move=move),
        )
        said: Row = {"type": "TRANSFER", "quantity": units, "reason": WHY, "cause": cause, "at_ms": self.long_ago_ms}
        movement: Row = {**said, "balance": available + reserved + units}
        await self.write(at, Write(STOCK, {"version": before.version}, stock_rows.entry_row(after)))
        await self.write(at, Write(stock_rows.movement_key(after.version), {}, movement, 86_400))
        if cause.startswith("shard"):
            key = RowKey(Kind.CAUSE, cause)
            await self.write(at, Write(key, {}, {"movement": after.version, "fingerprint": ""}, 86_400))

    async def write(self, at: Partition, write: Write) -> None:
        """Whatever is there."""
        outcome = await self.store.apply(at, [write])
        assert isinstance(outcome, Applied), outcome

    async def total(self) -> int:
        """Of all shards."""
        return sum([(await self.shard(number)).quantities.total for number in range(3)])


@dataclass(frozen=True, slots=True)
class PlantedInShards:
    """A planted fault: what the auditor must find of it, and how many units there are once it is repaired."""

    fault: StockFault
    units: int
    plant: Callable[[InShards], Awaitable[None]]


async def _announced(shards: InShards) -> None:
    """Two were to go from the first shard to the third, and nobody went on with it."""
    await shards.moved(0, -2, "own x", move=ShardMove(2, 2, 3))


async def _taken(shards: InShards) -> None:
    """They came, and the first shard has not forgotten that they were on the way."""
    await _announced(shards)
    await shards.moved(2, 2, cause_of_move(0, 3))


async def _lost(shards: InShards) -> None:
    """They left, were forgotten, and never came."""
    await shards.moved(0, -2, "own x")


async def _doubled(shards: InShards) -> None:
    """Two left, and five came."""
    await shards.moved(0, -2, "own x")
    await shards.moved(1, 5, cause_of_move(0, 3))


async def _came_twice(shards: InShards) -> None:
    """Two came to both of the other shards."""
    await _lost(shards)
    await shards.moved(1, 2, cause_of_move(0, 3))
    await shards.moved(2, 2, cause_of_move(0, 3))


async def _from_nowhere(shards: InShards) -> None:
    """Nobody gave what came."""
    await shards.moved(1, 3, cause_of_move(2, 9))


async def _untold(shards: InShards) -> None:
    """It counts as told that it is low, which it is not."""
    first = await shards.shard(0)
    assert first.sharing is not None
    after = replace(first, sharing=replace(first.sharing, marks="low"))
    await shards.write(shards.home, Write(STOCK, {}, stock_rows.entry_row(after)))


PLANTED_IN_SHARDS: Mapping[str, PlantedInShards] = MappingProxyType(
    {
        "a move was announced and not taken": PlantedInShards(StockFault.UNFINISHED_MOVE, 12, _announced),
        "a move was taken and not forgotten": PlantedInShards(StockFault.UNFINISHED_MOVE, 12, _taken),
        "a move was forgotten and not taken": PlantedInShards(StockFault.LOST_IN_MOVE, 12, _lost),
        "more came than left": PlantedInShards(StockFault.DOUBLED_BY_MOVE, 12, _doubled),
        "what left came twice": PlantedInShards(StockFault.DOUBLED_BY_MOVE, 12, _came_twice),
        "what nobody gave came": PlantedInShards(StockFault.DOUBLED_BY_MOVE, 12, _from_nowhere),
        "an entry counts as low that is not": PlantedInShards(StockFault.UNTOLD, 12, _untold),
    }
)
"""By what is wrong."""
