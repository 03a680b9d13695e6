"""A certificate that is renewed while the service runs: new connections get it, without a restart."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partialmethod
from pathlib import Path

import pytest

from travio_inventory.app.backends import OwnCertificate, Renewals, StartFailed
from travio_inventory.app.service import running
from travio_inventory.client import InventoryClient
from travio_inventory.events.targets.broker_url import Tls
from verification.kit.in_process import settings_of
from verification.servers.certificates import Certificates, make_certificates

LOOK_EVERY_S = 0.05
SEEN_S_MAX = 60


def made(folder: Path) -> Certificates:
    """Certificates of their own authority."""
    folder.mkdir()
    return make_certificates(folder)


@pytest.fixture
def first(tmp_path: Path) -> Certificates:
    """The certificate at the start."""
    return made(tmp_path / "first")


@pytest.fixture
def renewed(tmp_path: Path) -> Certificates:
    """The certificate that replaces it."""
    return made(tmp_path / "renewed")


@asynccontextmanager
async def serving(certificate: Path, key: Path) -> AsyncIterator[int]:
    """A server that shows the certificate and checks for new files all the time; its port."""
    renewals = Renewals()
    shown = OwnCertificate(certificate, key, renewals)

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=shown.grpc)
    keeping_up = asyncio.create_task(renewals.keep_up(every_s=LOOK_EVERY_S))
    async with server:
        yield server.sockets[0].getsockname()[1]
    keeping_up.cancel()


async def is_trusted(port: int, authority: Path) -> bool:
    """Whether a client that trusts the authority accepts a new connection."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=ssl.create_default_context(cafile=authority))
    except ssl.SSLError:
        return False
    writer.close()
    return True


async def until_trusted(port: int, authority: Path) -> None:
    async with asyncio.timeout(SEEN_S_MAX):
        while not await is_trusted(port, authority):  # noqa: ASYNC110 - a server tells no event loop
            await asyncio.sleep(LOOK_EVERY_S)


async def until_complained(caplog: pytest.LogCaptureFixture) -> None:
    async with asyncio.timeout(SEEN_S_MAX):
        while "the old certificate stays in use" not in caplog.text:  # noqa: ASYNC110 - a log tells no event loop
            await asyncio.sleep(LOOK_EVERY_S)


async def test_renewed_files_are_shown_to_new_connections(first: Certificates, renewed: Certificates) -> None:
    async with serving(first.certificate, first.key) as port:
        assert await is_trusted(port, first.authority)
        renewed.key.replace(first.key)
        renewed.certificate.replace(first.certificate)
        await until_trusted(port, renewed.authority)


@pytest.mark.parametrize("server", ["lean", "grpclib"])
async def test_a_running_service_uses_renewed_files(
    first: Certificates, renewed: Certificates, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind either server: new connections get the new one and are served, and open ones are served on."""
    monkeypatch.setattr(Renewals, "keep_up", partialmethod(Renewals.keep_up, every_s=LOOK_EVERY_S))
    settings = settings_of(tls_cert=first.certificate, tls_key=first.key, server=server)
    async with running(settings) as app, caller(app.port, first.authority) as before:
        assert await before.list_trips() == ()
        renewed.key.replace(first.key)
        renewed.certificate.replace(first.certificate)
        await until_trusted(app.port, renewed.authority)
        assert not await is_trusted(app.port, first.authority)
        async with caller(app.port, renewed.authority) as after:
            assert await after.list_trips() == await before.list_trips() == ()


def caller(port: int, authority: Path) -> InventoryClient:
    """A client that trusts the authority."""
    return InventoryClient(f"127.0.0.1:{port}", user="ann", tls=ssl.create_default_context(cafile=authority))


async def test_files_that_are_missing_for_a_moment_change_nothing_until_they_are_back(
    first: Certificates, renewed: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(first.certificate, first.key) as port:
        first.certificate.unlink()
        await until_complained(caplog)
        assert await is_trusted(port, first.authority)
        renewed.key.replace(first.key)
        renewed.certificate.replace(first.certificate)
        await until_trusted(port, renewed.authority)


async def test_files_that_do_not_match_change_nothing_until_they_do(
    first: Certificates, renewed: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(first.certificate, first.key) as port:
        renewed.certificate.replace(first.certificate)
        await until_complained(caplog)
        await asyncio.sleep(5 * LOOK_EVERY_S)
        assert caplog.text.count("old certificate stays in use") == 1
        assert await is_trusted(port, first.authority)
        renewed.key.replace(first.key)
        await until_trusted(port, renewed.authority)


async def test_a_key_with_a_password_changes_nothing_and_nobody_is_asked_for_it(
    first: Certificates, renewed: Certificates, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """OpenSSL would ask at the terminal, and the service answer nobody until it is told."""
    locked_key(renewed.key)
    async with serving(first.certificate, first.key) as port:
        renewed.key.replace(first.key)
        renewed.certificate.replace(first.certificate)
        await until_complained(caplog)
        assert await is_trusted(port, first.authority)
    assert "pass phrase" not in capfd.readouterr().err


def test_a_broker_is_shown_no_certificate_whose_key_has_a_password(
    first: Certificates, capfd: pytest.CaptureFixture[str]
) -> None:
    locked_key(first.key)
    with pytest.raises(OSError, match="PEM lib"):
        Tls(None, first.certificate, first.key).context()
    assert "pass phrase" not in capfd.readouterr().err


def locked_key(key: Path) -> None:
    """The same key, with a password."""
    locked = key.with_suffix(".locked")
    command = ["openssl", "pkey", "-in", str(key), "-out", str(locked), "-aes256", "-passout", "pass:hush-hush"]
    subprocess.run(command, check=True, capture_output=True)
    locked.replace(key)


def test_a_key_of_another_certificate_stops_the_start(first: Certificates, renewed: Certificates) -> None:
    with pytest.raises(StartFailed, match=r"TLS with .*: no certificate and its key, in PEM form \(.*MISMATCH"):
        OwnCertificate(first.certificate, renewed.key, Renewals())
