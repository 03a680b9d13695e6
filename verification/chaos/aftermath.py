"""After the faults: everything is answered, has lapsed, is published and is read; every free seat can be won."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any, NamedTuple

from travio_inventory.client import InventoryClient, Journey, NotOnSale, Refusal, RetryableRefusal
from travio_inventory.kernel.limits import SEATS_PER_HOLD_MAX
from travio_inventory.protocol.batches import Kind, Partition, Row, StoreUnavailable, Table
from travio_inventory.protocol.hold import read_title
from travio_inventory.protocol.rows import SEPARATOR, number, text
from travio_inventory.seats.events import EventType
from travio_inventory.seats.ports import Cell
from travio_inventory.seats.records.seat_rows import group_partition
from verification.chaos.brokers import Broker, Step
from verification.chaos.deployment import KEYSPACE, Deployment, Service
from verification.chaos.notebook import Book
from verification.chaos.states import State, found_holds, states_of
from verification.kit.service_process import ORGANIZATION, eventually
from verification.kit.trips import ends
from verification.simulation.history import LIVE, FoundHold, PublishedEvent
from verification.simulation.oracle import OF_TRIP

QUIET_S_MAX = 60.0
TOLD_S_MAX = 60.0
PER_TRIP_S_MAX = 0.1
"""How much longer both may take for each trip, because all trips must be read."""
POLL_S = 0.3
READS_AT_ONCE = 8
PROBES_AT_ONCE = 8
PROBE_TRIES = 10
MISSING_SHOWN = 5
READ_TRIES = 10
_GROUP = f"FROM {KEYSPACE}.seat_groups WHERE organization = %s AND trip = %s AND seat_group = %s"
EXPIRED = f"SELECT subject, type, WRITETIME(type) AS at_us {_GROUP} AND kind = 'event'"
EXPIRIES = f"SELECT id, expires_at_ms {_GROUP} AND kind = 'hold'"


class Remains(NamedTuple):
    """A trip in the record at the end."""

    holds: dict[str, FoundHold]
    owners: dict[Cell, str]
    events: set[tuple[str, int]]
    """The recorded steps: the hold, and the ordinal of its event."""
    places: dict[str, int]
    """Who is waiting, and with which number; later holders have greater numbers."""
    states: dict[str, list[State]]
    """What each hold had, one after the other."""
    ends_told: int
    """How many events say that the trip is cancelled."""

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is held, and every owned cell is booked."""
        booked = {name for name, hold in self.holds.items() if hold.status == "confirmed"}
        return not any(hold.status == "held" for hold in self.holds.values()) and booked.issuperset(
            self.owners.values()
        )


@dataclass
class Aftermath:
    """All that was found. Lateness in seconds, per hold that expired."""

    remains: dict[str, Remains] = field(default_factory=dict)
    lives: list[list[dict[str, Any]]] = field(default_factory=list)
    """The events that each life of each service published, in order."""
    brokers: dict[str, list[Step]] = field(default_factory=dict)
    """What each broker was told, in order."""
    late_s: dict[str, float] = field(default_factory=dict)
    won: int = 0
    violations: list[str] = field(default_factory=list)

    def told(self) -> dict[str, list[PublishedEvent]]:
        """Every event, each time it was published, by trip."""
        told: dict[str, list[PublishedEvent]] = defaultdict(list)
        for event in chain.from_iterable(self.lives):
            if event["type"].startswith(OF_TRIP):
                continue
            told[event["partition_key"]].append(
                PublishedEvent(event["id"], event["type"], event["subject"], event["ordinal"])
            )
        return told


async def _read(deployment: Deployment, book: Book) -> Remains:
    """Read a trip, several times if the store has not recovered yet. Raises StoreUnavailable."""
    for _ in range(READ_TRIES):
        with suppress(StoreUnavailable):
            return await _read_once(deployment, book)
        await asyncio.sleep(POLL_S)
    return await _read_once(deployment, book)


