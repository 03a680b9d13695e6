"""What is done in portions leaves turns of the loop to others, and is done with each."""

import asyncio

import pytest

from travio_inventory.kernel.portions import in_portions


async def test_each_turn_has_its_portion() -> None:
    done, after_turn = list[int](), list[int]()
    in_portions(range(7), done.append, 3)
    for _ in range(4):
        after_turn.append(len(done))
        await asyncio.sleep(0)
    assert after_turn == [3, 6, 7, 7]
    assert done == [*range(7)]


async def test_one_that_fails_stops_no_other_portion() -> None:
    done = list[int]()

    def do(number: int) -> None:
        if number == 1:
            raise ValueError
        done.append(number)

    with pytest.raises(ValueError):  # noqa: PT011 - it has no words
        in_portions(range(4), do, 2)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert done == [0, 2, 3]


async def test_nothing_is_done_with_nothing() -> None:
    in_portions([], pytest.fail, 2)
    await asyncio.sleep(0)
