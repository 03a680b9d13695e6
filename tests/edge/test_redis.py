"""What the gate on Redis promises beyond the contracts: shared by all, nothing for ever, few writes."""

import asyncio
import time
from dataclasses import replace
from random import Random

import anyio
import pytest

from tests.edge.edges import LASTING_MS, EdgeUnderTest, GroupGate, in_redis, redis_edge, who_has
from tests.edge.redis_edges import SEEN_S_MAX, STALE_MS_MAX, commands_run, fill, scripts_run, until_answering
from travio_inventory.edge import remembering
from travio_inventory.edge.keys import gate_prefix, known_key, left_key, lock_keys, map_key, taken_keys
from travio_inventory.edge.redis_options import RedisOptions
from travio_inventory.seats.ports import Cell, Locked, Passed, SeatGroupKey
from verification.servers.redis import RedisServer


async def test_two_processes_exclude_each_other(here: EdgeUnderTest, there: EdgeUnderTest) -> None:
    group = SeatGroupKey(here.trip(), 0)
    assert await GroupGate(here, group).enter("ann", "A1:0") == Passed()
    assert await GroupGate(there, group).enter("bob", "A1:0") == Locked(("A1",))
    await GroupGate(there, group).mark("ann", "A2:0")
    await GroupGate(there, group).told()
    assert who_has(await GroupGate(here, group).enter("bob", "A2:0")) == {"A2": "held"}


async def test_two_deployments_on_one_redis_know_nothing_of_each_other(
    here: EdgeUnderTest, options: RedisOptions
) -> None:
    """Even if their trips have the same names, for example production and staging."""
    async with redis_edge(options, deployment="another", stale_ms_max=STALE_MS_MAX) as elsewhere:
        group = SeatGroupKey(here.trip(), 0)
        for edge, content in ((here, b"ours"), (elsewhere, b"theirs")):
            assert await GroupGate(edge, group).enter("ann" if edge is here else "bob", "A1:0") == Passed()
            await fill(edge, group.trip, content)
        await elsewhere.seat_maps.invalidate(group.trip, [0])
        assert await here.seat_maps.read(group.trip) == {0: b"ours"}
        await here.seat_maps.invalidate(group.trip, [0])
        assert await here.seat_maps.read(group.trip) == {}


async def test_of_claims_from_two_processes_that_overlap_one_passes(here: EdgeUnderTest, there: EdgeUnderTest) -> None:
    group, chance = SeatGroupKey(here.trip(), 0), Random(7)
    won: list[str] = []

    async def contend(number: int, wanted: str) -> None:
        gate = GroupGate((here, there)[number % 2], group)
        if await gate.enter(f"claimant-{number}", wanted) == Passed():
            won.extend(wanted.split())

    async with anyio.create_task_group() as tasks:
        for number in range(200):
            tasks.start_soon(contend, number, " ".join(chance.sample(["A1:0", "A1:1", "A2:0", "A2:1"], 2)))
    assert won
    assert len(won) == len(set(won))


async def test_everything_in_redis_ends_by_itself(here: EdgeUnderTest, redis_node: RedisServer) -> None:
    gate = here.group_gate()
    await gate.enter("ann", "A1:0", has_key=True)
    await gate.mark("ann", "A2:0")
    await gate.clear("bob", "A3:0")
    await fill(here, gate.group.trip, b"map")
    ends_ms = {
        lock_keys(gate.group, [Cell("A1", 0)])[0]: 60_000,
        known_key(gate.group, "ann"): 30_000,
        taken_keys(gate.group, [Cell("A2", 0)])[0]: here.taken_ttl_ms,
        left_key(gate.group, "hold-bob"): here.taken_ttl_ms,
    }
    for key, ttl_ms in ends_ms.items():
        assert ttl_ms / 2 < redis_node.ask("PTTL", in_redis(key)) <= ttl_ms
    assert len(redis_node.ask("KEYS", in_redis(gate_prefix(gate.group)) + "*")) == len(ends_ms)
    assert 0 < redis_node.ask("PTTL", in_redis(map_key(gate.group.trip))) <= 2 * here.stale_ms_max


