"""The face of stock without a socket, over stock in memory."""

from collections.abc import AsyncIterator
from secrets import token_hex

import httpx
import pytest

from tests.rest.serving import BODIES
from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.api.rest.application import WebRules, application
from travio_inventory.api.rest.callers import Callers
from travio_inventory.api.rest.stock import stock_routers
from travio_inventory.app.stock import open_stock
from travio_inventory.kernel.clock import SystemClock
from verification.kit.in_process import settings_of


@pytest.fixture(scope="module")
async def transport() -> AsyncIterator[httpx.ASGITransport]:
    """The face; many tests share it, each with an organization of its own."""
    async with open_stock(settings_of()) as stock:
        callers = Callers(AuthenticationOff(), default_organization="default")
        app = application(stock_routers(stock, SystemClock()), callers, WebRules(BODIES, deadline_s=10))
        yield httpx.ASGITransport(app, raise_app_exceptions=False)


@pytest.fixture
async def web(transport: httpx.ASGITransport) -> AsyncIterator[httpx.AsyncClient]:
    """Calls it."""
    whose = {"x-organization-id": token_hex(4)}
    async with httpx.AsyncClient(transport=transport, base_url="http://here/api/v1", headers=whose) as client:
        yield client
