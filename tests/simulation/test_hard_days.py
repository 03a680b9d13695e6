"""Clocks wrong by a day, groups and minutes that cannot be read, a relay that starts late: the promises hold, and
designs that break them there are caught.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress

import pytest

from travio_inventory.events.relay import EventRelay
from travio_inventory.kernel.events import Event, PublishFailed
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.ages import Ages
from travio_inventory.protocol.back_off import BackOff
from travio_inventory.protocol.batches import Index
from travio_inventory.protocol.epochs import Epochs
from travio_inventory.protocol.index_entries import minute_of
from travio_inventory.protocol.journal import EventJournal
from travio_inventory.protocol.minute_cursor import MinuteCursor, Place
from travio_inventory.seats.records.open_trips import SlowRound
from verification.simulation.hard_day import hard_day
from verification.simulation.process import Post

SEEDS_MAX = 15

Plant = Callable[[pytest.MonkeyPatch], None]


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.once) for seed in range(1, 8))])
def test_a_hard_day_breaks_no_promise(seed: int) -> None:
    assert hard_day(seed) == []


@pytest.mark.once
@pytest.mark.long
@pytest.mark.parametrize("far", ["slow", "failing", "absent"])
def test_a_second_sink_on_a_hard_day_delays_no_event_for_the_first(far: str) -> None:
    """And has every event itself by the morning, in order."""
    assert hard_day(1, far) == []


def no_slow_round(patch: pytest.MonkeyPatch) -> None:
    """A sweeper that finds holds only by the index and its own steps."""

    async def nothing(_self: SlowRound) -> list[object]:
        return []

    patch.setattr(SlowRound, "next_partitions", nothing)


def ahead_for_good(patch: pytest.MonkeyPatch) -> None:
    """A cursor that is ahead of the present stays there."""
    no_slow_round(patch)
    patch.setattr(MinuteCursor, "_go_back", lambda _self, _now_ms: None)


def epochs_by_the_clock(patch: pytest.MonkeyPatch) -> None:
    """The epoch is the minute that the clock shows."""
    no_slow_round(patch)

    async def by_clock(self: Epochs) -> int:
        return minute_of(self._clock.now_ms())

    patch.setattr(Epochs, "current", by_clock)
    patch.setattr(Epochs, "keep", by_clock)


def from_the_open_epoch(patch: pytest.MonkeyPatch) -> None:
    """A relay that finds no cursor begins with the open epoch: the one before it died before it closed the first."""
    no_slow_round(patch)
    earliest = MinuteCursor._earliest
    patch.setattr(
        MinuteCursor, "_earliest",
        lambda self, now_ms: minute_of(now_ms) if self.index is Index.JOURNAL else earliest(self, now_ms),
    )  # fmt: skip


def abort_the_round(patch: pytest.MonkeyPatch) -> None:
    """One failure ends the round for all."""

    def failed(_self: "BackOff[object]", _thing: object, _error: BaseException) -> None:
        raise BackendUnavailable

    patch.setattr(BackOff, "failed", failed)


def forget_what_fails(patch: pytest.MonkeyPatch) -> None:
    """A minute is closed without what failed in it."""
    no_slow_round(patch)

    async def carry(_self: MinuteCursor, _places: Collection[Place], _now_ms: int) -> None:
        return

    patch.setattr(MinuteCursor, "carry", carry)


def as_long_as_the_clock_was_ahead(patch: pytest.MonkeyPatch) -> None:
    """A hold stands until the moment on it, however far ahead the clock was that made it."""
    patch.setattr(Ages, "is_ahead", lambda _self, _at_ms: False)


def one_cursor_for_all_sinks(patch: pytest.MonkeyPatch) -> None:
    """What one sink got counts as published to all."""
    no_slow_round(patch)
    init = EventJournal.__init__
    patch.setattr(EventJournal, "__init__", lambda self, sender, _sink, **rest: init(self, sender, "all", **rest))


def one_round_for_all_sinks(patch: pytest.MonkeyPatch) -> None:
    """Events go to one sink after the other, and count as handed over when all have them."""
    turn = asyncio.Lock()
    call = EventRelay.__call__

    async def in_turn(self: EventRelay) -> int:
        async with turn:
            return await call(self)

    patch.setattr(EventRelay, "__call__", in_turn)
    patch.setattr(Post, "publish", patient(Post.publish))


def patient(publish: Callable[[Post, Sequence[Event]], Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Hands over again until it is accepted."""

    async def again(self: Post, events: Sequence[Event]) -> None:
        while True:
            with suppress(PublishFailed):
                return await publish(self, events)
            await asyncio.sleep(1)

    return again


@pytest.mark.once
@pytest.mark.long
@pytest.mark.parametrize(("plant", "first"), [(one_cursor_for_all_sinks, 8), (one_round_for_all_sinks, 7)])
def test_a_design_in_which_sinks_are_not_independent_is_caught(
    plant: Plant, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    for seed in range(first, first + SEEDS_MAX):
        if any(said.startswith("I8") for said in hard_day(seed, "absent")):
            return
    pytest.fail("not caught")


@pytest.mark.long
@pytest.mark.parametrize(
    ("promises", "plant", "first"),
    [
        ("L1", ahead_for_good, 3),
        pytest.param("I8", epochs_by_the_clock, 3, marks=pytest.mark.once),
        pytest.param("I8", from_the_open_epoch, 3, marks=pytest.mark.once),
        pytest.param("I8 L1", abort_the_round, 1, marks=pytest.mark.once),
        pytest.param("I8", forget_what_fails, 2, marks=pytest.mark.once),
        pytest.param("L2", as_long_as_the_clock_was_ahead, 8, marks=pytest.mark.once),
    ],
    ids=lambda value: value.__name__ if callable(value) else str(value),
)
def test_a_design_that_breaks_on_a_hard_day_is_caught(
    promises: str, plant: Plant, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first seed is known to catch it."""
    plant(monkeypatch)
    seen: list[str] = []
    for seed in range(first, first + SEEDS_MAX):
        seen += hard_day(seed)
        if any(said.split()[0] in promises.split() for said in seen):
            return
    pytest.fail(f"not caught; seen: {seen}")
