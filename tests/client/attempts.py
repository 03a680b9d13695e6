"""Words for attempts at a hold, and what the scripted service saw of them."""

import asyncio

from tests.client.service import ScriptedService
from travio_inventory.client import HoldAttempt, InventoryClient, SeatContended
from travio_inventory.wire.inventory.v1 import HoldSeatsRequest


def contended(retry_after_ms: int = 1) -> SeatContended:
    return SeatContended(["1A"], retry_after_ms=retry_after_ms)


def ask(inventory: InventoryClient, *, key: str = "", retry_contended_s: float = 0.0) -> HoldAttempt:
    return inventory.hold("t1", "A", "C", ["1A"], key=key, retry_contended_s=retry_contended_s)


def keys(service: ScriptedService) -> list[str]:
    return [request.idempotency_key for request in service.seen(HoldSeatsRequest)]


async def never() -> None:
    await asyncio.Event().wait()
