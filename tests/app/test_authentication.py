"""The service as the settings say who may call: nobody by accident, and no secret in anything that it says."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partialmethod
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import pytest
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError
from grpclib.health.v1.health_grpc import HealthStub
from grpclib.health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.api.test_issuer_keys import ONE, TWO, issued
from travio_inventory.api.auth import tokens
from travio_inventory.api.auth.issuer_keys import IssuerKeys
from travio_inventory.app.authentication import UNSAFE
from travio_inventory.app.backends import StartFailed
from travio_inventory.app.service import App, running
from travio_inventory.bench.free_ports import free_port
from travio_inventory.settings import Settings, load_settings
from travio_inventory.wire.inventory import v1
from verification.kit.in_process import settings_of
from verification.kit.service_process import serving
from verification.kit.tokens import AUDIENCE, ISSUER, SECRET, token
from verification.servers.certificates import Certificates, make_certificates
from verification.servers.redis import RedisServer

TOKENS: dict[str, Any] = {"auth": "jwt", "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, "jwt_secret": SECRET}
TRIP = v1.GetTripRequest(trip_id="T")
NOWHERE: dict[str, Any] = {"store": "scylla", "scylla_hosts": "127.0.0.1:1", "edge": "absent"}


async def status(app: App, shown: str = "", tls: ssl.SSLContext | None = None) -> Status:
    """The status of a call that reads; NOT_FOUND if the caller may make it."""
    channel = Channel("127.0.0.1", app.port, ssl=tls)
    try:
        await v1.InventoryServiceStub(channel).get_trip(TRIP, metadata={"authorization": shown} if shown else {})
    except GRPCError as refused:
        return refused.status
    finally:
        channel.close()
    return Status.OK


async def is_healthy(app: App, tls: ssl.SSLContext | None = None) -> bool:
    channel = Channel("127.0.0.1", app.port, ssl=tls)
    try:
        answer = await HealthStub(channel).Check(HealthCheckRequest())
    finally:
        channel.close()
    return bool(answer.status == HealthCheckResponse.SERVING)


async def why_not(settings: Settings) -> str:
    with pytest.raises(StartFailed) as failed:
        async with running(settings):
            pass
    return str(failed.value)


async def test_with_tokens_a_caller_needs_one_and_health_needs_none() -> None:
    async with running(settings_of(**TOKENS)) as app:
        assert await status(app) is Status.UNAUTHENTICATED
        assert await status(app, f"Bearer {token(scope='hold')}") is Status.PERMISSION_DENIED
        assert await status(app, f"Bearer {token()}") is Status.NOT_FOUND
        assert await is_healthy(app)


async def test_with_an_issuer_that_is_down_the_service_starts_and_a_call_may_be_made_later() -> None:
    settings = settings_of(**TOKENS | {"jwt_secret": "", "jwt_jwks_url": "http://127.0.0.1:1/keys"})
    async with running(settings) as app:
        assert await is_healthy(app)
        assert await status(app, f"Bearer {token()}") is Status.UNAVAILABLE
        assert await status(app) is Status.UNAUTHENTICATED


async def test_with_an_issuer_its_keys_are_fetched_and_verify_its_tokens() -> None:
    async with issued() as (issuer, url):
        async with running(settings_of(**TOKENS | {"jwt_secret": "", "jwt_jwks_url": url})) as app:
            assert await status(app, f"Bearer {ONE.token()}") is Status.NOT_FOUND
            assert await status(app, f"Bearer {TWO.token()}") is Status.UNAUTHENTICATED
            assert await status(app, f"Bearer {token()}") is Status.UNAUTHENTICATED
        assert issuer.asked == 1


async def test_a_key_that_its_issuer_withdraws_is_of_no_use_to_a_service_that_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No token names a key that is not known: it is the service that asks its issuer, again and again."""
    monkeypatch.setattr(tokens, "KNOWN_S_MAX", 0)
    monkeypatch.setattr(IssuerKeys, "__init__", partialmethod(IssuerKeys.__init__, pause_s=0.0))
    monkeypatch.setattr(IssuerKeys, "keep_up", partialmethod(IssuerKeys.keep_up, every_s=0.02))
    by_keys = TOKENS | {"jwt_secret": ""}
    async with issued() as (issuer, url), running(settings_of(**by_keys, jwt_jwks_url=url)) as app:
        assert await status(app, f"Bearer {ONE.token()}") is Status.NOT_FOUND
        issuer.keys = [TWO.published()]
        async with asyncio.timeout(60):
            while await status(app, f"Bearer {ONE.token()}") is Status.NOT_FOUND:
                pass
        assert await status(app, f"Bearer {ONE.token()}") is Status.UNAUTHENTICATED
        assert await status(app, f"Bearer {TWO.token()}") is Status.NOT_FOUND


