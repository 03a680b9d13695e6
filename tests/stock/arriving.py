"""Events of other services that come in at a shop, and what it tells of them."""

import json
from collections.abc import Sequence
from itertools import count
from typing import Any

from tests.stock.shop import Shop
from travio_inventory.api.inbound.stock_reactions import with_stock
from travio_inventory.events.inbound.message import Message
from travio_inventory.events.inbound.reception import Received, Reception
from travio_inventory.protocol.batches import Kind, Partition, Table
from travio_inventory.protocol.inbox import Inbox
from travio_inventory.stock.records import stock_rows

RETENTION_S = 7 * 86_400
TOPIC = "order.events"
_NUMBERS = count()


class Arrivals:
    """The events of orders that one process of a shop takes in, which name no organization."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        inbox = Inbox(shop.store, shop.clock, retention_s=RETENTION_S)
        default = shop.actor.organization
        self.reception = Reception(inbox, with_stock({}, shop.stock), shop.clock, default=default)

    def event(self, kind: str, *, event_id: str = "", **data: Any) -> Message:  # noqa: ANN401 - JSON
        """A message as services around a warehouse write it: flat, or a CloudEvent for every other one."""
        number = next(_NUMBERS)
        named = event_id or f"event-{number}"
        said = {"type": kind, "time": self.shop.clock.now_ms()}
        if number % 2:
            body = {"eventId": named, **said, **data}
        else:
            body = {"specversion": "1.0", "id": named, "source": "orders", **said, "data": data}
        key = str(data.get("orderId", "")).encode()
        return Message(TOPIC, f"{TOPIC}/0@{number}", json.dumps(body).encode(), key=key)

    def placed(self, order: str, *items: tuple[str, int], event_id: str = "") -> Message:
        """An order of these."""
        asked = [{"sku": sku, "quantity": quantity} for sku, quantity in items]
        return self.event("order.created", event_id=event_id, orderId=order, items=asked)

    def told(self, kind: str, order: str, *, event_id: str = "") -> Message:
        """Something of an order."""
        return self.event(kind, event_id=event_id, orderId=order)

    async def take(self, message: Message) -> Received:
        """Take it in, as a consumer does once."""
        return await self.reception.receive(message)

    async def outcome(self, message: Message) -> str:
        """What came of it."""
        return (await self.take(message)).outcome

    async def failures(self, *about: str) -> list[tuple[str, str, str, bool]]:
        """What was told as not done under these stock keeping units and orders: order, step, reason, whether paid."""
        found = []
        for each in sorted({*about}):
            place = Partition(Table.STOCK, self.shop.actor.organization, each, 0)
            for row in (await self.shop.store.read(place, Kind.EVENT)).values():
                assert row["type"] == "inventory.reservation_failed"
                said = json.loads(str(row["data"]))
                found.append((said["orderId"], said["step"], said["reason"], said["isPaid"]))
        return sorted(set(found))

    async def events(self, sku: str, number: int = 1) -> Sequence[str]:
        """The types of what was told of it there."""
        place = stock_rows.place(self.shop.actor.organization, sku, number)
        rows = (await self.shop.store.read(place, Kind.EVENT)).values()
        return [str(row["type"]).removeprefix("inventory.") for row in rows]
