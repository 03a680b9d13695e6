"""A service with HTTP and a trip on sale, and clients of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from travio_inventory.app.service import App, running
from travio_inventory.client import InventoryClient
from travio_inventory.kernel.actor import house_of
from verification.kit.in_process import settings_of
from verification.kit.trips import a_trip

TRIP = a_trip(organization="default", seats=4)


@asynccontextmanager
async def selling(folder: Path | None = None, **changed: object) -> AsyncIterator[App]:
    """The service, with four seats, A1 to A4, on the stops A B C D."""
    async with running(settings_of(folder, **{"http_host": "127.0.0.1", "http_port": 0} | changed)) as app:
        await app.inventory.open_trip(house_of(TRIP.key.organization), TRIP)
        yield app


def client_of(app: App) -> InventoryClient:
    """A client over gRPC, not yet open."""
    return InventoryClient(f"127.0.0.1:{app.port}", user="u1")


def browser_of(app: App) -> httpx.AsyncClient:
    """A client over HTTP, not yet open."""
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{app.http_port}", timeout=60)
