"""Peers that misuse WebSockets: idle, half-open, never reading, uninvited, with floods, huge or endless messages."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final
from urllib.parse import urlencode

from websockets.frames import Frame, Opcode

from verification.attack.assault import CONNECTING_AT_ONCE_MAX, Assault, spread
from verification.attack.targets import ATTACKED_TRIP
from verification.kit.service_process import ORGANIZATION

ANSWER_SECONDS_MAX: Final = 20.0
MANY: Final = 2_000
HEARD_BYTES_MAX: Final = 65_536
KEY: Final = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
UPGRADE: Final = f"Host: attacked\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n{KEY}"
PING, TEXT = Frame(Opcode.PING, b"?"), Frame(Opcode.TEXT, b"hello")
BEGUN, PART = Frame(Opcode.TEXT, b"he", fin=False), Frame(Opcode.CONT, b"", fin=False)
WATCHING: Final = f"/?{urlencode({'tripId': ATTACKED_TRIP, 'org_id': ORGANIZATION})}"


class SocketPeer:
    """A connection that asks for a WebSocket. What it is told is counted: the status of a refusal, the code of a close,
    or "closed" where there is neither.
    """

    def __init__(self, assault: Assault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._heard = assault.heard
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, assault: Assault, path: str = WATCHING, *, more: str = "") -> "SocketPeer":
        """Raises OSError, EOFError, TimeoutError; ConnectionRefusedError where it is refused, with a status."""
        peer = cls(assault, *await asyncio.open_connection("127.0.0.1", assault.web_port, limit=HEARD_BYTES_MAX))
        try:
            peer._writer.write(f"GET {path} HTTP/1.1\r\n{UPGRADE}{more}\r\n".encode("latin1"))
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                head = await peer._reader.readuntil(b"\r\n\r\n")
        except BaseException:
            peer.leave()
            raise
        if (status := head[9:12].decode()) != "101":
            assault.heard[status] += 1
            peer.leave()
            raise ConnectionRefusedError(status)
        return peer

    async def send(self, frames: Iterable[Frame]) -> None:
        """As fast as the service takes them; it may close meanwhile."""
        with suppress(ConnectionError):
            self._writer.write(b"".join(frame.serialize(mask=True) for frame in frames))
            await self._writer.drain()

    async def hear(self) -> None:
        """Read until the service closes, and note why; nothing if it does not for so long."""
        code = "closed"
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                while (code == "closed") and (frame := await self._frame()):
                    if frame[0] == Opcode.CLOSE:
                        code = str(int.from_bytes(frame[1][:2], "big") or 1005)
        except TimeoutError:
            return
        self._heard[code] += 1

    async def _frame(self) -> tuple[int, bytes] | None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            first, size = await self._reader.readexactly(2)
            if size > 125:
                size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8), "big")
            return first & 0xF, await self._reader.readexactly(size)
        return None

    def leave(self) -> None:
        self._writer.transport.abort()


@asynccontextmanager
async def socket_peers(assault: Assault, count: int, path: str = WATCHING) -> AsyncIterator[list[SocketPeer]]:
    """So many sockets while the block lasts, fewer if the service accepts no more."""
    peers: list[SocketPeer] = []

    async def connect(_: int) -> None:
        try:
            peers.append(await SocketPeer.connect(assault, path))
        except ConnectionRefusedError:
            pass
        except (OSError, EOFError, TimeoutError):
            assault.heard["refused"] += 1

    try:
        await spread(connect, range(count), at_once=CONNECTING_AT_ONCE_MAX)
        assault.did("sockets", len(peers))
        yield peers
    finally:
        for peer in peers:
            peer.leave()


async def _send_and_hear(assault: Assault, count: int, frames: Sequence[Frame]) -> None:
    """The same on so many sockets, some at once."""

    async def send(_: int) -> None:
        try:
            peer = await SocketPeer.connect(assault)
        except (OSError, EOFError, TimeoutError):
            return
        try:
            sending = asyncio.create_task(peer.send(frames))
            await peer.hear()
            sending.cancel()
        finally:
            peer.leave()

    await spread(send, range(count), at_once=CONNECTING_AT_ONCE_MAX)


async def idle(assault: Assault) -> None:
    """2,000 sockets that watch nothing and say nothing."""
    async with socket_peers(assault, assault.times(MANY), "/ws"):
        await asyncio.sleep(assault.seconds(5))


async def never_reading(assault: Assault) -> None:
    """500 sockets that watch a large trip, ask for it again and again, and read nothing."""
    asked = f'{{"type":"subscribe","tripId":"{ATTACKED_TRIP}"}}'.encode()
    async with socket_peers(assault, assault.times(500)) as peers:
        frames = [Frame(Opcode.TEXT, asked)] * 20
        await spread(lambda at: peers[at].send(frames), range(len(peers)), at_once=CONNECTING_AT_ONCE_MAX)
        await asyncio.sleep(assault.seconds(5))


async def half_open(assault: Assault) -> None:
    """2,000 sockets that stop in the middle of a frame or of a message, and are never heard of again."""
    async with socket_peers(assault, assault.times(MANY), "/ws") as peers:

        async def begin(at: int) -> None:
            half = Frame(Opcode.TEXT, b"." * 16_000).serialize(mask=True)[:-1]
            peers[at]._writer.write(half if at % 2 else BEGUN.serialize(mask=True))

        await spread(begin, range(len(peers)), at_once=CONNECTING_AT_ONCE_MAX)
        await asyncio.sleep(assault.seconds(5))


async def messages(assault: Assault) -> None:
    """50 sockets with 20,000 messages each."""
    await _send_and_hear(assault, assault.times(50), [TEXT] * 20_000)


async def pings(assault: Assault) -> None:
    """50 sockets with 20,000 pings each, and as many pongs that nobody asked for."""
    await _send_and_hear(assault, assault.times(50), [PING, Frame(Opcode.PONG, b"!")] * 20_000)


async def huge(assault: Assault) -> None:
    """Messages of 4 MiB in one frame, and in parts."""
    one = [Frame(Opcode.TEXT, b"." * 4_194_304)]
    parts = [Frame(Opcode.BINARY, b"." * 4_096, fin=False), *[Frame(Opcode.CONT, b"." * 4_096, fin=False)] * 1_023]
    for frames in (one, parts):
        await _send_and_hear(assault, assault.times(50), frames)


async def endless(assault: Assault) -> None:
    """Messages that consist of empty parts, and never end."""
    await _send_and_hear(assault, assault.times(50), [BEGUN, *[PART] * 20_000])


async def hard_messages(assault: Assault) -> None:
    """No text, no JSON, deep, with huge numbers, bytes; each 100 times on a socket."""
    texts = (b"\xff\xfe", b"[" * 4_000, b'{"a":' * 800, b'{"type":' + b"9" * 4_000 + b"}", b'"\\ud800"', b"{}", b"null")
    for text in texts:
        await _send_and_hear(assault, assault.times(10), [Frame(Opcode.TEXT, text)] * 100)
    await _send_and_hear(assault, assault.times(10), [Frame(Opcode.BINARY, bytes(100))] * 100)


async def subscriptions(assault: Assault) -> None:
    """Sockets that ask for trips that are not there, and for every part of one that is."""
    asked = [{"tripId": f"missing-{number}"} for number in range(50)]
    asked += [{"tripId": ATTACKED_TRIP, "section": f"none-{number}"} for number in range(50)]
    frames = [Frame(Opcode.TEXT, _subscribe(each)) for each in asked]
    await _send_and_hear(assault, assault.times(100), frames)


def _subscribe(named: dict[str, str]) -> bytes:
    return ('{"type":"subscribe",' + ",".join(f'"{name}":"{value}"' for name, value in named.items()) + "}").encode()


async def without_token(assault: Assault) -> None:
    """2,000 sockets of callers who never say who they are, or lie."""
    lie = Frame(Opcode.TEXT, b'{"type":"authenticate","token":"aaaa.bbbb.cccc"}')
    async with socket_peers(assault, assault.times(MANY)) as peers:

        async def lie_or_wait(at: int) -> None:
            if at % 2:
                await peers[at].send([lie])
            await peers[at].hear()

        await spread(lie_or_wait, range(len(peers)), at_once=max(1, len(peers)))


async def strangers(assault: Assault) -> None:
    """2,000 pages of other origins."""

    async def connect(number: int) -> None:
        with suppress(OSError, EOFError, TimeoutError):
            peer = await SocketPeer.connect(assault, more=f"Origin: https://evil-{number}.example\r\n")
            assault.heard["101"] += 1
            peer.leave()

    await spread(connect, range(assault.times(MANY)), at_once=CONNECTING_AT_ONCE_MAX)


def _odd_headers() -> Iterator[str]:
    plain = UPGRADE.replace(KEY, "")
    yield from (UPGRADE, plain, plain + KEY + KEY, plain + "Sec-WebSocket-Key: short\r\n")
    yield UPGRADE.replace("Version: 13", "Version: 99")
    yield UPGRADE.replace("Upgrade: websocket", "Upgrade: h2c")
    yield UPGRADE + f"X-Long: {'a' * 9_000}\r\n"
    yield UPGRADE + f"Sec-WebSocket-Protocol: bearer, {'a' * 9_000}\r\n"
    yield UPGRADE + f"Sec-WebSocket-Protocol: {', '.join(['a'] * 3_000)}\r\n"
    yield UPGRADE + "Sec-WebSocket-Protocol: ,,;\x7f\r\n"
    yield UPGRADE + "Origin: \xff\xfe\r\nX-User-Id: \xe9\r\n"
    yield UPGRADE + "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=99\r\n"
    yield UPGRADE + "Content-Length: 5\r\n"
    yield UPGRADE + "Transfer-Encoding: chunked\r\n"


async def odd_handshakes(assault: Assault) -> None:
    """Handshakes with keys, versions, subprotocols and headers that are none, and what is no frame after them."""
    requests = [
        f"{method} {target} HTTP/1.1\r\n{headers}\r\n".encode("latin1") + b"\xf0\xff" * 50
        for headers in _odd_headers()
        for method, target in (("POST", "/ws"), ("GET", WATCHING), ("GET", "/%00?%ff=%fe"))
    ]

    async def shake(number: int) -> None:
        with suppress(OSError, EOFError, TimeoutError):
            reader, writer = await asyncio.open_connection("127.0.0.1", assault.web_port)
            try:
                writer.write(requests[number % len(requests)])
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    assault.heard[(await reader.read(HEARD_BYTES_MAX))[9:12].decode("latin1") or "closed"] += 1
            except TimeoutError:
                assault.heard["nothing at all"] += 1
            finally:
                writer.transport.abort()

    count = assault.times(20 * len(requests), least=len(requests))
    await spread(shake, range(count), at_once=CONNECTING_AT_ONCE_MAX)
