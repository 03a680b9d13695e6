"""Which service calls by its certificate, over TLS: which of its names count, and what it may do."""

import json
import re
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.app.test_authentication import client_tls, status, trusting
from travio_inventory.app.service import App
from travio_inventory.kernel.actor import house_of
from travio_inventory.wire.inventory import v1
from verification.kit.trips import a_trip
from verification.servers.certificates import Certificates, make_certificates

CALL = "/inventory.v1.InventoryService/GetTrip"
TOLD, NOT_THERE, NOBODY, NO_TLS = "told", "not there", "nobody", "no TLS"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("ours"))


def certified(ours: Certificates, folder: Path, names: str) -> Certificates:
    """A certificate of our authority for the service called shop, with these other names."""
    shown = Certificates(ours.authority, folder / "shop.pem", folder / "shop.key")
    signer = ("-CA", str(ours.authority), "-CAkey", str(ours.authority.with_name("authority.key")))
    made = ("-keyout", str(shown.key), "-out", str(shown.certificate))
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc")
    config = ("-config", str(ours.authority.with_name("openssl.cnf")), "-days", "1", "-subj", "/CN=shop")
    other = ("-addext", f"subjectAltName={names}") if names else ()
    command = ["openssl", "req", "-x509", *config, *key, *signer, *made, *other, "-addext", "basicConstraints=CA:FALSE"]
    subprocess.run(command, check=True, capture_output=True)
    return shown


def https(ours: Certificates, shown: Certificates | None) -> ssl.SSLContext:
    """Of a caller over HTTP who shows that."""
    tls = ssl.create_default_context(cafile=ours.authority)
    if shown is not None:
        tls.load_cert_chain(shown.certificate, shown.key)
    return tls


@pytest.mark.parametrize(
    ("names", "known_as", "is_known"),
    [
        ("", "shop", True),
        ("IP:127.0.0.9", "shop", True),
        ("DNS:shop.example", "shop.example", True),
        ("DNS:other.example,URI:spiffe://acme/shop", "spiffe://acme/shop", True),
        ("DNS:shop.example", "shop", False),
        ("IP:127.0.0.9", "127.0.0.9", False),
        ("DNS:evil.shop.example", "shop.example", False),
    ],
)
async def test_the_names_that_count_are_those_of_hosts_and_addresses_else_the_common_one(
    ours: Certificates, tmp_path: Path, names: str, known_as: str, is_known: bool
) -> None:
    shown = certified(ours, tmp_path, names)
    async with trusting(ours, f"{known_as}=acme", http_host="127.0.0.1", http_port=0) as app:
        over_grpc = await status(app, tls=client_tls(ours, shown))
        base = f"https://localhost:{app.http_port}"
        async with httpx.AsyncClient(base_url=base, verify=https(ours, shown)) as client:
            over_http = (await client.get("/v1/trips/T")).status_code
    expected = (Status.NOT_FOUND, 404) if is_known else (Status.UNAUTHENTICATED, 401)
    assert (over_grpc, over_http) == expected


async def test_a_service_acts_for_users_of_its_organization_and_administers_nothing_unless_its_line_says_so(
    ours: Certificates, tmp_path: Path
) -> None:
    shown = certified(ours, tmp_path, "")
    hold = {"trip_id": "T", "seat_ids": ["A1"]}
    for callers, opens in (("shop=acme", 403), ("shop=acme admin delegate", 422)):
        async with (
            trusting(ours, callers, http_host="127.0.0.1", http_port=0) as app,
            httpx.AsyncClient(
                base_url=f"https://localhost:{app.http_port}", verify=https(ours, shown), headers={"x-user-id": "ann"}
            ) as client,
        ):
            held, opened = await client.post("/v1/holds", json=hold), await client.post("/v1/trips", json={})
            elsewhere = await client.post("/v1/trips", json={}, params={"org_id": "other"})
        assert (opened.status_code, elsewhere.status_code) == (opens, 403)
        assert held.status_code == (404 if opens == 403 else 403)


