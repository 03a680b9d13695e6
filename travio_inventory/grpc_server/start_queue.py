"""Starts calls a few at a time, of one connection after the other: many calls of one do not delay those of others."""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from time import perf_counter
from typing import Final

CALLS_PER_TURN: Final = 64
"""Started in one turn of the event loop, so that whatever else is ready has its turn within some milliseconds."""
SECONDS_PER_TURN: Final = 0.001
"""After so long no more are started in it: a call of somebody else waits for a dozen turns, which must all be short."""


class StartQueue:
    """The calls that are ready to start. `start` says whether there was anything to start any more.

    `clock` is in seconds.
    """

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._left = CALLS_PER_TURN
        self._until = 0.0
        """When this turn's time for starting is over."""
        self._waiting: dict[Hashable, deque[Callable[[], bool]]] = {}
        self._renewal: asyncio.Handle | None = None

    @property
    def has_room(self) -> bool:
        """Whether what is submitted starts now."""
        return self._left > 0

    def count(self) -> None:
        """Something was started otherwise, in place of one of them."""
        if self._renewal is None:
            self._begin()
        self._left -= 1

    def submit(self, connection: Hashable, start: Callable[[], bool]) -> None:
        """Start it now, or when it is the connection's turn."""
        if self._renewal is None:
            self._begin()
        if self._left > 0:
            self._start(start)
        else:
            self._waiting.setdefault(connection, deque()).append(start)

    def _begin(self) -> None:
        """The first call of a turn."""
        self._renewal = asyncio.get_running_loop().call_soon(self._next_turn)
        self._until = self._clock() + SECONDS_PER_TURN

    def _start(self, start: Callable[[], bool]) -> None:
        if start():
            self._left = 0 if self._clock() > self._until else self._left - 1

    def _next_turn(self) -> None:
        self._left = CALLS_PER_TURN
        self._until = self._clock() + SECONDS_PER_TURN
        try:
            while self._waiting and self._left > 0:
                connection = next(iter(self._waiting))
                waiting = self._waiting.pop(connection)
                start = waiting.popleft()
                if waiting:
                    self._waiting[connection] = waiting
                self._start(start)
        finally:  # one call that cannot start must not keep all others from it
            self._renewal = asyncio.get_running_loop().call_soon(self._next_turn) if self._waiting else None
