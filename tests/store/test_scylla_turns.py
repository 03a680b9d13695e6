"""InFlightLimit: bounded in all, per server and per partition, in order, and none is ever lost."""

import asyncio
from random import Random

import pytest

from travio_inventory.store.scylla.in_flight import InFlightLimit, NoTurn
from verification.simulation.virtual_loop import run_virtually


async def enter_later(turns: InFlightLimit, partition: str, entered: list[int], number: int) -> None:
    """Wait for a turn and note that it came."""
    await turns.enter(partition)
    entered.append(number)


async def test_a_partition_has_a_limit_of_turns_and_waiting_callers_get_them_in_order() -> None:
    turns, entered = InFlightLimit(limit=10, per_node=10, per_partition=2, wait_s=5), list[int]()
    tasks = [asyncio.create_task(enter_later(turns, "a", entered, number)) for number in range(5)]
    await asyncio.sleep(0)
    assert entered == [0, 1]
    await turns.enter("b")
    for expected in ([0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3, 4]):
        turns.leave("a")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert entered == expected
    await asyncio.gather(*tasks)


async def test_all_partitions_together_have_a_limit() -> None:
    turns, entered = InFlightLimit(limit=3, per_node=3, per_partition=2, wait_s=5), list[int]()
    tasks = [asyncio.create_task(enter_later(turns, str(number), entered, number)) for number in range(5)]
    await asyncio.sleep(0)
    assert entered == [0, 1, 2]
    turns.leave("0")
    turns.leave("1")
    await asyncio.gather(*tasks)


async def test_who_waits_for_a_server_takes_no_room_from_the_others() -> None:
    turns, entered = InFlightLimit(limit=4, per_node=2, per_partition=4, wait_s=5), list[int]()

    async def enter(number: int, node: str) -> None:
        await turns.enter(number, node)
        entered.append(number)

    tasks = [asyncio.create_task(enter(number, "slow")) for number in range(4)]
    await asyncio.sleep(0)
    await enter(10, "other")
    await enter(11, "other")
    assert entered == [0, 1, 10, 11]
    for number in (0, 1, 10, 11):
        turns.leave(number, "other" if number >= 10 else "slow")
    await asyncio.gather(*tasks)
    assert entered[4:] == [2, 3]


@pytest.mark.parametrize(("limit", "per_partition"), [(1, 5), (5, 1)])
async def test_a_caller_that_waits_too_long_gets_no_turn_and_uses_none(limit: int, per_partition: int) -> None:
    turns = InFlightLimit(limit=limit, per_node=5, per_partition=per_partition, wait_s=0.02)
    await turns.enter("a")
    with pytest.raises(NoTurn, match=r"0\.02 s"):
        await turns.enter("a")
    turns.leave("a")
    await turns.enter("a")


def test_no_turn_is_lost_however_callers_come_and_go() -> None:
    """A thousand callers, of whom many are cancelled or out of patience just as their turn comes."""
    run_virtually(1, callers_come_and_go())


async def callers_come_and_go() -> None:
    random, turns = Random(1), InFlightLimit(limit=4, per_node=4, per_partition=2, wait_s=0.004)
    most = inside = served = 0

    async def call(number: int) -> None:
        nonlocal most, inside, served
        partition = str(number % 3)
        try:
            await turns.enter(partition)
        except NoTurn:
            return
        inside += 1
        served += 1
        most = max(most, inside)
        try:
            await asyncio.sleep(random.choice([0, 0.001, 0.003]))
        finally:
            inside -= 1
            turns.leave(partition)

    async def come_and_go(number: int) -> None:
        task = asyncio.create_task(call(number))
        await asyncio.sleep(random.choice([0, 0, 0.001, 0.004]))
        if random.random() < 0.5:
            task.cancel()
        await asyncio.wait([task])

    for start in range(0, 1_000, 50):
        await asyncio.gather(*(come_and_go(number) for number in range(start, start + 50)))
    assert most == 4
    assert served > 100
    for partition in ("0", "1"):
        await turns.enter(partition)
        await turns.enter(partition)
    with pytest.raises(NoTurn):
        await turns.enter("2")
