"""What tests of single parts need: ids nobody used, pauses that are counted, batches that are noted."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Batches, Outcome, Partition, Row, Write
from travio_inventory.protocol.hold import DIGEST_CHARS, HoldId
from travio_inventory.protocol.sending import PAUSE_S
from verification.kit.clocks import Hasty
from verification.kit.passing import Batch, Passing, Send
from verification.kit.sale import Sale


class Pauses(Hasty):
    """Draws no pause at all, and counts them."""

    def __init__(self) -> None:
        super().__init__(1)
        self.count = 0

    def uniform(self, a: float, b: float) -> float:
        """0, for a pause of the protocol."""
        assert (a, b) == PAUSE_S
        self.count += 1
        return 0


def pauses(sale: Sale) -> int:
    """How often the process paused."""
    counted = sale.process.sender.random
    assert isinstance(counted, Pauses)
    return counted.count


def unused_id(sale: Sale, number: int = 0) -> str:
    """The id of a hold on A1 that nobody made."""
    return str(HoldId(sale.trip.key.trip, 0, f"{number:0{DIGEST_CHARS}}", is_late=False))


class Noted(Passing):
    """Notes what is sent to the store, and does `then` after each batch."""

    def __init__(self, store: Batches, then: Callable[[], object] = lambda: None) -> None:
        super().__init__(store)
        self.sent: list[Batch] = []
        self._then = then

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        """Note it, and send it."""
        self.sent.append(batch)
        outcome = await send(batch)
        self._then()
        return outcome


Move: TypeAlias = Callable[[Sequence[Write]], Awaitable[object]]
"""What another process does before these writes are sent."""


async def nothing(_: Sequence[Write]) -> None:
    """A move that changes nothing."""


class Overtaken(Noted):
    """Before the first batches these moves of another process happen, one before each; `then` happens after each."""

    def __init__(self, store: Batches, *moves: Move, then: Callable[[], object] = lambda: None) -> None:
        super().__init__(store, then)
        self._moves = list(moves)

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        """Let the other one go first."""
        if self._moves:
            await self._moves.pop(0)(batch.writes)
        return await super().pass_on(batch, send)


def noted(sale: Sale, then: Callable[[], object] = lambda: None) -> list[Batch]:
    """What the process sends from now on; `then` happens after each batch."""
    noted = Noted(sale.process.sender.batches, then)
    sale.process.sender.batches = noted
    return noted.sent


class Visits:
    """Everywhere. Leads to these partitions, a list in each call, and then to none."""

    def __init__(self, *visits: list[Partition]) -> None:
        self.left = [*visits]

    async def next_partitions(self) -> list[Partition]:
        """See Everywhere."""
        return self.left.pop(0) if self.left else []


async def hold_row(sale: Sale, hold_id: str) -> Row:
    """The row of a hold on A1, as the store keeps it; empty if there is none."""
    key = rows.hold_key(hold_id)
    return (await sale.market.store.get(sale.group_partition("A1"), [key])).get(key, {})
