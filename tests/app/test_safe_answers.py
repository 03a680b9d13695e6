"""Each answer over HTTP tells browsers to be careful, whoever gives it: a face, a file, a stream, or the server."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

import pytest

from tests.api.live.serving import selling
from travio_inventory.app.service import App
from travio_inventory.ui import MODULE, web_files
from verification.kit.tokens import AUDIENCE, ISSUER, SECRET
from verification.servers.certificates import Certificates, make_certificates

SHOP = "https://shop.example"
TOKENS: dict[str, Any] = {"auth": "jwt", "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, "jwt_secret": SECRET}
ONE_REQUEST: dict[str, Any] = {"requests_per_address_max": 1, "request_burst_seconds": 1}
ASKED_MAX = 50
"""A busy machine may take a second for the first ones."""
SAFE = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
ONLY_TLS = "strict-transport-security"
NAMED = {"content-security-policy", "cross-origin-resource-policy", "cache-control"}
JSON = "Content-Type: application/json"
UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket"
SOCKET = f"{UPGRADE}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: "
CALL = "/inventory.v1.InventoryService/GetTrip"


def asks(line: str, *headers: str, body: str = "", host: str = "Host: here") -> bytes:
    head = [f"{line} HTTP/1.1", *filter(None, [host]), *headers, *([f"Content-Length: {len(body)}"] if body else [])]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode("latin1")


GIVEN = {
    "the page": (200, asks("GET /")),
    "the calls": (200, asks("GET /docs")),
    "a file": (200, asks("GET /ui/seat-map.js")),
    "a file that is known": (304, asks("GET /ui/seat-map.js", f"If-None-Match: {web_files()[MODULE].etag}")),
    "no such file": (404, asks("GET /ui/none.js")),
    "the description": (200, asks("GET /openapi.json")),
    "health": (200, asks("GET /livez")),
    "a map": (200, asks("GET /v1/trips/t1/seatmap?from=A&to=D")),
    "the head of a map": (200, asks("HEAD /v1/trips/t1/seatmap?from=A&to=D")),
    "a stream": (200, asks("GET /v1/trips/t1/updates")),
    "a stream of no trip": (404, asks("GET /v1/trips/none/updates")),
    "nothing": (404, asks("GET /v1/nothing")),
    "no such method": (405, asks("PUT /v1/trips/t1")),
    "no UTF-8": (400, asks("GET /v1/%ff")),
    "no JSON": (400, asks("POST /v1/holds", JSON, body="{")),
    "not said to be JSON": (415, asks("POST /v1/holds", body="{}")),
    "not valid": (422, asks("POST /v1/trips", JSON, body="{}")),
    "too large": (413, asks("POST /v1/holds", JSON, body="{" + " " * 1_000_000)),
    "a form of a stranger": (403, asks("POST /v1/trips/t1/close", "Origin: https://evil.example")),
    "a question of a stranger": (400, asks("OPTIONS /v1/holds", "Origin: null", "Access-Control-Request-Method: GET")),
    "a question of a friend": (200, asks("OPTIONS /v1/holds", f"Origin: {SHOP}", "Access-Control-Request-Method: GET")),
    "events": (404, asks("GET /api/inventory/events/7/seats/available")),
    "showtimes": (404, asks("GET /availability?showtimeId=none")),
    "Connect": (404, asks(f"POST {CALL}", JSON, body='{"tripId": "none"}')),
    "gRPC-Web": (200, asks(f"POST {CALL}", "Content-Type: application/grpc-web+proto", body="\0\0\0\0\0")),
    "a socket where none is": (404, asks("GET /v1/holds", f"{SOCKET}13")),
    "a socket of a stranger": (403, asks("GET /ws", f"{SOCKET}13", "Origin: https://evil.example")),
    "a socket of another version": (400, asks("GET /ws", f"{SOCKET}12")),
    "a socket without a key": (400, asks("GET /ws", UPGRADE)),
    "a socket with a long header": (400, asks("GET /ws", f"{SOCKET}13", f"X-Long: {'a' * 9_000}")),
    "no HTTP": (400, b"GARBAGE\r\n\r\n"),
    "no host": (400, asks("GET /", host="")),
    "another version": (505, b"GET / HTTP/2.0\r\nHost: here\r\n\r\n"),
    "another coding": (501, asks("POST /v1/holds", "Transfer-Encoding: gzip")),
    "a long head": (431, asks("GET /", f"X-Long: {'a' * 20_000}")),
}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("ours"))


def over(ours: Certificates | None) -> dict[str, Any]:
    """The settings of a service that shows this certificate, if any."""
    return {} if ours is None else {"tls_cert": ours.certificate, "tls_key": ours.key}


async def opened(app: App, ours: Certificates | None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    tls = None if ours is None else ssl.create_default_context(cafile=ours.authority)
    return await asyncio.open_connection("127.0.0.1", app.http_port, ssl=tls)


async def answer(app: App, asked: bytes, ours: Certificates | None = None) -> tuple[int, Mapping[str, str]]:
    """The status and the headers of the answer."""
    reader, writer = await opened(app, ours)
    try:
        writer.write(asked)
        async with asyncio.timeout(60):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    finally:
        writer.close()
    pairs = [line.partition(": ") for line in head[1:-2]]
    assert len({name.lower() for name, _, _ in pairs}) == len(pairs), head
    return int(head[0].split()[1]), {name.lower(): value for name, _, value in pairs}


def is_safe(headers: Mapping[str, str], ours: Certificates | None) -> bool:
    """Only over TLS browsers are told to use nothing else: whoever is on the way could say it too (RFC 6797, 7.2)."""
    is_kept = headers.get(ONLY_TLS) == ("max-age=31536000" if ours else None)
    named = SAFE.items() <= headers.items() and headers.keys() >= NAMED
    return is_kept and named and not headers.keys() & {"set-cookie", "server"}


over_both = pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "TLS"])


@over_both
async def test_every_answer_tells_browsers_to_be_careful(
    caplog: pytest.LogCaptureFixture, ours: Certificates, *, is_secure: bool
) -> None:
    shown = ours if is_secure else None
    async with selling(cors_origin=SHOP, **over(shown)) as app:
        found = {name: await answer(app, asked, shown) for name, (_, asked) in GIVEN.items()}
    told = {name: status for name, (status, _) in found.items()}
    assert told == {name: status for name, (status, _) in GIVEN.items()}
    assert {name: headers for name, (_, headers) in found.items() if not is_safe(headers, shown)} == {}
    assert caplog.messages == []


@over_both
@pytest.mark.parametrize(
    ("status", "settings"), [(401, TOKENS), (429, ONE_REQUEST), (503, {"http_connections_max": 1})], ids=str
)
async def test_who_is_turned_away_is_told_so_too(
    status: int, settings: dict[str, Any], ours: Certificates, *, is_secure: bool
) -> None:
    shown = ours if is_secure else None
    async with selling(**settings, **over(shown)) as app:
        reader, writer = await opened(app, shown)
        writer.write(GIVEN["a stream"][1])
        await reader.readuntil(b"\r\n\r\n")
        told, headers = await answer(app, GIVEN["a map"][1], shown)
        for _ in range(ASKED_MAX):
            if told == 200:
                told, headers = await answer(app, GIVEN["a map"][1], shown)
        writer.close()
    assert (told, is_safe(headers, shown)) == (status, True)
