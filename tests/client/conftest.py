"""The scripted service, and clients of it."""

from collections.abc import AsyncIterator, Callable

import pytest

from tests.client.service import Relay, ScriptedService, served
from travio_inventory.client import InventoryClient


@pytest.fixture
def service() -> ScriptedService:
    return ScriptedService()


@pytest.fixture
async def target(service: ScriptedService) -> AsyncIterator[str]:
    async with served(service) as port:
        yield f"127.0.0.1:{port}"


@pytest.fixture
async def inventory(target: str) -> AsyncIterator[InventoryClient]:
    async with InventoryClient(target, user="u1") as client:
        yield client


@pytest.fixture
async def relay(service: ScriptedService) -> AsyncIterator[Relay]:
    async with served(service) as port, Relay(port).opened() as relay:
        yield relay


@pytest.fixture
def relayed(relay: Relay) -> Callable[[float], InventoryClient]:
    """A client, not yet open, with that deadline in seconds."""
    return lambda deadline_s: InventoryClient(f"127.0.0.1:{relay.port}", user="u1", deadline_s=deadline_s)
