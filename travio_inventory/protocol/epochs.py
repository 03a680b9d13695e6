"""Numbers the epochs of the journal: a count that background jobs advance once a minute, whatever any clock shows.

A step's event and its entry carry the epoch in which the step began. An epoch is open for at least a minute, by the
monotonic clock of the process that ends it. So a process that once knew the open epoch knows an upper bound of it at
any later moment, and no step can be recorded any more in epochs far below the open one.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import (
    ABSENT,
    Batches,
    Index,
    Kind,
    Partition,
    RowKey,
    StoreUnavailable,
    Table,
    Write,
)
from travio_inventory.protocol.rows import number

EPOCH_MS = 60_000
"""The shortest time that an epoch is open."""
KNOWN_MS = 20_000
"""How long a process trusts the open epoch without another read."""
LOOK_AGAIN_MS = 20_000
"""The pause between two reads while the store does not answer."""

_PARTITION = Partition(Table.CURSORS, "", Index.JOURNAL)
_OPEN = RowKey(Kind.CURSOR, "open")


class Epochs:
    """What one process knows of the open epoch. `background` runs tasks that no caller waits for."""

    def __init__(self, batches: Batches, clock: Clock, background: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self._batches = batches
        self._clock = clock
        self._background = background
        self._known = 0
        self._known_ms = 0
        """When it was open, by the monotonic clock."""
        self._since_ms = 0
        """When this process first saw it open."""
        self._one_at_a_time = asyncio.Lock()
        self._looks = 0
        self._looked_ms = 0

    async def current(self) -> int:
        """The epoch in which a step is recorded that begins now: the open one, or one that may be open by now.

        Waits for the store after a minute without a step. Raises BackendUnavailable if it never answered.
        """
        passed_ms = self._passed_ms()
        if not self._known or passed_ms >= EPOCH_MS:
            await self._look_once()
            passed_ms = self._passed_ms()
        elif passed_ms >= KNOWN_MS and self._may_look() and not self._one_at_a_time.locked():
            self._background(self._look_once())
        if not self._known:
            raise BackendUnavailable
        return self._known + passed_ms // EPOCH_MS

    def known(self) -> int:
        """What `current` gives, if nothing has to be read for it or soon; else 0."""
        return self._known if self._passed_ms() < KNOWN_MS else 0

    async def keep(self) -> int:
        """The open epoch, after ending one that was open for long enough. Raises StoreUnavailable."""
        if not self._known or self._passed_ms() >= KNOWN_MS:
            await self._look()
        if self._clock.elapsed_ms() - self._since_ms >= EPOCH_MS:
            await self._batches.apply(
                _PARTITION, [Write(_OPEN, {"reached": self._known}, {"reached": self._known + 1})]
            )
            await self._look()
        return self._known

    async def read(self) -> int:
        """The open epoch as it is now, or a later one. Raises StoreUnavailable."""
        await self._look()
        return self._known

    def _passed_ms(self) -> int:
        return self._clock.elapsed_ms() - self._known_ms

    def _may_look(self) -> bool:
        """Whether the last read is long enough ago: what is known stays an upper bound."""
        return not self._known or self._clock.elapsed_ms() - self._looked_ms >= LOOK_AGAIN_MS

    async def _look_once(self) -> None:
        """Read it, once for all concurrent callers; after a failure, pause for a while."""
        before = self._looks
        async with self._one_at_a_time:
            if self._looks == before and self._may_look():
                self._looked_ms = self._clock.elapsed_ms()
                with suppress(StoreUnavailable):
                    await self._look()
                self._looks += 1

    async def _look(self) -> None:
        """Read it; the very first process of all begins the first. Raises StoreUnavailable."""
        began_ms = self._clock.elapsed_ms()
        row = (await self._batches.get(_PARTITION, [_OPEN])).get(_OPEN)
        if row is None:
            await self._batches.apply(_PARTITION, [Write(_OPEN, ABSENT, {"reached": 1})])
            row = (await self._batches.get(_PARTITION, [_OPEN])).get(_OPEN)
        if row is None:
            raise StoreUnavailable("the first epoch could not be begun")
        if number(row, "reached") != self._known:
            self._since_ms = self._clock.elapsed_ms()
        self._known, self._known_ms = number(row, "reached"), began_ms
