"""Appends events to streams of Redis, at one server or at the master that sentinels know."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any
from zlib import crc32

from redis.asyncio import Redis, Sentinel
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from travio_inventory.events.shapes import SHAPES
from travio_inventory.events.shapes.message import Message
from travio_inventory.events.sinks.broker import EVENTS_MAX, Broker, LineFailed
from travio_inventory.events.targets.redis_stream import RedisStreams
from travio_inventory.kernel.error_words import error_in_words

ATTRIBUTE_PREFIX = "ce-"
CONNECT_S_MAX = 3
REPLICAS_SHARE = 0.5
"""Of the time of a call to publish: for so long replicas are waited for."""


def redis_streams(target: RedisStreams, *, reconnect_s: float = 0.5) -> Broker:
    """Sink. Fields of a message: id, type, key, content_type, body, and one for each header."""
    return Broker(
        partial(_connect, target),
        SHAPES[target.shape],
        publish_seconds_max=target.publish_seconds_max,
        message_bytes_max=target.message_bytes_max,
        reconnect_s=reconnect_s,
    )


async def _connect(target: RedisStreams) -> "_Streams":
    """The server that has the streams now. Raises LineFailed."""
    login, tls = target.login, target.tls
    options: dict[str, Any] = {
        "username": login.user if login else None,
        "password": login.secret() if login else None,
        "socket_timeout": target.publish_seconds_max,
        "socket_connect_timeout": CONNECT_S_MAX,
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 0,
        "driver_info": None,
        "ssl": tls is not None,
    }
    if tls is not None:
        files = {"ssl_ca_certs": tls.ca_file, "ssl_certfile": tls.cert_file, "ssl_keyfile": tls.key_file}
        options |= {name: str(path) for name, path in files.items() if path}
    sentinels: list[Redis] = []
    if target.master:
        asking = {**options, "socket_timeout": CONNECT_S_MAX}
        sentinel = Sentinel(target.servers, sentinel_kwargs=asking, **options, db=target.database)  # type: ignore[no-untyped-call]  # as the library has it
        sentinels = sentinel.sentinels
        client: Redis = sentinel.master_for(target.master)
    else:
        ((host, port),) = target.servers
        client = Redis(host=host, port=port, db=target.database, single_connection_client=True, **options)
    line = _Streams(client, sentinels, target)
    try:
        await client.ping()
    except BaseException as failed:
        with suppress(Exception):
            await line.close()
        if isinstance(failed, RedisError | OSError):
            where = ", ".join(map(str, target.servers))
            raise LineFailed(f"{where}: {error_in_words(failed)}") from failed
        raise
    return line


class _Streams:
    """BrokerLine, one transaction for all that is handed over. Redis refuses no message by itself: a stream that cannot
    be written to fails it.
    """

    events_max = EVENTS_MAX
    is_atomic = True
    is_held_up = False

    def __init__(self, client: Redis, sentinels: Sequence[Redis], target: RedisStreams) -> None:
        self._client = client
        self._sentinels = sentinels
        self._target = target

    async def hand_over(self, messages: Sequence[Message]) -> Sequence[str | None]:
        """See BrokerLine."""
        target = self._target
        commands = self._client.pipeline(transaction=False)  # which is one of our own, so that WAIT can follow it
        commands.execute_command("MULTI")
        for message in messages:
            commands.xadd(self._stream_of(message), _fields(message), maxlen=target.messages_max or None)
        commands.execute_command("EXEC")
        if target.replicas:
            patience_ms = int(target.publish_seconds_max * REPLICAS_SHARE * 1_000)
            commands.execute_command("WAIT", target.replicas, patience_ms)
        try:
            answers = await commands.execute(raise_on_error=False)
        except (RedisError, OSError) as failed:
            raise LineFailed(error_in_words(failed)) from failed
        appended = answers[len(messages) + 1]
        for answer in (*answers, *(appended if isinstance(appended, list) else ())):
            if isinstance(answer, Exception):
                raise LineFailed(error_in_words(answer))
        if target.replicas and answers[-1] < target.replicas:
            raise LineFailed(f"{answers[-1]} of {target.replicas} replicas have it")
        return [None] * len(messages)

    def _stream_of(self, message: Message) -> str:
        """All messages of a key are in one stream."""
        target = self._target
        if target.slices == 1:
            return target.stream
        return f"{target.stream}:{crc32(message.key.encode()) % target.slices}"

    async def close(self) -> None:
        """See BrokerLine."""
        await asyncio.gather(*(client.aclose() for client in (self._client, *self._sentinels)))


def _fields(message: Message) -> dict[Any, Any]:
    return {
        **message.all_headers(prefix=ATTRIBUTE_PREFIX),
        "id": message.id,
        "type": message.type,
        "key": message.key,
        "content_type": message.content_type,
        "body": message.body,
    }
