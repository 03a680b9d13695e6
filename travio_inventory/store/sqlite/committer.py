"""The thread that waits for the disk."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeAlias

Done: TypeAlias = Callable[[Exception | None], None]


class Committer:
    """Commits the open transaction of a connection that nobody else uses until the callback."""

    def __init__(self, connection: sqlite3.Connection, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._loop = loop
        self._inbox: SimpleQueue[Done | None] = SimpleQueue()
        self._is_left = False
        self._thread = threading.Thread(target=self._run, name="sqlite-commit", daemon=True)
        self._thread.start()

    def commit(self, done: Done) -> None:
        """`done` is called on the event loop, with the error if the commit failed. Then no transaction is open, but
        what was to be committed may come back when the database is opened after a crash.
        """
        self._inbox.put(done)

    def close(self) -> None:
        """Returns when the thread has ended; no commit may be under way."""
        self._inbox.put(None)
        self._thread.join()

    def leave(self) -> None:
        """Once the disk answers the thread closes the connection and ends, and tells nobody."""
        self._is_left = True
        self._inbox.put(None)

    def _run(self) -> None:
        while done := self._inbox.get():
            error = self._commit()
            if not self._is_left:
                self._loop.call_soon_threadsafe(done, error)
        if self._is_left:
            self._connection.close()

    def _commit(self) -> Exception | None:
        try:
            self._connection.commit()
        except Exception as error:  # noqa: BLE001 - whatever it was, somebody waits to hear of it
            return error
        return None
