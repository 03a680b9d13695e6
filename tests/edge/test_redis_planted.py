"""The contract suites are worth something: each finds the fault that is planted in a script."""

from collections.abc import Awaitable, Callable

import pytest

from tests.edge import test_gate_contract as gate
from tests.edge import test_redis
from tests.edge import test_seat_map_cache_contract as seat_maps
from tests.edge.conftest import Edge, redis_edge, redis_options
from tests.servers.redis import HOST, RedisServer
from travio_inventory.edge import scripts
from travio_inventory.edge.redis_options import Standalone

Contract = Callable[[Edge], Awaitable[None]]


@pytest.mark.parametrize(
    ("name", "right", "wrong", "contract"),
    [
        pytest.param(
            "LEAVE",
            b"string.match(entry, '^%d+ %d+ (%S*) ') == ARGV[1]",
            b"true",
            gate.test_leaving_with_a_foreign_token_frees_nothing,
            id="unlock without looking whose lock it is",
        ),
        pytest.param(
            "ENTER",
            b"if locker and locker ~= claimant then",
            b"if locker and locker ~= claimant and #free == 0 then",
            lambda edge: gate.test_of_claims_that_overlap_one_passes(edge, 0),
            id="half of the cells locked is enough",
        ),
        pytest.param(
            "ENTER",
            b"if #locked > 1 then return locked end",
            b"if #free > 0 then redis.call('HSET', KEYS[1], unpack(free)) end if #locked > 1 then return locked end",
            gate.test_a_refused_attempt_leaves_no_lock_behind,
            id="locks stay behind a refusal",
        ),
        pytest.param(
            "ENTER",
            b"if not locker then",
            b"if true then",
            gate.test_a_second_attempt_does_not_take_the_lock_over,
            id="a second attempt takes the lock over",
        ),
        pytest.param(
            "ENTER",
            b"or now >= since + lasts",
            b"",
            test_redis.test_a_short_entry_does_not_cut_a_long_one_short,
            id="a lock for as long as others keep the block alive",
        ),
        pytest.param(
            "FILL",
            b"token == ARGV[i + 1] and ",
            b"",
            seat_maps.test_a_void_lease_stays_void_when_others_have_a_new_one,
            id="fill without the lease",
        ),
        pytest.param(
            "INVALIDATE",
            b", 'l' .. ARGV[i]",
            b"",
            seat_maps.test_a_slow_reader_does_not_put_old_data_back,
            id="an invalidation that voids no lease",
        ),
        pytest.param(
            "READ",
            b"= all[i + 1]",
            b"= string.gsub(all[i + 1], '^%d+', string.format('%d', blocks[1]))",
            seat_maps.test_each_block_goes_stale_by_itself,
            id="blocks that do not go stale",
        ),
    ],
)
async def test_a_planted_fault_is_found(
    redis_node: RedisServer, monkeypatch: pytest.MonkeyPatch, name: str, right: bytes, wrong: bytes, contract: Contract
) -> None:
    script: scripts.Script = getattr(scripts, name)
    assert script.text.count(right) == 1, "the script has changed: plant the fault anew"
    async with redis_edge(redis_options(Standalone((HOST, redis_node.port)))) as edge:
        await contract(edge)
        monkeypatch.setattr(scripts, name, scripts.Script(script.text.replace(right, wrong)))
        with pytest.raises(AssertionError):
            await contract(edge)
