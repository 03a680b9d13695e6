"""Sweeper and relay: round after round, even if rounds fail."""

import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from itertools import pairwise
from operator import itemgetter
from random import Random
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from travio_inventory.app.background.own_events import OwnEventsJob
from travio_inventory.app.background.pace import BACKOFF_MS_MAX, GATHER_S, Pace
from travio_inventory.app.background.relay import LATE_MS, RelayJob
from travio_inventory.app.background.visits import VisitJob
from travio_inventory.app.relaying import OwnRelay, Relay
from travio_inventory.kernel.events import PublishFailed, SinkDown
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import Partition
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.seats.ports import ArchiveFailed
from travio_inventory.seats.records.seat_rows import group_partition
from travio_inventory.seats.refusals import TripBeingForgotten
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases.visited import Visited
from travio_inventory.telemetry.outages import Outages
from verification.simulation.virtual_loop import run_virtually

INTERVAL_MS = 10
KEPT_S = 14_400
GROUP, OTHER_GROUP = (group_partition(TripKey("acme", "t1"), number) for number in range(2))


class Rounds:
    """A use case that returns or raises the given results, then always `last`, and counts its calls."""

    def __init__(self, *first: object, last: object) -> None:
        self._first = list(first)
        self._last = last
        self.calls = 0
        self._called = anyio.Event()

    async def __call__(self) -> Any:  # noqa: ANN401 - stands for use cases of several types
        self.calls += 1
        self._called.set()
        self._called = anyio.Event()
        await anyio.lowlevel.checkpoint()
        told = self._first.pop(0) if self._first else self._last
        if isinstance(told, Exception):
            raise told
        return told

    async def reached(self, calls: int) -> None:
        """Return when it was called this many times."""
        while self.calls < calls:
            await self._called.wait()


def sweeper(rounds: Rounds, interval_ms: int = INTERVAL_MS) -> VisitJob[Partition]:
    return VisitJob("sweep", rounds, interval_ms=interval_ms, waits=StoreWaits(), jitter=Random(1))


def relay(rounds: Callable[[], Awaitable[int]], lag_ms: int = 0, waits: StoreWaits | None = None) -> RelayJob:
    return RelayJob(
        "there",
        Relay(rounds, lambda: lag_ms, KEPT_S, lambda: 0),
        outages(),
        interval_ms=INTERVAL_MS,
        waits=waits or StoreWaits(),
        jitter=Random(1),
    )


def outages() -> Outages:
    return Outages(logging.getLogger(__name__), "the sink there")


async def while_running(work: Callable[[], Coroutine[Any, Any, None]], until: Callable[[], Awaitable[None]]) -> None:
    """Run the job until then, at most ten seconds, and cancel it: it must stop at once."""
    with anyio.fail_after(60):
        async with anyio.create_task_group() as running:
            running.start_soon(work)
            await until()
            running.cancel_scope.cancel()


@pytest.mark.parametrize(("job", "result"), [(sweeper, Visited(0)), (relay, 3)])
async def test_rounds_follow_each_other(job: Callable[[Rounds], Any], result: object) -> None:
    rounds = Rounds(last=result)
    await while_running(job(rounds).run, lambda: rounds.reached(5))


