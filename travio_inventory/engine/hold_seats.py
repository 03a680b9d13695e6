"""Holds seats: past the gate, then won or lost in the store."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from random import Random
from secrets import token_hex

from travio_inventory.domain.errors import (
    InvalidRequest,
    SeatContended,
    SeatUnavailable,
    TakenCell,
    Violation,
)
from travio_inventory.domain.hold import Caller, Hold, HoldRequest
from travio_inventory.domain.trip import Ends, TripKey
from travio_inventory.engine.commits import Commits
from travio_inventory.engine.ports import BlockKey, Cell, Gate, Holds, Locked, Passed, Taken, TakenSeats
from travio_inventory.engine.trip_catalog import TripCatalog


@dataclass(frozen=True, slots=True)
class HoldTimes:
    """How long a hold lasts where the caller does not say, and at most; the cap on its total with extensions."""

    ttl_s_default: int
    ttl_s_max: int
    total_s_max: int
    gate_ttl_ms: int = 5_000

    def ttl_s(self, asked_s: int) -> int:
        """The seconds that an ask for `asked_s` gets; 0 or less asks for the default. Raises InvalidRequest."""
        if asked_s > self.ttl_s_max:
            said = f"at most {self.ttl_s_max} seconds, not {asked_s}"
            raise InvalidRequest([Violation("hold_duration_seconds", said)])
        return asked_s if asked_s > 0 else self.ttl_s_default


class HoldSeats:
    """Every cell of the journey on every seat, or none."""

    def __init__(
        self,
        *,
        trips: TripCatalog,
        holds: Holds,
        gate: Gate,
        taken: TakenSeats,
        commits: Commits,
        times: HoldTimes,
        jitter: Random,
    ) -> None:
        self._trips = trips
        self._holds = holds
        self._gate = gate
        self._taken = taken
        self._commits = commits
        self._times = times
        self._jitter = jitter
        self._process = token_hex(8)
        self._attempts = count()

    async def __call__(
        self,
        caller: Caller,
        trip_id: str,
        ends: Ends,
        seat_ids: Sequence[str],
        *,
        ttl_s: int,
        key: str | None,
    ) -> Hold:
        """The hold, also where this key made it before.

        Raises InvalidRequest, TripNotFound, SeatContended (from the gate, or from the store), and all that
        `Holds.hold` raises.
        """
        trip = await self._trips.get(TripKey(caller.organization, trip_id))
        journey = trip.journey(ends)
        seats = trip.in_layout_order(seat_ids)
        ttl_ms = self._times.ttl_s(ttl_s) * 1_000
        request = HoldRequest(caller, trip, journey, seats, ttl_ms, key, asked_s=max(ttl_s, 0))
        cells: dict[BlockKey, list[Cell]] = {}
        for seat in seats:
            block = BlockKey(trip.key, trip.block_of(seat))
            cells.setdefault(block, []).extend(Cell(seat, segment) for segment in journey.segments)
        token = f"{self._process}-{next(self._attempts)}"
        leave = partial(self._leave, cells, token)
        try:
            await self._enter(cells, token, request.claimant)
        except asyncio.CancelledError:
            self._commits.in_background(leave())
            raise
        return await self._commits.run(self._commit(request, cells, token), if_never_begun=leave)

    async def _enter(self, cells: dict[BlockKey, list[Cell]], token: str, claimant: str) -> None:
        """Pass the gate of every block, or of none and be told "contention"."""
        entered: dict[BlockKey, list[Cell]] = {}
        for block, locked in cells.items():
            answer = await self._gate.enter(
                block, locked, token=token, claimant=claimant, ttl_ms=self._times.gate_ttl_ms
            )
            if not isinstance(answer, Passed):
                await self._leave(entered, token)
                raise self._contended(answer)
            entered[block] = locked

    async def _leave(self, cells: dict[BlockKey, list[Cell]], token: str) -> None:
        """Unlock what the token has locked, which need not be all of it."""
        for block, locked in cells.items():
            await self._gate.leave(block, locked, token=token)

    def _contended(self, answer: Locked | Taken) -> SeatContended:
        """A lock is over in a moment; a taken seat seldom comes back within a second."""
        least, most = (50, 250) if isinstance(answer, Locked) else (1_000, 3_000)
        return SeatContended(answer.seats, retry_after_ms=self._jitter.randint(least, most))

    async def _commit(self, request: HoldRequest, cells: dict[BlockKey, list[Cell]], token: str) -> Hold:
        try:
            return await self._holds.hold(request)
        except SeatUnavailable as refusal:
            await self._remember(request, refusal.cells)
            raise
        finally:
            await self._leave(cells, token)

    async def _remember(self, request: HoldRequest, taken: Sequence[TakenCell]) -> None:
        """What the store named as taken turns the next contenders away."""
        for seat, segment, _, claimant in taken:
            block = BlockKey(request.trip.key, request.trip.block_of(seat))
            await self._taken.mark(block, [Cell(seat, segment)], claimant=claimant)
