"""Live maps on WebSockets, in our own shape and in that of showtimes, over real connections."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.api.live.serving import client_of, selling
from travio_inventory.api.live import sockets
from travio_inventory.app.service import App, running
from verification.kit.in_process import settings_of
from verification.kit.tokens import AUDIENCE, ISSUER, SECRET, token

TOKENS: dict[str, Any] = {"auth": "jwt", "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, "jwt_secret": SECRET}


@asynccontextmanager
async def socket(
    app: App, path: str = "/", *, origin: str = "", subprotocols: Sequence[str] = (), **headers: str
) -> AsyncIterator[ClientConnection]:
    """A socket of the service."""
    address = f"ws://127.0.0.1:{app.http_port}{path}"
    headers |= {"Origin": origin} if origin else {}
    offered = [Subprotocol(each) for each in subprotocols]
    async with connect(address, additional_headers=headers, subprotocols=offered or None) as opened:
        yield opened


async def next_of(opened: ClientConnection) -> dict[str, Any]:
    """The next message."""
    async with asyncio.timeout(60):
        said: dict[str, Any] = json.loads(await opened.recv())
    return said


async def say(opened: ClientConnection, **words: str) -> None:
    """A message of the watcher."""
    await opened.send(json.dumps(words))


async def closed(opened: ClientConnection) -> tuple[int, str]:
    """With which code and reason the service closes."""
    async with asyncio.timeout(60):
        with suppress(ConnectionClosed):
            while True:
                await opened.recv()
    return opened.close_code or 0, opened.close_reason or ""


@pytest.mark.parametrize("path", ["/?showtimeId=t1", "/ws?showtimeId=t1"])
async def test_a_showtime_is_told_what_is_done_to_its_seats(path: str) -> None:
    async with selling() as app, client_of(app) as client, socket(app, path) as opened:
        assert await next_of(opened) == {"type": "subscribed", "showtimeId": "t1"}
        hold = await client.hold("t1", "A", "D", ["A1", "A2"])
        created = await next_of(opened)
        assert created.pop("expiresAt")[:19] == f"{hold.expires_at:%Y-%m-%dT%H:%M:%S}"
        assert created == {"type": "hold.created", "showtimeId": "t1", "seatIds": ["A1", "A2"]}
        await hold.release(seats=["A2"])
        assert await next_of(opened) == {"type": "hold.released", "showtimeId": "t1", "seatIds": ["A2"]}
        await hold.confirm("o1")
        assert await next_of(opened) == {"type": "seats.purchased", "showtimeId": "t1", "seatIds": ["A1"]}


async def test_a_trip_is_told_in_our_own_shape() -> None:
    async with selling() as app, client_of(app) as client:
        async with socket(app, "/?tripId=t1&from=A&to=B") as opened:
            assert await next_of(opened) == {"type": "subscribed", "tripId": "t1", "from": "A", "to": "B"}
            snapshot = await next_of(opened)
            await client.hold("t1", "B", "D", ["A1"])
            await client.hold("t1", "A", "D", ["A2"])
            delta = await next_of(opened)
            assert (snapshot["type"], delta["type"], delta["after"]) == ("snapshot", "delta", snapshot["position"])
            assert [seat["seat_id"] for seat in delta["seats"]] == ["A2"]
        async with socket(app, f"/?tripId=t1&from=A&to=B&position={snapshot['position']}") as again:
            await next_of(again)
            assert await next_of(again) == delta


async def test_one_socket_watches_several_and_stops_when_it_says_so() -> None:
    async with selling() as app, client_of(app) as client, socket(app) as opened:
        await say(opened, type="subscribe", showtimeId="t1")
        assert await next_of(opened) == {"type": "subscribed", "showtimeId": "t1"}
        await say(opened, type="subscribe", tripId="t1")
        assert [(await next_of(opened))["type"] for _ in range(2)] == ["subscribed", "snapshot"]
        await client.hold("t1", "A", "D", ["A1"])
        assert {(await next_of(opened))["type"] for _ in range(2)} == {"hold.created", "delta"}
        await say(opened, type="unsubscribe", showtimeId="t1")
        assert await next_of(opened) == {"type": "unsubscribed", "showtimeId": "t1"}
        await client.hold("t1", "A", "D", ["A2"])
        assert (await next_of(opened))["type"] == "delta"
        assert app.feeds.watchers == 1
    async with asyncio.timeout(60):
        while app.feeds.watchers:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)


async def test_what_cannot_be_watched_is_told_and_the_socket_stays() -> None:
    async with selling() as app, socket(app, "/?showtimeId=none") as opened:
        missing = await next_of(opened)
        assert (missing["type"], missing["reason"], missing["showtimeId"]) == ("error", "TRIP_NOT_FOUND", "none")
        for said in (
            "no JSON",
            "[]",
            "[" * 4_000,
            '{"type":1}',
            '{"type":"other"}',
            r'{"type":"subscribe","showtimeId":"\ud800"}',
            '{"type":"subscribe"}',
            '{"type":"subscribe","tripId":"none","tripId":"t1"}',
            "x" * 5_000,
        ):
            await opened.send(said)
            assert (await next_of(opened))["reason"] == "INVALID_REQUEST"
        await say(opened, type="subscribe", tripId="t1", **{"from": "D", "to": "A"})
        assert (await next_of(opened))["reason"] == "INVALID_JOURNEY"
        await say(opened, type="subscribe", tripId="t1")
        assert (await next_of(opened))["type"] == "subscribed"


async def test_a_socket_watches_so_many_and_says_so_much_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "SUBSCRIPTIONS_MAX", 2)
    monkeypatch.setattr(sockets, "MESSAGES_MAX", 6)
    async with selling() as app, socket(app) as opened:
        for section in ("A-B", "B-C", "C-D"):
            origin, destination = section.split("-")
            await say(opened, type="subscribe", tripId="t1", **{"from": origin, "to": destination})
        told = [await next_of(opened) for _ in range(5)]
        assert [each for each in told if each["type"] == "error"] == [
            {
                "type": "error",
                "reason": "OVERLOADED",
                "detail": "a socket may watch 2 trips",
                "tripId": "t1",
                "from": "C",
                "to": "D",
            }
        ]
        for _ in range(10):
            await say(opened, type="unsubscribe", tripId="none")
        assert await closed(opened) == (1008, "too many messages")


@pytest.mark.parametrize(
    ("cors_origin", "welcome", "unwelcome"),
    [
        ("", ["", "http://127.0.0.1:{port}"], ["https://shop.example", "null", "http://127.0.0.1:1"]),
        ("https://shop.example", ["", "https://shop.example"], ["https://shop.example.evil.example"]),
        ("*", ["https://shop.example", "null"], []),
    ],
)
async def test_pages_of_other_origins_connect_only_where_that_is_allowed(
    cors_origin: str, welcome: list[str], unwelcome: list[str]
) -> None:
    async with selling(cors_origin=cors_origin) as app:
        for origin in welcome:
            async with socket(app, "/?showtimeId=t1", origin=origin.format(port=app.http_port)) as opened:
                assert (await next_of(opened))["type"] == "subscribed"
        for origin in unwelcome:
            with pytest.raises(InvalidStatus, match="403"):
                async with socket(app, origin=origin):
                    pass


async def test_with_tokens_only_those_watch_who_have_one() -> None:
    async with selling(**TOKENS) as app:
        for subprotocols in (["bearer", token(org="default", scope="read")], []):
            async with socket(app, "/?showtimeId=t1", subprotocols=subprotocols) as opened:
                if not subprotocols:
                    await say(opened, type="authenticate", token=token(org="default", scope="read"))
                    assert await next_of(opened) == {"type": "authenticated"}
                assert opened.subprotocol == (subprotocols[0] if subprotocols else None)
                assert (await next_of(opened))["type"] == "subscribed"


@pytest.mark.parametrize(
    ("subprotocols", "first", "reason"),
    [
        (["bearer", "no token"], "", "UNAUTHENTICATED"),
        ([], '{"type":"authenticate","token":"no token"}', "UNAUTHENTICATED"),
        ([], '{"type":"subscribe","showtimeId":"t1"}', "UNAUTHENTICATED"),
        ([], "no JSON", "UNAUTHENTICATED"),
        ([], "", "UNAUTHENTICATED"),
        (["bearer", "HOLDER"], "", "PERMISSION_DENIED"),
    ],
)
async def test_with_tokens_nobody_else_watches(
    monkeypatch: pytest.MonkeyPatch, subprotocols: list[str], first: str, reason: str
) -> None:
    monkeypatch.setattr(sockets, "AUTHENTICATE_S_MAX", 0.1)
    shown = [token(scope="hold") if each == "HOLDER" else each.replace(" ", "") for each in subprotocols]
    settings = settings_of(http_host="127.0.0.1", http_port=0, **TOKENS)
    async with running(settings) as app, socket(app, "/?showtimeId=t1", subprotocols=shown) as opened:
        if first:
            await opened.send(first)
        assert (await next_of(opened))["reason"] == reason
        assert await closed(opened) == (1008, reason)


async def test_watchers_are_told_that_the_service_stops() -> None:
    async with selling() as app, socket(app, "/?showtimeId=t1") as opened:
        await next_of(opened)
        await app.feeds.close()
        assert (await next_of(opened))["reason"] == "BACKEND_UNAVAILABLE"


@pytest.mark.parametrize("tokens", [{}, TOKENS], ids=["off", "jwt"])
async def test_bytes_are_no_message_and_are_told_so(tokens: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    async with selling(**tokens) as app, socket(app) as opened:
        for _ in range(sockets.MESSAGES_MAX + 1):
            await opened.send(b"\xff\xfe")
        assert (await next_of(opened))["reason"] == ("UNAUTHENTICATED" if tokens else "INVALID_REQUEST")
        assert await closed(opened) == (1008, "UNAUTHENTICATED" if tokens else "too many messages")
    assert caplog.records == []


async def test_a_socket_that_watches_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "IDLE_S_MAX", 0.2)
    async with selling() as app, client_of(app) as client, socket(app, "/?showtimeId=t1") as watching:
        await next_of(watching)
        for path in ("/", "/?showtimeId=none"):
            async with socket(app, path) as idle:
                assert await closed(idle) == (1008, "nothing is watched")
        await client.hold("t1", "A", "D", ["A1"])
        assert (await next_of(watching))["type"] == "hold.created"
