"""One Redis for several deployments: each has its own keys, and receives only its own invalidations."""

from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from travio_inventory.edge.answers import Reply
from travio_inventory.edge.connection import OpenRedis, open_redis
from travio_inventory.edge.keys import word
from travio_inventory.edge.redis_options import RedisOptions
from travio_inventory.edge.scripts import Script, Word
from travio_inventory.edge.server import Listener


def prefix_of(deployment: str) -> bytes:
    """The prefix of all keys of the deployment."""
    return f"travio:{word(deployment)}:".encode()


@asynccontextmanager
async def open_own(options: RedisOptions, listener: Listener, deployment: str) -> AsyncIterator[OpenRedis]:
    """Redis for one deployment, opened by `open_redis`."""
    prefix = prefix_of(deployment)
    async with open_redis(options, _only_own(listener, prefix)) as redis:
        yield _OwnKeys(redis, prefix)


class _OwnKeys:
    """Redis. The same server, with the prefix before all keys, also in published messages."""

    def __init__(self, redis: OpenRedis, prefix: bytes) -> None:
        self._redis = redis
        self._prefix = prefix

    def run(self, script: Script, keys: Sequence[bytes], words: Iterable[Word] = ()) -> Coroutine[Any, Any, Reply]:
        """See Redis."""
        prefix = self._prefix
        return self._redis.run(script, [prefix + key for key in keys], words)

    @property
    def is_up(self) -> bool:
        """See OpenRedis."""
        return self._redis.is_up

    @property
    def unanswered(self) -> int:
        """See OpenRedis."""
        return self._redis.unanswered

    def tell(self, script: Script, keys: Sequence[bytes], words: Iterable[Word] = ()) -> None:
        """See Redis."""
        self._redis.tell(script, [self._prefix + key for key in keys], words)

    def hears_of(self, key: bytes) -> bool:
        """See Redis."""
        return self._redis.hears_of(self._prefix + key)


def _only_own(listener: Listener, prefix: bytes) -> Listener:
    """The listener, called only for keys with the prefix, without the prefix."""

    def on_change(key: bytes, groups: Sequence[int]) -> None:
        if key.startswith(prefix):
            listener.on_change(key.removeprefix(prefix), groups)

    return Listener(on_change, listener.on_silence)
