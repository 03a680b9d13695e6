"""Background jobs that fail, in virtual time: reported at once, started again, visible from outside."""

import asyncio
from contextlib import suppress
from random import Random

import anyio
import pytest

from travio_inventory.app.background.supervision import BACKOFF_S, STEADY_S, Job, Supervision
from verification.simulation.virtual_loop import run_virtually

AT_WORK = object()


class Lives:
    """A job that ends each time as given; the last time it never ends."""

    def __init__(self, *lives: object) -> None:
        self._lives = list(lives)
        self.began_s: list[float] = []

    async def run(self) -> None:
        """Run once."""
        self.began_s.append(anyio.current_time())
        end = self._lives.pop(0) if self._lives else AT_WORK
        if end is AT_WORK:
            await anyio.sleep_forever()
        await anyio.sleep(1)
        if isinstance(end, BaseException):
            raise end


def supervised(jobs: dict[str, Job], *, for_s: float) -> list[tuple[float, bool]]:
    """Supervise the jobs for this time; what was reported, and when."""
    told: list[tuple[float, bool]] = []

    async def work() -> None:
        def tell(all_well: bool) -> None:
            told.append((anyio.current_time(), all_well))

        with anyio.move_on_after(for_s):
            await Supervision(jitter=Random(1), tell=tell).run(jobs)

    run_virtually(1, work())
    return told


def cancelled_from_within() -> Job:
    """Something that the job waits for is cancelled, not the job."""

    async def run() -> None:
        never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(1, never.cancel)
        await never

    return run


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (Lives(ZeroDivisionError("a bug")).run, "ZeroDivisionError('a bug')"),
        (Lives(None).run, "RuntimeError('it returned')"),
        (cancelled_from_within(), "CancelledError"),
    ],
    ids=["raises", "returns", "is cancelled from within"],
)
def test_a_job_that_ends_is_reported_at_once_and_others_continue(
    job: Job, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    other = Lives()
    told = supervised({"relay": job, "sweeper": other.run}, for_s=1.2)
    assert told == [(0.0, True), (1.0, False)]
    assert len(other.began_s) == 1
    (record,) = caplog.records
    assert record.getMessage().startswith("background job relay failed, it restarts in 0.")
    assert said in record.getMessage()
    assert record.exc_info is not None


@pytest.mark.breakdown
def test_it_is_started_again_later_and_later_up_to_a_limit() -> None:
    lives = Lives(*[ZeroDivisionError()] * 20)
    supervised({"relay": lives.run}, for_s=600)
    pauses_s = [later - earlier - 1 for earlier, later in zip(lives.began_s, lives.began_s[1:], strict=False)]
    first_s, longest_s = BACKOFF_S
    assert 0.75 * first_s <= pauses_s[0] <= first_s
    assert all(0.75 * longest_s <= pause_s <= longest_s for pause_s in pauses_s[8:])


def test_it_counts_as_well_again_after_it_has_run_for_a_while(caplog: pytest.LogCaptureFixture) -> None:
    lives = Lives(ZeroDivisionError(), ZeroDivisionError())
    told = supervised({"relay": lives.run}, for_s=60)
    assert [all_well for _, all_well in told] == [True, False, False, True]
    assert told[-1][0] == pytest.approx(lives.began_s[-1] + STEADY_S)
    assert caplog.messages[-1] == "background job relay runs again"


@pytest.mark.breakdown
def test_all_are_well_only_when_each_of_them_is() -> None:
    often = Lives(*[ZeroDivisionError()] * 3)
    told = supervised({"relay": Lives(ZeroDivisionError()).run, "sweeper": often.run}, for_s=120)
    assert [all_well for _, all_well in told] == [True, *[False] * 5, True]
    assert told[-1][0] == pytest.approx(often.began_s[-1] + STEADY_S)


async def test_a_supervision_that_is_cancelled_stops_its_jobs() -> None:
    lives, stopped = Lives(), asyncio.Event()

    async def run() -> None:
        try:
            await lives.run()
        finally:
            stopped.set()

    async with asyncio.timeout(60):
        working = asyncio.create_task(Supervision(jitter=Random(1), tell=lambda _all_well: None).run({"relay": run}))
        await asyncio.sleep(0.01)
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
    assert stopped.is_set()
