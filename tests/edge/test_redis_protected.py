"""The edge on a Redis with a password, TLS and few rights; its addresses as operators write them."""

import asyncio
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

import pytest

from tests.edge.edges import EdgeUnderTest, GroupGate, redis_edge, who_has
from tests.edge.redis_edges import STALE_MS_MAX, fill, until_answering, until_gone
from travio_inventory.app.backends import Renewals, SecretFile
from travio_inventory.edge.redis_options import RIGHTS, Cluster, Sentinels, Standalone, parse_redis_address
from travio_inventory.seats.ports import Locked, Passed
from verification.kit.edges import redis_options
from verification.servers.certificates import make_certificates
from verification.servers.fixtures import need
from verification.servers.redis import HOST, Account, Protection, redis_cluster, redis_server

SECRET, WRONG = token_hex(8), token_hex(8)
PATIENT = {"reply_ms_max": 20_000, "connect_ms_max": 20_000}
"""On a busy machine a handshake of TLS takes its time."""


@pytest.mark.redis
async def test_the_edge_needs_few_rights_and_speaks_tls(tmp_path: Path) -> None:
    need("redis")
    certificates = make_certificates(tmp_path)
    account = Account(name="edge", password=SECRET, rules=RIGHTS)
    protection = Protection(certificates=certificates, account=account)
    with redis_server(tmp_path / "server", protection) as server:
        known = redis_options(
            Standalone((HOST, server.port)),
            user="edge",
            password=SECRET,
            tls=True,
            ca_file=certificates.authority,
            **PATIENT,
        )
        async with (
            redis_edge(known, stale_ms_max=STALE_MS_MAX) as here,
            redis_edge(known, stale_ms_max=STALE_MS_MAX) as there,
        ):
            await everything_works(here, there)
        for stranger in (replace(known, password=WRONG), replace(known, ca_file=None), replace(known, tls=False)):
            async with redis_edge(stranger) as edge:
                gate = edge.group_gate()
                assert [await gate.enter(name, "A1:0") for name in ("ann", "bob")] == [Passed(), Passed()]


@pytest.mark.redis
async def test_a_password_in_a_file_may_be_changed_while_the_edge_is_open(tmp_path: Path) -> None:
    """Connections that are made later show the new one: here after the server has closed all."""
    need("redis")
    account = Account(name="edge", password=SECRET, rules=RIGHTS)
    file, renewals = tmp_path / "password", Renewals()
    file.write_text(SECRET)
    with redis_server(tmp_path / "server", Protection(account=account)) as server:
        password = SecretFile("password", file, renewals)
        known = redis_options(Standalone((HOST, server.port)), user="edge", password=password)
        async with redis_edge(known, stale_ms_max=STALE_MS_MAX) as edge:
            await until_answering(edge)
            server.ask("ACL", "SETUSER", "edge", "resetpass", f">{WRONG}")
            file.write_text(WRONG)
            renewals.look()
            server.ask("CLIENT", "KILL", "USER", "edge")
            await until_answering(edge)


@pytest.mark.redis
@pytest.mark.cluster
async def test_a_cluster_with_tls_and_few_rights(tmp_path: Path) -> None:
    need("redis")
    certificates = make_certificates(tmp_path)
    account = Account(name="edge", password=SECRET, rules=RIGHTS)
    with redis_cluster(tmp_path / "cluster", Protection(certificates=certificates, account=account)) as nodes:
        known = redis_options(
            Cluster(((HOST, nodes[0].port),)),
            user="edge",
            password=SECRET,
            tls=True,
            ca_file=certificates.authority,
            **PATIENT,
        )
        async with (
            redis_edge(known, stale_ms_max=STALE_MS_MAX) as here,
            redis_edge(known, stale_ms_max=STALE_MS_MAX) as there,
        ):
            await asyncio.gather(until_answering(here), until_answering(there))
            for _ in range(10):
                await everything_works(here, there)


async def everything_works(here: EdgeUnderTest, there: EdgeUnderTest) -> None:
    """Every script and the invalidations, once."""
    ours = here.group_gate()
    theirs = GroupGate(there, ours.group)
    assert await ours.enter("ann", "A1:0") == Passed()
    assert await theirs.enter("bob", "A1:0") == Locked(("A1",))
    await ours.leave("ann", "A1:0")
    await ours.mark("ann", "A2:0")
    await ours.told()
    assert who_has(await theirs.enter("bob", "A2:0")) == {"A2": "held"}
    await theirs.clear("ann", "A2:0")
    assert await theirs.enter("bob", "A2:0") == Passed()
    await fill(here, ours.group.trip, b"map")
    assert await there.seat_maps.read(ours.group.trip) == {0: b"map"}
    await here.seat_maps.invalidate(ours.group.trip, [0])
    await until_gone(there, ours.group.trip)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost:6379", Standalone(("localhost", 6379))),
        ("cluster:7000", Standalone(("cluster", 7000))),
        ("[::1]:6379", Standalone(("::1", 6379))),
        ("cluster:a:7000,b:7001", Cluster((("a", 7000), ("b", 7001)))),
        ("cluster:a:7000", Cluster((("a", 7000),))),
        ("sentinel:a:26379,b:26379/main", Sentinels((("a", 26379), ("b", 26379)), "main")),
    ],
)
def test_an_address_says_what_kind_of_servers_it_names(text: str, address: object) -> None:
    assert parse_redis_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost",
        "localhost:",
        ":6379",
        "localhost:0",
        "localhost:65536",
        "localhost:6379x",
        "localhost:\u0666",
        "::1:6379",
        "redis://localhost:6379",
        "user:secret@localhost:6379",
        "a:1,b:2",
        "cluster:",
        "cluster:a:1,",
        "sentinel:a:1",
        "sentinel:a:1/",
        "sentinel:/main",
    ],
)
def test_an_invalid_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an address|lacks the name"):
        parse_redis_address(text)


def test_a_password_is_not_shown() -> None:
    assert SECRET not in repr(redis_options(Standalone(("localhost", 6379)), password=SECRET))
