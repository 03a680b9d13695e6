"""The launchers keep their promises: acknowledged data stays, protected servers are closed, nothing outlives the
parent.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count, takewhile
from pathlib import Path
from threading import Event, Thread

import pytest
import redis
from cassandra.cluster import Session
from redis.backoff import NoBackoff
from redis.retry import Retry

from verification.kit.child_process import ended
from verification.servers.cassandra import DATACENTER, Cassandra, cassandra
from verification.servers.certificates import make_certificates
from verification.servers.fixtures import need
from verification.servers.process import ServerFailedError, ServerProcess, wait_until
from verification.servers.redis import Account, Protection, RedisSentinels, RedisServer, redis_cluster, redis_server

ROOT = Path(__file__).parent.parent.parent
GONE_S_MAX = 60
APPEAR_S_MAX = 40
WRITES_BEFORE_KILL = 100
PASSWORD = secrets.token_hex(8)
ONCE = Retry(NoBackoff(), 0)
SET_IF_ABSENT = "if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end redis.call('SET', KEYS[1], ARGV[1]) return 1"


def processes_in(folder: Path) -> set[int]:
    """The processes that run in the folder or below it, without zombies."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder):
                found.add(int(process.name))
    return found


def wait_for(condition: Callable[[], bool], *, limit_s: float) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def make_table(session: Session, replication: int) -> None:
    """The keyspace and table that these tests write to."""
    session.execute(
        "CREATE KEYSPACE IF NOT EXISTS launched WITH replication ="
        f" {{'class': 'NetworkTopologyStrategy', '{DATACENTER}': {replication}}}"
    )
    session.execute(
        "CREATE TABLE IF NOT EXISTS launched.seats (trip text, seat int, holder text, PRIMARY KEY (trip, seat))"
    )


def claim(session: Session, trip: str, *seats: int, holder: str = "ana") -> bool:
    """Claim the seats in one conditional batch; whether it was applied."""
    inserts = "INSERT INTO launched.seats (trip, seat, holder) VALUES (%s, %s, %s) IF NOT EXISTS; " * len(seats)
    values = [value for seat in seats for value in (trip, seat, holder)]
    return bool(session.execute("BEGIN BATCH " + inserts + "APPLY BATCH", values).one()[0])


def taken(session: Session, trip: str) -> set[int]:
    """The seats that somebody has."""
    return {row.seat for row in session.execute("SELECT seat FROM launched.seats WHERE trip = %s", [trip])}


def test_a_conditional_batch_takes_all_seats_or_none(cassandra_node: Cassandra) -> None:
    with cassandra_node.session() as session:
        make_table(session, 1)
        assert claim(session, "all-or-none", 1, 2)
        assert not claim(session, "all-or-none", 2, 3, holder="ben")
        assert taken(session, "all-or-none") == {1, 2}


@pytest.mark.thorough
@pytest.mark.scylla
def test_a_node_killed_among_writes_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    need("scylla")
    acknowledged: list[int] = []
    with cassandra(tmp_path) as own:
        node = own.nodes[0]
        with own.session() as session:
            make_table(session, 1)
            killed = Event()
            writer = Thread(target=write_until, args=(killed, session, acknowledged))
            writer.start()
            assert wait_for(lambda: len(acknowledged) >= WRITES_BEFORE_KILL, limit_s=APPEAR_S_MAX)
            node.kill()
            killed.set()
            writer.join()
        node.start()
        with own.session() as session:
            assert taken(session, "killed") >= set(acknowledged)
    assert wait_for(lambda: not processes_in(tmp_path), limit_s=GONE_S_MAX)
    assert not (node.process.folder / "data").exists()
    assert "Starting listening for CQL clients" in node.process.log.read_text()


def write_until(killed: Event, session: Session, acknowledged: list[int]) -> None:
    """Claim one seat after the other and note each that was acknowledged."""
    for seat in takewhile(lambda _: not killed.is_set(), count()):
        with suppress(Exception):  # a busy node is sometimes too slow, and a killed one never answers
            if claim(session, "killed", seat):
                acknowledged.append(seat)


