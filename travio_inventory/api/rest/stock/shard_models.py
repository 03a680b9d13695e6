"""Answers about the shards of an entry."""

from collections.abc import Sequence

from travio_inventory.api.rest.stock.models import StockTold
from travio_inventory.stock.records.shard_stock import ShardStock


class ShardShown(StockTold):
    """What one shard of an entry has; `quantityOnTheWay` left another one and has not come yet."""

    shard: int
    takes_orders: bool
    quantity_available: int
    quantity_reserved: int
    quantity_on_the_way: int


class ShardsShown(StockTold):
    """What each shard of an entry has."""

    items: list[ShardShown]


def shards_shown(shards: Sequence[ShardStock]) -> ShardsShown:
    """Shards as they are told."""
    return ShardsShown(
        items=[
            ShardShown(
                shard=each.number,
                takes_orders=each.takes_orders,
                quantity_available=each.available,
                quantity_reserved=each.reserved,
                quantity_on_the_way=each.on_the_way,
            )
            for each in shards
        ]
    )
