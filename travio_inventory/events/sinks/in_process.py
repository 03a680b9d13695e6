"""Publishes events to subscribers in this process."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeAlias

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from travio_inventory.kernel.events import Event, PublishFailed

SUBSCRIBERS_MAX = 100

Subscriber: TypeAlias = Callable[[Event], Awaitable[object]]


class InProcess:
    """Sink. Each event goes to every subscriber before the next event goes to any.

    A subscriber that fails, or that takes longer than `publish_seconds_max` for all the events of one call, fails the
    call: the events are published again, to every subscriber. Without subscribers events go nowhere.
    """

    def __init__(self, *, publish_seconds_max: float = 5) -> None:
        self._publish_seconds_max = publish_seconds_max
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call it with every event from now on. Raises ValueError beyond SUBSCRIBERS_MAX."""
        if len(self._subscribers) >= SUBSCRIBERS_MAX:
            raise ValueError(f"more than {SUBSCRIBERS_MAX} subscribers")
        self._subscribers.append(subscriber)

    @contextmanager
    def stream(self, *, events_max: int) -> Iterator[MemoryObjectReceiveStream[Event]]:
        """Every event until the context ends. `events_max` unread ones stop all others."""
        send, receive = anyio.create_memory_object_stream[Event](events_max)

        async def put(event: Event) -> None:
            with suppress(anyio.BrokenResourceError):  # it was left while we waited for room
                await send.send(event)

        with send, receive:
            self.subscribe(put)
            try:
                yield receive
            finally:
                self._subscribers.remove(put)

    async def publish(self, events: Sequence[Event]) -> None:
        """Publish the events, in order. Raises PublishFailed."""
        with anyio.move_on_after(self._publish_seconds_max) as in_time:
            try:
                for event in events:
                    for subscriber in tuple(self._subscribers):
                        await subscriber(event)
            except Exception as failed:
                raise PublishFailed(f"a subscriber failed: {failed!r}") from failed
        if in_time.cancelled_caught:
            raise PublishFailed(f"subscribers took more than {self._publish_seconds_max} s")
