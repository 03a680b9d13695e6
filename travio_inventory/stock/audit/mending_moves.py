"""Repairs what is wrong between the shards of an entry: moves are gone on with, their units put right, once each."""

from collections.abc import AsyncIterator

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Partition, Row
from travio_inventory.protocol.sending import Sender
from travio_inventory.stock.audit.comparing import movements
from travio_inventory.stock.audit.findings import StockFinding
from travio_inventory.stock.audit.moves import Move, Seen, balances, is_between
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.records.shards import Shards, move_of_cause
from travio_inventory.stock.records.stock_rows import STOCK, shard_of


class MoveRepairs:
    """Repairs of an entry, whose first shard is where it was found."""

    def __init__(self, sender: Sender) -> None:
        self._batches = sender.batches
        self._shards = Shards(sender)

    async def go_on(self, finding: StockFinding) -> None:
        """With every move that is announced."""
        await self._shards.still(finding.at)

    async def tell(self, finding: StockFinding) -> None:
        """What was not told."""
        await self._shards.note_marks(finding.at)

    async def put_right(self, finding: StockFinding) -> None:
        """What was lost comes to the first shard; what is too many leaves one to which it came."""
        move = Move(*(move_of_cause(finding.owner) or (0, 0)))
        seen = [each async for each in self._seen(finding.at)]
        balance = balances(seen).get(move)
        if balance is None or f"{balance.left} {balance.came}" != finding.seen:
            return
        units = balance.left - balance.came
        came = [each for each in seen if any(_is_of(movement, move) for movement in each.movements)]
        able = [each.at for each in came if each.entry.quantities.available + units >= 0]
        at = finding.at if units > 0 else next(iter(able), None)
        if at is not None:
            await self._shards.put_right(at, move.giver, move.number, units)

    async def _seen(self, home: Partition) -> AsyncIterator[Seen]:
        """Every shard, with all that is kept of what moved."""
        number, shards = 0, 1
        while number < shards:
            at = shard_of(home, number)
            found = await self._batches.get(at, [STOCK])
            if STOCK in found:
                entry = stock_rows.read_entry(at, found[STOCK])
                shards = max(shards, 1 if entry.sharing is None else entry.sharing.rows)
                moved = [row async for _, row in movements(self._batches, at, found[STOCK], 0) if is_between(row)]
                yield Seen(at, entry, moved, is_whole=True)
            number += 1


def _is_of(movement: Row, move: Move) -> bool:
    """Whether it brought units of that move."""
    is_coming = rows.number(movement, "quantity") > 0
    return is_coming and move_of_cause(rows.text(movement, "cause")) == move
