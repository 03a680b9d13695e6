"""The connections of one server: which have a call open, and which make room for a new one."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Generic, TypeVar

Connected = TypeVar("Connected")


class ConnectionTable(Generic[Connected]):
    """All connections. At `connections_max`, one without a call makes room for a new one: the oldest that never made a
    call, or else the longest idle.
    """

    def __init__(self, connections_max: int) -> None:
        self._connections_max = connections_max
        self._all: set[Connected] = set()
        self._silent: dict[Connected, None] = {}
        """Those that never made a call, the oldest first."""
        self._idle: dict[Connected, None] = {}
        """Those that have no call open any more, the longest idle first."""
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, connection: Connected) -> bool:
        return connection in self._all

    def __iter__(self) -> Iterator[Connected]:
        """A copy of the present connections."""
        return iter(list(self._all))

    def is_full(self) -> bool:
        return len(self._all) >= self._connections_max

    def least_used(self) -> Connected | None:
        """The connection that makes room for a new one, None if all have a call."""
        return next(iter(self._silent or self._idle), None)

    def add(self, connection: Connected) -> None:
        self._all.add(connection)
        self._silent[connection] = None

    def became_busy(self, connection: Connected) -> None:
        """It has a call open."""
        self._silent.pop(connection, None)
        self._idle.pop(connection, None)

    def became_idle(self, connection: Connected) -> None:
        """It has no call open any more."""
        self._idle[connection] = None

    def remove(self, connection: Connected) -> None:
        self._all.discard(connection)
        self.became_busy(connection)
        self.changed()

    def changed(self) -> None:
        """Note that a call or a connection has ended."""
        self._changed.set()

    async def until(self, condition: Callable[[], bool], seconds_max: float) -> None:
        """Wait until the condition is true, as calls and connections end, but only so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds_max):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
