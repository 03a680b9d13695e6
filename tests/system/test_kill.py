"""Kill -9 at random moments under load: what was acknowledged is there, nothing else is, and no seat stays stuck."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from travio_inventory.client import (
    BookingCancelled,
    HoldEnded,
    HoldExpired,
    HoldReleased,
    HoldStatus,
    InventoryClient,
    Journey,
    SeatStatus,
    SeatTaken,
)
from verification.kit.service_process import ServiceProcess, eventually
from verification.kit.shoppers import Attempt, Shopper, ask, insist
from verification.kit.trips import Cell, cells, cells_by_status, ends, trip_of

pytestmark = [pytest.mark.long, pytest.mark.once]

KILLS = 5
HOLDS_BEFORE_A_KILL = 5
SHOPPERS = 6
SETTINGS = {
    "TRAVIO_ATTEMPT_GRACE_SECONDS": "1",
    "TRAVIO_SWEEP_INTERVAL_MS": "100",
    "TRAVIO_RELAY_INTERVAL_MS": "50",
}
SETTLE_SECONDS_MAX = 60.0
TRIPS = [
    trip_of("one", seats=18, seats_per_group=1),
    trip_of("five", seats=15, seats_per_group=5),
    trip_of("all", seats=16, seats_per_group=16),
]
ENDED = {
    HoldStatus.RELEASED: HoldReleased,
    HoldStatus.EXPIRED: HoldExpired,
    HoldStatus.CANCELLED: BookingCancelled,
}
LAST_EVENT = {
    HoldStatus.CONFIRMED: "seats.purchased",
    HoldStatus.RELEASED: "hold.released",
    HoldStatus.EXPIRED: "hold.expired",
    HoldStatus.CANCELLED: "booking.cancelled",
}
STEP_EVENT = {
    "confirm": "seats.purchased",
    "extend": "hold.extended",
    "release": "hold.released",
    "cancel": "booking.cancelled",
}


@pytest.mark.parametrize("seed", [1])
async def test_what_was_acknowledged_survives_any_number_of_kills(
    processes: Callable[..., ServiceProcess], seed: int
) -> None:
    killed = processes(**SETTINGS)
    await killed.start()
    async with killed.client() as client:
        for trip in TRIPS:
            await client.open_trip(trip)
    attempts = await shop_while_it_is_killed(killed, Random(seed))
    killed.kill()
    held = [attempt for attempt in attempts if attempt.hold_id]
    assert len(held) >= HOLDS_BEFORE_A_KILL * KILLS
    nobody_had_a_seat_that_another_had(held)
    service = processes(**SETTINGS, TRAVIO_EDGE="absent")  # only the store decides
    await service.start()
    async with service.client() as client:
        await eventually(lambda: nothing_is_held(client), within_s=SETTLE_SECONDS_MAX)
        await every_hold_is_as_it_was_acknowledged(client, attempts)
        await the_maps_show_the_bookings_and_nothing_else(client, held)
        await the_same_key_gives_the_same_answer(client, attempts)
        await every_seat_that_is_not_sold_can_be_won(client)
    assert await service.stop() == 0
    every_step_has_its_event(service.events(), held)


def holds_of(shoppers: Sequence[Shopper]) -> int:
    """How many holds were acknowledged to them."""
    return sum(1 for shopper in shoppers for attempt in shopper.attempts if attempt.hold_id)


async def has_holds(shoppers: Sequence[Shopper], enough: int) -> bool:
    """Whether so many holds were acknowledged."""
    return holds_of(shoppers) >= enough


async def shop_while_it_is_killed(service: ServiceProcess, random: Random) -> list[Attempt]:
    """What every shopper noted while the service was killed, and killed again while it started."""
    is_over = asyncio.Event()
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as shopping:
        shoppers = [
            Shopper(f"s{n}", await stack.enter_async_context(service.client()), TRIPS, Random(random.random()))
            for n in range(SHOPPERS)
        ]
        tasks = [shopping.create_task(shopper.shop(is_over)) for shopper in shoppers]
        for _ in range(KILLS):
            enough = holds_of(shoppers) + HOLDS_BEFORE_A_KILL
            await asyncio.sleep(random.uniform(0.1, 1.0))
            await eventually(partial(has_holds, shoppers, enough), within_s=SETTLE_SECONDS_MAX)
            service.kill()
            if random.random() < 0.3:
                service.launch()
                await asyncio.sleep(random.uniform(0.2, 0.8))
                service.kill()
            await service.start()
        is_over.set()
        await asyncio.wait(tasks)
    return [attempt for shopper in shoppers for attempt in shopper.attempts]


def nobody_had_a_seat_that_another_had(held: list[Attempt]) -> None:
    """If two holders were both told that a cell is theirs, it never was at the same time."""
    spans: dict[Cell, list[tuple[float, float, str]]] = defaultdict(list)
    for attempt in held:
        for cell in attempt.cells:
            spans[cell] += [(since, until, attempt.hold_id) for since, until in attempt.owned()]
    for cell, owned in spans.items():
        owned.sort()
        for (_, until, owner), (since, _, next_owner) in pairwise(owned):
            assert owner == next_owner or until <= since, f"{cell}: {owner} and {next_owner} at {since}"


async def nothing_is_held(client: InventoryClient) -> bool:
    return not any([(await cells_by_status(client, trip))[SeatStatus.HELD] for trip in TRIPS])


async def every_hold_is_as_it_was_acknowledged(client: InventoryClient, attempts: list[Attempt]) -> None:
    """By its id, and in its user's list; the list has no hold that somebody was refused."""
    acknowledged = {attempt.hold_id: attempt for attempt in attempts if attempt.hold_id}
    ended_unseen = {attempt.user for attempt in attempts if attempt.refusal and issubclass(attempt.refusal, HoldEnded)}
    listed = set()
    for user in {attempt.user for attempt in attempts}:
        for record in await client.acting_for(user).list_holds(include_ended=True):
            listed.add(record.id)
            if record.id not in acknowledged:
                assert user in ended_unseen
                assert record.status is HoldStatus.EXPIRED
    assert listed >= acknowledged.keys()
    for hold_id, attempt in acknowledged.items():
        record = await client.acting_for(attempt.user).find_hold(hold_id)
        assert (record.seats, record.journey) == (attempt.seats, attempt.journey)
        assert record.status is attempt.status, attempt
        assert bool(record.order) == ("confirm" in attempt.steps)
        assert record.order in ("", attempt.order)


