"""The bodies of requests, over all connections: bounded in bytes; a large one waits where it leaves others little."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

ROOM_FOR_OTHERS: Final = 8
"""A body may grow while this many times its bytes are left for others, or where it is the only one: the dynamic
threshold by which the gRPC server shares its calls. However many send much, there is room for one that sends little.
"""
NO_ROOM: Final = "no_room"
"""In the message that an application receives instead of the rest of a body for which there was no room in time. The
message says that the caller is gone, so that nobody takes it for the end of the body.
"""
WAKE_SECONDS: Final = 0.02
DROPPED_BYTES_MAX: Final = 524_288
"""In WAKE_SECONDS, of bodies whose requests are answered already: who sends on after a refusal takes little time."""


class Bodies:
    """Counts what all bodies have, until their requests are answered."""

    def __init__(self, bytes_max: int, wait_seconds_max: float) -> None:
        self._bytes_max = bytes_max
        self._bytes_left = bytes_max
        self._wait_seconds_max = wait_seconds_max
        self._waiting: dict[Body, asyncio.Future[None]] = {}
        self._unwanted: deque[tuple[int, Callable[[], None]]] = deque()
        self._may_drop = DROPPED_BYTES_MAX
        self._waking: asyncio.TimerHandle | None = None

    @property
    def kept(self) -> int:
        return self._bytes_max - self._bytes_left

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def take(self, size: int) -> bool:
        """Whether so much more can be kept, which it is from now on."""
        if size > self._bytes_left:
            return False
        self._bytes_left -= size
        return True

    def give_back(self, size: int) -> None:
        """Who waits is woken soon: one look is enough for all that ends meanwhile."""
        self._bytes_left += size
        if self._waiting:
            self._wake_soon()

    def drop(self, size: int, go_on: Callable[[], None]) -> bool:
        """Note what is read of a body that nobody wants. If that is too much for now, `go_on` is called later."""
        self._may_drop -= size
        self._wake_soon()
        if self._may_drop < 0:
            self._unwanted.append((size, go_on))
        return self._may_drop >= 0

    def may_grow(self, kept: int, left: int | None = None) -> bool:
        left = self._bytes_left if left is None else left
        return kept * ROOM_FOR_OTHERS <= left or kept == self._bytes_max - left

    async def room_for(self, body: "Body") -> bool:
        """Whether a body may grow: at once, or as soon as others have left enough, but in time."""
        if self.may_grow(body.kept):
            return True
        loop = asyncio.get_running_loop()
        body.waits_until = body.waits_until or loop.time() + self._wait_seconds_max
        self._waiting[body] = loop.create_future()
        try:
            async with asyncio.timeout_at(body.waits_until):
                await self._waiting[body]
        except TimeoutError:
            return False
        finally:
            del self._waiting[body]
        return True

    def _wake_soon(self) -> None:
        if self._waking is None:
            self._waking = asyncio.get_running_loop().call_later(WAKE_SECONDS, self._wake)

    def _wake(self) -> None:
        """Those that may grow, the longest waiting first; each takes as much again as it has. Then who sends what
        nobody wants, in turn.
        """
        self._waking, left = None, self._bytes_left
        for body, waiting in self._waiting.items():
            if self.may_grow(body.kept, left) and not waiting.done():
                waiting.set_result(None)
                left -= body.kept
        self._may_drop, dropped = DROPPED_BYTES_MAX, 0
        while self._unwanted and dropped < DROPPED_BYTES_MAX:
            size, go_on = self._unwanted.popleft()
            dropped += size
            go_on()
        if self._unwanted:
            self._wake_soon()


class Body:
    """What is kept of one request."""

    def __init__(self, bodies: Bodies) -> None:
        self.kept = 0
        self.waits_until: float | None = None
        self.is_refused = False
        """Whether a part of it had no room, and is lost."""
        self._bodies = bodies

    def add(self, size: int) -> bool:
        """Whether a part has room."""
        self.is_refused = self.is_refused or not self._bodies.take(size)
        if not self.is_refused:
            self.kept += size
        return not self.is_refused

    def end(self) -> None:
        """The request is answered, or its caller gone."""
        if self.kept:
            self._bodies.give_back(self.kept)
        self.kept, self.waits_until, self.is_refused = 0, None, False

    def received(
        self, receive: Callable[[], Awaitable[Any]], is_whole: Callable[[], bool]
    ) -> Callable[[], Awaitable[Any]]:
        """Receives as from an ASGI server, but waits for room before more of the body is read."""

        async def receive_with_room() -> Any:  # noqa: ANN401 - as ASGI has them
            if not is_whole() and not self.is_refused:
                self.is_refused = not await self._bodies.room_for(self)
            message = {} if self.is_refused else await receive()
            return {"type": "http.disconnect", NO_ROOM: True} if self.is_refused else message

        return receive_with_room
