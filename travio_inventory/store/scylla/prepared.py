"""The statements that a server knows on one connection, each prepared there when it is first needed."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

from travio_inventory.store.scylla import codec
from travio_inventory.store.scylla.codec import Message

TEXTS_MAX = 2_000


class Prepared:
    """The ids under which a server knows texts, as they travel. `ask` sends it a message, and raises where there is no
    answer.
    """

    def __init__(self, ask: Callable[[Message], Awaitable[Message]]) -> None:
        self._ask = ask
        self._ids: dict[str, bytes] = {}
        self._under_way: dict[str, asyncio.Task[bytes]] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def known(self, texts: Collection[str]) -> list[bytes] | None:
        """Their ids, if all of them are prepared."""
        ids = self._ids
        try:
            return [ids[text] for text in texts]
        except KeyError:
            return None

    async def get(self, texts: Collection[str]) -> list[bytes]:
        """Their ids; what is not prepared is prepared now, once for all who wait. Raises what `ask` does, and what the
        server says of a wrong text.
        """
        different = list(dict.fromkeys(texts))
        ids = dict(zip(different, await asyncio.gather(*map(self._one, different)), strict=True))
        return [ids[text] for text in texts]

    def forget(self, texts: Collection[str]) -> None:
        """The server no longer knows them."""
        for text in texts:
            self._ids.pop(text, None)

    async def _one(self, text: str) -> bytes:
        found = self._ids.get(text)
        if found is not None:
            return found
        task = self._under_way.get(text)
        if task is None:
            task = self._under_way[text] = asyncio.ensure_future(self._prepare(text))
            task.add_done_callback(lambda done: self._done(text, done))
        return await asyncio.shield(task)

    async def _prepare(self, text: str) -> bytes:
        return codec.prepared_id(await self._ask(codec.prepare(text)))

    def _done(self, text: str, task: asyncio.Task[bytes]) -> None:
        del self._under_way[text]
        if not task.cancelled() and task.exception() is None:
            if len(self._ids) >= TEXTS_MAX:
                self._ids.clear()
            self._ids[text] = task.result()
