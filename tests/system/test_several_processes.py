"""Processes on one store and one Redis are one service: services beside each other, and one of several processes."""

import asyncio
import os
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from itertools import cycle, islice
from random import Random
from secrets import token_hex

import pytest
from grpclib.const import Status

from tests.system.test_kill import (
    LAST_EVENT,
    every_hold_is_as_it_was_acknowledged,
    every_step_has_its_event,
    nobody_had_a_seat_that_another_had,
)
from travio_inventory.client import (
    HoldStatus,
    InventoryClient,
    SeatContended,
    SeatHeld,
    SeatStatus,
    SeatTaken,
    Trip,
)
from verification.kit import requests
from verification.kit.frames import framed
from verification.kit.raw_caller import raw_caller
from verification.kit.service_process import READY_SECONDS_MAX, EndedEarly, ServiceProcess, eventually, serving
from verification.kit.shoppers import Attempt, Shopper
from verification.kit.stores import services_on
from verification.kit.trips import cells_by_status, trip_of
from verification.servers.cassandra import Cassandra
from verification.servers.redis import RedisServer

RIVALS = 50
ROUNDS = 10
CONNECTIONS = 6
"""Connections to one port that several processes share: enough that rarely one process gets all."""
CALLS_PER_CONNECTION = 10
SHOPPERS = 4
SEEN_SECONDS_MAX = 60.0
"""How soon all see what one did: half of the time for which a map or a taken seat is remembered."""
SWEPT_SECONDS_MAX = 60.0
BACK_SECONDS_MAX = READY_SECONDS_MAX
TOLD_SECONDS_MAX = 100.0
"""The relay looks for events of other processes every ten seconds, and once more when their minute is over."""

READY_LINE = re.compile(r"ready: 2 processes on \S+ with pid (\d+), (\d+); supervisor pid \d+$", re.MULTILINE)


@pytest.fixture(scope="module")
def backends(cassandra_node: Cassandra, redis_node: RedisServer) -> dict[str, str]:
    """Settings for all services here: a store and an edge that they share, and a long memory for the edge."""
    return {
        **services_on(cassandra_node),
        "REDIS_ADDR": redis_node.address,
        "TRAVIO_REDIS_REPLY_MS_MAX": "5000",
        "TRAVIO_MAP_STALE_MS": "10000",
        "TRAVIO_ATTEMPT_GRACE_SECONDS": "3",
    }