@pytest.mark.parametrize(
    ("job", "error"),
    [
        (sweeper, ZeroDivisionError("bug")),
        (relay, PublishFailed("full disk")),
        (relay, ZeroDivisionError("bug")),
    ],
)
async def test_no_error_ends_a_job_and_each_kind_is_logged_once(
    job: Callable[[Rounds], Any], error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    rounds = Rounds(error, error, last=Visited(0))
    await while_running(job(rounds).run, lambda: rounds.reached(4))
    assert len(caplog.records) == 1
    assert type(error).__name__ in caplog.text


async def test_a_sink_that_is_behind_is_named_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    rounds = Rounds(last=0)
    await while_running(relay(rounds, lag_ms=LATE_MS).run, partial(rounds.reached, 5))
    assert caplog.messages == ["events for there are 60 s behind; other sinks go on"]


@pytest.mark.parametrize(("lag_ms", "said"), [(LATE_MS, []), (KEPT_S * 900, ["events for there are 12960 s behind"])])
async def test_while_the_store_is_away_a_sink_is_behind_only_if_events_may_be_lost_to_it(
    lag_ms: int, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    rounds, waits = Rounds(last=0), StoreWaits()
    waits.heard("sweep", BackendUnavailable())
    await while_running(relay(rounds, lag_ms, waits).run, partial(rounds.reached, 5))
    assert [line.partition(",")[0] for line in caplog.messages] == said


async def test_a_sink_that_is_down_is_one_line_whatever_it_says_to_whom_and_one_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """To the relay, and to what publishes own events; a round without events shows nothing of it."""
    caplog.set_level(logging.INFO)
    shared = outages()
    down = [SinkDown("connection refused"), SinkDown("no such host"), 0, SinkDown("time is up")]
    relayed, own = Rounds(*down, last=0), Rounds(*down, 0, 2, last=0)
    of_own = OwnEventsJob(
        "there", OwnRelay(anyio.lowlevel.checkpoint, own, _nothing), shared, waits=StoreWaits(), jitter=Random(1)
    )
    of_relay = Relay(relayed, lambda: 0, KEPT_S, lambda: 0)
    relaying = RelayJob("there", of_relay, shared, interval_ms=INTERVAL_MS, waits=StoreWaits(), jitter=Random(1))
    await while_running(relaying.run, lambda: relayed.reached(6))
    await while_running(of_own.run, lambda: own.reached(8))
    assert [message.partition(" after ")[0] for message in caplog.messages] == [
        "the sink there is down: connection refused",
        "the sink there is back",
    ]


async def _nothing() -> None:
    pass


async def test_a_job_that_waits_stops_at_once_when_cancelled() -> None:
    rounds = Rounds(last=Visited(0))
    slow = sweeper(rounds, 3_600_000)
    await while_running(slow.run, lambda: rounds.reached(1))
    assert rounds.calls == 1


async def test_a_job_in_the_middle_of_a_round_stops_at_once_when_cancelled() -> None:
    begun = anyio.Event()

    async def never_ends() -> int:
        begun.set()
        await anyio.sleep_forever()
        return 0

    await while_running(relay(never_ends).run, begun.wait)


async def test_each_seat_group_that_fails_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    failures: dict[Partition, Exception] = {GROUP: TripBeingForgotten(), OTHER_GROUP: ZeroDivisionError("bug")}
    rounds = Rounds(last=Visited(3, failures))
    await while_running(sweeper(rounds).run, lambda: rounds.reached(5))
    assert [(record.levelno, record.exc_info is not None) for record in caplog.records] == [
        (logging.WARNING, False),
        (logging.WARNING, True),
    ]


async def test_a_place_that_fails_is_logged_under_its_name(caplog: pytest.LogCaptureFixture) -> None:
    rounds = Rounds(BackendUnavailable(), last=Visited(2, {TripKey("acme", "t1"): ArchiveFailed("/full: no space")}))
    job = VisitJob(
        "forget trips",
        rounds,
        named="/".join,
        trip=itemgetter(1),
        interval_ms=INTERVAL_MS,
        waits=StoreWaits(),
        jitter=Random(1),
    )
    await while_running(job.run, lambda: rounds.reached(5))
    assert [vars(record)["trip"] for record in caplog.records] == ["t1"]
    assert caplog.messages == [
        "cannot forget trips, retrying: acme/t1: ArchiveFailed: /full: no space",
    ]


async def test_every_round_that_could_be_made_is_counted() -> None:
    rounds, counted = Rounds(BackendUnavailable(), Visited(3, over=2), last=Visited(1)), list[Visited[TripKey]]()
    job = VisitJob(
        "forget trips", rounds, count=counted.append, interval_ms=INTERVAL_MS, waits=StoreWaits(), jitter=Random(1)
    )
    await while_running(job.run, lambda: rounds.reached(4))
    assert [(each.count, each.over) for each in counted[:2]] == [(3, 2), (1, 0)]


async def test_an_unavailable_store_is_called_less_and_less_often() -> None:
    failing, well = Rounds(last=BackendUnavailable()), Rounds(last=Visited(0))
    all_groups_fail = Rounds(last=Visited(1, {GROUP: BackendUnavailable()}))
    one_group_fails = Rounds(last=Visited(2, {GROUP: BackendUnavailable()}))
    with anyio.fail_after(60):
        async with anyio.create_task_group() as running:
            for rounds in (failing, well, all_groups_fail, one_group_fails):
                running.start_soon(sweeper(rounds).run)
            await well.reached(24)
            await one_group_fails.reached(24)
            running.cancel_scope.cancel()
    assert max(failing.calls, all_groups_fail.calls) <= 12


async def waits_after(fails: int, *, interval_ms: int) -> list[float]:
    """The seconds that a hundred paces would wait after this number of failures in a row."""
    waits = []
    for seed in range(100):
        pace = Pace(interval_ms=interval_ms, jitter=Random(seed))
        pace._failed = fails
        waits.append(pace.wait_s())
    return waits


@pytest.mark.parametrize(
    ("fails", "interval_ms", "longest_s"),
    [
        (0, 300, 0.3),
        (1, 300, 0.6),
        (10, 300, BACKOFF_MS_MAX / 1_000),
        (10_000, 300, BACKOFF_MS_MAX / 1_000),
        (10_000, 60_000, 60),
    ],
)
async def test_waits_double_up_to_a_bound_and_vary(fails: int, interval_ms: int, longest_s: float) -> None:
    waits = await waits_after(fails, interval_ms=interval_ms)
    assert longest_s * 0.75 <= min(waits)
    assert max(waits) <= longest_s
    assert max(waits) - min(waits) > longest_s * 0.2


@pytest.mark.parametrize(
    ("takes_s", "well", "least_s", "most_s"),
    [(0.2, True, 0.225, 0.3), (2.0, True, 2.05, 2.08), (0.2, False, 2.45, 3.2)],
    ids=["short", "long", "failing"],
)
def test_a_round_begins_an_interval_after_the_last_one_began(
    takes_s: float, well: bool, least_s: float, most_s: float
) -> None:
    """In virtual time. After a long one there is a pause, and after failures the whole wait."""
    began: list[float] = []

    async def round_() -> bool:
        began.append(anyio.current_time())
        await anyio.sleep(takes_s)
        return well

    async def work() -> None:
        with anyio.move_on_after(30):
            await Pace(interval_ms=300, jitter=Random(1)).keep(round_)

    run_virtually(1, work())
    between = [later - earlier for earlier, later in pairwise(began)][4:]
    assert least_s <= min(between)
    assert max(between) <= most_s


async def test_one_successful_round_ends_the_back_off() -> None:
    rounds = Rounds(*[BackendUnavailable()] * 4, last=Visited(0))
    slept: list[float] = []
    pace = Pace(interval_ms=INTERVAL_MS, jitter=Random(1))

    async def round_() -> bool:
        slept.append(anyio.current_time())
        try:
            await rounds()
        except BackendUnavailable:
            return False
        return True

    await while_running(lambda: pace.keep(round_), lambda: rounds.reached(9))
    waits = [later - earlier for earlier, later in pairwise(slept)]
    assert waits[3] > 4 * INTERVAL_MS / 1_000 * 2
    assert min(waits[4:]) < 3 * INTERVAL_MS / 1_000


def test_what_is_recorded_begins_a_round_long_before_the_interval_ends() -> None:
    """The interval is an hour; news that come together begin one round, and none begins while there are none."""

    async def run() -> list[float]:
        began: list[float] = []
        news = [anyio.Event()]

        async def next_news() -> None:
            await news[-1].wait()

        async def round_() -> int:
            began.append(anyio.current_time())
            news.append(anyio.Event())
            await anyio.lowlevel.checkpoint()
            return 1

        job = RelayJob(
            "there",
            Relay(round_, lambda: 0, KEPT_S, lambda: 0, next_news),
            outages(),
            interval_ms=3_600_000,
            waits=StoreWaits(),
            jitter=Random(1),
        )
        async with anyio.create_task_group() as running:
            running.start_soon(job.run)
            for _ in range(3):
                await anyio.sleep(10)
                for _ in range(5):
                    news[-1].set()
                    await anyio.sleep(GATHER_S / 10)
            running.cancel_scope.cancel()
        return [at - began[0] for at in began]

    first, *others = run_virtually(1, run())
    assert first == 0
    assert [round(at) for at in others] == [10, 10, 20, 20, 30, 30][: len(others)]
    assert 3 <= len(others) <= 6


def test_news_do_not_hurry_a_relay_whose_sink_is_down() -> None:
    async def run() -> int:
        rounds = Rounds(last=PublishFailed("away"))
        job = RelayJob(
            "there",
            Relay(rounds, lambda: 0, KEPT_S, lambda: 0, anyio.lowlevel.checkpoint),
            outages(),
            interval_ms=500,
            waits=StoreWaits(),
            jitter=Random(1),
        )
        with anyio.move_on_after(60):
            await job.run()
        return rounds.calls

    assert 60_000 / BACKOFF_MS_MAX < run_virtually(1, run()) < 40
