"""The edge works on Valkey as on Redis: a little of each contract here, all of it in `make check-all`."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.edge import test_gate_contract as gate
from tests.edge import test_redis_maps as maps
from tests.edge import test_seat_map_cache_contract as seat_maps
from tests.edge.edges import EdgeUnderTest, redis_edge
from travio_inventory.edge.redis_options import RedisOptions, Standalone
from verification.kit.edges import redis_options
from verification.servers.redis import HOST, RedisServer


@pytest.fixture
def options(valkey_node: RedisServer) -> RedisOptions:
    return redis_options(Standalone((HOST, valkey_node.port)))


@pytest.fixture
async def edge(options: RedisOptions) -> AsyncIterator[EdgeUnderTest]:
    async with redis_edge(options) as opened:
        yield opened


def test_it_is_valkey_9(valkey_node: RedisServer) -> None:
    assert valkey_node.ask("INFO", "server")["valkey_version"].startswith("9.")


@pytest.mark.parametrize(
    "contract",
    [
        gate.test_a_refused_attempt_is_told_why,
        gate.test_seats_left_are_free,
        gate.test_a_lock_turns_others_away,
        gate.test_a_hold_only_goes_forward,
        gate.test_a_mark_of_a_cell_that_the_hold_has_no_more_comes_too_late,
        gate.test_a_lock_ends_with_its_time,
        seat_maps.test_a_slow_reader_does_not_put_old_data_back,
    ],
)
async def test_a_contract_is_kept(edge: EdgeUnderTest, contract: Callable[[EdgeUnderTest], Awaitable[None]]) -> None:
    await contract(edge)


async def test_a_write_elsewhere_voids_our_copy(
    here: EdgeUnderTest, there: EdgeUnderTest, valkey_node: RedisServer
) -> None:
    await maps.test_a_write_elsewhere_voids_our_copy_in_a_moment(here, there, valkey_node)
