"""The feed of one trip: looks at its map whenever something may have changed, and tells all who watch."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from travio_inventory.api.live.bell import Bell, Sleeper
from travio_inventory.api.live.told import Because, Position, Snapshot, Told
from travio_inventory.api.live.view import View
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.kernel.refusals import BackendUnavailable, Overloaded, Refusal, RetryableRefusal, WrongRequest
from travio_inventory.seats.seat_map import SeatMap, stale_ms
from travio_inventory.seats.trip import Trip
from travio_inventory.seats.use_cases.follow_maps import MapPart


class Maps(Protocol):
    """Reads parts of a trip's map: see the use case FollowMaps."""

    async def __call__(self, actor: Actor, trip_id: str, parts: Sequence[MapPart]) -> Sequence[SeatMap | WrongRequest]:
        """The map of each part, or why there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRules:
    """The choices of one deployment."""

    settle_s: float = 0.01
    """Changes that come within so long at most are looked at together: as long as it takes to tell all who watch, so
    that few are told at once, and many not more often than they can be.
    """
    settle_s_min: float = 0.002
    """A write and the message about it are two signals."""
    look_again_s: float = 2.0
    """A signal can be lost: the map is looked at again so often at least, a large one less often (`stale_ms`)."""
    heartbeat_s: float = 15.0
    linger_s: float = 30.0
    """So long a part is followed after its last watcher has left, who may come back to go on."""
    parts_max: int = 512
    """Parts of one trip that may be watched at once."""
    trips_max: int = 256
    watchers_max: int = 20_000
    """Watchers of one process."""


AtOnce: TypeAlias = Callable[[Told], bool]
"""Tells a watcher without waiting; returns whether it could."""


class _Watched:
    """A part of the trip's map, and who watches it."""

    def __init__(self) -> None:
        self.view: View | None = None
        self.refusal: Refusal | None = None
        """Why there is no view of it, as the last look says."""
        self.watchers = 0
        self.unwatched_since_s = 0.0


class Reached(Sleeper):
    """What a watcher of a part was told last, and `at_once`, which may take what it is told next while it waits."""

    __slots__ = ("at_once", "beat", "position", "watched")

    def __init__(self, watched: _Watched, first: Told, beat: int, at_once: AtOnce | None) -> None:
        super().__init__()
        self.watched = watched
        self.at_once = at_once
        self.take(first, beat)

    def take(self, told: Told, beat: int) -> None:
        """It is told this, after so many heartbeats."""
        self.position, self.beat = told.position, beat


