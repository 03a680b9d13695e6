"""Broken designs of the waiting lists: each takes one condition or one order out of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest

from tests.simulation.broken_designs import broken, rewrite, unconditionally
from tests.simulation.plan import Plan
from travio_inventory.domain.errors import NotOnWaitlist, OutcomeUnknown
from travio_inventory.domain.hold import Caller
from travio_inventory.domain.trip import TripKey
from travio_inventory.domain.waitlist import WaitlistEntry
from travio_inventory.store import waitlists
from travio_inventory.store.batches import ANY_TIME, Hint, Kind, Outcome, Partition, Table, Write
from travio_inventory.store.memory import MemoryBatches
from travio_inventory.store.waitlists import WaitlistTable

WAITING = Plan(0, waiters=4, holders=1, viewers=0)


@broken("a place on a waiting list that is counted, then taken", "I7", WAITING)
def _count_then_join(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, lambda write: unconditionally(write) if write.key.kind is Kind.TAIL else write)


@broken("leave a waiting list whatever place it was", "I4", WAITING)
def _leave_any_place(patch: pytest.MonkeyPatch) -> None:
    def change(write: Write) -> Write:
        is_leave = write.key.kind is Kind.ENTRY and write.values.get("status") == "left"
        return write._replace(condition={"status": "waiting"}) if is_leave else write

    rewrite(patch, change)


@broken("a join that is tried again from the start", "I4", WAITING.with_seed(4))
def _join_anew(patch: pytest.MonkeyPatch) -> None:
    """Also where it had joined, and its caller has left again since."""
    join, tries_max = WaitlistTable._join, waitlists.TRIES_MAX
    patch.setattr(waitlists, "TRIES_MAX", 1)

    async def anew(
        self: WaitlistTable, caller: Caller, trip: TripKey, seat_class: str, seats: int, sent: list[Outcome]
    ) -> WaitlistEntry:
        for _ in range(tries_max):
            with suppress(OutcomeUnknown):
                return await join(self, caller, trip, seat_class, seats, sent)
        raise OutcomeUnknown

    patch.setattr(WaitlistTable, "_join", anew)


@broken("a leave that is tried again from the start", "I4", WAITING.with_seed(7))
def _leave_anew(patch: pytest.MonkeyPatch) -> None:
    """Also where it had left, and its caller has joined again since."""
    leave, tries_max = WaitlistTable._leave, waitlists.TRIES_MAX
    patch.setattr(waitlists, "TRIES_MAX", 1)

    async def anew(self: WaitlistTable, caller: Caller, trip: TripKey, seat_class: str, sent: list[Outcome]) -> None:
        for _ in range(tries_max):
            try:
                return await leave(self, caller, trip, seat_class, sent)
            except OutcomeUnknown:
                continue
            except NotOnWaitlist:
                if sent:
                    return None
                raise
        raise OutcomeUnknown

    patch.setattr(WaitlistTable, "_leave", anew)


@broken("nothing was done, of a batch that was sent", "I5", WAITING)
def _never_sent(patch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def nothing() -> Iterator[list[Outcome]]:
        yield []

    patch.setattr(waitlists, "_nothing_done_until_sent", nothing)


@broken("a waiting list that is named after a place on it is taken", "I7", WAITING.with_seed(4))
def _name_afterwards(patch: pytest.MonkeyPatch) -> None:
    apply = MemoryBatches.apply

    async def afterwards(
        self: MemoryBatches,
        partition: Partition,
        writes: Sequence[Write],
        hints: Sequence[Hint] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        if partition.table is not Table.WAITLISTS:
            return await apply(self, partition, writes, hints, send_by=send_by)
        outcome = await apply(self, partition, writes, send_by=send_by)
        await apply(self, partition, [], hints)
        return outcome

    patch.setattr(MemoryBatches, "apply", afterwards)
