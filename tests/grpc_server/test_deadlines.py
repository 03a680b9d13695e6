"""Deadlines: calls whose time is up at the same moment share a timer, and nobody is told too early."""

import asyncio
import time

from travio_inventory.grpc_server.lean.deadlines import MOMENT_S, Deadlines


class Told:
    """A call that notes when it was told."""

    def __init__(self) -> None:
        self.at_s: float | None = None
        self.was_told = asyncio.Event()

    def on_timer(self) -> None:
        self.at_s = time.monotonic()
        self.was_told.set()


async def test_each_is_told_once_its_time_is_up_and_not_before() -> None:
    deadlines, start_s = Deadlines(), time.monotonic()
    calls = {start_s + part * MOMENT_S / 3: Told() for part in range(-2, 12)}
    for at_s, call in calls.items():
        deadlines.add(at_s, call)
    async with asyncio.timeout(30):
        for call in calls.values():
            await call.was_told.wait()
    assert all(call.at_s is not None and call.at_s >= at_s for at_s, call in calls.items())


async def test_who_is_taken_out_is_not_told_though_others_of_the_moment_are() -> None:
    deadlines, at_s = Deadlines(), time.monotonic() + MOMENT_S
    answered, late = Told(), Told()
    deadlines.add(at_s, answered).discard(answered)
    deadlines.add(at_s, late)
    async with asyncio.timeout(30):
        await late.was_told.wait()
    assert answered.at_s is None


async def test_who_ends_another_as_he_is_told_ends_him_for_good() -> None:
    deadlines, at_s, told = Deadlines(), time.monotonic() + MOMENT_S, asyncio.Event()

    class Ending:
        def on_timer(self) -> None:
            assert not told.is_set()
            told.set()
            for each in both:
                due.discard(each)

    both = Ending(), Ending()
    due = deadlines.add(at_s, both[0])
    assert deadlines.add(at_s, both[1]) is due
    async with asyncio.timeout(30):
        await told.wait()
    assert not due
