"""Rolls forward the other partitions of a hold after each step, to match its home row."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Generic

from travio_inventory.protocol.batches import (
    Applied,
    NotDone,
    Partition,
    Refused,
    Row,
    RowKey,
    StoreUnavailable,
    Unknown,
)
from travio_inventory.protocol.hold import NEVER_MS, Held, HoldState, Released, read_title
from travio_inventory.protocol.resource import H, HoldWatch, Resource, home_and_others
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps import writing

TRIES_MAX = 4


class RollingForward(Generic[H]):
    """Reports a hold's new state to the watch, and carries it to its other partitions in the background."""

    def __init__(
        self,
        sender: Sender,
        resource: Resource[H],
        watch: HoldWatch[H],
        background: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._sender = sender
        self._resource = resource
        self.watch = watch
        self._background = background

    async def settled(self, hold: H, *, as_of_ms: int) -> None:
        """The hold is in this state, by a batch or read sent at that moment: notify the watch, and roll forward its
        other partitions in the background.
        """
        self._note(hold)
        await self.watch.changed(hold, as_of_ms=as_of_ms)
        if not isinstance(hold.state, Held) and self._others(hold):
            self._background(self.roll_forward(hold))

    async def changed(self, before: H, after: H, *, as_of_ms: int) -> None:
        """The same after a step, which may have given up some of what the hold had before."""
        await self.settled(after, as_of_ms=as_of_ms)
        for partition in self._others(before):
            named = {*self._resource.keys(after, partition)}
            if gone := [key for key in self._resource.keys(before, partition) if key not in named]:
                self._background(self._follow(after, partition, gone, Released()))

    async def _follow(self, hold: H, partition: Partition, keys: Sequence[RowKey], state: HoldState) -> None:
        """Bring these rows in line, under whichever title the hold had them until now: one of a later move is not
        meant.
        """
        try:
            seen = await self._sender.batches.get(partition, keys) if hold.moves else {}
        except StoreUnavailable:
            return
        for owner, owned in writing.by_title(self._resource, hold, keys, seen).items():
            hold_id, move = read_title(owner)
            if hold_id == hold.id and move <= hold.moves:
                await self.roll(owner, partition, owned, state)

    async def rows_settled(self, organization: str, standing: Mapping[str, Row], *, as_of_ms: int) -> None:
        """The same of holds by their rows."""
        holds = [self._resource.read(organization, hold_id, row) for hold_id, row in standing.items() if row]
        await asyncio.gather(*(self.settled(hold, as_of_ms=as_of_ms) for hold in holds))

    async def given_back(self, hold: H) -> None:
        """An attempt that never took effect and may have no row that says so: free its intents early."""
        await self.roll_forward(hold)
        await self.watch.changed(hold, as_of_ms=self._sender.clock.now_ms())

    def _note(self, hold: H) -> None:
        if isinstance(hold.state, Held) and hold.state.expires_at_ms < NEVER_MS:
            clock = self._sender.clock
            left_ms = hold.state.expires_at_ms + self._sender.rules.clock_bound_ms - clock.now_ms()
            for partition in self._resource.partitions(hold):
                self._sender.signals.due(partition, clock.elapsed_ms() + left_ms)

    def _others(self, hold: H) -> Sequence[Partition]:
        return home_and_others(self._resource, hold)[1]

    async def roll_forward(self, hold: H) -> None:
        """Bring the partitions other than the home in line with the hold's state. Best effort: the home row decides,
        and the sweeper finishes the rest.
        """
        await asyncio.gather(
            *(self._follow(hold, partition, self._resource.keys(hold, partition), hold.state)
              for partition in self._others(hold))
        )  # fmt: skip

    async def roll(self, owner: str, partition: Partition, keys: Sequence[RowKey], state: HoldState) -> bool:
        """Bring those of the rows that are still the title's in line with the hold's state; whether that is certain."""
        seen = None
        for _ in range(TRIES_MAX):
            try:
                seen = await writing.see(self._sender, self._resource, partition, keys) if seen is None else seen
            except StoreUnavailable:
                await self._sender.pause()
                continue
            match await writing.follow(self._sender, self._resource, partition, {owner: keys}, state, seen):
                case Applied():
                    return True
                case Refused(rows=standing):
                    keys, seen = self._resource.left(owner, keys, state, standing), standing
                    if not keys:
                        return True
                case Unknown() | NotDone():
                    await self._sender.pause()
        return False
