"""Plays scenes: to the end, to learn how they end and which calls they make; or to a point, where the process dies."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import NamedTuple, Self

import pytest

from travio_inventory.kernel.events import Event
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.seats.refusals import TripOpening
from travio_inventory.seats.trip import Trip
from travio_inventory.store.sqlite.committer import Committer
from verification.crash_points.large_scenes import plans
from verification.crash_points.places import Opened, Place
from verification.crash_points.points import (
    Asked,
    Lane,
    Meter,
    MeteredSink,
    MeteredStore,
    Point,
    When,
    metered_edge,
)
from verification.crash_points.processes import Say, kill_myself
from verification.crash_points.scenes import STEPS, jobs_were_here
from verification.kit.passing import Passing
from verification.kit.pictures import Picture, picture
from verification.kit.sale import Market, Sale
from verification.kit.scenes import SEATS, Scene, Step, Subject
from verification.kit.trips import a_trip, organization_in

REHEARSALS_MAX = 5


class Cut(NamedTuple):
    """A scene, and the point where it ends."""

    scene: Scene
    at: Point

    def __str__(self) -> str:
        return f"{self.scene.step}, groups of {self.scene.per_group}, {self.at}"

    @property
    def is_asked_again(self) -> bool:
        """Whether somebody repeats the cut step at once, or nobody ever does. The state after one call is the state
        before the next, so each state is tried in both ways. A half-opened trip is always opened again.
        """
        return self.at.when is When.AFTER or STEPS[self.scene.step].is_opening


@dataclass(frozen=True)
class Play:
    """A scene that is cut, on a trip of its own."""

    cut: Cut
    trip: Trip

    @property
    def step(self) -> Step:
        """What is played."""
        return STEPS[self.cut.scene.step]


def new_trip(scene: Scene) -> Trip:
    """A trip that nobody has played on. Slow rounds come to it first, so that every play makes the same calls."""
    seats = len(SEATS.split())
    return a_trip(organization=organization_in(0), seats_per_group=scene.per_group, stops="ABD", seats=seats)


# ---- the reports of a play


class StepResult(NamedTuple):
    """The name of the refusal, "" if the step was done; and the answer."""

    refusal: str
    told: object


class View(NamedTuple):
    """What is recorded, as a new process sees it."""

    picture: Picture
    waiting: Sequence[tuple[str, str, int]]
    plans: Sequence[tuple[str, str]]

    @property
    def holds(self) -> Counter[tuple[object, ...]]:
        """The holds that exist, without what differs from one play to the next."""
        return Counter(self.picture.holds)


@dataclass(frozen=True)
class Ending:
    """A scene that was played to its end: its calls, and what was recorded before it, then, and after what follows."""

    asked: Asked
    answer: StepResult
    before: View
    then: View
    afterwards: View


@dataclass(frozen=True)
class Prepared:
    """The step begins, at that moment."""

    number: int
    subject: Subject
    at_ms: int


@dataclass(frozen=True)
class StepAnswered:
    """The caller got the answer."""

    number: int
    answer: StepResult


@dataclass(frozen=True)
class EventsPublished:
    """The subscribers got these events."""

    number: int
    ids: Sequence[str]


@dataclass(frozen=True)
class Reached:
    """The play has reached its point, at this call."""

    number: int
    name: str


@dataclass(frozen=True)
class Over:
    """The play ended without reaching its point."""

    number: int
    why: str


# ---- looking on


async def answer_of(step: Step, sale: Sale, subject: Subject) -> StepResult:
    """What the step is answered."""
    try:
        return StepResult("", await step.act(sale, subject))
    except Refusal as refusal:
        return StepResult(type(refusal).__name__, None)


async def _now(heard: Callable[[StepResult], None], answer: StepResult) -> None:
    heard(answer)


async def view(sale: Sale) -> View:
    """What is recorded of the sale's trip, as a market that takes no part in the play reads it."""
    try:
        seen = await picture(sale)
    except TripOpening:
        seen = Picture({}, [])
    waits = [entry for by in ("ann", "bob") for entry in await sale.waits(by)]
    return View(seen, [(entry.holder, entry.seat_class, entry.position) for entry in waits], await plans(sale))


# ---- to the end


async def rehearse(place: Place, scenes: Sequence[Scene], say: Say) -> None:
    """Report how each scene ends on the real store."""
    async with place.open() as opened:
        say([await _rehearsed(opened, scene) for scene in scenes])


async def _rehearsed(opened: Opened, scene: Scene) -> Ending:
    """Play again if the store's outcome was unknown, as on a cold or busy server."""
    for _ in range(REHEARSALS_MAX):
        line = Passing(opened.store)
        ending = await _ending(opened._replace(line=line), scene)
        if not line.failed:
            return ending
    raise AssertionError(f"the server is unwell: {scene}")


