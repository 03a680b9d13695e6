"""Takes seats off sale and puts them back: a block is a hold by the house without expiry."""

from collections.abc import Sequence

from travio_inventory.domain.errors import InvalidSeats, SeatUnavailable, Violation
from travio_inventory.domain.trip import Trip, TripKey
from travio_inventory.engine.commits import Commits
from travio_inventory.engine.ports import Holds
from travio_inventory.engine.trip_catalog import TripCatalog


class BlockSeats:
    """A seat is blocked on all segments or not at all; a seat that somebody has is never blocked."""

    def __init__(self, trips: TripCatalog, holds: Holds, commits: Commits) -> None:
        self._trips = trips
        self._holds = holds
        self._commits = commits

    async def __call__(self, key: TripKey, *, blocked: Sequence[tuple[str, str]], unblocked: Sequence[str]) -> int:
        """How many seats are now as asked. `blocked` pairs each seat with the reason.

        Where one seat cannot be blocked, those blocked by this call are freed again; should the process die before
        that, they stay blocked until somebody unblocks them. Raises InvalidSeats, TripNotFound, SeatUnavailable,
        BackendUnavailable, OutcomeUnknown.
        """
        trip = await self._trips.get(key)
        asked = [seat for seat, _ in blocked] + list(unblocked)
        unknown = [seat for seat in asked if not trip.has_seat(seat)]
        if unknown:
            raise InvalidSeats([Violation("updates", f"this trip has no seat {unknown[0]!r}")])
        if len(set(asked)) != len(asked):
            raise InvalidSeats([Violation("updates", "a seat is named twice")])
        await self._commits.run(self._update(trip, blocked, unblocked))
        return len(asked)

    async def _update(self, trip: Trip, blocked: Sequence[tuple[str, str]], unblocked: Sequence[str]) -> None:
        done: list[str] = []
        try:
            for seat, reason in blocked:
                if await self._holds.block(trip, seat, reason):
                    done.append(seat)
        except SeatUnavailable:
            for seat in done:
                await self._holds.unblock(trip, seat)
            raise
        for seat in unblocked:
            await self._holds.unblock(trip, seat)
