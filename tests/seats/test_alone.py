"""A relay that knows that no other process writes to its store: it reads open epochs only when necessary."""

from collections.abc import Sequence

import pytest

from travio_inventory.events.relay import EventRelay
from travio_inventory.kernel.events import Event
from travio_inventory.protocol import journal
from travio_inventory.protocol.epochs import EPOCH_MS
from travio_inventory.protocol.journal import EventJournal
from travio_inventory.protocol.retention import Retention
from verification.kit.sale import TOLD_WITHIN_S, Sale

EPOCHS = 3
"""The number of epochs that are over when the process starts again."""


class Alone:
    """The relay of the only process."""

    def __init__(self, sale: Sale) -> None:
        self._sale = sale
        read = EventJournal(sale.process.sender, "alone", is_alone=True)
        self._relay = EventRelay(read, sale.process.sink, sale.clock, kept_s=Retention().events_s)

    async def tells(self, *, rounds: int) -> Sequence[Event]:
        """What it publishes in this number of rounds, a second apart."""
        before = len(self._sale.told)
        for _ in range(rounds):
            await self._relay()
            self._sale.clock.pass_s(1)
        return self._sale.told[before:]


async def test_events_of_what_happens_while_it_catches_up_are_published_soon_after(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "EVENTS_PER_ROUND_MAX", 10)
    monkeypatch.setattr(journal, "EVENTS_PER_READ", 5)
    for _ in range(20):
        await sale.release(await sale.hold("A1"))
    for _ in range(EPOCHS):
        sale.clock.pass_ms(EPOCH_MS)
        await sale.process.sender.epochs.keep()
    after = sale.elsewhere()
    relay = Alone(after)
    await relay.tells(rounds=1)
    hold = await after.hold("A1")
    told = await relay.tells(rounds=5 + TOLD_WITHIN_S)
    assert [str(event.type) for event in told if event.subject == hold.id] == ["hold.created"]
