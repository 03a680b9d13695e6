"""Keeps background jobs running: one that fails is logged at once and restarted with back-off."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import TypeAlias

import anyio

BACKOFF_S = (0.5, 30.0)
"""The first pause after a failure, and the longest."""
STEADY_S = 10.0
"""A job that has run for so long counts as recovered."""

Job: TypeAlias = Callable[[], Awaitable[None]]
"""Runs until it is cancelled."""

log = logging.getLogger(__name__)


class Supervision:
    """Runs jobs concurrently. Calls `tell` with whether all of them run: at the start, and at each change."""

    def __init__(self, *, jitter: Random, tell: Callable[[bool], None]) -> None:
        self._jitter = jitter
        self._tell = tell
        self._down: set[str] = set()

    async def run(self, jobs: Mapping[str, Job]) -> None:
        """Keep all the jobs running until cancelled."""
        self._tell(True)
        async with anyio.create_task_group() as working:
            for name, job in jobs.items():
                working.start_soon(self._keep, name, job)

    async def _keep(self, name: str, job: Job) -> None:
        failures = 0
        while True:
            steady = asyncio.get_running_loop().call_later(STEADY_S, self._is_well, name)
            began_s = anyio.current_time()
            try:
                error = await _breakdown(job)
            finally:
                steady.cancel()
            failures = 1 if anyio.current_time() - began_s >= STEADY_S else failures + 1
            wait_s = self._wait_s(failures)
            log.error("background job %s failed, it restarts in %.1f s: %r", name, wait_s, error, exc_info=error)
            self._is_down(name)
            await anyio.sleep(wait_s)

    def _wait_s(self, failures: int) -> float:
        first_s, longest_s = BACKOFF_S
        return min(first_s * (1 << min(failures - 1, 16)), longest_s) * self._jitter.uniform(0.75, 1.0)

    def _is_down(self, name: str) -> None:
        self._down.add(name)
        self._tell(False)

    def _is_well(self, name: str) -> None:
        if name in self._down:
            self._down.remove(name)
            log.warning("background job %s runs again", name)
            self._tell(not self._down)


async def _breakdown(job: Job) -> BaseException:
    """What ended the job, which ends by itself only through a bug. Raises when it is cancelled from outside."""
    try:
        await job()
    except asyncio.CancelledError as cancelled:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return cancelled  # something that it waited for was cancelled
    except Exception as error:  # noqa: BLE001 - whatever it was, the work must go on; it is logged
        return error
    return RuntimeError("it returned")
