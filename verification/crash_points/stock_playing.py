"""Plays scenes of stock whose process is killed at a call; the next one repeats them, and all must end as if nobody had
been killed.

Every play has an organization and indexes of its own, so that many of them can share a store.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count, islice
from typing import NamedTuple
from uuid import uuid4

from travio_inventory.protocol.batches import (
    ANY_TIME,
    Batches,
    Index,
    IndexEntry,
    Kind,
    Outcome,
    Partition,
    RowKey,
    Rows,
    Table,
    Write,
)
from verification.crash_points.places import Place
from verification.crash_points.points import Lane, Meter, MeteredStore, Point, When
from verification.crash_points.processes import Failed, Say, kill_myself, live
from verification.crash_points.stock_scenes import Scene, picture, prepare, shop_on
from verification.stock_load.shelves import Shop

LATER_MS = 60_000
"""The next process comes so much later: what the dead one had begun has had its grace."""
TOGETHER_MAX = 24
"""So many plays end in one process at most, since one that is busy is late for its own attempts."""


class Reached(NamedTuple):
    """The play of that number came to its point."""

    number: int


class Seen(NamedTuple):
    """How the plays end, in their order: pictures, or what failed."""

    pictures: Sequence[object]


class Alone:
    """The store as an organization has it that is alone there: house work finds nothing of others. See Batches."""

    def __init__(self, store: Batches, organization: str) -> None:
        self._store = store
        self._organization = organization

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        """See Batches."""
        own = [each._replace(bucket=self._own(each.bucket)) for each in entries]
        return await self._store.apply(self._of(partition), writes, own, send_by=send_by)

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        """See Batches."""
        return await self._store.get(self._of(partition), keys)

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        """See Batches."""
        return await self._store.read(self._of(partition), kind, start=start, end=end, most=most)

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        """See Batches."""
        return await self._store.read_index(index, self._own(bucket), after=after, most=most)

    def _own(self, bucket: str) -> str:
        return f"{bucket} {self._organization}"

    def _of(self, partition: Partition) -> Partition:
        if partition.table is not Table.CURSORS:
            return partition
        return partition._replace(name=self._own(partition.name))


async def _doomed(
    say: Say, place: Place, scene: Scene, organizations: Sequence[str], points: Sequence[Point | None]
) -> None:
    """Each play comes to its point, or to its end; then the process is killed."""

    async def play(number: int, store: Batches) -> None:
        await prepare(shop_on(store, organizations[number]))
        reached = asyncio.Event()
        meter = Meter(points[number], lambda _: reached.set())
        meter.start()
        shop = shop_on(MeteredStore(store, meter), organizations[number])
        playing = asyncio.ensure_future(_to_the_end(scene, shop))
        dying = asyncio.ensure_future(reached.wait())
        await asyncio.wait([playing, dying], return_when=asyncio.FIRST_COMPLETED)
        if reached.is_set():
            say(Reached(number))
        else:
            playing.result()

    async with _stores(place, organizations) as stores:
        await asyncio.gather(*(play(number, store) for number, store in enumerate(stores)))
        kill_myself()


@asynccontextmanager
async def _stores(place: Place, organizations: Sequence[str]) -> AsyncIterator[list[Batches]]:
    """The store of the place as each of them has it."""
    async with place.open() as opened:
        yield [Alone(opened.line, each) for each in organizations]


async def _to_the_end(scene: Scene, shop: Shop) -> None:
    await scene.play(shop)
    await shop.settled()


async def _next(say: Say, place: Place, scene: Scene, organizations: Sequence[str]) -> None:
    """The next process plays all of them to the end."""

    async def play(organization: str, store: Batches) -> object:
        shop = shop_on(store, organization, later_ms=LATER_MS)
        try:
            await _to_the_end(scene, shop)
            return await picture(shop)
        except Exception as error:  # noqa: BLE001 - whatever fails, the play has caused it
            return repr(error)

    async with _stores(place, organizations) as stores:
        say(Seen(await asyncio.gather(*map(play, organizations, stores))))


class Played(NamedTuple):
    """Which points were reached, how each play ended, and what else went wrong."""

    reached: set[int]
    pictures: Sequence[object]
    failures: Sequence[Failed]


def _played(place: Place, scene: Scene, points: Sequence[Point | None]) -> Played:
    own, organizations = place.apart(), [f"shop-{uuid4().hex[:12]}" for _ in points]
    said = live(partial(_doomed, place=own, scene=scene, organizations=organizations, points=points)).said
    said += live(partial(_next, place=own, scene=scene, organizations=organizations)).said
    pictures = next((each.pictures for each in said if isinstance(each, Seen)), [None] * len(points))
    reached = {each.number for each in said if isinstance(each, Reached)}
    return Played(reached, pictures, [each for each in said if isinstance(each, Failed)])


def visit(place: Place, scene: Scene, *, stride: int = 1) -> tuple[int, list[str]]:
    """How many points were visited, every `stride`th call, before it and after; and what was wrong. To be called where
    a process can fork.
    """
    undisturbed = _played(place, scene, [None])
    wrong = [f"{scene.name}: {each.trace}" for each in undisturbed.failures]
    (expected,), visited = undisturbed.pictures, 0
    calls, together = _points(stride), min(place.together, TOGETHER_MAX)
    while not wrong:
        points = list(islice(calls, together))
        played = _played(place, scene, points)
        visited += len(played.reached)
        wrong += [f"{scene.name}: {each.trace}" for each in played.failures]
        wrong += [
            f"{scene.name}, {point}: {found}, not {expected}"
            for point, found in zip(points, played.pictures, strict=True)
            if found != expected
        ]
        if len(played.reached) < len(points):
            break
    return visited, wrong


def _points(stride: int) -> Iterator[Point]:
    return (Point(when, Lane.CALL, call) for call in count(1, stride) for when in When)
