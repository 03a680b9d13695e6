"""Which service calls by its certificate, over TLS: which of its names count, and what it may do."""

import ssl
import subprocess
from pathlib import Path

import httpx
import pytest
from grpclib.const import Status

from tests.app.test_authentication import client_tls, status, trusting
from verification.servers.certificates import Certificates, make_certificates


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


def https(ours: Certificates, shown: Certificates) -> ssl.SSLContext:
    """Of a caller over HTTP who shows that."""
    tls = ssl.create_default_context(cafile=ours.authority)
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
