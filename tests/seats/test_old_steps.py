"""A step that waited too long is not sent with its first time, because sweeper and relay would not find it."""

import asyncio
from random import Random
from typing import TypeVar

import pytest

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import index_entries, rows, sending
from travio_inventory.protocol.batches import ANY_TIME, Kind, NotDone, Outcome
from travio_inventory.protocol.minute_cursor import SETTLES_MS
from travio_inventory.seats.hold import Confirmed, Held, HoldRequest
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.trip import Journey
from verification.kit.asking import open_trip
from verification.kit.passing import Batch, PassingMemory, Send
from verification.simulation.oracle import START_MS
from verification.simulation.plan import Plan
from verification.simulation.process import Process, adopting, steady_process
from verification.simulation.virtual_loop import run_virtually
from verification.simulation.world import KEY, World

T = TypeVar("T")

TRIP = World(Plan(0, seats=1)).trip
ANN = Actor("o", "ann")
TOO_LONG_S = index_entries.SENT_WITHIN_MS / 1_000 + 1


class Queue(PassingMemory):
    """The next batch waits `wait_s` for its turn."""

    def __init__(self) -> None:
        super().__init__(None, Random(1), asyncio.sleep)
        self.wait_s = 0.0
        self.outcomes: list[Outcome] = []

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        wait_s, self.wait_s = self.wait_s, 0.0
        await asyncio.sleep(wait_s)
        self.outcomes.append(await send(batch))
        return self.outcomes[-1]


async def opened() -> tuple[Queue, Process]:
    """A trip of one seat, and a process."""
    asyncio.get_running_loop().set_task_factory(adopting)
    queue = Queue()
    process = steady_process(queue)
    await open_trip(process.inventory, TRIP)
    queue.outcomes.clear()
    return queue, process


def seat() -> HoldRequest:
    """A long hold of its seat."""
    return HoldRequest(ANN, TRIP, Journey(0, 0), ("s0",), 3_600_000, None)


async def times_of_events(queue: Queue) -> list[int]:
    """The moments of the recorded events, in ms since the start."""
    events = await queue.read(seat_rows.group_partition(KEY, 0), Kind.EVENT)
    return [rows.number(row, "at_ms") - START_MS for row in events.values()]


async def confirm_after_a_wait() -> tuple[list[int], list[type]]:
    """The times of the events, and the outcomes of the batches of a confirm that waits."""
    queue, process = await opened()
    hold = await process.holds.hold(seat())
    queue.outcomes.clear()
    queue.wait_s = TOO_LONG_S
    booking = await process.holds.confirm(ANN, hold.id, Confirmed("order"))
    assert isinstance(booking.state, Confirmed)
    return await times_of_events(queue), [type(outcome) for outcome in queue.outcomes]


def test_a_step_that_waited_too_long_is_tried_again_with_a_new_time() -> None:
    (_, confirmed_ms), outcomes = run_virtually(0, confirm_after_a_wait())
    assert outcomes[0] is NotDone
    assert confirmed_ms >= TOO_LONG_S * 1_000


def test_an_extension_that_waited_too_long_is_tried_again_with_a_new_time() -> None:
    async def extended() -> list[int]:
        queue, process = await opened()
        hold = await process.holds.hold(seat())
        queue.wait_s = TOO_LONG_S
        longer = await process.holds.extend(ANN, hold.id, expires_at_ms=START_MS + 7_200_000, total_ms_max=10**9)
        assert longer.state == Held(START_MS + 7_200_000)
        return await times_of_events(queue)

    assert run_virtually(0, extended())[1] >= TOO_LONG_S * 1_000


def test_a_hold_that_waited_too_long_never_comes_to_be() -> None:
    async def refused() -> list[int]:
        queue, process = await opened()
        queue.wait_s = TOO_LONG_S
        with pytest.raises(BackendUnavailable):
            await process.holds.hold(seat())
        return await times_of_events(queue)

    assert run_virtually(0, refused()) == []


def test_without_its_age_a_step_is_sent_even_if_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending.Sender, "_send_by", lambda _self, _at_ms: ANY_TIME)
    (_, confirmed_ms), _ = run_virtually(0, confirm_after_a_wait())
    assert confirmed_ms < 1_000


def test_a_minute_is_visited_again_when_the_latest_step_of_it_has_landed() -> None:
    clocks_ms = 5_000
    assert index_entries.LANDS_WITHIN_MS + clocks_ms <= SETTLES_MS[-1]


@pytest.mark.parametrize("stamp_ms", [-30_000, 0, 600_000], ids=["old", "new", "by a clock that was set back since"])
def test_a_step_may_be_sent_for_what_is_left_of_its_time(stamp_ms: int) -> None:
    async def left_s() -> float:
        _, process = await opened()
        return process.sender._send_by(process.clock.now_ms() + stamp_ms) - asyncio.get_running_loop().time()

    assert run_virtually(0, left_s()) == pytest.approx(
        (index_entries.SENT_WITHIN_MS + min(stamp_ms, 0)) / 1_000, abs=0.01
    )
