"""A wire to a server on this machine, which is cut, stalled or slowed down."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

HOST = "127.0.0.1"
CHUNK_BYTES = 65_536


class Wire:
    """Forwards every connection to `port` at `HOST`. While it is cut, it refuses connections."""

    def __init__(self, target: int, port: int = 0) -> None:
        self.port = port
        self.delay_s = 0.0
        """How late each piece arrives."""
        self._target = target
        self._flows = asyncio.Event()
        self._flows.set()
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def mend(self) -> None:
        """Accept connections, at the same port as before."""
        self._flows.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._forward, HOST, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """End all connections and accept no more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._flows.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def stall(self) -> None:
        """Connections stay open, and are still accepted; nothing passes."""
        self._flows.clear()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        far_writer: asyncio.StreamWriter | None = None
        with suppress(OSError, asyncio.CancelledError):
            try:
                far_reader, far_writer = await asyncio.open_connection(HOST, self._target)
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pass(reader, far_writer))
                    both.create_task(self._pass(far_reader, writer))
            finally:
                for end in (writer, far_writer):
                    if end is not None:
                        end.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while read := await reader.read(CHUNK_BYTES):
                await self._flows.wait()
                await asyncio.sleep(self.delay_s)
                writer.write(read)
                await writer.drain()
            writer.close()


@asynccontextmanager
async def wire(target: int, port: int = 0) -> AsyncIterator[Wire]:
    """A wire to the port, from any free one unless `port` is given."""
    made = Wire(target, port)
    await made.mend()
    try:
        yield made
    finally:
        await made.cut()
