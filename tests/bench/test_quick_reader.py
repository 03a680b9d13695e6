"""Connections of watchers are read in a thread of their own, as soon as something comes."""

import asyncio
from queue import Queue
from socket import socketpair

from websockets.frames import Frame, Opcode

from travio_inventory.bench.quick_reader import read_quickly
from travio_inventory.bench.watchers import Over, watching
from travio_inventory.kernel.addresses import Address
from travio_inventory.seats.trip import TripKey

PATIENCE_S = 60.0


class Ear:
    """One who is told, by the other end of a connection."""

    def __init__(self) -> None:
        self.heard = Queue[bytes]()
        self._near, self.far = socketpair()
        self._near.setblocking(False)

    def data_received(self, data: bytes) -> None:
        self.heard.put(data)

    def fileno(self) -> int:
        return self._near.fileno()

    def close(self) -> None:
        self._near.close()
        self.far.close()


def test_what_comes_to_any_of_many_is_handed_over_until_the_block_ends() -> None:
    ears = [Ear() for _ in range(20)]
    with read_quickly(ears):
        for said in (b"one", b"two"):
            for number, ear in enumerate(ears):
                ear.far.sendall(b"%b %d" % (said, number))
            assert [ear.heard.get(timeout=PATIENCE_S) for ear in ears] == [b"%b %d" % (said, n) for n in range(20)]
    ears[0].far.sendall(b"late")
    assert ears[0].heard.empty()
    for ear in ears:
        ear.close()


def test_of_those_that_have_ended_the_others_are_read_on() -> None:
    gone, ends, stays = Ear(), Ear(), Ear()
    gone.close()
    with read_quickly([gone, ends, stays]):
        ends.far.close()
        for said in (b"one", b"two"):
            stays.far.sendall(said)
            assert stays.heard.get(timeout=PATIENCE_S) == said
    assert ends.heard.empty()
    for ear in (ends, stays):
        ear.close()


async def test_a_watcher_over_a_websocket_is_read_in_that_thread_and_answers_there() -> None:
    """The service asks whether it is there still; the bench would lose its watchers after 40 s."""
    answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    is_watching = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        snapshot = Frame(Opcode.TEXT, b'{"type":"snapshot","position":"e-0"}').serialize(mask=False)
        writer.write(b"HTTP/1.1 101 S\r\n\r\n" + snapshot)
        await is_watching.wait()
        writer.write(Frame(Opcode.PING, b"there?").serialize(mask=False))
        answered.set_result(await reader.readexactly(12))
        writer.close()

    async with asyncio.timeout(PATIENCE_S), await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        async with watching(Over.WEBSOCKET, Address(host, port), TripKey("o", "t"), 1):
            is_watching.set()
            pong = await answered
    assert pong == Frame(Opcode.PONG, b"there?").serialize(mask=False)[:1] + b"\x86\0\0\0\0there?"
