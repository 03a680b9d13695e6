"""One connection in memory, given bytes as a peer's: no sockets, no threads, a loop that is turned by hand."""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, Final, cast

import pytest

from travio_inventory.grpc_server.context import READ_BYTES_MAX
from travio_inventory.grpc_server.lean.connection import LeanConnection
from travio_inventory.grpc_server.start_queue import StartQueue
from verification.fuzz.judge import Judge, WrongAnswerError
from verification.fuzz.service import LIMITS, Echoes, server_of

TURNS_MAX: Final = 400
STALLS_EVERY: Final = 5
"""Of the runs in which the peer stops reading for a while."""
LOOK_S: Final = 1e-4
"""So much later it is at each look at the clock: what an input does must not depend on how fast the machine is."""


class MemoryTransport(asyncio.Transport):
    """Gives all that is written to a judge."""

    def __init__(self, loop: asyncio.AbstractEventLoop, judge: Judge) -> None:
        super().__init__()
        self._loop, self._judge = loop, judge
        self._is_closing = False
        self.fault: WrongAnswerError | None = None
        self.connection: LeanConnection | None = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as asyncio has it
        return ("127.0.0.1", 1) if name in ("peername", "sockname") else default

    def write(self, data: Any) -> None:  # noqa: ANN401 - any buffer
        try:
            self._judge.judge(bytes(data))
        except WrongAnswerError as fault:
            self.fault = self.fault or fault

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        """Whoever feeds sees by the connection that it takes nothing."""

    def resume_reading(self) -> None:
        """See above."""

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """The peer goes on sending."""

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if not self._is_closing and self.connection is not None:
            self._is_closing = True
            self._loop.call_soon(self.connection.connection_lost, None)


class LoggedErrors(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(logging.Formatter().format(record))


class Runner:
    """A server on a loop of its own, for many connections one after the other."""

    def __init__(self, loop: asyncio.AbstractEventLoop, errors: LoggedErrors) -> None:
        self._loop = loop
        self._errors = errors
        self._echoes = Echoes()
        self._server = server_of(self._echoes)
        self._server._context.starts = StartQueue(lambda: 0.0)  # what a turn starts is the same at each run

    def run(self, pieces: Sequence[bytes], *, stalls: bool = False) -> Judge:
        """What the server makes of them. Raises WrongAnswerError."""
        judge = Judge()
        transport = MemoryTransport(self._loop, judge)
        connection = cast(LeanConnection, self._call(self._server._connection, *self._parts()))
        transport.connection = connection
        self._call(connection.connection_made, transport)
        for piece in pieces:
            if transport.is_closing():
                break
            judge.hear(piece)
            self._call(self._feed, connection, piece)
            if stalls:
                self._call(connection.pause_writing)
                self._turn()
                self._call(connection.resume_writing)
        for _ in range(4):
            self._turn()
        self._call(connection.inspect)
        self._call(connection.inspect)
        transport.abort()
        self._settle(transport)
        return judge

    def _parts(self) -> tuple[Any, ...]:
        return self._server._context, self._server._admission, self._server.connections

    def _feed(self, connection: LeanConnection, piece: bytes) -> None:
        connection.get_buffer(READ_BYTES_MAX)[: len(piece)] = piece
        connection.buffer_updated(len(piece))

    def _call(self, function: Any, *arguments: Any) -> Any:  # noqa: ANN401 - any function of a connection
        """Call it in the loop, outside of any task, as asyncio does."""
        results: list[Any] = []
        self._loop.call_soon(lambda: results.append(function(*arguments)))
        self._turn()
        return results[0] if results else None

    def _turn(self) -> None:
        self._loop.call_soon(self._loop.stop)
        self._loop.run_forever()

    def _settle(self, transport: MemoryTransport) -> None:
        """Wait until nothing of the connection is left. Raises WrongAnswerError if something stays."""
        context = self._server._context
        for _ in range(TURNS_MAX):
            self._turn()
            left = (self._server.calls_open, self._echoes.running, len(self._server.connections))
            if left == (0, 0, 0) and context.unread_bytes_left == LIMITS.unread_bytes_max:
                break
        else:
            raise WrongAnswerError(f"left after the end: {left}, {context.unread_bytes_left}")
        if self._errors.said:
            raise WrongAnswerError(f"logged: {self._errors.said.pop()}")
        if transport.fault is not None:
            raise transport.fault


def pieces_of(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    """The bytes as reads of these sizes, again and again, each of which fits into the server's buffer."""
    pieces, at, turn = [], 0, 0
    while at < len(data):
        size = min(max(1, sizes[turn % len(sizes)]), READ_BYTES_MAX)
        pieces.append(data[at : at + size])
        at += size
        turn += 1
    return pieces


@contextmanager
def runner() -> Iterator[Runner]:
    """One that is closed in the end; until then the monotonic clock goes on only as it is looked at."""
    looks = count()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(time, "monotonic", lambda: next(looks) * LOOK_S)
        yield from _runner()


def _runner() -> Iterator[Runner]:
    loop, errors = asyncio.new_event_loop(), LoggedErrors()
    logs = [logging.getLogger(name) for name in ("travio_inventory.rpc", "asyncio")]
    for log in logs:
        log.addHandler(errors)
    made = Runner(loop, errors)
    try:
        yield made
    finally:
        loop.call_soon(made._server._context.tasks.close)
        made._turn()
        made._turn()
        for log in logs:
            log.removeHandler(errors)
        loop.close()