# What the services of two organizations are told of a trip of the first, over each face.

Asks = Callable[[App, Certificates, Certificates | None], Awaitable[str]]
BY_STATUS = {200: TOLD, 404: NOT_THERE, 401: NOBODY}


async def by_grpc(app: App, ours: Certificates, shown: Certificates | None) -> str:
    channel = Channel("127.0.0.1", app.port, ssl=client_tls(ours, shown))
    try:
        await v1.InventoryServiceStub(channel).get_trip(v1.GetTripRequest(trip_id="t1"))
    except GRPCError as refused:
        return {Status.NOT_FOUND: NOT_THERE, Status.UNAUTHENTICATED: NOBODY}[refused.status]
    finally:
        channel.close()
    return TOLD


def by_http(method: str, path: str, body: bytes = b"", **headers: str) -> Asks:
    """Asks so; the status says what is told, or the one within the body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def ask(app: App, ours: Certificates, shown: Certificates | None) -> str:
        base = f"https://localhost:{app.http_port}"
        async with (
            httpx.AsyncClient(base_url=base, verify=https(ours, shown)) as client,
            client.stream(method, path, content=body, headers=named) as answer,
        ):
            if "grpc-web" not in named.get("content-type", ""):
                return BY_STATUS[answer.status_code]
            said = f"{answer.headers} {await answer.aread()!r}"
        (code,) = re.findall(r"grpc-status\W+(\d+)", said)
        return {0: TOLD, 5: NOT_THERE, 16: NOBODY}[int(code)]

    return ask


def by_socket(watched: dict[str, str]) -> Asks:
    async def ask(app: App, ours: Certificates, shown: Certificates | None) -> str:
        async with connect(f"wss://localhost:{app.http_port}/ws", ssl=https(ours, shown)) as opened:
            await opened.send(json.dumps({"type": "subscribe", **watched}))
            said = json.loads(await opened.recv())
        words = {"TRIP_NOT_FOUND": NOT_THERE, "UNAUTHENTICATED": NOBODY}
        return TOLD if said["type"] == "subscribed" else words[said["reason"]]

    return ask


FACES: dict[str, Asks] = {
    "gRPC": by_grpc,
    "native": by_http("GET", "/v1/trips/t1"),
    "SSE": by_http("GET", "/v1/trips/t1/updates"),
    "showtimes": by_http("GET", "/availability?showtimeId=event-1"),
    "events": by_http("GET", "/api/inventory/events/1/seats/available"),
    "Connect": by_http("POST", CALL, b'{"tripId": "t1"}', content_type="application/json"),
    "gRPC-Web": by_http("POST", CALL, b"\0\0\0\0\4\n\2t1", content_type="application/grpc-web+proto"),
    "WebSocket": by_socket({"tripId": "t1"}),
    "WebSocket of showtimes": by_socket({"showtimeId": "t1"}),
}


@pytest.mark.parametrize("ask", FACES.values(), ids=FACES)
async def test_a_service_is_told_of_its_own_organization_alone(ours: Certificates, tmp_path: Path, ask: Asks) -> None:
    made = {}
    for name in ("north", "south", "stranger"):
        (tmp_path / name).mkdir()
        made[name] = certified(ours, tmp_path / name, f"DNS:{name}.example")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    shown = {**made, "without": None, "of another authority": make_certificates(theirs)}
    callers = "north.example=north, south.example=south"
    told = {}
    async with trusting(ours, callers, http_host="127.0.0.1", http_port=0) as app:
        for trip in (a_trip(organization="north"), a_trip("event-1", organization="north", stops=("start", "end"))):
            await app.inventory.open_trip(house_of("north"), trip)
        for name, certificate in shown.items():
            try:
                told[name] = await ask(app, ours, certificate)
            except (OSError, StreamTerminatedError, httpx.TransportError, WebSocketException):
                told[name] = NO_TLS
    expected = {"north": TOLD, "south": NOT_THERE, "stranger": NOBODY, "without": NOBODY}
    assert told == expected | {"of another authority": NO_TLS}
