"""Files of secrets and of authorities that are renewed while the service runs: by real handshakes and calls."""

import asyncio
import ssl
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from signal import SIGHUP, SIGTERM
from typing import Any

import pytest
from grpclib.exceptions import StreamTerminatedError

from tests.app.test_authentication import TOKENS, client_tls, status
from travio_inventory.app.backends import Renewals, SecretFile, StartFailed
from travio_inventory.app.backends.certificates import trusting
from travio_inventory.app.service import running
from verification.kit.child_process import child
from verification.kit.in_process import settings_of
from verification.kit.service_process import ServiceProcess
from verification.kit.tokens import SECRET, token
from verification.servers.certificates import Certificates, make_certificates

OTHER = "another secret of the issuer and the service alone"
SEEN_S_MAX = 60
NEVER_BY_ITSELF = """
from travio_inventory.app.backends import Renewals
Renewals.keep_up.__kwdefaults__["every_s"] = 3600
from travio_inventory.cli import main
main(["serve"])
"""


def two_authorities(folder: Path) -> tuple[Certificates, Certificates]:
    """Certificates of one, and of another."""
    for name in ("ours", "theirs"):
        (folder / name).mkdir()
    return make_certificates(folder / "ours"), make_certificates(folder / "theirs")


async def test_a_renewed_secret_of_tokens_counts_at_once_and_a_bad_one_never(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    old, new = f"Bearer {token()}", f"Bearer {token(secret=OTHER)}"
    async with running(settings_of(**TOKENS | {"jwt_secret": "", "jwt_secret_file": file})) as app:
        assert [(await status(app, shown)).name for shown in (old, new)] == ["NOT_FOUND", "UNAUTHENTICATED"]
        file.write_text(OTHER)
        app.renewals.look()
        assert [(await status(app, shown)).name for shown in (old, new)] == ["UNAUTHENTICATED", "NOT_FOUND"]
        for bad in ("short", ""):
            file.write_text(bad)
            app.renewals.look()
            app.renewals.look()
            assert (await status(app, new)).name == "NOT_FOUND"
    told = [message for message in caplog.messages if "secret of tokens" in message]
    assert told == [
        f"the secret of tokens in {file} is used from now on",
        f"the old secret of tokens stays in use: secret of tokens in {file}: must have at least 32 bytes",
        f"the old secret of tokens stays in use: secret of tokens in {file}: its first line is empty",
    ]
    assert not any(secret in caplog.text for secret in (SECRET, OTHER, "short"))


async def test_who_signs_callers_certificates_may_be_changed(tmp_path: Path) -> None:
    """From then on certificates of the former authority are refused, and the service shows one of the new."""
    ours, theirs = two_authorities(tmp_path)
    files = {name: tmp_path / name for name in ("authority", "certificate", "key")}

    def show(made: Certificates) -> None:
        for name, path in files.items():
            path.write_bytes(getattr(made, name).read_bytes())

    show(ours)
    mtls: dict[str, Any] = {"auth": "mtls", "mtls_callers": "localhost=acme read", "mtls_ca_file": files["authority"]}
    async with running(settings_of(**mtls, tls_cert=files["certificate"], tls_key=files["key"])) as app:
        assert (await status(app, tls=client_tls(ours, ours))).name == "NOT_FOUND"
        show(theirs)
        app.renewals.look()
        assert (await status(app, tls=client_tls(theirs, theirs))).name == "NOT_FOUND"
        with pytest.raises((OSError, StreamTerminatedError)):
            await status(app, tls=client_tls(theirs, ours))


def broken(pem: str) -> list[str]:
    """A block of a file of certificates, broken in all ways: cut off in its middle, with a wrong sign, with a line
    that is not there, and without its end.
    """
    first, second, *others = pem.splitlines(keepends=True)
    wrong = f"!{second[1:]}"
    return [first + second, "".join((first, wrong, *others)), "".join((first, *others)), pem[: pem.index("-----END")]]


async def test_authorities_of_callers_are_changed_whole_or_not_at_all(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A second block that is broken has the first one not counted either, and nobody shut out."""
    ours, theirs = two_authorities(tmp_path)
    file, (our_block, their_block) = tmp_path / "callers", (made.authority.read_text() for made in (ours, theirs))
    file.write_text(our_block)
    mtls: dict[str, Any] = {"auth": "mtls", "mtls_callers": "localhost=acme read", "mtls_ca_file": file}
    async with running(settings_of(**mtls, tls_cert=ours.certificate, tls_key=ours.key)) as app:
        for block in broken(our_block):
            caplog.clear()
            file.write_text(their_block + block)
            app.renewals.look()
            assert "the old certificate stays in use" in caplog.text
            assert (await status(app, tls=client_tls(ours, ours))).name == "NOT_FOUND"
            with pytest.raises((OSError, StreamTerminatedError)):
                await status(app, tls=client_tls(ours, theirs))
        file.write_text(their_block + our_block)
        app.renewals.look()
        for made in (ours, theirs):
            assert (await status(app, tls=client_tls(ours, made))).name == "NOT_FOUND"


def test_authorities_of_servers_are_added_whole_or_not_at_all(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ours, theirs = (made.authority.read_text() for made in two_authorities(tmp_path))
    file, renewals = tmp_path / "servers", Renewals()
    file.write_text(ours)
    context = trusting(file, renewals)
    for block in broken(ours):
        caplog.clear()
        file.write_text(theirs + block)
        renewals.look()
        assert f"the old CA stays in use: {file} is not a certificate in PEM form" in caplog.text
        assert len(context.get_ca_certs()) == 1
        with pytest.raises(StartFailed, match="is not a certificate in PEM form"):
            trusting(file, Renewals())
    file.write_text(theirs + ours)
    renewals.look()
    assert len(context.get_ca_certs()) == 2


@pytest.mark.parametrize(
    ("written", "said"),
    [(None, "No such file or directory"), (b"", "its first line is empty"), (b"\xff", "it is no text in UTF-8")],
)
def test_a_file_without_a_secret_stops_the_start(tmp_path: Path, written: bytes | None, said: str) -> None:
    file = tmp_path / "password"
    if written is not None:
        file.write_bytes(written)
    with pytest.raises(StartFailed, match=said):
        SecretFile("password", file, Renewals())


def test_a_secret_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"one two\r\nthree\n")
    assert SecretFile("password", file, Renewals())() == "one two"


@pytest.mark.once
async def test_at_sighup_a_process_loads_what_has_changed(tmp_path: Path) -> None:
    """One that looks at its files by itself once an hour."""
    ours, theirs = two_authorities(tmp_path)
    tls = {"TRAVIO_TLS_CERT": str(ours.certificate), "TRAVIO_TLS_KEY": str(ours.key)}
    service = ServiceProcess(tmp_path, TRAVIO_STORE="memory", TRAVIO_EVENTS="none", **tls)
    async with child([sys.executable, "-c", NEVER_BY_ITSELF], service.environment) as process:
        await _until(lambda: _trusts(service.port, ours.authority))
        ours.certificate.write_bytes(theirs.certificate.read_bytes())
        ours.key.write_bytes(theirs.key.read_bytes())
        process.send_signal(SIGHUP)
        await _until(lambda: _trusts(service.port, theirs.authority))
        process.send_signal(SIGTERM)
        assert await process.wait() == 0


async def _trusts(port: int, authority: Path) -> bool:
    try:
        context = ssl.create_default_context(cafile=authority)
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    except OSError:
        return False
    writer.close()
    return True


async def _until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SEEN_S_MAX):
        while not await true():  # noqa: ASYNC110 - another process tells nothing
            await asyncio.sleep(0.05)