async def test_a_lock_is_a_key_that_anybody_can_read(here: EdgeUnderTest, redis_node: RedisServer) -> None:
    """SET key token NX PX ttl, and the next one cannot."""
    gate = here.group_gate()
    await gate.enter("ann", "A1:0")
    key = in_redis(lock_keys(gate.group, [Cell("A1", 0)])[0])
    assert redis_node.ask("GET", key) == b"ann token-ann"
    assert redis_node.ask("SET", key, "bob token-bob", "NX", "PX", "5000") is None


async def test_a_mark_that_redis_gets_too_late_is_not_kept(options: RedisOptions, redis_node: RedisServer) -> None:
    """It was sent in time, but waited in the queue of a paused server."""
    async with redis_edge(options) as edge:
        gate = edge.group_gate()
        await gate.mark("bob", "A9:0")  # so Redis knows the script
        redis_node.pause()
        marking = asyncio.ensure_future(gate.mark("ann", "A1:0"))
        await asyncio.sleep(edge.taken_ttl_ms / 1_000 + 0.1)
        redis_node.resume()
        await marking
        await until_answering(edge)
        assert await gate.enter("bob", "A1:0") == Passed()


async def test_redis_restarted_empty_or_flushed_is_used_as_if_it_were_new(
    here: EdgeUnderTest, redis_node: RedisServer
) -> None:
    gate = here.group_gate()
    await gate.enter("ann", "A1:0")
    await fill(here, gate.group.trip, b"map")
    redis_node.ask("FLUSHALL")
    redis_node.ask("SCRIPT FLUSH")
    assert await gate.enter("bob", "A1:0") == Passed()
    assert await gate.enter("ann", "A1:0") == Locked(("A1",))
    await here.seat_maps.invalidate(gate.group.trip, [0])
    await fill(here, gate.group.trip, b"new")
    assert await here.seat_maps.read(gate.group.trip) == {0: b"new"}


async def test_what_is_told_is_not_waited_for_and_carries_its_script_once(
    here: EdgeUnderTest, redis_node: RedisServer
) -> None:
    gate = here.group_gate()
    redis_node.ask("SCRIPT FLUSH")
    await gate.leave("ann", "A1:0")
    await until_answering(here)
    before = redis_node.ask("INFO", "commandstats")["cmdstat_eval"]["calls"]
    redis_node.pause()
    async with asyncio.timeout(here.taken_ttl_ms / 1_000):
        for _ in range(3):
            await gate.mark("ann", "A1:0")
            await gate.leave("ann", "A1:0")
    redis_node.resume()
    await until_answering(here)
    assert redis_node.ask("INFO", "commandstats")["cmdstat_eval"]["calls"] - before <= 1
    redis_node.ask("SCRIPT FLUSH")
    for _ in range(2):
        await gate.mark("ann", "A1:0")
        await until_answering(here)
    assert who_has(await gate.enter("bob", "A1:0")) == {"A1": "held"}


async def test_calls_of_the_same_moment_go_out_together(here: EdgeUnderTest, redis_node: RedisServer) -> None:
    gates = [here.group_gate() for _ in range(200)]
    await gates[0].enter("ann", "A1:0")
    before = redis_node.ask("INFO", "stats")["total_reads_processed"]
    await asyncio.gather(*(gate.enter("ann", "A1:0 A1:1") for gate in gates))
    assert redis_node.ask("INFO", "stats")["total_reads_processed"] - before < 30


async def test_nobody_waits_for_leaving(here: EdgeUnderTest, redis_node: RedisServer) -> None:
    """What comes later finds the cells unlocked, even if Redis does not know the script."""
    gate = here.group_gate()
    await gate.enter("ann", "A1:0")
    redis_node.ask("SCRIPT FLUSH")
    with pytest.raises(StopIteration):
        gate.leave("ann", "A1:0").send(None)
    assert await gate.enter("bob", "A1:0") == Passed()


