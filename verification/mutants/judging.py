"""A pytest plugin: runs the tests once, then again in a fork for each mutant, those that reach it, until one fails."""

import gc
import json
import os
import select
import signal
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import _lru_cache_wrapper
from pathlib import Path
from selectors import DefaultSelector
from time import process_time

import pytest
from _pytest.runner import runtestprotocol
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.format_utils import mangled_name_from_mutant_name

from verification.mutants.mutated import NAMES, change

SECONDS = "MUTANT_SECONDS"
"""The variable that says for how long each mutant is tested, in CPU time: what else the machine does is no matter."""
WAITS = 10
"""A mutant that waits is stopped after so many times as long as one that works, or at once if it waits for nothing."""
STATS = "stats"
"""The name that makes mutmut note each function that is reached."""
ALIVE, UNREACHED, TOO_SLOW = "alive", "unreached", "too slow"


class WaitsForNothing(Exception):
    """An event loop has nothing to do, and no timer, descriptor or thread will ever give it something."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Judge every mutant, in place of running the tests; prints a row of docs/mutants.md for each module."""
    reaching, took_s = _reaching(session.items)
    caches = [each for each in gc.get_objects() if isinstance(each, _lru_cache_wrapper)]
    gc.freeze()  # else each fork copies what its collector looks through
    for module, mutants in json.loads(Path(NAMES).read_text()).items():
        killers = Counter[pytest.Item]()
        fates = Counter(_judged(mutant, reaching, took_s, killers, caches) for mutant in mutants)
        killed = fates.total() - fates[ALIVE] - fates[UNREACHED]
        print(f"| `{module}` | {len(mutants)} | {killed} | {fates[ALIVE] + fates[UNREACHED]} |", flush=True)  # noqa: T201 - the report
    return True


def _reaching(items: Sequence[pytest.Item]) -> tuple[Mapping[str, list[pytest.Item]], Mapping[pytest.Item, float]]:
    """The tests that reach each function, the fastest first, without those that fail unchanged; how long each takes."""
    reaching, took_s = defaultdict[str, list[pytest.Item]](list), dict[pytest.Item, float]()
    set_mutant_under_test(STATS)
    for item, following in zip(items, [*items[1:], None], strict=True):
        state()._stats.clear()
        began_s = process_time()
        if _fails(item, following):
            print(f"fails without a mutant, and is left out: {item.nodeid}", flush=True)  # noqa: T201 - the report
            continue
        took_s[item] = process_time() - began_s
        for function in state()._stats:
            reaching[function].append(item)
    set_mutant_under_test("")
    by_s = {function: sorted(each, key=took_s.__getitem__) for function, each in reaching.items()}
    return defaultdict(list, by_s), took_s


def _judged(
    mutant: str,
    reaching: Mapping[str, Sequence[pytest.Item]],
    took_s: Mapping[pytest.Item, float],
    killers: Counter[pytest.Item],
    caches: Sequence["_lru_cache_wrapper[object]"],
) -> str:
    """The fate of one mutant: what killed it, or that nothing did; the tests that killed the most are run first."""
    items = sorted(reaching[mangled_name_from_mutant_name(mutant)], key=lambda item: -killers[item])
    slowest_s = max(map(took_s.__getitem__, items), default=0)
    limit_s = 2 * (float(os.environ[SECONDS]) + slowest_s)
    fate = in_fork(lambda: _first_failing(mutant, items, caches), limit_s) if items else UNREACHED
    killers.update(item for item in items if item.nodeid == fate)
    if fate in {ALIVE, UNREACHED}:
        print(f"\n{mutant}: {fate}\n{change(Path(), mutant)}", flush=True)  # noqa: T201 - the report
    return fate


def _first_failing(mutant: str, items: Sequence[pytest.Item], caches: Sequence["_lru_cache_wrapper[object]"]) -> str:
    for each in caches:
        each.cache_clear()  # tests share what they computed without the mutant
    set_mutant_under_test(mutant)
    end_s = process_time() + float(os.environ[SECONDS])
    for item in items:
        if _fails(item, None):
            return item.nodeid
        if process_time() > end_s:
            break
    return ALIVE


def _fails(item: pytest.Item, following: pytest.Item | None) -> bool:
    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=following))


def in_fork(run: Callable[[], str], seconds: float) -> str:
    """What `run` returns in a fork of this process; TOO_SLOW if it works for so many seconds, or waits."""
    answer, end = os.pipe()
    child = os.fork()
    if not child:
        signal.setitimer(signal.ITIMER_PROF, seconds)
        _answer(run, end)
    os.close(end)
    with open(answer, encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, not a path
        has_answered = bool(select.select([file], [], [], WAITS * seconds)[0])
        if not has_answered:
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return (file.read() if has_answered else "") or TOO_SLOW


def _answer(run: Callable[[], str], end: int) -> None:
    """Write it, and end this process without what pytest does at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    _wake_who_waits_for_nothing()
    try:
        told = run()
    except BaseException as error:  # noqa: BLE001 - whatever a mutant raises through pytest kills it
        told = repr(error)
    os.write(end, told.encode())
    os._exit(0)


def _wake_who_waits_for_nothing() -> None:
    """Event loops of this process raise WaitsForNothing in place of waiting for ever."""
    plain = DefaultSelector.select
    own = 1  # descriptor, by which threads wake the loop

    def select_or_fail(self: DefaultSelector, timeout: float | None = None) -> object:
        if timeout is None and len(self.get_map()) == own and threading.active_count() == 1:
            raise WaitsForNothing
        return plain(self, timeout)

    DefaultSelector.select = select_or_fail  # type: ignore[method-assign,assignment]  # in a fork that ends soon
