"""What each shard of an entry has, and what is on its way there."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from travio_inventory.stock import sharing


class ShardStock(NamedTuple):
    """What one shard has; `on_the_way` left another one and has not come yet. Only some of an entry take orders."""

    number: int
    takes_orders: bool
    available: int
    reserved: int
    on_the_way: int


def shard_stock(rows: sharing.Rows) -> Sequence[ShardStock]:
    """Of each row, as they were read."""
    first, others = rows
    coming: Counter[int] = Counter()
    for giver in sharing.moving(rows):
        if giver.sharing is not None and (move := giver.sharing.move) is not None:
            coming[move.to] += 0 if sharing.has_come((first, *others)[move.to], giver) else move.units
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
