"""Broken designs of the edge: its locks, what it remembers of taken seats, its seat maps."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import pytest

from travio_inventory.edge import local, remembering
from travio_inventory.edge.local import LocalGate, LocalSeatMapCache
from travio_inventory.edge.occupancies import Found
from travio_inventory.edge.remembering import GateMemory, RememberingGate, WhoIsKnown
from travio_inventory.protocol.resource import Taken
from travio_inventory.protocol.rolling_forward import RollingForward
from travio_inventory.seats import hold
from travio_inventory.seats.hold import Held, Hold, claimant_of
from travio_inventory.seats.ports import Attempt, Cell, Lease, Occupancy, SeatGroupKey
from travio_inventory.seats.records import snapshots
from travio_inventory.seats.refusals import BY_STORE
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases import guarded_steps
from travio_inventory.seats.use_cases.edge_upkeep import EdgeUpkeep
from travio_inventory.seats.use_cases.map_groups import MapGroups
from verification.simulation.broken import GROUPS_OF_ONE, HONEST, broken
from verification.simulation.faulty_edge import FaultyEdge
from verification.simulation.oracle import START_MS
from verification.simulation.plan import Plan

CROWD = replace(HONEST, seats=2, popular=2, holders=14, faults=0.3)
"""Many want two seats, and the edge does what it should."""


@broken("a refusal by the edge counts as the store's", "I5", Plan(0, with_gate=True))
def _edge_refuses(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(guarded_steps, "Decided", lambda _by, _as_of_ms: BY_STORE)


@broken("a taken entry that lives as long as the hold", "I5 L2", Plan(0, with_gate=True))
def _long_memory(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(local, "lasts_ms", lambda occupancy, **_times: max(0, occupancy.until_ms - START_MS) or 3_600_000)


@broken(
    "a taken entry counts from the answer, not from the sending of its batch",
    "I5",
    replace(
        HONEST,
        honest_edge=False,
        holders=14,
        seats=2,
        popular=2,
        twins=1.0,
        faults=0.4,
        viewers=0,
        right_clocks=True,
        seats_per_group=1,
    ).with_seed(40),
)
def _as_of_the_answer(patch: pytest.MonkeyPatch) -> None:
    mark = FaultyEdge.mark

    async def fresh(self: FaultyEdge, group: SeatGroupKey, cells: Sequence[Cell], occupancy: Occupancy) -> None:
        await mark(self, group, cells, occupancy._replace(as_of_ms=self._now_ms()))

    patch.setattr(FaultyEdge, "mark", fresh)


@broken(
    "a late mark counts of what a hold has no more",
    "E2",
    Plan(117, with_gate=True, seats=2, popular=2, holders=7, kills=0.0),
)
def _no_tombstone(patch: pytest.MonkeyPatch) -> None:
    async def clear(self: LocalGate, group: SeatGroupKey, cells: Sequence[Cell], *, hold: str) -> None:
        self._taken.drop(group, cells, lambda found: found.hold == hold)

    patch.setattr(LocalGate, "clear", clear)


@broken(
    "a sold seat has no known owner at the gate",
    "I6",
    Plan(2, with_gate=True, holders=9, twins=1.0, kills=0.0, faults=0.3),
)
def _nobodys_mark(patch: pytest.MonkeyPatch) -> None:
    refused = EdgeUpkeep.refused

    async def anonymous(self: EdgeUpkeep, hold: Hold, taken: Sequence[Taken], *, as_of_ms: int) -> None:
        await refused(
            self, hold, [each._replace(home={**each.home, "claimant": ""}) for each in taken], as_of_ms=as_of_ms
        )

    patch.setattr(EdgeUpkeep, "refused", anonymous)
    patch.setattr(local, "replaces", lambda _new, _standing: True)
    patch.setattr(local, "KNOWN_MS", 0)


@broken("all of a holder's attempts without a key are one claimant", "E1", HONEST.with_seed(1))
def _shared_claimant(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(hold, "claimant_of", lambda actor, key, _attempt="": claimant_of(actor, key))


@broken("a lock without an owner token", "E1", replace(HONEST, seats=3, popular=3, holders=12, twins=1.0).with_seed(13))
def _no_token(patch: pytest.MonkeyPatch) -> None:
    async def leave(self: LocalGate, group: SeatGroupKey, cells: Sequence[Cell], **_token: str) -> None:
        self._locks.drop(group, cells, lambda _lock: True)

    patch.setattr(LocalGate, "leave", leave)


@broken("a lock that never lapses", "E1 I5 L2", Plan(0, with_gate=True, kills=0.3))
def _lock_forever(patch: pytest.MonkeyPatch) -> None:
    ask = LocalGate.ask

    async def forever(
        self: LocalGate, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int
    ) -> Sequence[Found]:
        return await ask(self, group, cells, attempt, ttl_ms=1_000 * ttl_ms)

    patch.setattr(LocalGate, "ask", forever)


@broken("a gate that locks what it can", "E1", HONEST.with_seed(4))
def _lock_some(patch: pytest.MonkeyPatch) -> None:
    ask = LocalGate.ask

    async def some(
        self: LocalGate, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int
    ) -> Sequence[Found]:
        answer = await ask(self, group, cells, attempt, ttl_ms=ttl_ms)
        if answer and answer[0].taken is None and len(answer) < len(cells):
            now_ms = self._now_ms()
            locks = self._locks.standing(group, cells, now_ms)
            self._locks.put(group, [cell for cell in cells if cell not in locks], attempt, now_ms, ttl_ms)
            return ()
        return answer

    patch.setattr(LocalGate, "ask", some)


@broken("a gate that remembers for longer than the edge says", "I5", CROWD)
def _long_word(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(remembering, "kept_ms", lambda _left_ms: 60_000)


@broken("a memory that keeps what its own process has left", "E3", CROWD.with_seed(19))
def _left_and_remembered(patch: pytest.MonkeyPatch) -> None:
    async def leave(self: RememberingGate, group: SeatGroupKey, cells: Sequence[Cell], *, token: str) -> None:
        await self._gate.leave(group, cells, token=token)

    patch.setattr(RememberingGate, "leave", leave)


@broken("an answer under way is remembered although its cells were freed meanwhile", "E3", CROWD.with_seed(60))
def _late_answer(patch: pytest.MonkeyPatch) -> None:
    def forget(self: GateMemory, group: SeatGroupKey, cells: Collection[Cell]) -> None:
        self._said.drop(group, cells, lambda _found: True)

    patch.setattr(GateMemory, "forget", forget)


@broken("a memory that outlives the word of a change", "E3", CROWD.with_seed(2))
def _deaf_memory(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(GateMemory, "changed", lambda _self, _trip, _groups: None)


@broken("who was let in before is refused from memory", "E3", replace(CROWD, twins=1.0).with_seed(2))
def _nobody_is_known(patch: pytest.MonkeyPatch) -> None:
    async def ask(_self: WhoIsKnown, _group: SeatGroupKey, _claimant: str) -> bool:
        return False

    patch.setattr(WhoIsKnown, "ask", ask)


@broken("a refill without a lease", "I7", HONEST.with_seed(8))
def _no_lease(patch: pytest.MonkeyPatch) -> None:
    fill = LocalSeatMapCache.fill

    async def anyway(self: LocalSeatMapCache, trip: TripKey, packed: Mapping[int, tuple[Lease, bytes]]) -> None:
        standing = await self.lease(trip, packed)
        await fill(self, trip, {group: (standing[group], content) for group, (_, content) in packed.items()})

    patch.setattr(LocalSeatMapCache, "fill", anyway)


@broken(
    "a map that never goes stale",
    "I7",
    Plan(36, holders=7, viewers=5, kills=0.0, faults=0.0, seats_per_group=1, seats=10, popular=10),
)
def _never_stale(patch: pytest.MonkeyPatch) -> None:
    init = LocalSeatMapCache.__init__

    def forever(self: LocalSeatMapCache, now_ms: Callable[[], int], *, trips_max: int) -> None:
        init(self, now_ms, trips_max=trips_max, stale_ms_max=10**9)

    patch.setattr(LocalSeatMapCache, "__init__", forever)


@broken("join a read that began before a write", "I7", replace(HONEST, viewers=80, holders=14).with_seed(1))
def _join_any(patch: pytest.MonkeyPatch) -> None:
    read = MapGroups._read
    patch.setattr(MapGroups, "_read", lambda self, trip, group, _lease: read(self, trip, group, ""))


@broken("answer before the maps are invalidated", "I7", replace(HONEST, viewers=20, holders=9).with_seed(7))
def _answer_first(patch: pytest.MonkeyPatch) -> None:
    async def settled(self: RollingForward[Hold], hold: Hold, *, as_of_ms: int) -> None:
        self._note(hold)
        self._background(self.watch.changed(hold, as_of_ms=as_of_ms))
        if self._others(hold) and not isinstance(hold.state, Held):
            self._background(self.roll_forward(hold))

    patch.setattr(RollingForward, "settled", settled)


@broken("a map without the home rows", "I7", GROUPS_OF_ONE.with_seed(3))
def _cells_alone(patch: pytest.MonkeyPatch) -> None:
    state = snapshots._state
    patch.setattr(snapshots, "_state", lambda group, key, cell, _homes: state(group, key, cell, {}))
