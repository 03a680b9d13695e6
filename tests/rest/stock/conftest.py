"""The face of stock without a socket, over stock in memory."""

from collections.abc import AsyncIterator

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


@pytest.fixture
async def web() -> AsyncIterator[httpx.AsyncClient]:
    """Calls it."""
    async with open_stock(settings_of()) as stock:
        callers = Callers(AuthenticationOff(), default_organization="default")
        app = application(stock_routers(stock, SystemClock()), callers, WebRules(BODIES, deadline_s=10))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://here/api/v1") as client:
            yield client
