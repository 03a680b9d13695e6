"""How many functions a hold calls with its store on Cassandra and its gate in Redis, and how many of them are the
store's.
"""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import FrameType

import pytest

from tests.api.test_cheap_calls import HOLD, Call
from travio_inventory import store
from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.api.grpc.service import InventoryService
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.app.backends import scylla
from travio_inventory.app.deeds import operator_here
from travio_inventory.app.service import open_assembly
from travio_inventory.bench.bench_trips import coach
from travio_inventory.bench.calls import ORGANIZATION, Contest, contest_for, parsed
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.settings import load_settings
from verification.servers.cassandra import Cassandra
from verification.servers.redis import RedisServer

HOLD_CALLS_MAX = 1_300
"""Of a hold that nothing else is beside: each turn of the event loop is its own."""
STORE_CALLS_MAX = 214
"""Of the store, group commit included, and of what it calls itself; 288 before requests were packed by us."""
HOLDS = 36


class OfStore:
    """How many functions the modules of the store called in the block, or were themselves."""

    def __init__(self) -> None:
        self.functions = 0
        self._folder = str(Path(store.__file__).parent)

    def __enter__(self) -> "OfStore":
        sys.setprofile(self._count)
        return self

    def __exit__(self, *_raised: object) -> None:
        sys.setprofile(None)

    def _count(self, frame: FrameType, event: str, _of: object) -> None:
        if event == "c_call":
            self.functions += self._is_ours(frame)
        elif event == "call":
            self.functions += self._is_ours(frame) or self._is_ours(frame.f_back)

    def _is_ours(self, frame: FrameType | None) -> bool:
        return frame is not None and frame.f_code.co_filename.startswith(self._folder)


@pytest.fixture
async def selling(
    tmp_path: Path, cassandra_node: Cassandra, redis_node: RedisServer
) -> AsyncIterator[tuple[InventoryService, list[Contest]]]:
    """A service on both servers, and the seats that it sells."""
    settings = load_settings(
        data=tmp_path,
        scylla_hosts=f"{cassandra_node.hosts[0]}:{cassandra_node.port}",
        scylla_keyspace="cheap_calls",
        redis_addr=redis_node.address,
        redis_reply_ms_max=5_000,
        environment="development",
        background=False,
        events="none",
    )
    scylla.apply_schema(settings, replication=1, by=operator_here())
    async with open_assembly(settings) as assembly:
        trip = coach()
        await assembly.inventory.open_trip(Actor(ORGANIZATION, "admin"), trip)
        service = InventoryService(
            assembly.inventory,
            Feeds(assembly.inventory.follow_maps, MapSignals(), SystemClock()),
            authentication=AuthenticationOff(),
            refusals="status",
            clock=SystemClock(),
            turn_away=assembly.turn_away,
        )
        yield service, [contest_for(trip, seat.id) for seat in trip.seats[:HOLDS]]


async def test_a_hold_on_cassandra_and_redis_calls_few_functions(
    selling: tuple[InventoryService, list[Contest]],
) -> None:
    service, seats = selling
    handler = service.__mapping__()[HOLD]
    made = [await Call(handler, each.hold(each.seat)).made() for each in seats]
    assert all(parsed("HoldSeatsResponse", call.answer).success for call in made)
    counts = sorted(call.functions for call in made)
    assert counts[0] <= HOLD_CALLS_MAX, counts


async def test_few_of_them_are_the_stores(selling: tuple[InventoryService, list[Contest]]) -> None:
    service, seats = selling
    handler, counts = service.__mapping__()[HOLD], []
    for each in seats:
        call = Call(handler, each.hold(each.seat))
        with OfStore() as counted:
            await handler.func(call)
        assert parsed("HoldSeatsResponse", call.answer).success
        counts.append(counted.functions)
    assert min(counts) <= STORE_CALLS_MAX, sorted(counts)
