"""How many calls a sale makes to the database and Redis, on real servers: by the service's own figures."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import anyio
import pytest

from travio_inventory.app.backends import scylla
from travio_inventory.app.deeds import operator_here
from travio_inventory.app.service import open_inventory
from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.refusals import SeatContended, SeatHeld
from travio_inventory.seats.trip import OUR_CHOICE, Ends
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.settings import Settings, load_settings
from travio_inventory.telemetry.metrics import Figures
from verification.kit.asking import hold_seats, open_trip
from verification.kit.asking import seat_map as seat_map_of
from verification.kit.trips import a_trip
from verification.servers.cassandra import Cassandra
from verification.servers.redis import RedisServer

CONTENDERS = 50
SPREAD, IN_FLIGHT = 160, 32
JOURNEY = Ends("A", "C")


@pytest.fixture
def settings(tmp_path: Path, cassandra_node: Cassandra, redis_node: RedisServer) -> Settings:
    """The service on both servers, without background jobs, which would ask as well."""
    made = load_settings(
        data=tmp_path,
        scylla_hosts=f"{cassandra_node.hosts[0]}:{cassandra_node.port}",
        scylla_keyspace="database_work",
        redis_addr=redis_node.address,
        redis_reply_ms_max=5_000,
        environment="development",
        background=False,
        events="none",
    )
    scylla.apply_schema(made, replication=1, by=operator_here())
    return made


class Sale:
    """A trip on sale, and the calls since then."""

    def __init__(self, inventory: Inventory, figures: Figures) -> None:
        self.inventory = inventory
        self._figures = figures
        self._before: Counter[str] = Counter()
        self.trip = a_trip(uuid4().hex, organization="acme", stops="ABC", seats=32, seats_per_group=OUR_CHOICE)

    def begin(self) -> None:
        """Count from now on."""
        self._before = self._counts()

    def asked(self) -> dict[str, int]:
        """Calls of each port since then, by their answer."""
        return dict(self._counts() - self._before)

    def counted(self, what: str) -> int:
        """That gauge."""
        return self._figures.gauges()[what]

    async def hold(self, seat: str, user: str = "ann", key: str | None = None) -> None:
        await hold_seats(self.inventory, Actor("acme", user), self.trip.key.trip, JOURNEY, [seat], ttl_s=60, key=key)

    def _counts(self) -> Counter[str]:
        return Counter(
            {
                f"{figure.use_case} {figure.outcome}": figure.calls
                for figure in self._figures.snapshot()
                if figure.use_case.startswith(("store.", "gate."))
            }
        )


@pytest.fixture
async def sale(settings: Settings) -> AsyncIterator[Sale]:
    """A trip whose definition the process knows, and a seat group that it has read."""
    figures = Figures()
    async with open_inventory(settings, figures=figures) as inventory:
        sale = Sale(inventory, figures)
        await open_trip(inventory, sale.trip)
        await sale.hold("A32", "eve")
        sale.begin()
        yield sale


async def test_a_hold_that_wins_is_one_batch_after_one_question_to_the_gate(sale: Sale) -> None:
    await sale.hold("A1")
    assert sale.asked() == {"gate.enter passed": 1, "store.apply Applied": 1}


async def test_with_an_idempotency_key_it_is_two_batches(sale: Sale) -> None:
    await sale.hold("A1", key="once")
    assert sale.asked() == {"gate.enter passed": 1, "store.apply Applied": 2}


async def test_a_refused_caller_costs_the_database_nothing(sale: Sale) -> None:
    """Fifty callers want one seat: one gets it, and only that one reaches the database."""
    refused: list[SeatContended | SeatHeld] = []

    async def contend(user: str) -> None:
        try:
            await sale.hold("A1", user)
        except (SeatContended, SeatHeld) as refusal:
            refused.append(refusal)

    async with anyio.create_task_group() as contenders:
        for number in range(CONTENDERS):
            contenders.start_soon(contend, f"user-{number}")
    assert len(refused) == CONTENDERS - 1
    asked = sale.asked()
    assert {what: calls for what, calls in asked.items() if what.startswith("store.")} == {"store.apply Applied": 1}
    entered = {what: calls for what, calls in asked.items() if what.startswith("gate.enter")}
    assert (entered["gate.enter passed"], sum(entered.values())) == (1, CONTENDERS)


async def test_holds_in_many_seat_groups_share_the_writes_of_their_index_entries(sale: Sale) -> None:
    """Each seat is a seat group of its own, which has two entries in its first minute; each hold has one in its
    holder's list, which nobody waits for. A write that travels with few others would cost as much as the batch.
    """
    seats = [f"A{number}" for number in range(1, SPREAD + 1)]
    trip = a_trip(uuid4().hex, organization="acme", stops="ABCDE", seats=SPREAD, seats_per_group=1)
    await open_trip(sale.inventory, trip)
    at_once = asyncio.Semaphore(IN_FLIGHT)

    async def hold(seat: str, ends: Ends) -> None:
        async with at_once:
            await hold_seats(sale.inventory, Actor("acme", f"user-{seat}"), trip.key.trip, ends, [seat], ttl_s=60)

    async def requests_a_hold(ends: Ends) -> float:
        before = sale.counted("store.requests")
        await asyncio.gather(*(hold(seat, ends) for seat in seats))
        while sale.counted("store.entries on their way"):  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)
        return (sale.counted("store.requests") - before) / SPREAD

    first = await requests_a_hold(Ends("A", "B"))
    later = [await requests_a_hold(Ends(*ends)) for ends in ("BC", "CD", "DE")]
    assert first <= 1.3, f"{first} and then {later}"
    assert min(later) <= 1.15, f"{later} after {first}: on a busy machine fewer come in one turn"


async def test_steps_that_share_a_batch_are_counted(sale: Sale) -> None:
    """Thirty buyers, each of another seat, in two seat groups."""
    before = [sale.counted(f"group commit.{what}") for what in ("batches", "steps", "refused", "sent again")]
    await asyncio.gather(*(sale.hold(f"A{number}", f"user-{number}") for number in range(1, 31)))
    after = [sale.counted(f"group commit.{what}") for what in ("batches", "steps", "refused", "sent again")]
    batches, steps, *failed = (now - then for now, then in zip(after, before, strict=True))
    assert steps >= 2 * batches > 0
    assert failed == [0, 0]


async def test_maps_of_a_quiet_trip_are_read_from_the_database_once(sale: Sale) -> None:
    for _ in range(20):
        await asyncio.gather(*(seat_map_of(sale.inventory, sale.trip.key, JOURNEY) for _ in range(5)))
    reads = {what: calls for what, calls in sale.asked().items() if what.startswith("store.")}
    groups = -(-len(sale.trip.seats) // sale.trip.seats_per_group)
    assert sum(reads.values()) <= 4 * groups, reads
