"""If no service answers, nothing was sent, and the error says so: no listener, no TLS, another program that listens."""

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from tests.client.service import ScriptedService
from travio_inventory.client import InventoryClient, NoService, NoTls
from verification.servers.certificates import make_certificates


async def hold_at(target: str, tls: ssl.SSLContext | None = None, *, deadline_s: float = 30) -> None:
    """One attempt to take a step at the target."""
    async with InventoryClient(target, attempts_max=1, deadline_s=deadline_s, tls=tls) as inventory:
        await inventory.hold("t1", "A", "C", ["1A"])


async def test_if_nobody_accepts_the_connection_nothing_was_done() -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    with silent, pytest.raises(NoService, match="no answer in time") as refused:
        await hold_at(f"127.0.0.1:{silent.getsockname()[1]}", deadline_s=1)
    assert refused.value.is_there


@pytest.mark.parametrize("word", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\3\1\0\2\2\x16", b"-ERR unknown\r\n"])
async def test_if_another_program_listens_nothing_was_done(word: bytes) -> None:
    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(word)
        writer.close()

    async with await asyncio.start_server(say, "127.0.0.1", 0) as server:
        with pytest.raises(NoService, match="does not speak HTTP/2") as refused:
            await hold_at(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await asyncio.sleep(0.1)  # until the server has noticed
    assert refused.value.is_there


async def test_an_unknown_name_is_reported() -> None:
    with pytest.raises(NoService, match=r"nothing answers at no-such-host\.invalid:1 ") as refused:
        await hold_at("no-such-host.invalid:1")
    assert not refused.value.is_there


async def test_a_service_without_tls_is_sent_nothing(service: ScriptedService, target: str) -> None:
    with pytest.raises((NoService, NoTls), match=target):
        await hold_at(target, ssl.create_default_context())
    assert service.requests == []


async def test_an_untrusted_certificate_is_not_tried_again(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.certificate, made.key)
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context) as server:
        stranger = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(NoTls, match=rf"no TLS with {stranger} \(unable to get local issuer certificate"):
            await hold_at(stranger, ssl.create_default_context())
        await asyncio.sleep(0.1)  # until the server has noticed


@pytest.mark.parametrize("target", ["a:b", "::1", "http://host:1", ""])
def test_an_invalid_target_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match=f"^{target!r} is not an address: write HOST:PORT$"):
        InventoryClient(target)
