"""One line an incident: whatever goes, a process says so once, and once that it is back, however many calls fail."""

import asyncio
import json
import resource
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.system.test_log_lines import shopping
from travio_inventory.telemetry.outages import SAY_EVERY_S
from verification.kit.service_process import ServiceProcess, eventually, serving
from verification.kit.stores import services_on
from verification.kit.trips import trip_of
from verification.servers.cassandra import cassandra
from verification.servers.fixtures import need
from verification.servers.kafka import kafka
from verification.servers.nats import nats_server
from verification.servers.rabbitmq import rabbit_server
from verification.servers.redis import redis_server

WITHIN_S = 240
GOES_ON_S = 3
"""So long it lasts after the first line of it."""
STANDS_STILL_S = 1.5
AWAY_S = 75
"""Longer than the minute in which no job repeats a line of its own."""
WORK = "background work"
OF_OTHERS = "figures: ", "the event loop stood still "
TEST_S_MAX = 600
GROUPS = 200
HOLD_S = 20
BUSY = {"TRAVIO_AUDIT_SECONDS": "1", "TRAVIO_STOCK_AUTOMATIC_ORDERS_SECONDS": "1"}


async def hold_many(service: ServiceProcess) -> None:
    """Hold a seat in each of many seat groups, for HOLD_S."""
    trip = trip_of("many-groups", seats=GROUPS, seats_per_group=1)
    async with service.client() as client:
        await client.open_trip(trip)
        await asyncio.gather(
            *(client.hold(trip.key.trip, "S0", "S3", [seat.id], seconds=HOLD_S) for seat in trip.seats)
        )


class Broker(Protocol):
    """One that runs."""

    def kill(self) -> None:
        """SIGKILL."""
        ...

    def start(self) -> None:
        """Start it on what it had."""
        ...


@contextmanager
def redis_sink(folder: Path) -> Iterator[tuple[Broker, str]]:
    with redis_server(folder) as server:
        yield server, f"redis://{server.address}/0?stream=told"


@contextmanager
def nats_sink(folder: Path) -> Iterator[tuple[Broker, str]]:
    with nats_server(folder) as server:
        yield server, f"{server.url}?stream=told&subject=told&create=on"


@contextmanager
def kafka_sink(folder: Path) -> Iterator[tuple[Broker, str]]:
    with kafka(folder, makes_topics=True) as server:
        yield server, f"kafka://{server.address}?topic=told&publish_seconds_max=4"


@contextmanager
def rabbit_source(folder: Path) -> Iterator[tuple[Broker, str]]:
    with rabbit_server(folder) as server:
        yield server, f"{server.url}?queue=told&bind=amq.topic:%23"


def lines(service: ServiceProcess) -> list[dict[str, Any]]:
    """The whole lines so far."""
    return [json.loads(line) for line in service.log.splitlines(keepends=True) if line.endswith("\n")]


def about(service: ServiceProcess, words: str) -> list[str]:
    """The lines with these words."""
    return [line["message"] for line in lines(service) if words in line["message"]]


async def said(service: ServiceProcess, words: str) -> None:
    """Return when there is such a line."""

    async def is_said() -> bool:
        return bool(about(service, words))

    await eventually(is_said, within_s=WITHIN_S)


@asynccontextmanager
async def selling(folder: Path, **variables: str) -> AsyncIterator[ServiceProcess]:
    """A process that logs JSON, and shoppers who go on whatever happens."""
    async with serving(folder, TRAVIO_LOG_FORMAT="json", **variables) as service, shopping(service):
        yield service


@pytest.mark.parametrize(
    ("brokers", "variable", "what"),
    [
        pytest.param(redis_sink, "TRAVIO_EVENTS", "the sink shop", marks=[pytest.mark.redis, pytest.mark.once]),
        pytest.param(nats_sink, "TRAVIO_EVENTS", "the sink shop", marks=[pytest.mark.nats, pytest.mark.thorough]),
        pytest.param(kafka_sink, "TRAVIO_EVENTS", "the sink shop", marks=[pytest.mark.kafka, pytest.mark.thorough]),
        pytest.param(
            rabbit_source, "TRAVIO_EVENTS_IN", "the source shop", marks=[pytest.mark.rabbitmq, pytest.mark.thorough]
        ),
    ],
)
async def test_a_broker_that_goes_is_one_line_and_one_when_it_is_back(
    brokers: Callable[[Path], AbstractContextManager[tuple[Broker, str]]], variable: str, what: str, tmp_path: Path
) -> None:
    need(brokers.__name__.partition("_")[0].replace("rabbit", "rabbitmq"))
    with brokers(tmp_path) as (broker, url):
        async with selling(tmp_path, **{variable: f"shop={url}"}) as service:
            await asyncio.sleep(GOES_ON_S)
            before = len(about(service, "shop"))
            await asyncio.to_thread(broker.kill)
            await said(service, f"{what} is down: ")
            await asyncio.sleep(GOES_ON_S)
            await asyncio.to_thread(broker.start)
            await said(service, f"{what} is back after ")
            down, back = about(service, "shop")[before:]
            assert (down.startswith(f"{what} is down: "), back.startswith(f"{what} is back after ")) == (True, True)


