"""Peers that misuse the HTTP listener: slow, silent, never reading, with huge heads and bodies, or with no HTTP."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Final

from verification.attack.assault import CONNECTING_AT_ONCE_MAX, Assault, spread
from verification.attack.targets import ATTACKED_TRIP
from verification.kit.service_process import ORGANIZATION

ANSWER_SECONDS_MAX: Final = 20.0
MANY: Final = 2_000
MAP: Final = f"/v1/trips/{ATTACKED_TRIP}/seatmap?from=S0&to=S2&org_id={ORGANIZATION}"
HOST: Final = "Host: attacked\r\n"
PARTS: Final = 64
PART: Final = b"." * 65_536


class WebPeer:
    """A connection to the HTTP listener on which anything is written; what it is told is counted by its status."""

    def __init__(self, assault: Assault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._heard = assault.heard
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, assault: Assault) -> "WebPeer":
        """Raises OSError."""
        return cls(assault, *await asyncio.open_connection("127.0.0.1", assault.web_port))

    async def write(self, data: bytes | str) -> None:
        """Raises ConnectionError where the service reads no more."""
        self._writer.write(data if isinstance(data, bytes) else data.encode("latin1"))
        await self._writer.drain()

    async def hear(self) -> None:
        """Note the answers that come until the connection is closed, or for a while."""
        said = b""
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                while data := await self._reader.read(65_536):
                    said = (said + data)[-1_000_000:]
        for line in said.split(b"HTTP/1.1 ")[1:]:
            self._heard[line[:3].decode("ascii", "replace")] += 1
        if b"HTTP/1.1 " not in said:
            self._heard["closed"] += 1

    def leave(self) -> None:
        self._writer.transport.abort()


@asynccontextmanager
async def web_peers(assault: Assault, count: int) -> AsyncIterator[list[WebPeer]]:
    """So many connections while the block lasts, fewer if the service accepts no more."""
    peers: list[WebPeer] = []

    async def connect(_: int) -> None:
        try:
            peers.append(await WebPeer.connect(assault))
        except OSError:
            assault.heard["refused"] += 1

    try:
        await spread(connect, range(count), at_once=CONNECTING_AT_ONCE_MAX)
        yield peers
    finally:
        for peer in peers:
            peer.leave()


async def _say_and_hear(assault: Assault, texts: Iterable[bytes | str]) -> None:
    """Each text on a connection of its own."""
    sent = list(texts)

    async def say(at: int) -> None:
        peer = await WebPeer.connect(assault)
        try:
            with suppress(ConnectionError):
                await peer.write(sent[at])
            await peer.hear()
        finally:
            peer.leave()

    await spread(say, range(len(sent)), at_once=CONNECTING_AT_ONCE_MAX)


async def silent(assault: Assault) -> None:
    """10,000 connections that say nothing."""
    async with web_peers(assault, assault.times(10_000)) as peers:
        assault.did("connections", len(peers))
        await asyncio.sleep(assault.seconds(5))


async def slow_heads(assault: Assault) -> None:
    """2,000 heads that come by the byte, and never end."""
    async with web_peers(assault, assault.times(MANY)) as peers:
        text = f"GET {MAP} HTTP/1.1\r\n{HOST}X-Slow: "

        async def drip(at: int) -> None:
            await peers[at].write(text)
            for _ in range(10):
                await peers[at].write("a")
                await asyncio.sleep(assault.seconds(3) / 10)

        await spread(drip, range(len(peers)), at_once=max(1, len(peers)))


async def slow_bodies(assault: Assault) -> None:
    """2,000 bodies that come by the byte, and never end."""
    async with web_peers(assault, assault.times(MANY)) as peers:
        head = f"POST /v1/holds HTTP/1.1\r\n{HOST}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"

        async def drip(at: int) -> None:
            await peers[at].write(head)
            for _ in range(10):
                await peers[at].write("{")
                await asyncio.sleep(assault.seconds(3) / 10)

        await spread(drip, range(len(peers)), at_once=max(1, len(peers)))


async def huge_heads(assault: Assault) -> None:
    """Paths, values and numbers of headers without end."""
    heads = (
        f"GET /{'a' * 1_000_000} HTTP/1.1\r\n{HOST}\r\n",
        f"GET {MAP} HTTP/1.1\r\n{HOST}X-Long: {'a' * 1_000_000}\r\n\r\n",
        f"GET {MAP} HTTP/1.1\r\n{HOST}" + "X-One: more\r\n" * 100_000 + "\r\n",
        f"GET {MAP}&{'&'.join(['a=b'] * 100_000)} HTTP/1.1\r\n{HOST}\r\n",
    )
    await _say_and_hear(assault, heads * assault.times(25))


async def huge_bodies(assault: Assault) -> None:
    """Bodies of gigabytes, declared or in chunks."""

    async def send(number: int) -> None:
        peer = await WebPeer.connect(assault)
        try:
            chunked = number % 2
            size = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {10**12}"
            await peer.write(f"POST /v1/holds HTTP/1.1\r\n{HOST}Content-Type: application/json\r\n{size}\r\n\r\n")
            with suppress(ConnectionError):
                for _ in range(PARTS):
                    await peer.write((b"10000\r\n" + PART + b"\r\n") if chunked else PART)
            await peer.hear()
        finally:
            peer.leave()

    await spread(send, range(assault.times(200)), at_once=CONNECTING_AT_ONCE_MAX)


async def many_bodies(assault: Assault) -> None:
    """2,000 bodies as large as an administrator's, each but for its last byte."""
    async with web_peers(assault, assault.times(MANY)) as peers:
        head = f"POST /v1/trips HTTP/1.1\r\n{HOST}Content-Type: application/json\r\nContent-Length: 4000000\r\n\r\n"

        async def fill(at: int) -> None:
            await peers[at].write(head)
            for _ in range(PARTS - 4):
                await peers[at].write(PART)

        with suppress(TimeoutError):
            async with asyncio.timeout(assault.seconds(8)):
                await spread(fill, range(len(peers)), at_once=max(1, len(peers)))


