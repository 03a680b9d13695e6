"""The keys of an issuer: few ask for them, they are kept through an outage, and a new one is found soon."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

import httpx
import pytest

from travio_inventory.api.auth import issuer_keys
from travio_inventory.api.auth.issuer_keys import IssuerKeys, read_key_set
from travio_inventory.api.auth.keys import public_key
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.refusals import BackendUnavailable
from verification.kit.tokens import IssuerKey

ONE, TWO = IssuerKey("ES256", "one"), IssuerKey("ES256", "two")


class Issuer:
    """Serves keys at an address, and counts how often."""

    def __init__(self) -> None:
        self.keys: Sequence[dict[str, Any]] = [ONE.published()]
        self.asked = 0
        self.status = "200 OK"
        self.body = b""
        self.wait_s = 0.0
        self.answering = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.answering += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):  # who asked has left
                await self._answer(reader, writer)
        finally:
            writer.close()
            self.answering -= 1

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        await asyncio.sleep(self.wait_s)
        body = self.body or json.dumps({"keys": list(self.keys)}).encode()
        head = f"HTTP/1.1 {self.status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


class LaterClock(SystemClock):
    """The time of this machine, and so much later."""

    later_ms = 0

    def elapsed_ms(self) -> int:
        return super().elapsed_ms() + self.later_ms

    def later(self, seconds: float) -> None:
        self.later_ms += int(seconds * 1_000)


@asynccontextmanager
async def issued() -> AsyncIterator[tuple[Issuer, str]]:
    """An issuer, and the address of its keys."""
    issuer = Issuer()
    server = await asyncio.start_server(issuer.answer, "127.0.0.1", 0)
    async with server:
        yield issuer, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
        while issuer.answering:  # noqa: ASYNC110 - a stream tells no event when it has closed
            await asyncio.sleep(0.01)


@asynccontextmanager
async def issuing() -> AsyncIterator[tuple[Issuer, IssuerKeys, LaterClock]]:
    clock = LaterClock()
    async with issued() as (issuer, url), httpx.AsyncClient(trust_env=False) as client:
        yield issuer, IssuerKeys(url, client=client, clock=clock), clock


async def test_however_many_ask_at_once_the_issuer_is_asked_once() -> None:
    async with issuing() as (issuer, keys, _):
        issuer.wait_s = 0.05
        found = await asyncio.gather(*(keys.find("one") for _ in range(50)))
        assert found == [[public_key(ONE.published())]] * 50
        assert issuer.asked == 1


async def test_a_new_key_is_found_when_a_token_names_it() -> None:
    async with issuing() as (issuer, keys, clock):
        assert not await keys.find("two")
        issuer.keys = [ONE.published(), TWO.published()]
        clock.later(issuer_keys.PAUSE_S)
        assert await keys.find("two") == [public_key(TWO.published())]


async def test_keys_that_nobody_has_do_not_make_us_ask_all_the_time() -> None:
    async with issuing() as (issuer, keys, _):
        for number in range(20):
            assert not await keys.find(f"made up {number}")
        assert await keys.find("one")
        assert issuer.asked == 1


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"keys": []}', b"[1]", b"<html>", b'{"keys": [1, {"kty": "RSA"}]}', b"[" * 100_000]
)
async def test_keys_are_kept_while_the_issuer_is_down_but_not_for_ever(body: bytes) -> None:
    async with issuing() as (issuer, keys, clock):
        await keys.find("one")
        issuer.status, issuer.body = ("200 OK", body) if body else ("503 Service Unavailable", b"later")
        clock.later(issuer_keys.PAUSE_S)
        await keys.fetch()
        assert issuer.asked == 2
        assert await keys.find("one")
        clock.later(issuer_keys.KEPT_S_MAX)
        with pytest.raises(BackendUnavailable):
            await keys.find("one")


async def test_a_key_that_the_issuer_has_withdrawn_is_gone_at_the_next_look() -> None:
    async with issuing() as (issuer, keys, clock):
        await keys.find("one")
        issuer.keys = [TWO.published()]
        clock.later(issuer_keys.REFRESH_S)
        await keys.fetch()
        assert not await keys.find("one")


async def test_before_the_issuer_has_answered_nobody_is_refused_for_good() -> None:
    async with issuing() as (issuer, keys, clock):
        issuer.status = "500 Internal Server Error"
        with pytest.raises(BackendUnavailable):
            await keys.find("one")
        issuer.status = "200 OK"
        with pytest.raises(BackendUnavailable):
            await keys.find("one")  # asked a moment ago
        clock.later(issuer_keys.PAUSE_S)
        assert await keys.find("one")


async def test_an_issuer_that_does_not_answer_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(issuer_keys, "FETCH_S_MAX", 0.05)
    async with issuing() as (issuer, keys, _):
        issuer.wait_s = 0.2
        with pytest.raises(BackendUnavailable):
            await keys.find("one")
    (said,) = caplog.messages
    assert said.endswith("TimeoutError: no answer within 0.05 s")


async def test_an_answer_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuer_keys, "BYTES_MAX", 1_000)
    async with issuing() as (issuer, keys, _):
        issuer.keys = [ONE.published(more="x" * 1_000)]
        with pytest.raises(BackendUnavailable):
            await keys.find("one")


async def test_one_who_gives_up_does_not_take_the_keys_from_the_others() -> None:
    async with issuing() as (issuer, keys, clock):
        issuer.wait_s = 0.05
        first = asyncio.create_task(keys.find("one"))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(keys.find("one"))
        await asyncio.sleep(0.01)
        first.cancel()
        clock.later(issuer_keys.PAUSE_S)
        assert await second


async def test_the_keys_are_kept_up_to_date_meanwhile() -> None:
    async with issuing() as (issuer, keys, clock):
        keeping = asyncio.create_task(keys.keep_up(jitter=Random(1), every_s=0.01))
        while issuer.asked < 2:
            clock.later(issuer_keys.PAUSE_S)
            await asyncio.sleep(0.01)
        keeping.cancel()


async def test_a_token_that_names_no_key_means_the_only_one() -> None:
    async with issuing() as (issuer, keys, clock):
        assert await keys.find("") == [public_key(ONE.published())]
        issuer.keys = [ONE.published(), TWO.published()]
        clock.later(issuer_keys.PAUSE_S)
        await keys.fetch()
        assert not await keys.find("")


async def test_an_id_that_an_issuer_gave_to_several_keys_means_each_of_them() -> None:
    same = [ONE.published(kid="same"), TWO.published(kid="same")]
    nameless = [{name: value for name, value in each.items() if name != "kid"} for each in same]
    both = [public_key(each) for each in same]
    async with issuing() as (issuer, keys, clock):
        for published, kid in ((same, "same"), (same, ""), (nameless, "")):
            issuer.keys = published
            clock.later(issuer_keys.PAUSE_S)
            await keys.fetch()
            assert await keys.find(kid) == both


def test_a_key_that_may_verify_is_one() -> None:
    assert public_key(ONE.published(key_ops=["verify"])) == public_key(ONE.published())


WEAK = IssuerKey("RS256", "weak", rsa_bits=1_024)


@pytest.mark.parametrize(
    "described",
    [
        WEAK.published(),
        ONE.private(),
        ONE.published(use="enc"),
        ONE.published(use=None),
        ONE.published(key_ops=["encrypt", "wrapKey"]),
        ONE.published(key_ops="verify"),
        ONE.published(alg="RS256"),
        ONE.published(crv="P-521"),
        ONE.published(x="?"),
        {"kty": "oct", "k": "a secret that an issuer published by mistake", "kid": "oct"},
        {"kty": ["EC"]},
        {},
    ],
)
def test_a_key_of_no_use_is_no_key(described: dict[str, Any]) -> None:
    assert public_key(described) is None
    assert list(read_key_set(json.dumps({"keys": [described, TWO.published()]}).encode())) == ["two"]


def test_no_more_keys_are_read_than_an_issuer_has() -> None:
    many = [TWO.published() | {"kid": str(number)} for number in range(issuer_keys.KEYS_MAX + 5)]
    assert len(read_key_set(json.dumps({"keys": many}).encode())) == issuer_keys.KEYS_MAX
