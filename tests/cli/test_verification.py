"""The command that verifies a cluster and a Redis, against real ones, right and wrong, and cut off."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from cassandra.cluster import Session

from tests.typed import Type, Typed
from travio_inventory.app.verifying import ANSWERS, REQUIRED, SUFFIX
from travio_inventory.stock.promises import PROMISES as STOCK_PROMISES
from verification.kit.child_process import child
from verification.servers.cassandra import Cassandra
from verification.servers.cql_proxy import CqlProxy, cql_proxy
from verification.servers.redis import HOST, RedisServer


def verdicts(typed: Typed) -> dict[str, str]:
    """What came of each promise, by its sentence."""
    return {line["says"]: line["kept"] for line in map(json.loads, typed.out.splitlines())}


def test_with_the_embedded_store_there_is_nothing_to_verify(typed: Type) -> None:
    told = typed("verify", TRAVIO_STORE="embedded", TRAVIO_EDGE="local")
    assert (told.status, "nothing to verify" in told.err) == (2, True)


@pytest.mark.redis
def test_of_a_redis_that_does_not_answer_nothing_is_known(typed: Type) -> None:
    told = typed("verify", "--json", TRAVIO_STORE="embedded", REDIS_ADDR=f"{HOST}:1")
    assert (told.status, verdicts(told)) == (3, {ANSWERS: "not checked"})


@pytest.mark.scylla
def test_of_a_cluster_that_does_not_answer_nothing_is_known(typed: Type) -> None:
    told = typed("verify", "--json", SCYLLA_HOSTS=f"{HOST}:1", TRAVIO_EDGE="absent")
    assert (told.status, verdicts(told)) == (3, {REQUIRED: "not checked"})
    assert "Connection refused" in told.out


def test_a_cluster_and_a_redis_are_held_to_every_promise(
    typed: Type, cassandra_node: Cassandra, redis_node: RedisServer
) -> None:
    """The test's Redis may fill up, which is told; nothing else is wrong, and nothing is left behind."""
    keyspace = new_keyspace()
    where = {
        "SCYLLA_HOSTS": f"{cassandra_node.hosts[0]}:{cassandra_node.port}",
        "TRAVIO_SCYLLA_KEYSPACE": keyspace,
        "REDIS_ADDR": f"{HOST}:{redis_node.port}",
        "TRAVIO_ENVIRONMENT": "development",
        "TRAVIO_REDIS_REPLY_MS_MAX": "5000",
    }
    told = typed("verify", "--replication", "1", "--json", **where)
    found = verdicts(told)
    evicts = "a full Redis evicts keys, and refuses no writes"
    assert told.status == 1
    assert found.pop(evicts) == "broken"
    assert found.pop("conditional batches") == found.pop("attempts at the gate") == "measured"
    assert len(found) > 17
    assert {promise.says for promise in STOCK_PROMISES} <= set(found)
    assert set(found.values()) == {"kept"}, found
    with cassandra_node.session() as session:
        assert not is_there(session, keyspace + SUFFIX)
        session.execute(
            f"CREATE KEYSPACE {keyspace}{SUFFIX} WITH replication = "
            "{'class': 'NetworkTopologyStrategy', 'datacenter1': 1}"
        )
        session.execute(f"CREATE TABLE {keyspace}{SUFFIX}.somebodys (id int PRIMARY KEY)")
        refused = typed("verify", "--replication", "1", **where)
        assert (refused.status, "is there, and not empty" in refused.err) == (2, True)
        assert f'drop it with `cqlsh -e "DROP KEYSPACE {keyspace}{SUFFIX}"`' in refused.err
        assert session.execute(f"SELECT * FROM {keyspace}{SUFFIX}.somebodys").one() is None  # noqa: S608 - names of ours


CUT_OFF_S_MAX = 240
Moment = Callable[[asyncio.subprocess.Process, Session, str], Awaitable[None]]


def is_there(session: Session, keyspace: str) -> bool:
    """Whether there is such a keyspace."""
    asked = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = %s"
    return session.execute(asked, [keyspace]).one() is not None


async def while_it_makes_the_keyspace(_: asyncio.subprocess.Process, session: Session, keyspace: str) -> None:
    while not await asyncio.to_thread(is_there, session, keyspace):  # noqa: ASYNC110 - the cluster tells nobody
        await asyncio.sleep(0.01)


async def while_it_tries_promises(process: asyncio.subprocess.Process, _: Session, __: str) -> None:
    assert process.stdout
    for _line in range(3):
        assert await process.stdout.readline()


def new_keyspace() -> str:
    """Its name, of nobody else."""
    return f"trial_{uuid4().hex[:12]}"


@asynccontextmanager
async def verifying(cluster: Cassandra | CqlProxy, keyspace: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that verifies the cluster, which ends in time."""
    where = {
        "SCYLLA_HOSTS": f"{cluster.hosts[0]}:{cluster.port}",
        "TRAVIO_SCYLLA_KEYSPACE": keyspace,
        "TRAVIO_ENVIRONMENT": "development",
        "TRAVIO_EDGE": "absent",
        "PYTHONUNBUFFERED": "1",
    }
    words = (sys.executable, "-m", "travio_inventory.cli", "verify", "--replication", "1", "--json")
    async with asyncio.timeout(CUT_OFF_S_MAX), child(words, os.environ | where) as process:
        yield process


@pytest.mark.once
@pytest.mark.parametrize(
    ("moment", "told"),
    [(while_it_makes_the_keyspace, signal.SIGTERM), (while_it_tries_promises, signal.SIGINT)],
)
async def test_a_trial_that_is_cut_off_leaves_no_keyspace(
    cassandra_node: Cassandra, moment: Moment, told: signal.Signals
) -> None:
    keyspace = new_keyspace()
    with cassandra_node.session() as session:
        async with verifying(cassandra_node, keyspace) as process:
            await moment(process, session, keyspace + SUFFIX)
            process.send_signal(told)
            said, _ = await process.communicate()
        assert (process.returncode, b"INTERRUPTED" in said) == (130, True)
        assert not is_there(session, keyspace + SUFFIX)


@pytest.mark.once
async def test_a_trial_that_is_cut_off_while_the_cluster_is_away_says_what_drops_its_keyspace(
    cassandra_node: Cassandra, tmp_path: Path
) -> None:
    keyspace = new_keyspace()
    with cassandra_node.session() as session:
        with cql_proxy(tmp_path, cassandra_node.hosts, cassandra_node.port) as proxy:
            async with verifying(proxy, keyspace) as process:
                await while_it_tries_promises(process, session, keyspace)
                await asyncio.to_thread(proxy.process.kill)
                process.send_signal(signal.SIGTERM)
                said, _ = await process.communicate()
        drop = f"DROP KEYSPACE {keyspace}{SUFFIX}"
        told = json.dumps(f'interrupted, and its keyspace is left: drop it with `cqlsh -e "{drop}"`')
        assert (process.returncode, told.strip('"') in said.decode()) == (130, True)
        session.execute(drop)