async def test_who_has_told_that_a_seat_is_free_knows_that_all_processes_find_it_free(
    here: EdgeUnderTest, redis_node: RedisServer
) -> None:
    """Even those that ask before this one does anything else."""
    gate = here.group_gate()
    await gate.mark("ann", "A1:0")
    await gate.told()
    key = in_redis(taken_keys(gate.group, [Cell("A1", 0)])[0])
    assert redis_node.ask("GET", key) is not None
    await gate.clear("ann", "A1:0")
    assert redis_node.ask("GET", key) is None


async def test_no_more_than_some_wait_to_leave(options: RedisOptions, redis_node: RedisServer) -> None:
    """Those beyond are dropped: their locks lapse."""
    async with redis_edge(replace(options, waiting_max=5)) as edge:
        gate = edge.group_gate()
        await gate.enter("ann", "A1:0")
        before = scripts_run(redis_node)
        for _ in range(50):
            await gate.leave("ann", "A1:0")
        await asyncio.sleep(0)
        assert await gate.enter("bob", "A1:0") == Passed()
        assert scripts_run(redis_node) - before == 6


@pytest.mark.parametrize(("has_key", "commands_max"), [(False, 10), (True, 60)])
async def test_a_crowd_on_a_taken_seat_costs_redis_almost_nothing(
    here: EdgeUnderTest, redis_node: RedisServer, monkeypatch: pytest.MonkeyPatch, *, has_key: bool, commands_max: int
) -> None:
    """1,000 refusals within a moment, 50 at a time, as Redis counts its commands; with keys it is asked who was let in
    before.
    """
    monkeypatch.setattr(remembering, "MEMORY_MS", LASTING_MS)
    gate = here.group_gate()
    await gate.mark("ann", "A1:0 A1:1", status="sold")
    before = commands_run(redis_node)
    for moment in range(20):
        answers = await asyncio.gather(
            *(gate.enter(f"c{moment}-{number}", "A1:0 A1:1", has_key=has_key) for number in range(50))
        )
        assert all(who_has(answer) == {"A1": "sold"} for answer in answers)
    assert commands_run(redis_node) - before <= commands_max


async def test_a_seat_that_is_free_again_elsewhere_is_forgotten_when_redis_tells(
    here: EdgeUnderTest, there: EdgeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the moment is over for which the refusal would be remembered."""
    monkeypatch.setattr(remembering, "MEMORY_MS", LASTING_MS)
    ours = here.group_gate()
    theirs = GroupGate(there, ours.group)
    await ours.mark("ann", "A1:0")
    await ours.told()
    assert who_has(await theirs.enter("bob", "A1:0")) == {"A1": "held"}
    await ours.clear("ann", "A1:0")
    await here.seat_maps.invalidate(ours.group.trip, [0])
    async with asyncio.timeout(SEEN_S_MAX / 2):
        while await theirs.enter("bob", "A1:0") != Passed():  # noqa: ASYNC110 - Redis sets no event of this process
            await asyncio.sleep(0.001)


async def test_a_caller_who_leaves_takes_no_answer_from_others(here: EdgeUnderTest) -> None:
    """Half of the callers are cancelled while they wait; each other one still gets its own answer."""
    chance = Random(3)
    for _ in range(20):
        gates = [here.group_gate() for _ in range(40)]
        for number, gate in enumerate(gates):
            if number % 3 == 0:
                await gate.enter("ann", "A1:0")
        calls = [asyncio.ensure_future(gate.enter("bob", "A1:0")) for gate in gates]
        await asyncio.sleep(chance.random() * 0.002)
        for call in calls[::2]:
            call.cancel()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        for number, answer in enumerate(answers):
            if not isinstance(answer, asyncio.CancelledError):
                assert answer == (Locked(("A1",)) if number % 3 == 0 else Passed())


async def test_an_answer_counts_even_if_this_process_was_too_busy_to_read_it_in_time(options: RedisOptions) -> None:
    """The event loop is blocked for longer than an answer may take, which is not a fault of Redis."""
    async with redis_edge(replace(options, reply_ms_max=2_000)) as edge:
        gate = edge.group_gate()
        await gate.enter("ann", "A1:0")
        call = asyncio.ensure_future(gate.enter("bob", "A1:0"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        time.sleep(2.2)  # noqa: ASYNC251 - stands for work that blocks
        assert await call == Locked(("A1",))
