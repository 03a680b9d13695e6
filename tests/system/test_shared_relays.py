"""Services that publish to one broker share the work: one is killed, and the other takes over what it left."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from random import Random
from secrets import token_hex

import pytest

from tests.events.selling import RecordingSink, put_on_sale
from tests.events.selling import Service as Seller
from tests.system.test_kill import (
    HOLDS_BEFORE_A_KILL,
    SETTLE_SECONDS_MAX,
    TRIPS,
    every_step_has_its_event,
    has_holds,
    holds_of,
    nothing_is_held,
)
from tests.system.test_killed_relaying import MakeReceiver, Receiver, kafka, nats, rabbitmq
from tests.system.two_services import SINK, TAKEN_OVER_S_MAX, are_shared_by, two_sellers
from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.slice_leases import BEAT_MS, LEASE_MS
from travio_inventory.seats.trip import Ends
from verification.kit.asking import hold_seats
from verification.kit.clocks import Clock
from verification.kit.service_process import ServiceProcess, eventually
from verification.kit.shoppers import Attempt, Shopper
from verification.kit.stores import in_company, scylla_options, scylla_store
from verification.kit.trips import a_trip
from verification.servers.cassandra import Cassandra

KILLS = 4
SHOPPERS = 6
ARRIVES_S_MAX = 120.0
"""The index is looked at every ten seconds, and once more when an epoch is over."""


async def shop_while_one_is_killed(services: list[ServiceProcess], random: Random) -> list[Attempt]:
    """What shoppers noted while one or the other was killed, and started again; the first is killed last, for good."""
    is_over = asyncio.Event()
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as shopping:
        clients = [await stack.enter_async_context(services[n % 2].client()) for n in range(SHOPPERS)]
        shoppers = [Shopper(f"s{n}", client, TRIPS, Random(random.random())) for n, client in enumerate(clients)]
        tasks = [shopping.create_task(shopper.shop(is_over)) for shopper in shoppers]
        for number in range(KILLS):
            enough = holds_of(shoppers) + HOLDS_BEFORE_A_KILL
            await asyncio.sleep(random.uniform(0.1, 1.0))
            await eventually(partial(has_holds, shoppers, enough), within_s=ARRIVES_S_MAX)
            services[number % 2].kill()
            await services[number % 2].start()
        is_over.set()
        await asyncio.wait(tasks)
        services[0].kill()
    return [attempt for shopper in shoppers for attempt in shopper.attempts]


@pytest.mark.thorough
@pytest.mark.scylla
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(kafka, id="kafka", marks=pytest.mark.kafka),
        pytest.param(rabbitmq, id="rabbitmq", marks=pytest.mark.rabbitmq),
        pytest.param(nats, id="nats", marks=pytest.mark.nats),
    ],
)
async def test_a_receiver_has_every_event_in_order_whichever_of_two_services_is_killed(
    make: MakeReceiver, cassandra_node: Cassandra, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with (
        make(request, tmp_path) as receiver,
        two_sellers(cassandra_node, tmp_path, receiver.sink, TRAVIO_EDGE="absent") as (services, store),
    ):
        attempts = await shop_while_one_is_killed(services, Random(3))

        await eventually(partial(are_shared_by, 1, store, SINK), within_s=TAKEN_OVER_S_MAX)
        held = [attempt for attempt in attempts if attempt.hold_id]
        assert len(held) >= HOLDS_BEFORE_A_KILL * KILLS
        async with services[1].client() as client:
            await eventually(lambda: nothing_is_held(client), within_s=6 * SETTLE_SECONDS_MAX)
        await eventually(partial(has_all, receiver, held), within_s=ARRIVES_S_MAX)
        every_step_has_its_event(await receiver.arrived(), held)
        assert await services[1].stop() == 0
        for service in services:
            service.assert_nothing_broke_down()


async def has_all(receiver: Receiver, held: list[Attempt]) -> bool:
    """Whether every step of the holds has arrived."""
    try:
        every_step_has_its_event(await receiver.arrived(), held)
    except (AssertionError, IndexError):
        return False
    return True


async def test_a_relay_takes_over_the_slices_and_the_events_of_one_that_is_gone(cassandra_node: Cassandra) -> None:
    """It recorded events, and was gone before it published them. Time passes by a clock of the test's."""
    clock, sink, name = Clock(), RecordingSink(), "smoke"
    trip = a_trip(organization=f"o-{token_hex(4)}", seats=4, seats_per_group=1)
    async with in_company(scylla_store(scylla_options(cassandra_node))) as store:
        gone, stays = (Seller(store, clock, seed=n, shared=[name], smoke=sink) for n in range(2))
        await put_on_sale(gone, trip)

        async def has_them_shared() -> bool:
            clock.pass_ms(BEAT_MS)
            await gone.relay_to(name)
            await stays.relay_to(name)
            return await are_shared_by(2, store, name)

        await eventually(has_them_shared, within_s=TAKEN_OVER_S_MAX)
        actor, ends = Actor(trip.key.organization, "ann"), Ends("A", "D")
        held = [
            await hold_seats(gone.assembly.inventory, actor, trip.key.trip, ends, [seat.id], ttl_s=0)
            for seat in trip.seats
        ]
        own = {f"{hold.id}~0" for hold in held}
        assert own.isdisjoint(sink.ids)

        async def has_taken_over() -> bool:
            clock.pass_ms(LEASE_MS)
            await stays.relay_to(name)
            return own <= {*sink.ids} and await are_shared_by(1, store, name)

        await eventually(has_taken_over, within_s=TAKEN_OVER_S_MAX)
        assert all(sink.ids.count(each) == 1 for each in own)
