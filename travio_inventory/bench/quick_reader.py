"""Reads very many watchers' connections in a thread of its own: the event loop takes long for each."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from selectors import EVENT_READ, DefaultSelector
from threading import Event, Thread
from typing import Final, Protocol

READ_BYTES: Final = 65_536
PAUSE_S: Final = 0.001
"""Between two looks at what has come. Whoever sleeps until something comes is woken by each write of the service, in
the service's time: a machine of its own would be woken by its own network card.
"""


class Reader(Protocol):
    """Whose connection is read."""

    def data_received(self, data: bytes, /) -> None:
        """That has come just now."""
        ...

    def fileno(self) -> int:
        """Its connection, from which nobody else reads; -1 where it has ended."""
        ...


@contextmanager
def read_quickly(readers: Sequence[Reader]) -> Iterator[None]:
    """While the block lasts, hand over what comes within PAUSE_S, in another thread."""
    is_over = Event()
    with DefaultSelector() as connections:
        for reader in readers:
            if (connection := reader.fileno()) >= 0:
                connections.register(connection, EVENT_READ, reader)
        thread = Thread(target=_read, args=(connections, is_over), name="quick reader", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()


def _read(connections: DefaultSelector, is_over: Event) -> None:
    while not is_over.wait(PAUSE_S):
        for ready, _ in connections.select(0):
            with suppress(BlockingIOError):
                if data := _read_one(ready.fd):
                    ready.data.data_received(data)
                else:
                    connections.unregister(ready.fd)


def _read_one(connection: int) -> bytes:
    """What has come; nothing where it has ended. Raises BlockingIOError."""
    try:
        return os.read(connection, READ_BYTES)
    except ConnectionError:
        return b""
