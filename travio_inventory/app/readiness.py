"""Whether calls should be sent to this process: its backends are there, its jobs run, and it is not stopping."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from types import MappingProxyType

import anyio

from travio_inventory.app.backends import Store
from travio_inventory.app.background.waiting_work import WaitingWork
from travio_inventory.kernel.error_words import error_in_words
from travio_inventory.protocol.probe import StoreProbe
from travio_inventory.protocol.store_waits import StoreWaits

LOOK_EVERY_S, LOOK_AGAIN_S = 2.0, 0.5
"""The pause between two probes of the store; and after a failed one."""
ANSWER_S_MAX = 3.0
FAILURES_MAX = 2
"""Probes in a row that must fail before the store counts as down."""
STORE, KEYSPACE, BACKGROUND, STOP = "store", "keyspace", "background jobs", "stop"
PARTS = (STORE, KEYSPACE, BACKGROUND, STOP)
"""The parts that may have a problem."""

log = logging.getLogger(__name__)


class Readiness:
    """Ready while no problem is known. `tell` is called with whether it serves, at first and at each change, which is
    also logged; the problems can be read at any time. Liveness is separate: any answer shows it.
    """

    def __init__(self, tell: Callable[[bool], None]) -> None:
        self._tell = tell
        self._problems: dict[str, str] = {}
        tell(True)

    @property
    def is_ready(self) -> bool:
        return not self._problems

    @property
    def problems(self) -> Mapping[str, str]:
        """The problems, one line for each part."""
        return MappingProxyType(self._problems)

    def note(self, part: str, problem: str) -> None:
        """That part has a problem from now on, or none any more if `problem` is ""."""
        if problem and part not in self._problems:
            log.warning("not ready: %s: %s", part, problem)
        elif part in self._problems and not problem:
            log.info("no longer so: %s: %s", part, self._problems[part])
        self._set(part, problem)

    def stop(self) -> None:
        """The process is about to stop: it accepts no new calls."""
        self._set(STOP, "the process is stopping")

    def _set(self, part: str, problem: str) -> None:
        was_ready = self.is_ready
        if problem:
            self._problems[part] = problem
        else:
            self._problems.pop(part, None)
        if self.is_ready != was_ready:
            self._tell(self.is_ready)


async def look_at_store(store: Store, readiness: Readiness, *, applied: Callable[[], int], waits: StoreWaits) -> None:
    """Note at intervals what is wrong with the store, and let the log say what waits for it. Runs until cancelled.

    It counts as down when FAILURES_MAX probes in a row have failed and `applied`, the count of all applied batches, did
    not grow: a busy store delays a probe too long, but answers others.
    """
    probe = StoreProbe(store.batches, Random())  # noqa: S311 - spreads rows, guards nothing
    work, failures, now = WaitingWork(waits), 0, applied()
    while True:
        readiness.note(KEYSPACE, store.problem())
        found = await _answer(probe.problem)
        before, now = now, applied()
        failures = failures + 1 if found and now == before else 0
        if failures in {0, FAILURES_MAX}:
            readiness.note(STORE, found if failures else "")
        work.look(answers=not found)
        await anyio.sleep(LOOK_AGAIN_S if found else LOOK_EVERY_S)


async def _answer(problem: Callable[[], Awaitable[str]]) -> str:
    """The problem; the answer must come within ANSWER_S_MAX seconds."""
    try:
        with anyio.fail_after(ANSWER_S_MAX):
            return await problem()
    except TimeoutError:
        return f"no answer within {ANSWER_S_MAX:g} s"
    except Exception as error:  # noqa: BLE001 - whatever it was, the store did not do what was asked
        return error_in_words(error)