@pytest.fixture(scope="module")
async def pair(
    backends: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[list[ServiceProcess]]:
    """Two services with a port each."""
    folder = tmp_path_factory.mktemp("pair")
    async with (
        serving(folder, TRAVIO_RELAY="off", **backends) as one,
        serving(folder, TRAVIO_RELAY="off", **backends) as other,
    ):
        yield [one, other]
        for service in (one, other):
            assert await service.stop() == 0


@pytest.fixture(scope="module")
async def group(backends: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServiceProcess]:
    """One service of two processes with one port, which relays the events of all."""
    async with serving(tmp_path_factory.mktemp("group"), "serve --workers 2", **backends) as service:
        yield service
        assert await service.stop() == 0


@pytest.fixture(params=["pair", "group"])
async def doors(
    request: pytest.FixtureRequest, pair: list[ServiceProcess], group: ServiceProcess
) -> AsyncIterator[list[InventoryClient]]:
    """Clients on connections of their own, which lead to several processes."""
    services = pair if request.param == "pair" else [group] * CONNECTIONS
    async with AsyncExitStack() as open_doors:
        yield [await open_doors.enter_async_context(service.client(attempts_max=10)) for service in services]


def new_trip(seats: int = 4) -> Trip:
    """A trip that no other test sells."""
    return trip_of(f"t-{token_hex(4)}", seats=seats, seats_per_group=2)


async def test_a_hold_is_used_through_any_process(doors: list[InventoryClient]) -> None:
    trip = new_trip(seats=len(doors))
    await doors[0].open_trip(trip)
    for at, door in enumerate(doors):
        following, last = doors[(at + 1) % len(doors)], doors[(at + 2) % len(doors)]
        held = await door.hold(trip.key.trip, "S0", "S2", [trip.seats[at].id])
        booking = await following.confirm(held.id, "order")
        assert await last.confirm(held.id, "order") == booking
        assert (await last.find_hold(held.id)).status is HoldStatus.CONFIRMED
    assert len((await cells_by_status(doors[0], trip))[SeatStatus.BOOKED]) == 2 * len(doors)


async def test_a_key_that_is_sent_to_all_at_once_is_one_hold(doors: list[InventoryClient]) -> None:
    trip = new_trip()
    await doors[0].open_trip(trip)
    seats, user = [seat.id for seat in trip.seats], token_hex(4)

    async def ask(door: InventoryClient, n: int) -> str:
        pair_of_seats = seats[n % 2 * 2 :][:2]
        hold = door.acting_for(user).hold(trip.key.trip, "S0", "S3", pair_of_seats, key=f"k{n}", retry_contended_s=10)
        return (await hold).id

    made: set[str] = set()
    for n in range(2):
        (hold_id,) = set(await asyncio.gather(*(ask(door, n) for door in doors * 4)))
        made.add(hold_id)
    for door in doors:
        listed = partial(are_listed, door, {user: made})
        await eventually(listed, within_s=SEEN_SECONDS_MAX)


async def test_the_map_of_each_shows_what_another_did(doors: list[InventoryClient]) -> None:
    trip = new_trip()
    await doors[0].open_trip(trip)

    async def all_show(status: SeatStatus) -> bool:
        return all([len((await cells_by_status(door, trip))[status]) == 12 for door in doors])

    for _ in range(2):
        assert await all_show(SeatStatus.AVAILABLE)  # and all remember it
    held = await doors[0].hold(trip.key.trip, "S0", "S3", [seat.id for seat in trip.seats])
    await eventually(lambda: all_show(SeatStatus.HELD), within_s=SEEN_SECONDS_MAX)
    await doors[-1].confirm(held.id, "order")
    await eventually(lambda: all_show(SeatStatus.BOOKED), within_s=SEEN_SECONDS_MAX)
    await doors[1].cancel(held.id)
    await eventually(lambda: all_show(SeatStatus.AVAILABLE), within_s=SEEN_SECONDS_MAX)


async def test_the_gate_of_each_knows_what_another_took_and_gave_back(doors: list[InventoryClient]) -> None:
    trip = new_trip()
    await doors[0].open_trip(trip)

    for door, following in zip(doors, doors[1:] + doors[:1], strict=True):
        held = await door.hold(trip.key.trip, "S0", "S3", ["seat-1"])
        for other in doors:
            with pytest.raises(SeatHeld) as refused:
                await other.acting_for("rival").hold(trip.key.trip, "S0", "S3", ["seat-1"])
            assert refused.value.decided.by == "edge"
        await door.release(held.id)
        rival = following.acting_for(token_hex(4))
        assert await has_won(rival, trip, "seat-1")
        (won,) = await rival.list_holds()
        await rival.release(won.id)


async def has_won(client: InventoryClient, trip: Trip, seat: str) -> bool:
    """Whether the seat is the client's at the first attempt."""
    try:
        await client.hold(trip.key.trip, "S0", "S3", [seat])
    except (SeatContended, SeatTaken):
        return False
    return True


async def test_one_of_fifty_at_all_processes_wins_a_seat(doors: list[InventoryClient]) -> None:
    trip = new_trip(seats=ROUNDS)
    await doors[0].open_trip(trip)
    rivals = [door.acting_for(f"u{n}") for n, door in enumerate(islice(cycle(doors), RIVALS))]
    for seat in trip.seats:
        won = await asyncio.gather(*(has_won(rival, trip, seat.id) for rival in rivals))
        assert sum(won) == 1
    assert len((await cells_by_status(doors[0], trip))[SeatStatus.HELD]) == 3 * ROUNDS
    assert sum([len(await rival.list_holds(trip=trip.key.trip)) for rival in rivals]) == ROUNDS


async def test_what_a_killed_process_held_is_swept_by_another(pair: list[ServiceProcess]) -> None:
    killed, other = pair
    trip, user = new_trip(), token_hex(4)
    async with killed.client(user) as client:
        await client.open_trip(trip)
        held = await client.hold(trip.key.trip, "S0", "S3", [seat.id for seat in trip.seats], seconds=1)
        killed.kill()
    try:
        async with other.client(user) as client:

            async def is_swept() -> bool:
                return (await client.find_hold(held.id)).status is HoldStatus.EXPIRED

            async def is_free() -> bool:
                return len((await cells_by_status(client, trip))[SeatStatus.AVAILABLE]) == 12

            await eventually(is_swept, within_s=SWEPT_SECONDS_MAX)
            await eventually(is_free, within_s=SWEPT_SECONDS_MAX)
    finally:
        await killed.start()


def pids(group: ServiceProcess) -> list[tuple[int, int]]:
    """The processes of the group, each time that all of them were ready."""
    return [(int(first), int(second)) for first, second in READY_LINE.findall(group.log)]


async def kill_one(group: ServiceProcess, pid: int, trip: Trip) -> None:
    """Kill one of the processes, check that callers are served as before, wait until another has replaced it."""
    before = len(pids(group))
    ends = group.log.count("a process ended by SIGKILL")
    os.kill(pid, signal.SIGKILL)

    async def is_gone() -> bool:
        return group.log.count("a process ended by SIGKILL") > ends

    async def is_back() -> bool:
        return len(pids(group)) > before

    await eventually(is_gone, within_s=BACK_SECONDS_MAX)
    async with group.client() as client:
        await client.seat_map(trip.key.trip, "S0", "S3")
    await eventually(is_back, within_s=BACK_SECONDS_MAX)


async def test_a_killed_process_is_replaced_while_the_other_goes_on(group: ServiceProcess) -> None:
    """Interrupted callers try again with the same key, and get one answer. A hold that the killed process had not
    listed yet is listed once its event is told.
    """
    trips = [new_trip(seats=12), new_trip(seats=12)]
    relaying, killed = pids(group)[-1]
    attempts = await shop_meanwhile(group, trips, lambda: kill_one(group, killed, trips[0]))
    stayed, new = pids(group)[-1]
    assert (stayed, new == killed) == (relaying, False)
    held = [attempt for attempt in attempts if attempt.hold_id]
    assert len(held) > SHOPPERS
    nobody_had_a_seat_that_another_had(held)
    async with group.client() as client:

        async def nothing_is_held() -> bool:
            return not any([(await cells_by_status(client, trip))[SeatStatus.HELD] for trip in trips])

        await eventually(nothing_is_held, within_s=SWEPT_SECONDS_MAX)
        ends = {(attempt.hold_id, LAST_EVENT[attempt.status]) for attempt in held}
        await eventually(lambda: are_told(group, ends), within_s=TOLD_SECONDS_MAX)
        made = {user: {attempt.hold_id for attempt in held if attempt.user == user} for user in users_of(held)}
        await eventually(lambda: are_listed(client, made), within_s=TOLD_SECONDS_MAX)
        await every_hold_is_as_it_was_acknowledged(client, attempts)
    every_step_has_its_event(group.events(), held)
    assert set(Counter(event["id"] for event in group.events()).values()) == {1}


async def shop_meanwhile(
    group: ServiceProcess, trips: list[Trip], incident: Callable[[], Awaitable[None]]
) -> list[Attempt]:
    """What shoppers, each on a connection of its own, noted from before the incident until after it."""
    is_over = asyncio.Event()
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(group.client()) for _ in range(SHOPPERS)]
        for trip in trips:
            await clients[0].open_trip(trip)
        names = [token_hex(4) for _ in clients]
        shoppers = [Shopper(name, client, trips, Random(name)) for name, client in zip(names, clients, strict=True)]
        async with asyncio.TaskGroup() as shopping:
            for shopper in shoppers:
                shopping.create_task(shopper.shop(is_over))
            await asyncio.sleep(1)
            await incident()
            is_over.set()
    return [attempt for shopper in shoppers for attempt in shopper.attempts]


