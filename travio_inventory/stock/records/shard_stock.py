"""What each shard of an entry has, and what is on its way there."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import Batches, Kind, Partition, RowKey, StoreUnavailable
from travio_inventory.stock import sharing
from travio_inventory.stock.records.shards import cause_of_move
from travio_inventory.stock.records.stock_rows import shard_of


class ShardStock(NamedTuple):
    """What one shard has; `on_the_way` left another one and has not come yet. Only some of an entry take orders."""

    number: int
    takes_orders: bool
    available: int
    reserved: int
    on_the_way: int


async def shard_stock(batches: Batches, home: Partition, rows: sharing.Rows) -> Sequence[ShardStock]:
    """Of each row, as they were read. Raises BackendUnavailable."""
    coming: Counter[int] = Counter()
    for giver in sharing.moving(rows):
        if giver.sharing is not None and (move := giver.sharing.move) is not None:
            cause = RowKey(Kind.CAUSE, cause_of_move(sharing.number_of(giver), move.number))
            try:
                has_come = bool(await batches.get(shard_of(home, move.to), [cause]))
            except StoreUnavailable:
                raise BackendUnavailable from None
            coming[move.to] += 0 if has_come else move.units
    first, others = rows
    return [
        ShardStock(
            number,
            number < first.shards,
            0 if row is None else row.quantities.available,
            0 if row is None else row.quantities.reserved,
            coming[number],
        )
        for number, row in enumerate((first, *others))
    ]
