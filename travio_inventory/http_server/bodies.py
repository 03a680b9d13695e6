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
WORK_BYTES: Final = 24_576
"""What an application takes that works on a request, as measured: while the body is not whole, it counts as a part."""
UNASKED_BYTES_MAX: Final = 8_192
"""Of a body; an application begins when it is whole or has more, and asks for the rest."""
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

    def may_grow(self, body: "Body", left: int | None = None) -> bool:
        left = self._bytes_left if left is None else left
        return body.asks_for * ROOM_FOR_OTHERS <= left or body.kept == self._bytes_max - left

    async def room_for(self, body: "Body") -> bool:
        """Whether a body may grow: at once, or as soon as others have left enough, but in time."""
        if self.may_grow(body):
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
        return not body.is_over

    def waits_no_more(self, body: "Body") -> None:
        """Its caller is gone."""
        if (waiting := self._waiting.get(body)) is not None and not waiting.done():
            waiting.set_result(None)

    def _wake_soon(self) -> None:
        if self._waking is None:
            self._waking = asyncio.get_running_loop().call_later(WAKE_SECONDS, self._wake)

    def _wake(self) -> None:
        """Those that may grow, the longest waiting first; each takes as much again as it has. Then who sends what
        nobody wants, in turn.
        """
        self._waking, left = None, self._bytes_left
        for body, waiting in self._waiting.items():
            if self.may_grow(body, left) and not waiting.done():
                waiting.set_result(None)
                left -= body.asks_for
        self._may_drop, dropped = DROPPED_BYTES_MAX, 0
        while self._unwanted and dropped < DROPPED_BYTES_MAX:
            size, go_on = self._unwanted.popleft()
            dropped += size
            go_on()
        if self._unwanted:
            self._wake_soon()


class Body:
    """What is kept of one request, and of the work on it while it is not whole."""

    def __init__(self, bodies: Bodies, *, is_asked_for: bool) -> None:
        """One that `is_asked_for` comes only when the application has begun to read (Expect: 100-continue)."""
        self.kept = 0
        self.waits_until: float | None = None
        self.is_refused = False
        """Whether a part of it had no room, and is lost."""
        self.is_whole = False
        self.is_begun = False
        """Whether the application has the request."""
        self.is_over = False
        self._bodies = bodies
        self._work = 0
        self._due = asyncio.Event()
        if is_asked_for:
            self._due.set()

    @property
    def asks_for(self) -> int:
        """What it has, which it may double, and the work that is about to begin."""
        return self.kept if self.is_begun else self.kept + WORK_BYTES

    def add(self, size: int) -> bool:
        """Whether a part has room."""
        if not self.is_refused and not self._bodies.take(size):
            self._forget_work()  # one body alone may have all
            self.is_refused = not self._bodies.take(size)
        if not self.is_refused:
            self.kept += size
        if self.is_refused or self.kept > UNASKED_BYTES_MAX:
            self._due.set()
        return not self.is_refused

    def end_of_body(self) -> None:
        """It is whole, as far as it had room."""
        self.is_whole = True
        self._due.set()

    def end(self) -> None:
        """The request is answered, or its caller gone."""
        if self.kept:
            self._bodies.give_back(self.kept)
        self.kept, self._work, self.is_over = 0, 0, True
        self._bodies.waits_no_more(self)
        self._due.set()

    async def begin(self) -> bool:
        """Wait until the application should have the request: it is whole, or more of it than is kept unasked and there
        is room for the work on it, or it is refused. False if its caller has left before it was whole: nothing is done.
        """
        await self._due.wait()
        while not (self.is_whole or self.is_refused or self.is_over or self.is_begun):
            self.is_refused = not await self._bodies.room_for(self)
            self.is_begun = not self.is_refused and self._add_work()
        self.is_begun = True
        return self.is_whole or not self.is_over

    def received(self, receive: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
        """Receives as from an ASGI server, but waits for room before more of the body is read."""

        async def receive_with_room() -> Any:  # noqa: ANN401 - as ASGI has them
            if not self.is_whole and not self.is_refused:
                self.is_refused = not await self._bodies.room_for(self)
            message = {} if self.is_refused else await receive()
            return {"type": "http.disconnect", NO_ROOM: True} if self.is_refused else message

        return receive_with_room

    def _add_work(self) -> bool:
        """Whether there is room for the work, or this one is alone."""
        is_alone = self.kept == self._bodies.kept
        if self._bodies.take(WORK_BYTES):
            self._work = WORK_BYTES
            self.kept += WORK_BYTES
        return is_alone or bool(self._work)

    def _forget_work(self) -> None:
        work, self._work = self._work, 0
        self.kept -= work
        self._bodies.give_back(work)