def users_of(attempts: list[Attempt]) -> set[str]:
    """Who made them."""
    return {attempt.user for attempt in attempts}


async def are_listed(client: InventoryClient, made: Mapping[str, set[str]]) -> bool:
    """Whether the list of each user has these holds, whatever became of them."""
    for user, holds in made.items():
        listed = {record.id for record in await client.acting_for(user).list_holds(include_ended=True)}
        if not holds <= listed:
            return False
    return True


async def are_told(group: ServiceProcess, expected: set[tuple[str, str]]) -> bool:
    """Whether the holds have had those events."""
    return expected <= {(event["subject"], event["type"]) for event in group.events()}


async def test_when_the_process_that_relays_is_killed_another_relays(group: ServiceProcess) -> None:
    trip = new_trip()
    async with group.client() as client:
        await client.open_trip(trip)
    await kill_one(group, pids(group)[-1][0], trip)
    async with group.client() as client:
        held = await client.hold(trip.key.trip, "S0", "S3", ["seat-1"])
    await eventually(lambda: are_told(group, {(held.id, "hold.created")}), within_s=TOLD_SECONDS_MAX)


async def test_a_stop_answers_the_calls_in_flight_at_every_process(group: ServiceProcess) -> None:
    """What was acknowledged is there after the next start, and its events are published."""
    trip = new_trip(seats=CONNECTIONS * CALLS_PER_CONNECTION)
    async with group.client() as client, AsyncExitStack() as stack:
        await client.open_trip(trip)
        callers = [await stack.enter_async_context(raw_caller(group.port)) for _ in range(CONNECTIONS)]
        streams = []
        for seat, caller in zip(trip.seats, cycle(callers), strict=False):
            asked = requests.request(
                "HoldSeats",
                {
                    "trip_id": trip.key.trip,
                    "seat_ids": [seat.id],
                    "idempotency_key": seat.id,
                    "hold_duration_seconds": 0,
                },
            )
            streams.append((caller, caller.call(requests.path_of("HoldSeats"), framed(asked.SerializeToString()))))
        for caller, stream in streams[:CONNECTIONS]:
            await caller.answer(stream)
        stopping = asyncio.create_task(group.stop())
        answers = [await caller.answer(stream) for caller, stream in streams]
        assert [answer.status for answer in answers] == [Status.OK] * len(streams)
        assert await stopping == 0
    assert group.log.count("stopping: SIGTERM") == 3
    await group.start()
    async with group.client() as client:
        assert len((await cells_by_status(client, trip))[SeatStatus.HELD]) == 2 * len(streams)

    async def all_is_told() -> bool:
        told = {event["subject"] for event in group.events() if event["partition_key"] == trip.key.trip}
        return len(told) == len(streams)

    await eventually(all_is_told, within_s=TOLD_SECONDS_MAX)


@pytest.mark.parametrize("role", ["serve", "serve --workers 2"])
async def test_a_missing_schema_stops_the_start_with_one_line_that_says_what_to_do(
    processes: Callable[..., ServiceProcess], backends: dict[str, str], role: str
) -> None:
    service = processes(role, **(backends | {"TRAVIO_SCYLLA_KEYSPACE": "nothing_here"}))
    with pytest.raises(EndedEarly):
        await service.start()
    assert await service.ended() == 1
    (line,) = service.log.splitlines()
    assert "cannot start: keyspace nothing_here has no schema: run `travio-inventory schema apply`" in line
