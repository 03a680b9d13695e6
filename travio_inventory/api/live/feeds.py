"""All live feeds of a process: begins one when a trip is watched first, and ends it after its last watcher."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from secrets import token_hex

from travio_inventory.api.live.feed import AtOnce, Feed, FeedRules, Maps
from travio_inventory.api.live.told import Position, Snapshot, Told
from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.refusals import BackendUnavailable, Overloaded
from travio_inventory.seats.commands import SeatMapQuery
from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases.follow_maps import MapPart

_log = logging.getLogger(__name__)


def new_epoch() -> str:
    """A name that no other epoch has."""
    return token_hex(6)


class Feeds:
    """Tells watchers of any number of trips; every protocol of live maps is served from here."""

    def __init__(
        self,
        maps: Maps,
        signals: MapSignals,
        clock: Clock,
        rules: FeedRules | None = None,
        *,
        new_epoch: Callable[[], str] = new_epoch,
    ) -> None:
        self._maps = maps
        self._signals = signals
        self._clock = clock
        self._rules = rules or FeedRules()
        self._new_epoch = new_epoch
        self._feeds: dict[TripKey, Feed] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed: BackendUnavailable | None = None
        self.watchers = 0

    async def subscribe(
        self,
        actor: Actor,
        query: SeatMapQuery,
        position: Position | None = None,
        *,
        write: Callable[[Snapshot], object] | None = None,
        at_once: AtOnce | None = None,
    ) -> AsyncGenerator[Told]:
        """What happens to the seats of a journey: a snapshot, then deltas and heartbeats, until the caller leaves.

        From a position, what has changed since: a heartbeat if nothing was missed, a delta if that is known, else a
        snapshot. A caller who is slow gets one delta of all that has changed meanwhile, each seat as it is then. Each
        snapshot is prepared for `write`, with which the caller writes it. While the caller waits for the next,
        `at_once` may take it instead: nobody is woken then, which is most of what telling many costs. Ends with a
        refusal only: those of ReadSeatMap, Overloaded, BackendUnavailable when the service stops.
        """
        actor.needs(Scope.TRIPS_READ)
        if self.watchers >= self._rules.watchers_max:
            raise Overloaded
        part = MapPart(query.ends, query.section)
        feed = self._feed(actor, query.trip_id)
        self.watchers += 1
        try:
            with feed.watching(part):
                told = await feed.begin(part, position)
                reached = feed.reached(part, told, at_once)
                while True:
                    if isinstance(told, Snapshot) and write is not None:
                        await told.prepare(write)
                    yield told
                    told = await feed.after(reached)
        finally:
            self.watchers -= 1

    @property
    def trips(self) -> int:
        """How many trips have a feed."""
        return len(self._feeds)

    async def close(self) -> None:
        """End every feed: watchers are told to come back."""
        self._closed = BackendUnavailable("the service is stopping")
        for feed in self._feeds.values():
            feed.stop(self._closed)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _feed(self, actor: Actor, trip_id: str) -> Feed:
        """The trip's feed, begun if there is none. Raises Overloaded, BackendUnavailable."""
        if self._closed is not None:
            raise self._closed.with_traceback(None)
        key = TripKey(actor.organization, trip_id)
        feed = self._feeds.get(key)
        if feed is None or not feed.is_open:
            if len(self._feeds) >= self._rules.trips_max:
                raise Overloaded
            now_ms, new_epoch = self._clock.now_ms, self._new_epoch
            feed = Feed(self._maps, actor, trip_id, self._rules, now_ms=now_ms, new_epoch=new_epoch)
            self._feeds[key] = feed
            task = asyncio.create_task(self._run(key, feed))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return feed

    async def _run(self, key: TripKey, feed: Feed) -> None:
        try:
            with self._signals.listening(key, feed.signal):
                await feed.run()
        except Exception:  # noqa: BLE001 - whatever it was, its watchers are told, and the others go on
            _log.exception("the live feed of trip %s failed", key.trip, extra={"trip": key.trip})
        finally:
            if self._feeds.get(key) is feed:
                del self._feeds[key]
