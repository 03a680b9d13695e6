"""What a broken design is, and what several of them need: their list, their plans, how a write is changed."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from travio_inventory.protocol.batches import Index, IndexEntry, Outcome, Partition, Write
from travio_inventory.protocol.claims import Contended, Lost, NotMade, Unanswered
from travio_inventory.protocol.index_entries import MINUTE_MS
from travio_inventory.protocol.minute_cursor import MinuteCursor
from travio_inventory.seats.records.open_trips import SlowRound
from travio_inventory.store.memory import MemoryBatches
from verification.kit.passing import Batch, Send
from verification.simulation.plan import Plan

Plant = Callable[[pytest.MonkeyPatch], None]
Why = Lost | Contended | NotMade | Unanswered

GROUPS_OF_ONE = Plan(0, seats_per_group=1, seats=5, popular=5, faults=0.3)
ALONE = Plan(0, seats_per_group=1, seats=10, popular=10, holders=2, faults=0.3)
HONEST = Plan(0, honest_edge=True, with_gate=True, holders=7, viewers=6, day_s=60.0, kills=0.0, faults=0.0)


@dataclass(frozen=True, slots=True)
class Broken:
    """A broken design, the promises of which at least one must be seen broken, and a plan that shows it."""

    name: str
    promises: str
    plan: Plan
    plant: Plant

    def is_caught_by(self, violations: Sequence[str]) -> bool:
        """Whether one of the promises is among those seen broken."""
        promises = self.promises.split()
        return any(f"{promise} " in violation for violation in violations for promise in promises)


BROKEN: dict[str, Broken] = {}


def broken(name: str, promises: str, plan: Plan) -> Callable[[Plant], Plant]:
    """Register a design; the plan's seed is known to catch it."""

    def register(plant: Plant) -> Plant:
        BROKEN[name] = Broken(name, promises, plan, plant)
        return plant

    return register


Change = Callable[[Write], Write]


def send_through(patch: pytest.MonkeyPatch, owner: type, way: Callable[[Any, Batch, Send], Awaitable[Outcome]]) -> None:
    """Every batch that goes through `owner.apply` goes through `way` instead, which gets the owner, the batch and how
    to send it.
    """
    apply = vars(owner)["apply"]

    async def applied(
        self: Any,  # noqa: ANN401 - of whatever class is patched
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        **time: Any,  # noqa: ANN401 - the time by which it is sent, or from which
    ) -> Outcome:
        async def send(batch: Batch) -> Outcome:
            outcome: Outcome = await apply(self, *batch[:3], **time)
            return outcome

        return await way(self, Batch(partition, writes, entries), send)

    patch.setattr(owner, "apply", applied)


def rewrite(patch: pytest.MonkeyPatch, change: Change) -> None:
    """Change every write before it is sent."""

    async def changed(_store: MemoryBatches, batch: Batch, send: Send) -> Outcome:
        return await send(batch._replace(writes=list(map(change, batch.writes))))

    send_through(patch, MemoryBatches, changed)


def unconditionally(write: Write) -> Write:
    """The write without its condition."""
    return write._replace(condition={})


def without_slow_round(patch: pytest.MonkeyPatch) -> None:
    """Nobody visits the seat groups of all open trips: what no index leads to stays unfinished and unpublished."""

    async def none(_self: SlowRound) -> list[Partition]:
        return []

    patch.setattr(SlowRound, "next_partitions", none)


def visit_once(patch: pytest.MonkeyPatch, index: Index) -> None:
    """Visit the minutes of the index while they last and once when they have ended; no slow round repairs it."""
    without_slow_round(patch)
    visits_due = MinuteCursor._visits_due

    def once(self: MinuteCursor, minute: int, now_ms: int) -> int:
        if self.index is not index:
            return visits_due(self, minute, now_ms)
        return len(self.settles_ms) if now_ms >= (minute + 1) * MINUTE_MS else 0

    patch.setattr(MinuteCursor, "_visits_due", once)
