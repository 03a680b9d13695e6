"""Sells the seats of some trips from within a process, gate and all but without gRPC, and measures it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from random import Random
from time import perf_counter, process_time
from typing import NamedTuple, TypeVar

from travio_inventory.bench.measuring import Slice
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import OutcomeUnknown, Refusal
from travio_inventory.seats.commands import ConfirmHoldCommand, GiveBackCommand, HoldSeatsCommand, SeatMapQuery
from travio_inventory.seats.seat import Available
from travio_inventory.seats.trip import Ends, Trip
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.telemetry.metrics import Figures

T = TypeVar("T")

TTL_S = 3_600
ASKED = "store.requests"
"""The gauge of requests to the servers; those of group commit are `group commit.` and what is counted."""
SHARED, STEPS = "group commit.batches", "group commit.steps"
"""The gauges of batches that callers shared, and of the callers."""


class Claim(NamedTuple):
    """A seat to hold on the whole trip."""

    trip: Trip
    seat: str


class Sold(NamedTuple):
    """What was measured, and how the store's own counts rose meanwhile."""

    measured: Slice
    counted: Counter[str]


def claims_of(trips: Iterable[Trip]) -> list[Claim]:
    """Every seat of the trips, in an order that is the same each time and spreads over all of them."""
    claims = [Claim(trip, seat.id) for trip in trips for seat in trip.seats]
    Random(1).shuffle(claims)  # noqa: S311 - the same order for all that are compared
    return claims


async def driven(things: Iterable[T], at_once: int, do: Callable[[T], Awaitable[str]]) -> Slice:
    """Do it with each, so many at a time; `do` names the outcome."""
    measured, left = Slice(), iter(things)
    cpu, began = process_time(), perf_counter()

    async def work() -> None:
        for thing in left:
            sent = perf_counter()
            measured.counts[await do(thing)] += 1
            measured.latencies_s.append(perf_counter() - sent)

    await asyncio.gather(*(work() for _ in range(at_once)))
    measured.wall_s, measured.cpu_s = perf_counter() - began, process_time() - cpu
    return measured


class Seller:
    """Sells with the use cases of one process."""

    def __init__(self, inventory: Inventory, figures: Figures) -> None:
        self._inventory = inventory
        self._figures = figures

    async def sell(self, claims: Sequence[Claim], at_once: int, *, confirms: bool = False) -> Sold:
        """Hold every seat, and book it at once if `confirms`."""
        return await self._counted(driven(claims, at_once, partial(self._said_to_sell, confirms=confirms)))

    async def churn(self, trips: Sequence[Trip], at_once: int, seconds: float) -> Sold:
        """Hold any seat on any part of a trip, and release what was won; for so long."""
        return await self._counted(driven(_any_rides(trips, perf_counter() + seconds), at_once, self._said_to_ride))

    async def _said_to_sell(self, claim: Claim, *, confirms: bool) -> str:
        try:
            await sold(self._inventory, claim, confirms=confirms)
        except Refusal as refusal:
            return refusal.reason
        return "won"

    async def _said_to_ride(self, ride: tuple[Claim, Ends]) -> str:
        claim, ends = ride
        try:
            held = await hold(self._inventory, claim.trip, claim.seat, ends)
            await self._inventory.release_hold(_buyer(claim.trip), GiveBackCommand(hold_id=held))
        except Refusal as refusal:
            return refusal.reason
        return "held and released"

    async def _counted(self, selling: Awaitable[Slice]) -> Sold:
        before = Counter(self._figures.gauges())
        measured = await selling
        rose = Counter(self._figures.gauges()) - before
        return Sold(measured, Counter({name: rose[name] for name in rose if name.startswith(("group commit.", ASKED))}))


async def check(inventory: Inventory, trips: Sequence[Trip], won: Slice) -> list[str]:
    """Whether as many seats are gone as were won; unknown attempts may or may not have one."""
    gone = 0
    for trip in trips:
        query = SeatMapQuery(trip_id=trip.key.trip, ends=whole_trip(trip))
        seat_map = await inventory.read_seat_map(_buyer(trip), query)
        gone += sum(not isinstance(state, Available) for _, state in seat_map.seats())
    least, unknown = won.counts["won"], won.counts[OutcomeUnknown.reason]
    return [] if least <= gone <= least + unknown else [f"{gone} seats are gone, {least} were won"]


async def sold(inventory: Inventory, claim: Claim, *, confirms: bool) -> None:
    """Hold the seat, and book it. Raises Refusal."""
    held = await hold(inventory, claim.trip, claim.seat, whole_trip(claim.trip))
    if confirms:
        await inventory.confirm_hold(
            _buyer(claim.trip), ConfirmHoldCommand(hold_id=held, order_id=f"{claim.trip.key.trip}.{claim.seat}")
        )


async def hold(inventory: Inventory, trip: Trip, seat: str, ends: Ends) -> str:
    """The id of the hold. Raises Refusal."""
    command = HoldSeatsCommand(trip_id=trip.key.trip, ends=ends, seat_ids=(seat,), ttl_s=TTL_S)
    return (await inventory.hold_seats(_buyer(trip), command)).id


def whole_trip(trip: Trip) -> Ends:
    """From its first stop to its last."""
    return Ends(trip.stops[0], trip.stops[-1])


def _any_rides(trips: Sequence[Trip], until: float) -> Iterator[tuple[Claim, Ends]]:
    random = Random(1)  # noqa: S311 - draws rides
    while perf_counter() < until:
        trip = random.choice(trips)
        first = random.randrange(len(trip.stops) - 1)
        last = random.randrange(first + 1, len(trip.stops))
        yield Claim(trip, random.choice(trip.seats).id), Ends(trip.stops[first], trip.stops[last])


def _buyer(trip: Trip) -> Actor:
    return Actor(trip.key.organization, "buyer")
