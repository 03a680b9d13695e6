"""Seat maps read uncached, cached and while seats are sold, and how many reads of the store the cache saves."""

import asyncio
from collections.abc import Awaitable
from itertools import cycle
from time import perf_counter
from typing import NamedTuple

from travio_inventory.bench import bench_trips
from travio_inventory.bench.calls import OK, Contest, Outcome, contest_for, method, outcome_of, read
from travio_inventory.bench.measuring import PreparedCall, Slice, drive
from travio_inventory.bench.session import Session
from travio_inventory.bench.throughput import BenchResult, Tell, ok_or_error
from travio_inventory.seats.trip import OUR_CHOICE

COLD_TRIPS = 5
SNAPSHOTS = "holds.snapshot ok"
"""A seat group read from the store for a map, as the service counts it."""


class Size(NamedTuple):
    """How large a trip is."""

    seats: int
    segments: int
    seats_per_group: int = OUR_CHOICE


class Browsing:
    """Readers of trips of one size, and a sale on one of them. Measurements are shown, and kept in `found`."""

    def __init__(self, session: Session, size: Size, *, readers: int, show: Tell) -> None:
        self.found = BenchResult()
        self._session = session
        self._lines = session.service.channels
        self._readers = readers
        self._tell = show
        self._trips = [
            bench_trips.wide(size.seats, segments=size.segments, seats_per_group=size.seats_per_group)
            for _ in range(COLD_TRIPS)
        ]
        self._contests = [contest_for(trip) for trip in self._trips]
        self._groups = -(-size.seats // self._trips[0].seats_per_group)

    async def measure(self, *, writes_per_second: int, seconds: float) -> BenchResult:
        """First maps that nobody has read, then one again and again, then the same while its seats are sold."""
        for trip in self._trips:
            await self._session.open(trip)
        await self._stretch("cold", self._read(self._contests, readers=1))
        await self._stretch("warm", self._read(self._contests[:1], seconds=seconds))
        sale = asyncio.create_task(self._sell(writes_per_second, seconds))
        await self._stretch("during the sale", self._read(self._contests[:1], seconds=seconds))
        writes, wrong = await sale
        self.found.numbers["writes per second"] = round(writes / seconds, 1)
        if wrong:
            self.found.wrong.append(f"{wrong} of {writes} writes were refused")
        return self.found

    async def _stretch(self, name: str, reading: Awaitable[Slice]) -> None:
        before = await self._packed()
        measured = await reading
        packed = await self._packed() - before
        self.found.add(name, measured)
        self._tell(name, measured)
        if self._session.own is not None and measured.calls:
            saved = 1 - packed / (measured.calls * self._groups)
            self.found.numbers[f"{name}: reads of seat groups that the cache saved, %"] = round(100 * saved, 2)
        if measured.counts[Outcome.ERROR]:
            self.found.wrong.append(f"{name}: {measured.counts[Outcome.ERROR]} maps ended in errors")

    async def _read(
        self, contests: list[Contest], *, readers: int | None = None, seconds: float | None = None
    ) -> Slice:
        """Each map once; for so many seconds again and again."""
        path = method("GetSeatMap")
        asks = [PreparedCall(path, contest.map(), None) for contest in contests]
        return await drive(
            self._lines,
            iter(asks) if seconds is None else cycle(asks),
            ok_or_error,
            workers=readers or self._readers,
            pid=self._session.service.pid,
            seconds=seconds,
        )

    async def _sell(self, per_second: int, seconds: float) -> tuple[int, int]:
        """Hold seats one after the other and release each, evenly over the time; how many writes, and refused ones."""
        contest, seats = self._contests[0], cycle(seat.id for seat in self._trips[0].seats)
        began, pairs = perf_counter(), list[asyncio.Task[int]]()

        async def write_twice(seat: str) -> int:
            reply = await self._lines.call(method("HoldSeats"), contest._replace(seat=seat).hold(seat))
            if outcome_of(reply) is not Outcome.WON:
                return 2
            hold = contest.by_hold("ReleaseSeatsRequest", read("HoldSeatsResponse", reply).hold_id, seat)
            return int((await self._lines.call(method("ReleaseSeats"), hold)).status != OK)

        async with asyncio.TaskGroup() as group:
            while (passed := perf_counter() - began) < seconds:
                due = int(passed * per_second / 2) + 1 - len(pairs)
                pairs += [group.create_task(write_twice(next(seats))) for _ in range(due)]
                await asyncio.sleep(1 / per_second)
        return 2 * len(pairs), sum(pair.result() for pair in pairs)

    async def _packed(self) -> int:
        """Seat groups that the service has read for maps so far; 0 if it is not the bench's own."""
        return (await self._session.own.figures())[SNAPSHOTS] if self._session.own else 0