class Feed:
    """One trip's feed. Its owner runs `run` until it returns: when nobody watches any more, or the trip is gone.

    Each look takes its place in the stream before it reads anything: what changes from there on is looked at again.
    """

    def __init__(
        self,
        maps: Maps,
        actor: Actor,
        trip_id: str,
        rules: FeedRules,
        *,
        now_ms: Callable[[], int],
        new_epoch: Callable[[], str],
    ) -> None:
        self._maps = maps
        self._actor = actor
        self._trip_id = trip_id
        self._rules = rules
        self._now_ms = now_ms
        self._new_epoch = new_epoch
        self._now_s = asyncio.get_running_loop().time
        self._position = Position(new_epoch(), 0)
        self._trip: Trip | None = None
        self._parts: dict[MapPart, _Watched] = {}
        self._changed = asyncio.Event()
        self._looks_begun = self._looks_done = 0
        self._has_failed = False
        self._telling_s = 0.0
        """How long it took to tell all who watch."""
        self._next_look_s = self._now_s()
        self._next_beat_s = self._now_s() + rules.heartbeat_s
        self._beats = 0
        self._bell = Bell[Reached]()
        self._looked = Bell[Sleeper]()
        self._has_news = False
        """Whether anything is to be told that was not when the bell rang last."""
        self.over: Refusal | None = None
        """Why it tells nothing any more."""
        self.is_open = True

    def signal(self) -> None:
        """Something may have changed."""
        self._changed.set()

    # ---- for watchers

    @contextmanager
    def watching(self, part: MapPart) -> Iterator[None]:
        """Follow that part while the block runs, and a little longer. Raises Overloaded."""
        watched = self._parts.get(part)
        if watched is None:
            if len(self._parts) >= self._rules.parts_max:
                raise Overloaded
            watched = self._parts[part] = _Watched()
            self._changed.set()
        watched.watchers += 1
        try:
            yield
        finally:
            watched.watchers -= 1
            watched.unwatched_since_s = self._now_s()

    async def begin(self, part: MapPart, position: Position | None) -> Told:
        """What a watcher of the part is told first. It has everything that was decided before the call in this process,
        and in others as far as they were heard. Raises why there is no map.
        """
        watched = self._parts[part]
        if watched.refusal is not None:
            self._changed.set()
        wanted = self._looks_begun + self._changed.is_set()
        while self._looks_done < wanted and self.over is None:
            await self._looked.wait(Sleeper())
        if watched.refusal is not None:
            raise watched.refusal.with_traceback(None)
        return self._view(watched).begin(position)

    def reached(self, part: MapPart, first: Told, at_once: AtOnce | None) -> Reached:
        """Where a watcher of the part is who was told that first."""
        return Reached(self._parts[part], first, self._beats, at_once)

    async def after(self, reached: Reached) -> Told:
        """What a watcher is told next who has reached that. While it waits, its `at_once` is offered what comes, and
        what that takes is told. Raises why nothing is told any more.
        """
        while True:
            told = self._next(self._view(reached.watched), reached)
            if told is not None:
                reached.take(told, self._beats)
                return told
            await self._bell.wait(reached)

    def _sleeps_on(self, reached: Reached) -> bool:
        """Whether there is nothing to tell a watcher, or it is told."""
        view = reached.watched.view
        if self.over is not None or view is None:
            return False
        told = self._next(view, reached)
        if told is None:
            return True
        try:
            is_told = reached.at_once is not None and not isinstance(told, Snapshot) and reached.at_once(told)
        except Exception:  # noqa: BLE001 - it is woken, and fails alone; the others go on
            return False
        if is_told:
            reached.take(told, self._beats)
        return is_told

    def _next(self, view: View, reached: Reached) -> Told | None:
        if reached.position.epoch != view.position.epoch:
            return view.snapshot(Because.TRIP_CHANGED)
        return view.since(reached.position) or (view.heartbeat() if reached.beat != self._beats else None)

    def _view(self, watched: _Watched) -> View:
        """What is known of the part. Raises why nothing is."""
        if self.over is not None:
            raise self.over.with_traceback(None)  # it would grow with each watcher
        if watched.view is None:
            raise (watched.refusal or Overloaded()).with_traceback(None)
        return watched.view

    # ---- what it does by itself

    async def run(self) -> None:
        """Look whenever something may have changed, and tell, until nobody watches."""
        try:
            while self.over is None and self._is_watched():
                await self._wait()
                if self._changed.is_set() or self._now_s() >= self._next_look_s:
                    await self._look()
                self._beat_if_due()
                await self._looked.ring()
                if self._has_news:
                    await self._tell()
        finally:
            self.is_open = False
            self.stop(self.over or BackendUnavailable("the live feed has failed"))

    def stop(self, why: Refusal) -> None:
        """Tell nobody anything any more, but why."""
        self.over = why
        self._looked.ring_at_once()
        self._bell.ring_at_once()

    async def _tell(self) -> None:
        """Tell all who watch."""
        self._has_news = False
        began_s = self._now_s()
        await self._bell.ring(self._sleeps_on)
        self._telling_s = self._now_s() - began_s

    def _is_watched(self) -> bool:
        """Forget the parts that nobody came back to; returns whether any is left."""
        left_before_s = self._now_s() - self._rules.linger_s
        for part, watched in list(self._parts.items()):
            if not watched.watchers and watched.unwatched_since_s <= left_before_s:
                del self._parts[part]
        self.is_open = bool(self._parts)
        return self.is_open

    async def _wait(self) -> None:
        """Until something may have changed, or it is time to look again, or for a heartbeat."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(min(self._next_look_s, self._next_beat_s)):
                await self._changed.wait()
                await asyncio.sleep(min(self._rules.settle_s, max(self._rules.settle_s_min, self._telling_s)))

    async def _look(self) -> None:
        self._changed.clear()  # before anything is read
        self._looks_begun += 1
        parts = list(self._parts)
        try:
            maps = await self._maps(self._actor, self._trip_id, parts)
        except RetryableRefusal as refusal:
            self._refuse(parts, refusal)
            self._has_failed = True
        except Refusal as refusal:
            self.over = refusal
        else:
            await self._take(dict(zip(parts, maps, strict=True)))
            self._has_failed = False
        self._looks_done = self._looks_begun
        groups = self._trip.group_count if self._trip and not self._has_failed else 1
        self._next_look_s = self._now_s() + stale_ms(round(self._rules.look_again_s * 1_000), groups) / 1_000

    def _beat_if_due(self) -> None:
        if self._now_s() >= self._next_beat_s:
            self._next_beat_s = self._now_s() + self._rules.heartbeat_s
            self._beats += 1
            self._has_news = True

    def _refuse(self, parts: Sequence[MapPart], refusal: Refusal) -> None:
        """Watchers wait for a better answer; who comes new is told."""
        for part in parts:
            self._parts[part].refusal = refusal

    async def _take(self, maps: Mapping[MapPart, SeatMap | WrongRequest]) -> None:
        """Everything that one look has found is at one position."""
        shown = {part: found for part, found in maps.items() if isinstance(found, SeatMap)}
        self._begin_anew_if_changed([each.trip for each in shown.values()])
        views = [(view, found) for part, found in shown.items() if (view := self._parts[part].view)]
        changes = [await off_loop(view.much(found), view.differences, found) for view, found in views]
        position, now_ms = self._position._replace(offset=self._position.offset + 1), self._now_ms()
        if any(changes):
            self._position, self._has_news = position, True
        for (view, seat_map), changed in zip(views, changes, strict=True):
            view.update(seat_map, changed, position, now_ms)
        for part, found in maps.items():
            await self._place(self._parts[part], found, now_ms)

    async def _place(self, watched: _Watched, found: SeatMap | WrongRequest, now_ms: int) -> None:
        watched.refusal = None
        if not isinstance(found, SeatMap):
            watched.refusal, watched.view = found, None  # the trip has no such part any more
            self._has_news = True
        elif watched.view is None:
            seats = len(found.trip.places_in(found.section))
            watched.view = await off_loop(seats, View, found, self._position, now_ms)

    def _begin_anew_if_changed(self, trips: Sequence[Trip]) -> None:
        """Another definition of the trip is another epoch: no watcher's offset means anything in it."""
        for trip in trips[:1]:
            if self._trip is not None and self._trip is not trip and self._trip != trip:
                self._position, self._has_news = Position(self._new_epoch(), 0), True
                for watched in self._parts.values():
                    watched.view = None
            self._trip = trip
