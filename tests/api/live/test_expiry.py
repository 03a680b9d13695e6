"""A token that expires while its caller watches: it is told so then, not at the next message, and may be renewed."""

import asyncio
import time
from typing import Any

import pytest
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from tests.api.live.serving import browser_of, selling
from tests.api.live.test_sockets import TOKENS, closed, next_of, say, socket
from tests.api.live.watched_over import WATCH, enveloped
from travio_inventory.api.live.feed import FeedRules
from travio_inventory.wire.inventory import v1
from verification.kit.tokens import token

pytestmark = pytest.mark.once

SERVED: dict[str, Any] = TOKENS | {"jwt_leeway_seconds": 0}
SOON_S = 5
"""So long a token lasts at most: long enough to begin with it."""
BEATS = FeedRules(heartbeat_s=600)
"""No heartbeat shows anybody that a token has expired."""


@pytest.fixture(autouse=True)
def beats_are_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends here is not noticed because something was to be told."""
    monkeypatch.setattr("travio_inventory.api.live.feeds.FeedRules", lambda: BEATS)


def lasting(seconds: int, **changed: object) -> str:
    """A token of a watcher that expires so soon."""
    claims: dict[str, Any] = {"org": "default", "scope": "read", "exp": int(time.time()) + seconds} | changed
    return token(**claims)


async def test_a_socket_is_told_and_closed() -> None:
    async with selling(**SERVED) as app, asyncio.timeout(60):
        for path in ("/?tripId=t1&from=A&to=D", "/ws"):
            async with socket(app, path, subprotocols=["bearer", lasting(SOON_S)]) as opened:
                if path != "/ws":
                    assert (await next_of(opened))["type"] == "subscribed"
                    assert (await next_of(opened))["type"] == "snapshot"
                said = await next_of(opened)
                assert (said["type"], said["reason"]) == ("error", "UNAUTHENTICATED")
                assert await closed(opened) == (1008, "UNAUTHENTICATED")


async def test_a_socket_whose_token_is_renewed_goes_on_with_what_it_watches() -> None:
    async with (
        selling(**SERVED) as app,
        asyncio.timeout(60),
        socket(app, "/?showtimeId=t1", subprotocols=["bearer", lasting(SOON_S)]) as opened,
    ):
        assert (await next_of(opened))["type"] == "subscribed"
        await say(opened, type="authenticate", token=lasting(600))
        assert await next_of(opened) == {"type": "authenticated"}
        await asyncio.sleep(SOON_S + 0.5)
        async with browser_of(app) as web:
            shown = {"authorization": f"Bearer {lasting(600, scope='hold')}"}
            body = {"trip_id": "t1", "from_station_id": "A", "to_station_id": "D", "seat_ids": ["A1"]}
            assert (await web.post("/v1/holds", json=body, headers=shown)).status_code == 201
        assert (await next_of(opened))["type"] == "hold.created"


async def test_another_token_renews_nothing_of_somebody_else() -> None:
    """What is watched as one caller is not watched on because another one has come."""
    async with (
        selling(**SERVED) as app,
        asyncio.timeout(60),
        socket(app, "/?showtimeId=t1", subprotocols=["bearer", lasting(SOON_S)]) as opened,
    ):
        assert (await next_of(opened))["type"] == "subscribed"
        await say(opened, type="authenticate", token=lasting(600, sub="bob"))
        assert await next_of(opened) == {"type": "authenticated"}
        await asyncio.sleep(SOON_S + 0.5)
        async with browser_of(app) as web:
            shown = {"authorization": f"Bearer {lasting(600, scope='hold')}"}
            body = {"trip_id": "t1", "from_station_id": "A", "to_station_id": "D", "seat_ids": ["A1"]}
            assert (await web.post("/v1/holds", json=body, headers=shown)).status_code == 201
        said = await next_of(opened)
        assert (said["type"], said["reason"], said["showtimeId"]) == ("error", "UNAUTHENTICATED", "t1")


async def test_a_stream_is_told_and_ends() -> None:
    async with selling(**SERVED) as app, browser_of(app) as web, asyncio.timeout(60):
        shown = {"authorization": f"Bearer {lasting(SOON_S)}"}
        async with web.stream("GET", "/v1/trips/t1/updates?shape=native", headers=shown) as stream:
            told = "".join([text async for text in stream.aiter_text()])
        assert told.rpartition("event: refused\n")[2].startswith('data: {"type":"refused","reason":"UNAUTHENTICATED"')


@pytest.mark.parametrize("server", ["lean", "grpclib"])
async def test_a_call_is_told_and_ends(server: str) -> None:
    async with selling(**SERVED, server=server) as app, asyncio.timeout(60):
        channel = Channel("127.0.0.1", app.port)
        try:
            asked = v1.WatchSeatMapRequest(trip_id="t1", from_station_id="A", to_station_id="D")
            metadata = {"authorization": f"Bearer {lasting(SOON_S)}"}
            with pytest.raises(GRPCError) as refused:
                async for _ in v1.InventoryServiceStub(channel).watch_seat_map(asked, metadata=metadata):
                    pass
            assert refused.value.status is Status.UNAUTHENTICATED
        finally:
            channel.close()


@pytest.mark.parametrize(
    ("form", "end"), [("application/connect+json", b'"unauthenticated"'), ("application/grpc-web+proto", b"status: 16")]
)
async def test_a_call_over_connect_is_told_and_ends(form: str, end: bytes) -> None:
    asked = v1.WatchSeatMapRequest(trip_id="t1", from_station_id="A", to_station_id="D")
    body = asked.to_json().encode() if form.endswith("json") else bytes(asked)
    async with selling(**SERVED) as app, browser_of(app) as web, asyncio.timeout(60):
        headers = {"content-type": form, "authorization": f"Bearer {lasting(SOON_S)}"}
        async with web.stream("POST", WATCH, content=enveloped(body), headers=headers) as stream:
            told = [piece async for piece in stream.aiter_bytes()]
    assert len(told) > 1
    assert end in told[-1]
