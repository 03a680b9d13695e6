"""Visits points: plays each scene to the point, kills the process, and judges the result."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

from verification.crash_points.judging import Case, Verdict, judge, records
from verification.crash_points.places import Place
from verification.crash_points.playing import Cut, Ending, Play, Reached, die, new_trip, rehearse
from verification.crash_points.points import points
from verification.crash_points.processes import Failed, Life, live
from verification.kit.scenes import Scene

T = TypeVar("T")

TRIES_MAX = 5
"""On a busy machine, simultaneous calls may come in another order, and a server may be unavailable."""
AGAIN_MAX = 3
"""A busy machine asks twice at times: what another rehearsal does not ask is no point, what it asks is tried again."""


@dataclass
class Visited:
    """The number of visited points, and all that was wrong."""

    points: int = 0
    violations: list[str] = field(default_factory=list)

    def add(self, other: "Visited") -> None:
        """Add the other's counts."""
        self.points += other.points
        self.violations += other.violations


@contextmanager
def crew(cores: int) -> Iterator[Executor]:
    """This number of processes without threads, so that they can fork."""
    with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def parcels(place: Place, scenes: Sequence[Scene]) -> list[Sequence[Scene]]:
    """The scenes, as one worker gets them."""
    return list(_chunks(scenes, place.scenes_at_once))


def visit_all(members: Executor, place: Place, taken: Sequence[Sequence[Scene]]) -> Iterator[Visited]:
    """Every point of every parcel: the findings of each, as they come."""
    for done in as_completed([members.submit(visit, place, parcel) for parcel in taken]):
        yield done.result()


def visit(place: Place, scenes: Sequence[Scene]) -> Visited:
    """Every point of the scenes. Must be called in a process that never started a thread, because it forks."""
    own = place.apart()
    endings = rehearsed(own, scenes)
    reached, missed = _reached(own, endings, _cuts(endings))
    for _ in range(AGAIN_MAX):
        if not missed:
            break
        again = rehearsed(own, list({case.play.cut.scene for case in missed}))
        there = set(_cuts(again))
        found, missed = _reached(own, again, [case.play.cut for case in missed if case.play.cut in there])
        reached += found
    return _judged(own, reached, missed)


def _cuts(endings: Mapping[Scene, Ending]) -> list[Cut]:
    """All points of the scenes."""
    return [Cut(scene, at) for scene, end in endings.items() for at in points(end.asked)]


def rehearsed(place: Place, scenes: Sequence[Scene]) -> dict[Scene, Ending]:
    """How each scene ends without a crash."""
    (endings,) = _said(live(partial(rehearse, place, scenes)), list)
    return dict(zip(scenes, endings, strict=True))


def visit_cuts(place: Place, endings: Mapping[Scene, Ending], cuts: Sequence[Cut]) -> Visited:
    """These points of scenes that were rehearsed."""
    return _judged(place, *_reached(place, endings, cuts))


def _judged(place: Place, cases: Sequence[Case], missed: Sequence[Case]) -> Visited:
    visited = Visited(len(cases), [f"{case.play.cut}: not reached, {case.where}" for case in missed])
    if cases:
        (verdict,) = _said(live(partial(judge, place, cases)), Verdict)
        visited.violations += filter(None, verdict.wrong)
    return visited


def _reached(place: Place, endings: Mapping[Scene, Ending], cuts: Sequence[Cut]) -> tuple[list[Case], list[Case]]:
    """The plays that ended at their points, and those that never reached them."""
    reached: list[Case] = []
    missed: list[Case] = []
    for _ in range(TRIES_MAX):
        plays = [Play(cut, new_trip(cut.scene)) for cut in cuts]
        died = [case for group in _chunks(plays, place.together) for case in _died(place, group, endings)]
        reached += (case for case in died if isinstance(case.record.end, Reached))
        missed = [case for case in died if not isinstance(case.record.end, Reached)]
        cuts = [case.play.cut for case in missed]
    return reached, missed


def _died(place: Place, plays: Sequence[Play], endings: Mapping[Scene, Ending]) -> Iterator[Case]:
    life = live(partial(die, place, plays))
    if not life.was_killed:
        raise AssertionError(f"status {life.status}, and not killed: {life.said[-1:]}")
    for play, record in zip(plays, records(life.said, len(plays)), strict=True):
        yield Case(play, record, endings[play.cut.scene])


def _said(life: Life, kind: type[T]) -> list[T]:
    """Its reports of that kind. Raises AssertionError if the process failed."""
    for word in life.said:
        if isinstance(word, Failed):
            raise AssertionError(word.trace)
    return [word for word in life.said if isinstance(word, kind)]


def _chunks(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