async def test_in_production_it_must_be_said_who_may_call() -> None:
    assert "TRAVIO_AUTH must be set in production" in await why_not(load_settings(**NOWHERE))
    assert "TRAVIO_AUTH must be set in production" in await why_not(settings_of(environment="production"))
    for said in (NOWHERE | {"auth": "off"}, NOWHERE | {"environment": "development"}):
        assert "no session with" in await why_not(load_settings(**said))
    async with running(settings_of(environment="production", auth="off")) as app:
        assert await is_healthy(app)


async def told_over_http(port: int, shown: str) -> AsyncIterator[str]:
    """What the service answers to who shows that, wherever one may show it, and where nobody may."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        for path in ("/v1/trips/T", "/api/inventory/reservations/T", "/v1/trips/T/updates"):
            answer = await client.get(path, headers={"authorization": f"Bearer {shown}"})
            yield f"{answer.headers} {answer.text}"
            in_query = await client.get(path, params={"access_token": shown, "token": shown})
            assert in_query.status_code == 401
            yield f"{in_query.headers} {in_query.text}"
    address = f"ws://127.0.0.1:{port}/ws?tripId=T"
    for query, offered in (("", [Subprotocol("bearer"), Subprotocol(shown)]), (f"&access_token={shown}", None)):
        async with connect(address + query, subprotocols=offered) as socket:
            if offered is None:
                await socket.send(json.dumps({"type": "subscribe", "tripId": "T"}))
            said = str(await socket.recv())
            assert "UNAUTHENTICATED" in said or offered
            yield said
    async with connect(address) as socket:
        await socket.send(json.dumps({"type": "authenticate", "token": shown}))
        yield str(await socket.recv())


async def test_what_is_secret_is_not_in_what_the_service_says(tmp_path: Path) -> None:
    """A token in a query is none: queries are in the logs of everything on the way."""
    variables = {f"TRAVIO_{name.upper()}": str(value) for name, value in TOKENS.items()}
    variables |= {"TRAVIO_LOG_LEVEL": "DEBUG", "TRAVIO_HTTP_PORT": str(free_port())}
    shown = [token(), token(exp=0), token(secret="x" * 32), f"{token()}x"]
    told: list[str] = []
    async with serving(tmp_path, **variables) as service:
        app = App(None, None, None, None, None, None, service.port)  # type: ignore[arg-type]
        for each in shown:
            await status(app, f"Bearer {each}")
            told += [said async for said in told_over_http(service.web_port, each)]
        await service.stop()
    assert UNSAFE not in service.log
    for secret in (SECRET, *shown, *(part for each in shown for part in each.split("."))):
        assert secret not in service.log
        assert all(secret not in said for said in told)


# Client certificates.


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Of another authority."""
    return make_certificates(tmp_path_factory.mktemp("theirs"))


@asynccontextmanager
async def trusting(ours: Certificates, callers: str, **changed: object) -> AsyncIterator[App]:
    settings = settings_of(
        None,
        auth="mtls",
        mtls_ca_file=ours.authority,
        mtls_callers=callers,
        tls_cert=ours.certificate,
        tls_key=ours.key,
        **changed,
    )
    async with running(settings) as app:
        yield app


def client_tls(ours: Certificates, shown: Certificates | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ours.authority)
    context.set_alpn_protocols(["h2"])
    if shown is not None:
        context.load_cert_chain(shown.certificate, shown.key)
    return context


