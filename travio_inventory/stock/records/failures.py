"""Tells that what an event asked for cannot be done: an event of its own, through the outbox, so that none is lost."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from travio_inventory.kernel.actor import ActorKind
from travio_inventory.kernel.json_text import encode
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol import index_entries
from travio_inventory.protocol.batches import Applied, Partition, Table, Unknown
from travio_inventory.protocol.event_rows import only_event
from travio_inventory.protocol.hold import digest_of
from travio_inventory.protocol.sending import Sender
from travio_inventory.stock.events import VERSION, StockEvent

TRIES_MAX = 6
NOWHERE = 0
"""Warehouses are numbered from 1: no stock lies in the place of this number, only what is told."""


class Failure(NamedTuple):
    """What was not done for an order, and why; `about` is what keeps its events together at a broker: a stock keeping
    unit, or the order where none is known. `source` and `event` name what asked for it.
    """

    order_id: str
    step: str
    why: str
    is_paid: bool
    about: str
    source: str
    event: str

    @property
    def data(self) -> Mapping[str, Any]:
        """What the event says."""
        said = {"orderId": self.order_id, "step": self.step, "reason": self.why, "isPaid": self.is_paid}
        return {**said, "sku": "" if self.about == self.order_id else self.about, "causedBy": self.event}


class Failures:
    """Tells what was not done. Told again, it is the same event: it has one id for each event that asked."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def tell(self, organization: str, failure: Failure) -> None:
        """Raises BackendUnavailable, OutcomeUnknown."""
        subject = digest_of("reservation failed", failure.source, failure.event)
        partition = Partition(Table.STOCK, organization, failure.about, NOWHERE)
        kind, data = StockEvent.RESERVATION_FAILED.value, encode(failure.data)
        was_sent = False
        for _ in range(TRIES_MAX):
            now = await self._sender.now()
            event = only_event(subject, kind, VERSION, ActorKind.HOUSE, data, now)
            entry = index_entries.recorded(partition, now.epoch, self._sender.rules.retention)
            outcome = await self._sender.apply(partition, [self._sender.kept(event)], [entry], at_ms=now.at_ms)
            if isinstance(outcome, Applied):
                return
            was_sent = was_sent or isinstance(outcome, Unknown)
            await self._sender.pause()
        raise OutcomeUnknown if was_sent else BackendUnavailable
