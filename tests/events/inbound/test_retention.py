"""How long an operator says that an event may come again: what is older is a dead letter."""

import pytest

from tests.events.inbound.arriving import message
from tests.events.kept_letters import in_memory
from tests.events.selling import TRIP, Service, on_sale
from travio_inventory.app.inbound import inbound
from travio_inventory.events.inbound.message import Message, Unfit
from travio_inventory.events.inbound.reception import Fate
from travio_inventory.protocol.hold import HoldId
from travio_inventory.telemetry.metrics import Figures
from verification.kit.in_process import settings_of

DAYS = 3
DAY_MS = 86_400_000


async def test_events_may_be_as_old_as_the_setting_says_and_no_older() -> None:
    store, clock = await on_sale()
    settings = settings_of(events_in="amqp://127.0.0.1", event_in_retention_seconds=DAYS * 86_400)
    taken = inbound(settings.events_in, Service(store, clock).assembly, in_memory(), Figures())
    reception, now_ms = taken.receptions["amqp"], clock.now_ms()
    assert (await reception.receive(failed("young", now_ms - DAYS * DAY_MS))).fate is Fate.DONE
    with pytest.raises(Unfit) as refused:
        await reception.receive(failed("old", now_ms - DAYS * DAY_MS - 1))
    assert refused.value.reason == "TOO_OLD"


def failed(name: str, at_ms: int) -> Message:
    """A payment that failed then, for a hold that is nobody's."""
    hold = HoldId(TRIP.key.trip, 0, "0" * 32, is_late=False)
    data = {"organization_id": TRIP.key.organization, "hold_id": str(hold), "order_id": "order-1"}
    return message({"eventId": name, "type": "payment.failed", "timestamp": at_ms, "data": data})
