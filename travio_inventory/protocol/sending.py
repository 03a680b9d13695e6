"""Sends batches, each with the index entries that lead to it, in time or not at all; waits between retries."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from copy import copy
from random import Random
from typing import Any

from travio_inventory.kernel.clock import Clock
from travio_inventory.protocol import index_entries
from travio_inventory.protocol.batches import (
    ANY_TIME,
    Applied,
    Batches,
    IndexEntry,
    Kind,
    Outcome,
    Partition,
    Refused,
    Write,
)
from travio_inventory.protocol.epochs import Epochs
from travio_inventory.protocol.hold import DIGEST_CHARS, Recorded
from travio_inventory.protocol.local_signals import LocalSignals
from travio_inventory.protocol.rules import Rules
from travio_inventory.protocol.step_counts import ReadsThatSettle, StepCounts
from travio_inventory.protocol.store_waits import StoreWaits

PAUSE_S = (0.005, 0.050)


class Sender:
    """Sends batches, and has what every step needs for one: the store, the clock, the epochs, the rules, a random
    source.

    `random` makes ids and jitter: `SystemRandom` if outsiders must not guess an id.
    """

    def __init__(
        self,
        batches: Batches,
        *,
        clock: Clock,
        background: Callable[[Coroutine[Any, Any, None]], None],
        rules: Rules,
        random: Random,
    ) -> None:
        self.counts = StepCounts(now_ms=clock.now_ms, elapsed_ms=clock.elapsed_ms)
        self.batches: Batches = ReadsThatSettle(batches, self.counts.doubts)
        self.clock = clock
        self.rules = rules
        self.random = random
        self.epochs = Epochs(batches, clock, background)
        self.signals = LocalSignals()
        self.waits = StoreWaits()
        self._entries = index_entries.DurableEntries(clock, known_s=rules.retention.known_s)

    def through(self, batches: Batches) -> "Sender":
        """The same sender, through batches that lead to the same store."""
        same = copy(self)
        same.batches = batches
        return same

    async def apply(
        self, partition: Partition, writes: Sequence[Write], asked: Sequence[IndexEntry], *, at_ms: int | None = None
    ) -> Outcome:
        """Try the batch once, with those of its index entries that are not known to be durable. A step with the
        timestamp `at_ms` is NotDone if it could not be sent while its entries are valid.
        """
        missing = self._entries.missing(asked) if asked else asked
        sent_ms = self.clock.elapsed_ms()
        send_by = ANY_TIME if at_ms is None else self._send_by(at_ms)
        outcome = await self.batches.apply(partition, writes, missing, send_by=send_by)
        if missing and isinstance(outcome, Applied | Refused):
            self._entries.remember(missing, sent_ms=sent_ms)
        is_applied, doubts = isinstance(outcome, Applied), self.counts.doubts
        if doubts.open or not is_applied:
            doubts.note(partition, writes, outcome)
        if is_applied:
            for key, _, values, _ in writes:
                if key.kind is Kind.EVENT:
                    self.counts.event(values)
                    self.signals.recorded(partition, key, values)
        return outcome

    def _send_by(self, at_ms: int) -> float:
        """Until when, by the event loop's clock, a step of that moment may be sent. That clock goes on while the
        process is stopped, and cannot be set.
        """
        left_ms = min(at_ms - self.clock.now_ms(), 0) + index_entries.SENT_WITHIN_MS
        return asyncio.get_running_loop().time() + left_ms / 1_000

    async def now(self, at_ms: int | None = None) -> Recorded:
        """Where a step of this moment is recorded. Raises BackendUnavailable."""
        epoch = self.epochs.known() or await self.epochs.current()
        return Recorded(epoch, self.clock.now_ms() if at_ms is None else at_ms)

    def kept(self, event: Write) -> Write:
        """The event's row, to be forgotten when it is old."""
        key, condition, values, _ = event
        return Write(key, condition, values, self.rules.retention.events_s)

    def new_digest(self) -> str:
        """The digest of a new id that nobody can guess."""
        return f"{self.random.getrandbits(4 * DIGEST_CHARS):0{DIGEST_CHARS}x}"

    async def pause(self) -> None:
        """Wait a moment, with jitter, before a retry."""
        await asyncio.sleep(self.random.uniform(*PAUSE_S))