async def _read_once(deployment: Deployment, book: Book) -> Remains:
    """Read all rows of a trip, serially. Raises StoreUnavailable."""
    holds: dict[str, Row] = {}
    owners: dict[Cell, str] = {}
    events: list[Row] = []
    for group in range(book.trip.group_count):
        partition = group_partition(book.trip.key, group)
        for key, row in (await deployment.batches.read(partition, Kind.HOLD)).items():
            holds[key.id] = row
        for key, row in (await deployment.batches.read(partition, Kind.CELL)).items():
            if owner := text(row, "owner"):
                owners[Cell(key.id, key.segment)] = read_title(owner).hold_id
        events += (await deployment.batches.read(partition, Kind.EVENT)).values()
    states = states_of(events)
    return Remains(
        found_holds(holds, states),
        owners,
        {(text(row, "subject"), number(row, "ordinal")) for row in events},
        await _places(deployment, book),
        states,
        sum(text(row, "type") == EventType.TRIP_CANCELLED for row in events),
    )


async def _places(deployment: Deployment, book: Book) -> dict[str, int]:
    waitlist = Partition(Table.WAITLISTS, ORGANIZATION, SEPARATOR.join((book.name, "")))
    entries = await deployment.batches.read(waitlist, Kind.ENTRY)
    return {key.id: number(row, "sequence") for key, row in entries.items() if row.get("status") == "waiting"}


async def wait_for_quiet(deployment: Deployment, books: Sequence[Book], found: Aftermath) -> None:
    """Read every trip until nothing is held any more; who still holds something then is stuck (L1, L2).

    Raises StoreUnavailable where a trip cannot be read at all.
    """
    ends_s = time.monotonic() + QUIET_S_MAX + PER_TRIP_S_MAX * len(books)
    turns = asyncio.Semaphore(READS_AT_ONCE)

    async def wait_for(book: Book) -> None:
        async with turns:
            remains = await _read(deployment, book)
            while not remains.is_quiet and time.monotonic() < ends_s:
                await asyncio.sleep(POLL_S)
                remains = await _read(deployment, book)
        found.remains[book.name] = remains
        if not remains.is_quiet:
            found.violations.append(f"L1 L2 not at rest long after all was mended: {_unrest(book, found)}")

    async with asyncio.TaskGroup() as group:
        for book in books:
            group.create_task(wait_for(book))


def _unrest(book: Book, found: Aftermath) -> str:
    remains = found.remains[book.name]
    held = [name for name, hold in remains.holds.items() if hold.status == "held"]
    kept = {str(cell): owner for cell, owner in remains.owners.items() if not _is_live(remains, owner)}
    return f"{book.name}: held {held}, kept for nobody {kept}"


def _is_live(remains: Remains, owner: str) -> bool:
    return owner in remains.holds and remains.holds[owner].status in LIVE


async def restart_everything(deployment: Deployment) -> Service:
    """Stop all services, empty Redis, and start one service on what the store kept."""
    for service in deployment.services:
        assert await service.process.stop() == 0, service.process.log
    await asyncio.to_thread(deployment.redis.restart)
    await deployment.services[0].start()
    return deployment.services[0]


async def wait_for_events(deployment: Deployment, found: Aftermath) -> None:
    """Wait until all recorded events are published, or until the time limit; the events are judged later (I8)."""
    recorded = {event for remains in found.remains.values() for event in remains.events}

    async def all_is_told() -> bool:
        found.lives = [life for service in deployment.services for life in lives_of(service)]
        return recorded <= {(event["subject"], event["ordinal"]) for life in found.lives for event in life}

    await _within(TOLD_S_MAX + PER_TRIP_S_MAX * len(found.remains), all_is_told)


async def wait_for_brokers(deployment: Deployment, found: Aftermath) -> None:
    """Wait until each broker has all recorded events, or until the time limit; what is missing is a violation (I8)."""
    recorded = {event for remains in found.remains.values() for event in remains.events}

    async def wait_for(name: str, broker: Broker) -> None:
        async def has_all() -> bool:
            found.brokers[name] = await broker.told()
            return recorded.issubset(found.brokers[name])

        if not await _within(TOLD_S_MAX + PER_TRIP_S_MAX * len(found.remains), has_all):
            missing = sorted(recorded.difference(found.brokers[name]))
            found.violations.append(f"I8 {name} was never told {len(missing)} events: {missing[:MISSING_SHOWN]}")

    await asyncio.gather(*(wait_for(name, broker) for name, broker in deployment.brokers.items()))


