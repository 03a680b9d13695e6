"""A socket that ends while several parts of the service still have something to tell its watcher: no error."""

import asyncio
import json
from typing import Any

from fastapi import FastAPI
from uvicorn.protocols.utils import ClientDisconnected

from tests.api.live.serving import TRIP, selling
from tests.api.live.test_sockets import next_of, socket
from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.api.live.sockets import LiveSockets
from travio_inventory.api.rest.callers import CALLERS, Callers
from travio_inventory.app.service import App

JOURNEYS = (("A", "B"), ("B", "C"), ("C", "D"), ("A", "C"))


async def leave_unseen(app: App) -> int:
    """A watcher of several journeys, whom its server finds gone when the first is told of; returns how often."""
    web, found_gone, said = FastAPI(), 0, asyncio.Queue[dict[str, Any]]()
    setattr(web.state, CALLERS, Callers(AuthenticationOff(), default_organization=TRIP.key.organization))
    web.include_router(LiveSockets(app.inventory, app.feeds).router())
    said.put_nowait({"type": "websocket.connect"})
    for start, end in JOURNEYS:
        wanted = {"type": "subscribe", "tripId": TRIP.key.trip, "from": start, "to": end}
        said.put_nowait({"type": "websocket.receive", "text": json.dumps(wanted)})

    async def send(message: Any) -> None:  # noqa: ANN401 - as ASGI has them
        nonlocal found_gone
        if message["type"] == "websocket.send":
            found_gone += 1
            raise ClientDisconnected

    scope: dict[str, Any] = {"type": "websocket", "path": "/", "raw_path": b"/", "query_string": b"", "headers": []}
    async with asyncio.timeout(60):
        await web({**scope, "subprotocols": [], "client": ("127.0.0.1", 1), "state": {}}, said.get, send)
    return found_gone


async def test_a_watcher_of_much_who_is_gone_is_no_error() -> None:
    async with selling() as app, socket(app, f"/?tripId={TRIP.key.trip}") as watching:
        await next_of(watching)  # its feed runs: all journeys are told in one turn
        assert await leave_unseen(app) == 1
