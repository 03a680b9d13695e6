"""The contract suites can fail: each finds the fault that is planted in a script."""

from collections.abc import Awaitable, Callable

import pytest

from tests.edge import test_gate_contract as gate
from tests.edge import test_seat_map_cache_contract as seat_maps
from tests.edge.edges import EdgeUnderTest, redis_edge
from travio_inventory.edge import scripts
from travio_inventory.edge.redis_options import Standalone
from verification.kit.edges import redis_options
from verification.servers.redis import HOST, RedisServer

Contract = Callable[[EdgeUnderTest], Awaitable[None]]


@pytest.mark.parametrize(
    ("name", "right", "wrong", "contract"),
    [
        pytest.param(
            "LEAVE",
            b"string.match(lock, '%S*$') == ARGV[1]",
            b"true",
            gate.test_leaving_with_a_foreign_token_frees_nothing,
            id="unlock without looking whose lock it is",
        ),
        pytest.param(
            "ENTER",
            b"if #locked > 1 then return locked end",
            b"if #locked > 3 * cells then return locked end",
            gate.test_a_refused_attempt_leaves_no_lock_behind,
            id="half of the cells locked is enough",
        ),
        pytest.param(
            "ENTER",
            b"  local refused = others()",
            b"  for i = 2, cells + 1 do redis.call('SET', KEYS[i], claimant .. ' t', 'NX', 'PX', ARGV[3]) end\n"
            b"  local refused = others()",
            gate.test_a_refused_attempt_leaves_no_lock_behind,
            id="locks stay behind a refusal",
        ),
        pytest.param(
            "ENTER",
            b"lock, 'NX', 'PX'",
            b"lock, 'PX'",
            gate.test_a_second_attempt_does_not_take_the_lock_over,
            id="a second attempt takes the lock over",
        ),
        pytest.param(
            "ENTER",
            b"if #taken > 1 then return taken end\n  if #locked > 1 then return locked end",
            b"if #locked > 1 then return locked end\n  if #taken > 1 then return taken end",
            gate.test_taken_seats_are_reported_before_locked_ones,
            id="a lock hides that a seat is sold",
        ),
        pytest.param(
            "ENTER",
            b"if ARGV[4] ~= '0' then redis.call('SET', KEYS[1], '1', 'PX', ARGV[4]) end",
            b"redis.call('SET', KEYS[1], '1', 'PX', 30000)",
            gate.test_a_claimant_without_a_key_is_not_known_again,
            id="who has no key is known again",
        ),
        pytest.param(
            "MARK",
            b"if (claimant == '') ~= (other_claimant == '') then return claimant ~= '' end",
            b"",
            gate.test_a_mark_without_a_claimant_does_not_hide_the_owner,
            id="nobody's word over somebody's",
        ),
        pytest.param(
            "MARK",
            b"if not (gave_up and redis.call('HGET', KEYS[1], KEYS[i])) then",
            b"if true then",
            gate.test_a_mark_of_a_cell_that_the_hold_has_no_more_comes_too_late,
            id="a late word of what the hold has no more",
        ),
        pytest.param(
            "MARK",
            b"if not (gave_up and redis.call('HGET', KEYS[1], KEYS[i])) then",
            b"if not gave_up then",
            gate.test_what_a_hold_gets_for_what_it_gave_up_turns_others_away_at_once,
            id="no word of a hold that gave something up",
        ),
        pytest.param(
            "MARK",
            b"if status ~= other_status then return ranks[status] > ranks[other_status] end",
            b"",
            gate.test_a_hold_only_goes_forward,
            id="a booking that is held again",
        ),
        pytest.param(
            "MARK",
            b"math.min(ttl, as_of + ttl - now)",
            b"ttl",
            gate.test_a_late_mark_is_remembered_for_less_time,
            id="remembered from when it is heard",
        ),
        pytest.param(
            "CLEAR",
            b"string.match(entry, '^%S* (%S+) ') == ARGV[1]",
            b"true",
            gate.test_of_two_holds_the_later_one_counts,
            id="an end that hides the next hold",
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
            seat_maps.test_each_seat_group_goes_stale_by_itself,
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