async def the_maps_show_the_bookings_and_nothing_else(client: InventoryClient, held: list[Attempt]) -> None:
    """Every cell of a booking is booked, once; every other cell is free."""
    booked = [cell for attempt in held if attempt.status is HoldStatus.CONFIRMED for cell in attempt.cells]
    assert len(set(booked)) == len(booked)
    for trip in TRIPS:
        found = await cells_by_status(client, trip)
        assert found[SeatStatus.BOOKED] == {cell for cell in booked if cell[0] == trip.key.trip}
        assert len(found[SeatStatus.AVAILABLE]) == len(trip.seats) * len(trip.segments) - len(found[SeatStatus.BOOKED])


async def the_same_key_gives_the_same_answer(client: InventoryClient, attempts: list[Attempt]) -> None:
    """A key with a definite answer gets it again: a hold in its present state, a final refusal as it was."""
    for attempt in attempts:
        as_user = client.acting_for(attempt.user)
        if attempt.status is HoldStatus.CONFIRMED:
            assert (await ask(as_user, attempt)).removesuffix("~late") == attempt.hold_id
            assert (await as_user.confirm(attempt.hold_id, attempt.order)).id.removesuffix("~late") == attempt.hold_id
        elif attempt.hold_id:
            with pytest.raises(ENDED[attempt.status]):  # an edge answers for the seat, which another may have by now
                await insist(lambda: ask(as_user, attempt, settle=True))  # noqa: B023 - awaited at once
        elif attempt.refusal and issubclass(attempt.refusal, SeatTaken):
            with pytest.raises(attempt.refusal):
                await insist(lambda: ask(as_user, attempt, settle=True))  # noqa: B023 - awaited at once


async def every_seat_that_is_not_sold_can_be_won(client: InventoryClient) -> None:
    """A final probe: each free cell is held at the first attempt, each sold one is refused."""
    for trip in TRIPS:
        name = trip.key.trip
        found = await cells_by_status(client, trip)
        for seat in trip.seats:
            for segment in range(len(trip.segments)):
                journey = Journey(segment, segment)
                request = client.hold(name, *ends(journey), [seat.id], seconds=600)
                if cells(name, (seat.id,), journey)[0] in found[SeatStatus.AVAILABLE]:
                    assert (await request).seats == (seat.id,)
                else:
                    with pytest.raises(SeatTaken):
                        await request


def every_step_has_its_event(events: list[dict[str, Any]], held: list[Attempt]) -> None:
    """At least once, with one id, in order per hold; the last one has the final state of the hold."""
    told: dict[str, dict[int, tuple[str, str]]] = defaultdict(dict)
    for event in events:
        of_hold, named = told[event["subject"]], (event["id"], event["type"])
        ordinal = event["ordinal"]
        assert ordinal <= len(of_hold), f"told before the event that precedes it: {event}"
        assert of_hold.setdefault(ordinal, named) == named
    assert len({event_id for steps in told.values() for event_id, _ in steps.values()}) == sum(map(len, told.values()))
    for attempt in held:
        types = [kind for _, (_, kind) in sorted(told[attempt.hold_id].items())]
        assert types[0] == "hold.created"
        assert types[-1] == LAST_EVENT[attempt.status], attempt
        assert {STEP_EVENT[step] for step in attempt.steps if attempt.status is not HoldStatus.EXPIRED} <= {*types}
