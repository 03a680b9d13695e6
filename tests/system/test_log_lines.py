"""What an operator reads: a line when a server goes, a line when it is back, and one good line of a failed start."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex

import pytest

from travio_inventory.client import Refusal
from travio_inventory.client.client import LIVENESS
from verification.kit.service_process import EndedEarly, ServiceProcess, eventually, serving
from verification.kit.stores import make_tables, scylla_options
from verification.kit.trips import trip_of
from verification.servers.cassandra import cassandra
from verification.servers.fixtures import need
from verification.servers.redis import redis_server

SHOPPERS = 16
"""Enough connections that each process has some."""
AWAY_S = 8
AWAY_S_MAX = BACK_S_MAX = 60
LINE = re.compile(r"\S+Z (?P<level>\w+) +\[(?P<pid>\d+)\] (?P<logger>[\w.]+): .*")
PROCESSES = 2
PROCESS_LINES_MAX = 6
"""Of each process while the store is down: not ready, what waits for it, twice the figures, ready again, it goes on."""


@asynccontextmanager
async def shopping(service: ServiceProcess) -> AsyncIterator[None]:
    """Shoppers hold and release all the time, whatever the answers."""
    trip = trip_of(f"t-{token_hex(4)}", seats=40, seats_per_group=4)
    async with service.client() as client:
        await client.open_trip(trip)

    async def shop(number: int) -> None:
        async with service.client(f"u{number}") as client:
            for turn in range(1_000_000):
                try:
                    seat = trip.seats[(7 * number + turn) % len(trip.seats)].id
                    await client.release((await client.hold(trip.key.trip, "S0", "S2", [seat])).id)
                except Refusal:
                    await asyncio.sleep(0.01)

    shoppers = [asyncio.create_task(shop(number)) for number in range(SHOPPERS)]
    try:
        yield
    finally:
        for shopper in shoppers:
            shopper.cancel()
        await asyncio.gather(*shoppers, return_exceptions=True)


async def lines_of(
    service: ServiceProcess, kill: Callable[[], None], start: Callable[[], None], *, is_ready_without: bool
) -> list[str]:
    """What the processes say from when a server is killed until all of them have found it again, some seconds after
    all of them have missed it. Meanwhile they live, and are ready if they can do without it.
    """
    said = len(service.log.splitlines())

    async def all_say(words: str) -> bool:
        return " ".join(service.log.splitlines()[said:]).count(words) >= PROCESSES

    await asyncio.to_thread(kill)
    await eventually(lambda: all_say(" is down: "), within_s=AWAY_S_MAX)
    await asyncio.sleep(AWAY_S)
    async with service.client() as client:
        assert (await client.serves(LIVENESS), await client.serves()) == (True, is_ready_without)
    await asyncio.to_thread(start)
    await eventually(lambda: all_say(" is back after "), within_s=BACK_S_MAX)
    return service.log.splitlines()[said:]


def by_process(lines: list[str], words: str) -> Counter[str]:
    """How many of the lines have the words, by the process that said them; each line must say which."""
    found = [line for line in map(LINE.fullmatch, lines) if line is not None]
    assert len(found) == len(lines), lines
    return Counter(line["pid"] for line in found if words in line[0])


@pytest.mark.thorough
@pytest.mark.scylla
@pytest.mark.redis
async def test_each_process_says_once_that_a_server_went_and_once_that_it_is_back(tmp_path: Path) -> None:
    need("scylla")
    need("redis")
    with cassandra(tmp_path / "cassandra") as database, redis_server(tmp_path) as redis:
        make_tables(options := scylla_options(database, "log_lines"))
        settings = {
            "SCYLLA_HOSTS": f"{database.hosts[0]}:{database.port}",
            "TRAVIO_SCYLLA_KEYSPACE": options.keyspace,
            "TRAVIO_ENVIRONMENT": "development",
            "REDIS_ADDR": redis.address,
        }
        async with serving(tmp_path, f"serve --workers {PROCESSES}", **settings) as service, shopping(service):
            await asyncio.sleep(1)
            for name, server, is_ready_without in (
                (f"redis {redis.address}", redis, True),
                (f"database server {database.hosts[0]}", database.nodes[0], False),
            ):
                lines = await lines_of(service, server.kill, server.start, is_ready_without=is_ready_without)
                assert len(by_process(lines, "not ready: store: ")) == (0 if is_ready_without else PROCESSES)
                for words in (f"{name}", " is down: ", " is back after "):
                    assert set(by_process(lines, words).values()) == {2 if words == name else 1}, lines
                    assert len(by_process(lines, words)) == PROCESSES
                assert len(lines) <= PROCESSES * (2 + PROCESS_LINES_MAX), lines
                assert sum(by_process(lines, "requests went without").values()) == PROCESSES
                async with service.client() as client:
                    await eventually(client.serves, within_s=BACK_S_MAX)


@pytest.mark.parametrize(
    "role", ["serve", *(pytest.param(role, marks=pytest.mark.once) for role in ("serve --workers 2", "work"))]
)
@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"SCYLLA_HOSTS": "127.0.0.1:1"}, "no session with 127.0.0.1 port 1: "),
        pytest.param(
            {"SCYLLA_HOSTS": "no.such.host.invalid"},
            "no session with no.such.host.invalid port 9042: no such host",
            marks=pytest.mark.once,
        ),
    ],
)
async def test_a_start_that_fails_ends_with_one_line(
    processes: Callable[..., ServiceProcess], variables: dict[str, str], said: str, role: str
) -> None:
    service = processes(role, TRAVIO_EDGE="absent", **variables)
    with pytest.raises(EndedEarly):
        await service.start()
    assert await service.ended() == 1
    (line,) = service.log.splitlines()
    assert f"cannot start: {said}" in line
    assert LINE.fullmatch(line)