async def test_a_certificate_says_which_service_calls(ours: Certificates, theirs: Certificates) -> None:
    async with trusting(ours, "localhost=acme read") as app:
        assert await status(app, tls=client_tls(ours, ours)) is Status.NOT_FOUND
        assert await status(app, tls=client_tls(ours, None)) is Status.UNAUTHENTICATED
        assert await is_healthy(app, client_tls(ours, None))
        with pytest.raises((ssl.SSLError, StreamTerminatedError)):
            await status(app, tls=client_tls(ours, theirs))


async def test_over_http_too_a_certificate_says_which_service_calls(ours: Certificates) -> None:
    async with trusting(ours, "localhost=acme read", http_host="127.0.0.1", http_port=0) as app:
        for shown, expected in ((ours, 404), (None, 401)):
            tls = ssl.create_default_context(cafile=ours.authority)
            if shown is not None:
                tls.load_cert_chain(shown.certificate, shown.key)
            async with httpx.AsyncClient(base_url=f"https://localhost:{app.http_port}", verify=tls) as client:
                assert (await client.get("/v1/trips/T")).status_code == expected
                assert (await client.get("/livez")).status_code == 200


async def test_a_service_may_do_what_its_line_says(ours: Certificates) -> None:
    async with trusting(ours, "localhost=acme hold") as app:
        assert await status(app, tls=client_tls(ours, ours)) is Status.PERMISSION_DENIED
    async with trusting(ours, "another=acme") as app:
        assert await status(app, tls=client_tls(ours, ours)) is Status.UNAUTHENTICATED


async def test_client_certificates_need_tls(ours: Certificates) -> None:
    settings = settings_of(auth="mtls", mtls_ca_file=ours.authority, mtls_callers="localhost=acme")
    assert await why_not(settings) == "TRAVIO_AUTH=mtls needs TRAVIO_TLS_CERT and TRAVIO_TLS_KEY"


async def test_a_file_without_a_certificate_is_no_authority(ours: Certificates) -> None:
    settings = settings_of(
        auth="mtls", mtls_ca_file=ours.key, mtls_callers="a=b", tls_cert=ours.certificate, tls_key=ours.key
    )
    assert "no CA certificates in PEM form" in await why_not(settings)


# How many requests.


async def statuses(app: App, user: str, count: int) -> list[Status]:
    shown = f"Bearer {token(sub=user)}"
    return [await status(app, shown) for _ in range(count)]


async def test_a_holder_that_asks_too_often_is_refused_and_no_other() -> None:
    limits: dict[str, Any] = {"requests_per_holder_max": 1, "request_burst_seconds": 2}
    async with running(settings_of(**TOKENS, **limits)) as app:
        told = await statuses(app, "ann", 4)
        assert told[:2] == [Status.NOT_FOUND] * 2
        assert told[-1] is Status.RESOURCE_EXHAUSTED
        assert await statuses(app, "bob", 2) == [Status.NOT_FOUND] * 2
        assert await is_healthy(app)


async def test_who_tries_tokens_is_limited_by_address() -> None:
    limits: dict[str, Any] = {"requests_per_address_max": 1, "request_burst_seconds": 2}
    async with running(settings_of(**TOKENS, **limits)) as app:
        told = [await status(app, f"Bearer {number}") for number in range(4)]
        assert told[0] is Status.UNAUTHENTICATED
        assert told[-1] is Status.RESOURCE_EXHAUSTED


@pytest.mark.redis
async def test_processes_with_one_redis_count_together(redis_node: RedisServer, tmp_path: Path) -> None:
    """Two services on one store would be two processes; here the second one is the first again, which has forgotten."""
    limits: dict[str, Any] = {"requests_per_organization_max": 1, "request_burst_seconds": 60}
    settings = settings_of(tmp_path, **TOKENS, **limits, edge="redis", redis_addr=redis_node.address)
    shown = f"Bearer {token(org=token_hex(8))}"
    async with running(settings) as app:
        assert {await status(app, shown) for _ in range(50)} == {Status.NOT_FOUND}
    async with running(settings) as app:
        told = [await status(app, shown) for _ in range(20)]
    assert told[0] is Status.NOT_FOUND
    assert told[-1] is Status.RESOURCE_EXHAUSTED
