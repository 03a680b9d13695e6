"""Tells that a payment is to be refunded: an event of its own, in the home of the hold that was paid for."""

from travio_inventory.kernel.actor import ActorKind
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol import index_entries
from travio_inventory.protocol.batches import Applied, Partition, Table, Unknown
from travio_inventory.protocol.event_rows import only_event
from travio_inventory.protocol.hold import parse_hold_id
from travio_inventory.protocol.sending import Sender
from travio_inventory.seats.events import VERSION, RefundRequired, data_text

TRIES_MAX = 6


class Refunds:
    """Implements `seats.ports.Refunds`: through the outbox, so that no refund is lost."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def tell(self, organization: str, refund: RefundRequired) -> None:
        """See Refunds. Told again, it is the same event: it has one id for each payment."""
        hold, subject = parse_hold_id(refund.hold_id), refund.refund_id
        partition = Partition(Table.SEAT_GROUPS, organization, hold.name, hold.home)
        was_sent = False
        for _ in range(TRIES_MAX):
            now = await self._sender.now()
            data = data_text(refund)
            event = only_event(subject, refund.type.value, VERSION, ActorKind.HOUSE, data, now)
            entry = index_entries.recorded(partition, now.epoch, self._sender.rules.retention)
            outcome = await self._sender.apply(partition, [self._sender.kept(event)], [entry], at_ms=now.at_ms)
            if isinstance(outcome, Applied):
                return
            was_sent = was_sent or isinstance(outcome, Unknown)
            await self._sender.pause()
        raise OutcomeUnknown if was_sent else BackendUnavailable
