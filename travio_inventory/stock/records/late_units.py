"""Units for orders that are committed after their reservation has expired: from whichever shards have them."""

from collections.abc import Awaitable, Callable

from travio_inventory.protocol.batches import Partition
from travio_inventory.protocol.sending import Sender
from travio_inventory.stock import sharing
from travio_inventory.stock.records.reservation_rows import line_key, sold_key
from travio_inventory.stock.records.shards import Shards
from travio_inventory.stock.records.stock_rows import number_of_shard, shard_of
from travio_inventory.stock.refusals import StockContended
from travio_inventory.stock.reservation import Reservation


class LateUnits:
    """Brings what each line of an expired reservation needs to the shard that it was in; the batch that commits decides
    whether it is still there then. Units that are brought and not taken are sold there.
    """

    def __init__(self, sender: Sender, sweep: Callable[[Partition], Awaitable[None]]) -> None:
        self._batches = sender.batches
        self._shards = Shards(sender)
        self._sweep = sweep

    async def bring(self, booking: Reservation, partitions: list[Partition]) -> bool:
        """Whether all that the lines in these partitions need may be there; False if an entry has too few of it in all
        of its shards, with what is due ended. Raises StockNotFound, Overloaded, BackendUnavailable, StoreUnavailable.
        """
        for at, line in zip(partitions, booking.lines, strict=True):
            try:
                if not await self._bring(booking, at, line.quantity):
                    return False
            except StockContended:
                continue  # the batch says so too
        return True

    async def _bring(self, booking: Reservation, at: Partition, units: int) -> bool:
        number = number_of_shard(at)
        home = shard_of(at, -number)
        first = await self._shards.first(home)
        if first is None or first.sharing is None:
            return True  # nowhere else: the batch decides
        rows = first, await self._shards.others(home, first)
        there = sharing.available(rows)
        if there[number] >= units or await self._batches.get(at, [line_key(booking.id), sold_key(booking.id)]):
            return True
        if sum(there) < units and await self._left(home, len(there)) < units:
            return False
        await self._shards.gather(home, number, units)
        return True

    async def _left(self, home: Partition, shards: int) -> int:
        """How many all shards together have, once the reservations there that have run out are ended. Raises as
        `Shards.still`.
        """
        for number in range(shards):
            await self._sweep(shard_of(home, number))
        return (await self._shards.still(home)).quantities.available
