"""Events of other services that come in at a sale, as messages of a broker; and what comes of them."""

import json
from collections.abc import Sequence
from itertools import count
from typing import Any

from travio_inventory.api.inbound.reactions import reactions
from travio_inventory.events.inbound.message import Header, Message
from travio_inventory.events.inbound.reception import Received, Reception
from travio_inventory.kernel.actor import house_of
from travio_inventory.kernel.events import Event
from travio_inventory.protocol.inbox import Inbox
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.seat_plan import PlanKey, SeatPlanPart
from travio_inventory.seats.trip import Trip
from verification.kit.sale import Sale

RETENTION_S = 7 * 86_400
TOPIC = "travio.payments"
REFUND = "payment.refund_required"
_NUMBERS = count()


def message(body: object, *, headers: Sequence[tuple[str, str]] = (), at_ms: int = 0, topic: str = TOPIC) -> Message:
    """A message with this body: bytes, or what is written as JSON."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Message(
        topic, f"{topic}/0@7", text, tuple(Header(name, value.encode()) for name, value in headers), at_ms=at_ms
    )


class Arrivals:
    """The events that one process takes in."""

    def __init__(self, sale: Sale, *, default_plan: str = "", organizations: Sequence[str] = ()) -> None:
        self.sale = sale
        inbox = Inbox(sale.store, sale.clock, retention_s=RETENTION_S)
        takes = reactions(sale.inventory, default_plan=default_plan)
        self.reception = Reception(inbox, takes, sale.clock, organizations=organizations)

    def event(self, kind: str, *, event_id: str = "", at_ms: int = 0, **data: Any) -> Message:  # noqa: ANN401 - JSON
        """A message with that event of the sale's organization, which happened now unless it says when."""
        body = {
            "eventId": event_id or f"event-{next(_NUMBERS)}",
            "type": kind,
            "timestamp": at_ms or self.sale.clock.now_ms(),
            "data": {"organization_id": self.sale.trip.key.organization} | data,
        }
        return message(body)

    def paid(self, hold: Hold | str, order: str = "order-1", **more: Any) -> Message:  # noqa: ANN401 - JSON
        """The hold was paid for."""
        return self._payment("payment.successful", hold, order, more)

    def not_paid(self, hold: Hold | str, order: str = "order-1", **more: Any) -> Message:  # noqa: ANN401 - JSON
        """The payment for the hold failed."""
        return self._payment("payment.failed", hold, order, more)

    def _payment(self, kind: str, hold: Hold | str, order: str, more: dict[str, Any]) -> Message:
        hold_id = hold if isinstance(hold, str) else hold.id
        return self.event(kind, **{"hold_id": hold_id, "order_id": order} | more)

    def created(self, trip: str = "t2", **more: Any) -> Message:  # noqa: ANN401 - JSON
        """A trip from A over B to C with the vehicle bus-1."""
        segments = [
            {"segment_index": at, "from_station_id": stops[0], "to_station_id": stops[1]}
            for at, stops in enumerate(("AB", "BC"))
        ]
        return self.event("trip.created", **{"trip_id": trip, "vehicle_id": "bus-1", "segments": segments} | more)

    async def take(self, message: Message) -> Received:
        """Take it in, as a consumer does once."""
        return await self.reception.receive(message)

    async def outcome(self, message: Message) -> str:
        """What came of it."""
        return (await self.take(message)).outcome

    async def refunds(self) -> list[Event]:
        """The refunds that were told, each once however often its event was published."""
        await self.sale.relay_all()
        return list({event.id: event for event in self.sale.told if event.type == REFUND}.values())

    async def reasons(self) -> list[str]:
        """Why each of them is to be refunded."""
        return [json.loads(event.data)["reason"] for event in await self.refunds()]


async def store_plan(sale: Sale, plan: str, layout: Trip) -> None:
    """Store the layout as a seat plan of the sale's organization."""
    house = house_of(sale.trip.key.organization)
    await sale.inventory.seat_plans.put(house, SeatPlanPart(PlanKey(house.organization, plan), "r1", 0, 1, layout))