@pytest.mark.thorough
def test_three_nodes_continue_without_one_and_accept_it_again(cassandra_cluster: Cassandra) -> None:
    lost = cassandra_cluster.nodes[2]
    with cassandra_cluster.session() as session:
        make_table(session, 3)
        assert claim(session, "two-of-three", 1)
        lost.kill()
        assert wait_for(lambda: not cassandra_cluster.nodes[0].sees_all(), limit_s=GONE_S_MAX)
        assert wait_for(lambda: claim_survives(session, "two-of-three", 2), limit_s=GONE_S_MAX)
        lost.start()
        cassandra_cluster.settle()
        assert taken(session, "two-of-three") == {1, 2}


def claim_survives(session: Session, trip: str, seat: int) -> bool:
    """Claim the seat through any node; whether it is taken then."""
    with suppress(Exception):  # the table shows an unknown outcome
        claim(session, trip, seat)
    with suppress(Exception):
        return seat in taken(session, trip)
    return False


def test_a_script_runs_by_its_digest(redis_node: RedisServer) -> None:
    digest = redis_node.ask("SCRIPT LOAD", SET_IF_ABSENT)
    assert redis_node.ask("EVALSHA", digest, 1, "servers:seat", "ana") == 1
    assert redis_node.ask("EVALSHA", digest, 1, "servers:seat", "ben") == 0
    assert redis_node.ask("GET", "servers:seat") == b"ana"


def test_a_cluster_takes_keys_on_every_node(redis_nodes: tuple[RedisServer, ...]) -> None:
    first = redis_nodes[0]
    with redis.RedisCluster("127.0.0.1", first.port) as client:
        for number in range(100):
            client.set(f"servers:{number}", number)
        assert client.get("servers:99") == b"99"
    assert all(node.ask("DBSIZE") > 0 for node in redis_nodes)


def test_a_sentinel_puts_the_replica_in_the_place_of_a_dead_master(redis_with_sentinel: RedisSentinels) -> None:
    made = redis_with_sentinel
    assert made.master_port() == made.master.port
    made.master.kill()
    assert wait_for(lambda: made.master_port() == made.replica.port, limit_s=GONE_S_MAX)


@pytest.mark.redis
def test_a_paused_server_accepts_connections_and_sends_nothing_until_resumed(tmp_path: Path) -> None:
    need("redis")
    with redis_server(tmp_path) as server:
        server.pause()
        with redis.Redis(port=server.port, socket_timeout=0.2, retry=ONCE) as client, pytest.raises(redis.TimeoutError):
            client.ping()
        server.resume()
        assert server.ask("PING")


@pytest.mark.redis
@pytest.mark.parametrize("durable", [False, True])
def test_only_a_durable_server_remembers_after_a_restart(tmp_path: Path, durable: bool) -> None:
    need("redis")
    with redis_server(tmp_path, durable=durable) as server:
        server.ask("SET", "a", "1")
        server.restart()
        assert server.ask("GET", "a") == (b"1" if durable else None)


@pytest.fixture(scope="module")
def protection(tmp_path_factory: pytest.TempPathFactory) -> Protection:
    """TLS, and an account that may read seats."""
    need("redis")
    certificates = make_certificates(tmp_path_factory.mktemp("certificates"))
    return Protection(certificates=certificates, account=Account(name="edge", password=PASSWORD, rules="~seat:* +get"))