@pytest.mark.once
async def test_a_disk_that_is_full_is_one_line_and_one_when_there_is_room(tmp_path: Path) -> None:
    """No file of the process grows beyond the database's journal; its log is shorter than that. Holds run out meanwhile
    in many seat groups.
    """
    async with selling(tmp_path) as service:
        journal = service.data / "inventory.db-wal"

        async def is_longer_than_the_log() -> bool:
            return journal.stat().st_size > 10 * len(service.log)

        await eventually(is_longer_than_the_log, within_s=WITHIN_S)
        await hold_many(service)
        unlimited = resource.prlimit(service.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (journal.stat().st_size, unlimited[1]))
        await said(service, "the database cannot be written to: ")
        await said(service, f"{WORK} waits for the store: ")
        await asyncio.sleep(GOES_ON_S)
        resource.prlimit(service.pid, resource.RLIMIT_FSIZE, unlimited)
        await said(service, "the database is written to again")
        full, again = about(service, "the database ")
        assert full.startswith("the database cannot be written to: ")
        assert again == "the database is written to again"
        warned = [line["message"] for line in lines(service) if line["level"] != "INFO"]
        told = [text for text in warned if not text.startswith((*OF_OTHERS, "TRAVIO_AUTH=off", "not ready: store: "))]
        assert [text.partition(":")[0] for text in told if text not in {full, again}] == [f"{WORK} waits for the store"]


@pytest.mark.once
async def test_a_loop_that_stands_still_again_and_again_is_one_line(tmp_path: Path) -> None:
    """The process is stopped while it is at work, as a machine without a core for it does."""
    async with selling(tmp_path) as service:

        async def is_said() -> bool:
            service.tell(signal.SIGSTOP)
            await asyncio.sleep(STANDS_STILL_S)
            service.tell(signal.SIGCONT)
            return bool(about(service, "the event loop stood still for "))

        await eventually(is_said, within_s=WITHIN_S)
        for _ in range(GOES_ON_S):
            await is_said()
        assert len(about(service, "the event loop stood still for ")) == 1


@pytest.mark.thorough
@pytest.mark.scylla
@pytest.mark.redis
@pytest.mark.timeout(TEST_S_MAX)
async def test_a_store_that_goes_is_a_line_of_its_server_and_one_of_all_that_waits_for_it(tmp_path: Path) -> None:
    """Holds run out meanwhile in many seat groups; events are under way, seats and stock are audited and ordered."""
    need("scylla")
    need("redis")
    with cassandra(tmp_path / "cassandra") as database, redis_sink(tmp_path) as (_, url):
        variables = services_on(database) | {"TRAVIO_EVENTS": f"shop={url}", **BUSY}
        async with selling(tmp_path, **variables) as service:
            await hold_many(service)
            before = len(lines(service))
            [node] = database.nodes
            await asyncio.to_thread(node.kill)
            await asyncio.sleep(AWAY_S)
            await asyncio.to_thread(node.start)
            await said(service, f"{WORK} goes on after ")
            found = [line for line in lines(service)[before:] if not line["message"].startswith(OF_OTHERS)]
    server = f"database server {database.hosts[0]}:{database.port}"
    expected = [f"{server} is down: ", f"{server} is back after "]
    expected += [f"{WORK} waits for the store: ", f"{WORK} goes on after "]
    readiness = "not ready: store: ", "no longer so: store: "
    each_minute = f"{server} is down for ", f"{WORK} waits for the store for "
    lasting = [line for line in found if line["message"].startswith(each_minute)]
    told = [text for line in found if not (text := line["message"]).startswith(each_minute + readiness)]
    begun = [next((words for words in expected if text.startswith(words)), text) for text in told]
    assert sorted(begun) == sorted(expected), told
    first, last = (datetime.fromisoformat(line["at"]) for line in (found[0], found[-1]))
    assert len(lasting) <= len(each_minute) * (last - first).total_seconds() / SAY_EVERY_S
