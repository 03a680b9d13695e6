"""A venue of very many seats, from its plan to its first holds: how long each step takes, and how much memory."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from travio_inventory.bench import bench_trips
from travio_inventory.bench.session import OPEN_SECONDS_MAX, Session
from travio_inventory.client.client import InventoryClient
from travio_inventory.kernel.addresses import Address
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.seats.refusals import InvalidSeats
from travio_inventory.seats.seat_plan import TripOnPlan

OPENED_SECONDS_MAX = 1_800.0
POLL_SECONDS = 0.1
PROBE_SECONDS = 0.01
SIZES = (4, 10, 50)
HOLDS = 20
PLAN = "bench-venue"

T = TypeVar("T")
Show = Callable[[str, float, object], None]


class Venue:
    """One opening of one large trip on a service."""

    def __init__(self, on: Session, *, seats: int, show: Show) -> None:
        self._on = on
        self._show = show
        self._trip = bench_trips.venue(seats)
        self._took: dict[str, float] = {}
        self._turns_ms: dict[str, float] = {}

    async def measure(self) -> dict[str, object]:
        """Open it, read it, hold seats of it. Raises what the client raises."""
        target = str(Address(self._on.service.host, self._on.service.port))
        before = memory_mb(self._on.service.pid)
        async with InventoryClient(
            target,
            user="bench",
            organization=self._trip.key.organization,
            deadline_s=OPEN_SECONDS_MAX,
            tls=self._on.tls,
        ) as client:
            await self._timed("store the plan", client.put_seat_plan(PLAN, self._trip))
            waits = await self._while_others_call(client, self._open(client))
            await self._read(client)
            await self._hold(client)
            await self._support(client)
        after = memory_mb(self._on.service.pid)
        return {
            "seats": len(self._trip.seats),
            "cells": len(self._trip.seats) * len(self._trip.segments),
            "seconds": {what: round(took, 3) for what, took in self._took.items()},
            "longest_turn_ms": self._turns_ms,
            "others_waited_ms_max": round(waits * 1_000, 1),
            "memory_mb": {"before": before, "after": after},
        }

    async def _open(self, client: InventoryClient) -> None:
        name = self._trip.key.trip
        began = perf_counter()
        opening = await self._timed("call that opens", client.open_trip(TripOnPlan.of(self._trip, PLAN)))
        while not opening.is_over and perf_counter() - began < OPENED_SECONDS_MAX:
            await asyncio.sleep(POLL_SECONDS)
            opening = await client.trip_opening(name)
        await self._note("until it is on sale", perf_counter() - began)

    async def _read(self, client: InventoryClient) -> None:
        name, sections = self._trip.key.trip, [section.id for section in self._trip.sections]
        await self._timed("first map of a section", client.seat_map(name, "a", "b", section=sections[0]))
        await self._timed("that map again", client.seat_map(name, "a", "b", section=sections[0]))
        await self._timed("first summary of all", client.trip_summary(name, "a", "b"))
        await self._timed("that summary again", client.trip_summary(name, "a", "b"))

    async def _hold(self, client: InventoryClient) -> None:
        """As many seats as the service's limit allows."""
        for size in SIZES:
            with suppress(InvalidSeats):
                took = sorted([await self._hold_once(client, number * SIZES[-1], size) for number in range(HOLDS)])
                await self._note(f"hold of {size} seats, median", took[HOLDS // 2])

    async def _support(self, client: InventoryClient) -> None:
        """What staff ask, who changes a vehicle too."""
        name, seat = self._trip.key.trip, self._trip.seats[0].id
        hold = await client.hold(name, "a", "b", [seat])
        await hold.confirm("order-1")
        await self._timed("explain a seat", client.explain_seat(name, seat))
        await self._timed("manifest", client.manifest(name, include_held=True))
        await self._timed("read the trip with all seats", client.trip(name))

    async def _hold_once(self, client: InventoryClient, start: int, size: int) -> float:
        seats = [seat.id for seat in self._trip.seats[start : start + size]]
        began = perf_counter()
        hold = await client.hold(self._trip.key.trip, "a", "b", seats)
        took = perf_counter() - began
        await hold.release()
        return took

    async def _timed(self, what: str, work: Awaitable[T]) -> T:
        began = perf_counter()
        result = await work
        await self._note(what, perf_counter() - began)
        return result

    async def _note(self, what: str, took: float) -> None:
        self._took[what] = took
        if self._on.own is not None:
            self._turns_ms[what] = await self._on.own.longest_turn_ms()
        self._show(what, round(took, 4), self._turns_ms.get(what, "-"))

    async def _while_others_call(self, client: InventoryClient, work: Awaitable[None]) -> float:
        """Do the work; how long a small call of somebody else took meanwhile at most."""
        longest = 0.0

        async def probe() -> None:
            nonlocal longest
            while True:
                began = perf_counter()
                with suppress(Refusal):
                    await client.trip_opening("no trip")
                longest = max(longest, perf_counter() - began)
                await asyncio.sleep(PROBE_SECONDS)

        probing = asyncio.ensure_future(probe())
        try:
            await work
        finally:
            probing.cancel()
        return longest


def memory_mb(pid: int | None) -> int | None:
    """The resident memory of the service's process; None if it is not the bench's own."""
    if pid is None:
        return None
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) // 1_024