@pytest.mark.redis
def test_an_account_may_do_what_its_rules_allow_and_nobody_else_is_admitted(
    tmp_path: Path, protection: Protection
) -> None:
    assert protection.certificates
    trust = str(protection.certificates.authority)
    with redis_server(tmp_path, protection) as server:
        server.ask("SET", "seat:1", "ana")
        with redis.Redis(port=server.port, ssl=True, ssl_ca_certs=trust, username="edge", password=PASSWORD) as edge:
            assert edge.get("seat:1") == b"ana"
            with pytest.raises(redis.exceptions.NoPermissionError):
                edge.get("other")
        with (
            redis.Redis(port=server.port, ssl=True, ssl_ca_certs=trust, retry=ONCE) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.get("seat:1")
        with (
            redis.Redis(port=server.port, socket_timeout=0.5, retry=ONCE) as plain,
            pytest.raises((redis.ConnectionError, redis.TimeoutError)),
        ):
            plain.get("seat:1")


@pytest.mark.redis
@pytest.mark.cluster
def test_a_protected_cluster_comes_together(tmp_path: Path, protection: Protection) -> None:
    with redis_cluster(tmp_path, protection) as nodes:
        assert [node.ask("CLUSTER INFO")["cluster_known_nodes"] for node in nodes] == ["3", "3", "3"]
    assert wait_for(lambda: not processes_in(tmp_path), limit_s=GONE_S_MAX)


@contextmanager
def typed(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command, with the folder for temporary files."""
    environment = {**os.environ, "TMPDIR": str(folder)}
    with ended(subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)) as command:
        yield command


@pytest.mark.scylla
def test_a_node_that_is_starting_dies_with_a_launcher_that_is_killed(tmp_path: Path) -> None:
    need("scylla")
    with typed(tmp_path, sys.executable, "-m", "verification.servers", "cassandra") as command:
        assert wait_for(lambda: any(tmp_path.rglob("data")), limit_s=APPEAR_S_MAX), "it never got as far as its data"
        assert processes_in(tmp_path)
        command.kill()
        assert wait_for(lambda: not processes_in(tmp_path), limit_s=GONE_S_MAX)


@pytest.mark.redis
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_server_dies_with_its_launcher(tmp_path: Path, number: signal.Signals) -> None:
    need("redis")
    with typed(tmp_path, sys.executable, "-m", "verification.servers", "redis") as command:
        assert command.stdout
        assert command.stdout.readline().startswith("export REDIS_ADDR=127.0.0.1:")
        assert processes_in(tmp_path)
        command.send_signal(number)
        command.wait(GONE_S_MAX)
        assert wait_for(lambda: not processes_in(tmp_path), limit_s=GONE_S_MAX)
    if number != signal.SIGKILL:
        assert [*tmp_path.iterdir()] == []


@pytest.mark.redis
def test_a_server_dies_when_whoever_started_its_launcher_is_killed(tmp_path: Path) -> None:
    need("redis")
    with typed(tmp_path, "sh", "-c", f"{sys.executable} -m verification.servers redis; true") as shell:
        assert shell.stdout
        assert shell.stdout.readline().startswith("export REDIS_ADDR=")
        assert processes_in(tmp_path)
        shell.kill()
        assert wait_for(lambda: not processes_in(tmp_path), limit_s=GONE_S_MAX)


def test_a_server_that_ends_by_itself_is_reported_with_its_log(tmp_path: Path) -> None:
    server = ServerProcess("confused", ["sh", "-c", "echo no such option; exit 3"], tmp_path)
    server.start()
    try:
        with pytest.raises(ServerFailedError, match=r"(?s)confused ended by itself before it works.*no such option"):
            wait_until(lambda: False, "it works", [server], limit_s=GONE_S_MAX)
    finally:
        server.kill()


@pytest.mark.once
@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 error")])
def test_a_missing_server_skips_on_a_laptop_and_fails_in_ci(tmp_path: Path, ci: str, outcome: str) -> None:
    test = f"{__file__}::{test_a_conditional_batch_takes_all_seats_or_none.__name__}"
    environment = {**os.environ, "TRAVIO_TEST_SERVERS": str(tmp_path), "CI": ci}
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", test]
    said = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False).stdout
    assert outcome in said.splitlines()[-1]
    assert "scylla tests cannot run: Cassandra is not in" in said
