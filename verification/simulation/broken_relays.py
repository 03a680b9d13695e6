"""Broken designs of relays that share the work: leases trusted, own steps published too early or out of turn."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from travio_inventory.kernel.events import Event
from travio_inventory.protocol import slice_leases
from travio_inventory.protocol.batches import IndexEntry, Kind, Outcome, Partition, Write
from travio_inventory.protocol.minute_cursor import MinuteCursor
from travio_inventory.protocol.own_events import OwnEvents
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.slice_leases import SliceLeases
from travio_inventory.protocol.slices import SLICES
from travio_inventory.protocol.told_notes import Noted
from verification.simulation.broken import broken
from verification.simulation.plan import Plan

SHARED = Plan(6, faults=0.3, kills=0.3, holders=7, shares_relays=True)
LONG = replace(SHARED, day_s=300.0, kills=0.5, holders=5).with_seed(7)


@broken("own steps are published whether the ones before them were or not", "I8", SHARED)
def _out_of_turn(patch: pytest.MonkeyPatch) -> None:
    def any_turn(self: OwnEvents) -> list[tuple[Partition, Event]]:
        ready = [(line.partition, own.event) for line in self._lines.values() for _, own in sorted(line.events.items())]
        self._lines.clear()
        return ready

    patch.setattr(OwnEvents, "_ready", any_turn)


@broken("own steps are published before they are committed", "I8", SHARED)
def _before_commit(patch: pytest.MonkeyPatch) -> None:
    apply = Sender.apply

    async def signalled(
        self: Sender,
        partition: Partition,
        writes: Sequence[Write],
        asked: Sequence[IndexEntry],
        *,
        at_ms: int | None = None,
    ) -> Outcome:
        for key, _, values, _ in writes:
            if key.kind is Kind.EVENT:
                self.signals.recorded(partition, key, values)
        return await apply(self, partition, writes, asked, at_ms=at_ms)

    patch.setattr(Sender, "apply", signalled)


@broken("what is published is noted before the sink has it", "I8", SHARED)
def _note_first(patch: pytest.MonkeyPatch) -> None:
    unpublished = OwnEvents.unpublished

    async def noted(self: OwnEvents) -> Sequence[Event]:
        events = await unpublished(self)
        await self._told.note((self._out[event.id], event) for event in events)
        return events

    patch.setattr(OwnEvents, "unpublished", noted)


@broken("a lease is trusted: whoever takes a slice over begins with what is to come", "I8", LONG.with_seed(112))
def _begin_now(patch: pytest.MonkeyPatch) -> None:
    take_up = MinuteCursor._take_up

    async def begun(self: MinuteCursor, now_ms: int) -> None:
        await take_up(self, now_ms)
        if self.part is not None and self._stored:
            self.first = max(self.first, now_ms // 60_000)

    patch.setattr(MinuteCursor, "_take_up", begun)


@broken("relays lease one slice, and nobody the others", "I8", replace(SHARED, kills=0.0))
def _a_slice_less(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(slice_leases, "SLICES", 1)


@broken("everything counts as noted", "I8", SHARED)
def _all_noted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Noted, "has", lambda _self, _event_id, _at_ms: True)


@broken("a lease is taken without waiting until it is over", "I8", replace(SHARED, faults=0.0))
def _no_waiting(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SliceLeases, "_is_free", lambda self, row, _now_ms: self._owner_of(int(row.id)) != self._me)


@broken("two relays on one slice", "I8", replace(SHARED, faults=0.0, kills=0.6))
def _on_all_slices(patch: pytest.MonkeyPatch) -> None:
    keep = SliceLeases.keep

    async def all_of_them(self: SliceLeases) -> frozenset[int]:
        await keep(self)
        return frozenset(range(SLICES))

    patch.setattr(SliceLeases, "keep", all_of_them)
    patch.setattr(SliceLeases, "is_mine", lambda _, _part: True)


@broken("a position is moved without its lease", "I8", SHARED)
def _no_fence(patch: pytest.MonkeyPatch) -> None:
    store = MinuteCursor._store

    async def unfenced(self: MinuteCursor) -> None:
        self.fence = None
        await store(self)

    patch.setattr(MinuteCursor, "_store", unfenced)
