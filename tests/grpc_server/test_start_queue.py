"""Calls start a few at a time, from one connection after the other."""

import asyncio
from collections.abc import Callable

from travio_inventory.grpc_server.start_queue import CALLS_PER_TURN, SECONDS_PER_TURN, StartQueue


class Calls:
    """Names of the calls that have started, in order; each takes so many seconds."""

    def __init__(self, *, each_s: float = 0.0) -> None:
        self._each_s = each_s
        self._now_s = 0.0
        self.queue = StartQueue(lambda: self._now_s)
        self.started: list[str] = []

    def ask(self, connection: str, count: int, *, ended: bool = False) -> None:
        """This number of calls of the connection is ready."""
        for _ in range(count):
            self.queue.submit(connection, self._start(connection, ended=ended))

    def _start(self, connection: str, *, ended: bool) -> Callable[[], bool]:
        def start() -> bool:
            self._now_s += self._each_s
            if not ended:
                self.started.append(connection)
            return not ended

        return start


async def test_a_call_starts_at_once_while_there_are_few() -> None:
    calls = Calls()
    for _ in range(3):
        calls.ask("a", CALLS_PER_TURN)
        assert len(calls.started) == CALLS_PER_TURN
        calls.started.clear()
        await asyncio.sleep(0)


async def test_a_limited_number_starts_in_one_turn_of_the_loop() -> None:
    calls = Calls()
    calls.ask("a", 2 * CALLS_PER_TURN + 1)
    for started in (CALLS_PER_TURN, 2 * CALLS_PER_TURN, 2 * CALLS_PER_TURN + 1):
        assert len(calls.started) == started
        await asyncio.sleep(0)


async def test_calls_that_take_long_start_for_a_limited_time_in_one_turn_of_the_loop() -> None:
    calls = Calls(each_s=SECONDS_PER_TURN * 0.4)
    calls.ask("a", 8)
    assert len(calls.started) == 3
    assert not calls.queue.has_room
    calls.ask("b", 1)
    await asyncio.sleep(0)
    assert calls.started[3:] == ["a", "b", "a"]
    await asyncio.sleep(0)
    assert len(calls.started) == 9


async def test_a_call_that_takes_longer_than_a_turn_starts_all_the_same() -> None:
    calls = Calls(each_s=2 * SECONDS_PER_TURN)
    calls.ask("a", 3)
    for started in (1, 2, 3):
        assert len(calls.started) == started
        await asyncio.sleep(0)


async def test_connections_take_turns() -> None:
    calls = Calls()
    calls.ask("a", CALLS_PER_TURN + 4)
    calls.ask("b", 2)
    calls.ask("c", 1)
    await asyncio.sleep(0)
    assert calls.started[CALLS_PER_TURN:] == ["a", "b", "c", "a", "b", "a", "a"]


async def test_a_waiting_call_is_not_overtaken() -> None:
    calls = Calls()
    calls.ask("a", 2 * CALLS_PER_TURN)
    asyncio.get_running_loop().call_soon(calls.ask, "b", 1)
    await asyncio.sleep(0)
    assert calls.started == ["a"] * 2 * CALLS_PER_TURN
    await asyncio.sleep(0)
    assert calls.started[-1] == "b"


async def test_a_call_that_ended_before_its_turn_takes_none() -> None:
    calls = Calls()
    calls.ask("a", CALLS_PER_TURN)
    calls.ask("a", 5, ended=True)
    calls.ask("a", CALLS_PER_TURN)
    await asyncio.sleep(0)
    assert len(calls.started) == 2 * CALLS_PER_TURN


async def test_a_call_that_cannot_start_keeps_no_other_from_it() -> None:
    calls = Calls()

    def cannot_start() -> bool:
        raise ZeroDivisionError

    said: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context["exception"]))
    calls.ask("a", CALLS_PER_TURN)
    calls.queue.submit("b", cannot_start)
    calls.ask("c", 2 * CALLS_PER_TURN)
    for _ in range(5):
        await asyncio.sleep(0)
    assert calls.started == ["a"] * CALLS_PER_TURN + ["c"] * (2 * CALLS_PER_TURN)
    assert [type(error) for error in said] == [ZeroDivisionError]