async def _ending(opened: Opened, scene: Scene) -> Ending:
    step, trip, meter = STEPS[scene.step], new_trip(scene), Meter()
    with pytest.MonkeyPatch.context() as patch:
        _count_commits(patch, meter)
        async with Stage(opened, step, trip, meter, lambda _: None) as stage:
            subject = await stage.prepare()
            before = await view(stage.onlooker)
            meter.start()
            answer = await stage.act(subject)
            meter.stop()
            then = await view(stage.onlooker)
            await step.afterwards(stage.onlooker.elsewhere(), subject)
            await stage.onlooker.market.settled()
            return Ending(dict(meter.asked), answer, before, then, await view(stage.onlooker))


class Stage:
    """A trip, a process whose calls are counted, and others that only see the store."""

    def __init__(
        self, opened: Opened, step: Step, trip: Trip, meter: Meter, handed_over: Callable[[Sequence[Event]], None]
    ) -> None:
        self._step = step
        self._meter = meter
        self._others = Market(opened.store, portions=step.portions)
        self.onlooker = self._others.prepare(trip, holds_per_holder_max=step.holds_max)
        self._counted = Market(
            MeteredStore(opened.line, meter),
            edge=lambda clock: metered_edge(opened.edge(clock), meter),
            sink=partial(MeteredSink, meter, handed_over),
            portions=step.portions,
        )
        clock = self.onlooker.clock
        self.asked = self._counted.add(Sale(self._counted, trip, clock, holds_per_holder_max=step.holds_max))

    async def prepare(self) -> Subject:
        """Do what comes before the step; other processes do it, and it is acknowledged."""
        sale = self.onlooker
        await jobs_were_here(sale)
        if not self._step.is_opening:
            await sale.open_trip()
        subject = await self._step.before(sale)
        await self._others.settled()
        return subject

    async def act(self, subject: Subject, heard: Callable[[StepResult], None] = lambda _: None) -> StepResult:
        """Play the step; `heard` gets the answer, then the process finishes its background work."""
        answer = await answer_of(self._step, self.asked, subject)
        await self._meter.call("answer", lambda: _now(heard, answer))
        await self._counted.settled()
        await self._meter.go_no_further()
        return answer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for market in (self._counted, self._others):
            await market.__aexit__(kind, error, trace)


def _count_commits(patch: pytest.MonkeyPatch, meter: Meter) -> None:
    """The process's commits to the disk, which are not calls of a port."""
    commit = Committer._commit
    patch.setattr(Committer, "_commit", lambda committer: meter.commit(lambda: commit(committer)))


# ---- to a point


class Doom:
    """Kills this process when all its plays have reached their points."""

    def __init__(self, plays: int, say: Say) -> None:
        self._left = plays
        self._say = say

    def one_is_there(self, word: Reached | Over) -> None:
        """A play has reached its point. The last one does not return."""
        self._say(word)
        self._left -= 1
        if not self._left:
            kill_myself()


async def die(place: Place, plays: Sequence[Play], say: Say) -> None:
    """Play them side by side, each to its point, then kill this process."""
    doom = Doom(len(plays), say)
    async with place.open() as opened, AsyncExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        doomed = [_Doomed(number, play, say, doom) for number, play in enumerate(plays)]
        if any(play.cut.at.lane is Lane.COMMIT for play in plays):
            (one,) = doomed
            _count_commits(patch, one.meter)
        await asyncio.gather(*(one.play(opened) for one in doomed))


class _Doomed:
    """A play that does not end."""

    def __init__(self, number: int, play: Play, say: Say, doom: Doom) -> None:
        self._number = number
        self._play = play
        self._say = say
        self._doom = doom
        self.meter = Meter(play.cut.at, lambda name: doom.one_is_there(Reached(number, name)))

    async def play(self, opened: Opened) -> None:
        """Play as far as the point."""
        try:
            await self._act(opened)
            why = "it asked no more"
        except Exception as error:  # noqa: BLE001 - the other plays must reach their points; this one is reported
            why = repr(error)
        await self.meter.go_no_further()
        self._doom.one_is_there(Over(self._number, why))

    async def _act(self, opened: Opened) -> None:
        step, number = self._play.step, self._number
        async with Stage(opened, step, self._play.trip, self.meter, self._hand_over) as stage:
            subject = await stage.prepare()
            self._say(Prepared(number, subject, stage.onlooker.clock.at_ms))
            self.meter.start()
            await stage.act(subject, heard=lambda answer: self._say(StepAnswered(number, answer)))

    def _hand_over(self, events: Sequence[Event]) -> None:
        self._say(EventsPublished(self._number, [event.id for event in events]))