async def hard_bodies(assault: Assault) -> None:
    """Bodies that are hard to read: deep, with huge numbers, no text, no JSON, with every member a thousand times."""
    bodies = (
        b"[" * 60_000,
        b'{"a":' * 12_000,
        b'{"trip_id":' + b"9" * 60_000 + b"}",
        b'{"hold_duration_seconds":1e999,"seat_ids":[NaN]}',
        b"\xff\xfe" * 30_000,
        b'{"seat_ids":["' + b"\\ud800" * 9_000 + b'"]}',
        b"{" + b",".join([b'"trip_id":"a"'] * 4_000) + b"}",
        b'{"trip_id":"a","seat_ids":[' + b",".join([b'"a"'] * 15_000) + b"]}",
    )
    kinds = ("application/json", "text/plain", "multipart/form-data; boundary=a", "application/json; charset=utf-16")
    requests = (
        f"POST /v1/holds HTTP/1.1\r\n{HOST}X-User-Id: a\r\nContent-Type: {kind}\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
        for kind in kinds
        for body in bodies
    )
    await _say_and_hear(assault, [request for request in requests for _ in range(assault.times(10))])


async def pipelined(assault: Assault) -> None:
    """10,000 requests at once on a connection, before any answer is read."""
    request = f"GET {MAP} HTTP/1.1\r\n{HOST}\r\n"
    await _say_and_hear(assault, [request * 10_000] * assault.times(50))


async def never_reading(assault: Assault) -> None:
    """500 connections that ask for large maps and read nothing."""
    async with web_peers(assault, assault.times(500)) as peers:
        request = f"GET {MAP} HTTP/1.1\r\n{HOST}\r\n" * 20
        await spread(lambda at: peers[at].write(request), range(len(peers)), at_once=CONNECTING_AT_ONCE_MAX)
        await asyncio.sleep(assault.seconds(5))


async def no_http(assault: Assault) -> None:
    """Other protocols, and requests that break the rules of this one."""
    noise = bytes(assault.random.randrange(256) for _ in range(5_000))
    texts = (
        noise,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(1_000),
        b"\x16\x03\x01\x02\x00\x01\x00" + noise[:500],
        f"GET {MAP} HTTP/9.9\r\n{HOST}\r\n",
        f"GET {MAP} HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST /v1/holds HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/holds HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "CONNECT elsewhere:443 HTTP/1.1\r\n\r\n",
        "GET http://elsewhere HTTP/1.1\r\n\r\n",
        "GET /v1/trips/\xff\xfe HTTP/1.1\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\n\r\n",
        f"GET {MAP} HTTP/1.1\r\nBad Name: x\r\n\r\n",
        f"GET {MAP} HTTP/1.1\r\nX: a\x00b\r\n\r\n",
    )
    await _say_and_hear(assault, texts * assault.times(20))


async def odd_paths(assault: Assault) -> None:
    """Paths that are no ids, climb, or name everything twice."""
    paths = (
        "/../../etc/passwd", "/v1/trips/%2e%2e%2f%2e%2e/seatmap", "/v1/trips/%00/seatmap", "/v1/trips/%ff%fe",
        "/v1/holds/%F0%9F%8E%AB~0~a", "//v1//trips//", "/v1/trips/a/seatmap?from=A&from=B&to=%00&to=C",
        "/v1/holds?page_size=99999999999999999999&page_token=%ff", "/v1/trips?departs_from=-1e99&departs_before=NaN",
        f"/v1/trips/{'%41' * 4_000}", f"{MAP}&passengers={'9' * 4_000}", "/ui/..%2f..%2fsettings", "/ui/%2e%2e/x",
    )  # fmt: skip
    texts = [f"GET {path} HTTP/1.1\r\n{HOST}X-User-Id: a\r\nConnection: close\r\n\r\n" for path in paths]
    await _say_and_hear(assault, texts * assault.times(20))