def lives_of(service: Service) -> list[list[dict[str, Any]]]:
    """The events that the service published, one life after the other."""
    events = service.process.events()
    bounds = [*service.lives, len(events)]
    return [events[first:beyond] for first, beyond in pairwise(bounds)]


async def measure_lateness(deployment: Deployment, books: Iterable[Book], found: Aftermath) -> None:
    """How long after its expiry each hold was ended, by the database's clock: that of the event that was written with
    its end, since a late booking writes the row again.
    """

    def ask() -> None:
        with deployment.nodes.session() as session:
            for book in books:
                for group in range(book.trip.group_count):
                    of_group = (ORGANIZATION, book.name, group)
                    expiries_ms = {row.id: row.expires_at_ms for row in session.execute(EXPIRIES, of_group)}
                    for row in session.execute(EXPIRED, of_group):
                        if row.type == EventType.HOLD_EXPIRED:
                            found.late_s[row.subject] = row.at_us / 1e6 - expiries_ms[row.subject] / 1e3

    await asyncio.to_thread(ask)


async def probe(service: Service, books: Iterable[Book], found: Aftermath) -> None:
    """Win every seat that is not sold, segment by segment (L2); of a cancelled trip none (I14)."""
    async with service.process.client() as client:
        turns = asyncio.Semaphore(PROBES_AT_ONCE)

        async def win(book: Book, segment: int, seats: Sequence[str]) -> None:
            async with turns:
                await _win(client, book, segment, seats, found)

        async with asyncio.TaskGroup() as group:
            for book in books:
                if book.is_cancelled:
                    group.create_task(_win_nothing(client, book, found))
                    continue
                for segment in range(len(book.trip.segments)):
                    free = _free(book, segment, found)
                    for first in range(0, len(free), SEATS_PER_HOLD_MAX):
                        group.create_task(win(book, segment, free[first : first + SEATS_PER_HOLD_MAX]))


async def find_places(service: Service, found: Aftermath) -> None:
    """Whoever has a place finds it in their list of waits (I3). Raises BackendUnavailable."""
    async with service.process.client(attempts_max=READ_TRIES) as client:
        turns = asyncio.Semaphore(READS_AT_ONCE)

        async def find(trip: str, user: str) -> None:
            async with turns:
                listed = {entry.trip for entry in await client.acting_for(user).waitlist()}
            if trip not in listed:
                found.violations.append(f"I3 {user} waits for {trip}, and is told of {listed}")

        async with asyncio.TaskGroup() as group:
            for trip, remains in found.remains.items():
                for user in remains.places:
                    group.create_task(find(trip, user))


def _free(book: Book, segment: int, found: Aftermath) -> list[str]:
    owners = found.remains[book.name].owners
    return [seat.id for seat in book.trip.seats if Cell(seat.id, segment) not in owners]


async def _win(client: InventoryClient, book: Book, segment: int, seats: Sequence[str], found: Aftermath) -> None:
    stretch = ends(Journey(segment, segment))
    prober = client.acting_for(f"probe-{book.name}-{segment}-{seats[0]}")
    for _ in range(PROBE_TRIES):
        try:
            await prober.hold(book.name, *stretch, seats, seconds=60, key="probe")
        except RetryableRefusal as refusal:
            last: Refusal = refusal
            await asyncio.sleep(POLL_S)
        except Refusal as refusal:
            last = refusal
            break
        else:
            found.won += len(seats)
            return
    found.violations.append(f"L2 {book.name}: nobody has {seats} on {stretch}, and they cannot be won: {last!r}")


async def _win_nothing(client: InventoryClient, book: Book, found: Aftermath) -> None:
    prober = client.acting_for(f"probe-{book.name}")
    with suppress(NotOnSale):
        hold = await prober.hold(book.name, *ends(Journey(0, 0)), [book.trip.seats[0].id], seconds=60, key="probe")
        found.violations.append(f"I14 won, though the trip was cancelled: {book.name} {hold.id}")


async def _within(limit_s: float, condition: Callable[[], Awaitable[bool]]) -> bool:
    """Whether it became true in time."""
    try:
        await eventually(condition, within_s=limit_s)
    except TimeoutError:
        return False
    return True
