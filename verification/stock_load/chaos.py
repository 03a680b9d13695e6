"""A store on a bad day: batches that are lost, whose answers are lost, or that take effect later; reads that fail."""

import asyncio
from collections import Counter
from random import Random

from travio_inventory.protocol.batches import ANY_TIME, Batches, NotDone, Outcome, StoreUnavailable, Unknown
from verification.kit.passing import Batch, Passing, Send

LATE_S = (0.05, 2.0)


class BadDay(Passing):
    """The store, `share` of whose batches fail, each kind of failure as often as any other. See Batches."""

    def __init__(self, store: Batches, random: Random) -> None:
        super().__init__(store)
        self.share = 0.0
        self.faults: Counter[str] = Counter()
        self._random = random
        self._late: set[asyncio.Task[Outcome]] = set()

    def may_read(self) -> None:
        """See Passing."""
        if self._random.random() < self.share / 10:  # a call reads ten times as often as it writes
            self.faults["not read"] += 1
            raise StoreUnavailable("a bad day")

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        """See Passing."""
        if self._random.random() >= self.share:
            return await send(batch)
        fault = self._random.choice(("lost", "answer lost", "late", "not done"))
        self.faults[fault] += 1
        if fault == "not done":
            return NotDone("a bad day")
        whenever = batch._replace(send_by=ANY_TIME)
        if fault == "answer lost":
            await send(whenever)
        if fault == "late":
            late = asyncio.ensure_future(self._later(whenever, send))
            self._late.add(late)
            late.add_done_callback(self._late.discard)
        return Unknown("a bad day")

    async def settled(self) -> None:
        """What is late has arrived."""
        await asyncio.gather(*self._late)

    async def _later(self, batch: Batch, send: Send) -> Outcome:
        await asyncio.sleep(self._random.uniform(*LATE_S))
        return await send(batch)
