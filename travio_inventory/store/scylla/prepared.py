"""Prepared statements, each prepared once when it is first needed, in a thread because the driver blocks."""

import asyncio

from cassandra.cluster import Session
from cassandra.query import PreparedStatement

TEXTS_MAX = 2_000


class Prepared:
    """The prepared statements of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[str, PreparedStatement] = {}
        self._under_way: dict[str, asyncio.Task[PreparedStatement]] = {}

    def known(self, text: str) -> PreparedStatement | None:
        """The statement, where it is prepared already."""
        return self._known.get(text)

    async def get(self, text: str) -> PreparedStatement:
        """The statement. Raises what the driver raises."""
        found = self._known.get(text)
        if found is not None:
            return found
        task = self._under_way.get(text)
        if task is None:
            task = self._under_way[text] = asyncio.create_task(asyncio.to_thread(self._session.prepare, text))
            task.add_done_callback(lambda done: self._done(text, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def _done(self, text: str, task: asyncio.Task[PreparedStatement]) -> None:
        del self._under_way[text]
        if not task.cancelled() and task.exception() is None:
            if len(self._known) >= TEXTS_MAX:
                self._known.clear()
            self._known[text] = task.result()
