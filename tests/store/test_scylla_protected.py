"""The store on a server that asks for TLS and a password."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cassandra.protocol import OverloadedErrorMessage

from tests.store.partitions import index_entry, new_partition
from travio_inventory.app.backends import Renewals, SecretFile
from travio_inventory.app.backends.certificates import trusting
from travio_inventory.protocol.batches import ABSENT, Applied, Index, Kind, Refused, RowKey, StoreUnavailable, Write
from travio_inventory.store.scylla import ScyllaBatches, ScyllaOptions
from travio_inventory.store.scylla.connecting import session
from verification.kit.stores import scylla_options, scylla_store
from verification.servers.cassandra import Cassandra, cassandra
from verification.servers.cassandra_shape import SUPERUSER
from verification.servers.certificates import make_certificates
from verification.servers.fixtures import need

BACK_S_MAX = 60
WRITE = Write(RowKey(Kind.HOLD, "h"), ABSENT, {"status": "held"})

pytestmark = pytest.mark.scylla


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cassandra]:
    need("scylla")
    folder = tmp_path_factory.mktemp("protected")
    with cassandra(folder / "cassandra", protected_by=make_certificates(folder)) as running:
        yield running


@pytest.fixture
def known(protected: Cassandra) -> ScyllaOptions:
    assert protected.shape.protected_by
    context = trusting(protected.shape.protected_by.authority, Renewals())
    return replace(scylla_options(protected), user=SUPERUSER, password=SUPERUSER, tls=context)


async def test_batches_reads_and_entries_go_over_tls_also_after_a_restart(
    protected: Cassandra, known: ScyllaOptions
) -> None:
    async with scylla_store(known) as store:
        partition = new_partition()
        assert await store.apply(partition, [WRITE], [index_entry("due", partition.name)]) == Applied()
        assert isinstance(await store.apply(partition, [WRITE]), Refused)
        assert await store.read_index(Index.EXPIRY, partition.name) == ["due"]
        await asyncio.to_thread(protected.nodes[0].restart)
        async with asyncio.timeout(BACK_S_MAX):
            while await store.apply(new_partition(), [WRITE]) != Applied():  # noqa: ASYNC110 - the node tells nobody
                await asyncio.sleep(0.1)
        assert list(await store.get(partition, [WRITE.key])) == [WRITE.key]


@pytest.mark.parametrize("without", ["password", "authority", "tls"])
async def test_a_stranger_is_told_why_it_has_no_store(known: ScyllaOptions, without: str, tmp_path: Path) -> None:
    wrong = {
        "password": replace(known, password="wrong"),  # noqa: S106 - that it is wrong is the point
        "authority": replace(known, tls=trusting(make_certificates(tmp_path).authority, Renewals())),
        "tls": replace(known, tls=None),
    }
    with pytest.raises(StoreUnavailable, match="no session with"):
        async with ScyllaBatches.connect(wrong[without]):
            pass


async def test_a_password_in_a_file_may_be_changed_while_the_store_is_open(
    protected: Cassandra, known: ScyllaOptions, tmp_path: Path
) -> None:
    """Connections that are made later show the new one: here after a restart of the server."""
    file, renewals = tmp_path / "password", Renewals()
    file.write_text("first\n")
    await asyncio.to_thread(
        _execute, known, "CREATE ROLE seat WITH PASSWORD = 'first' AND LOGIN = true AND SUPERUSER = true"
    )
    options = replace(known, user="seat", password=SecretFile("password", file, renewals))
    async with scylla_store(options) as store:
        assert await store.apply(new_partition(), [WRITE]) == Applied()
        await asyncio.to_thread(_execute, known, "ALTER ROLE seat WITH PASSWORD = 'second'")
        file.write_text("second\n")
        renewals.look()
        await asyncio.to_thread(protected.nodes[0].restart)
        async with asyncio.timeout(BACK_S_MAX):
            while await store.apply(new_partition(), [WRITE]) != Applied():  # noqa: ASYNC110 - the node tells nobody
                await asyncio.sleep(0.1)


def _execute(options: ScyllaOptions, statement: str) -> None:
    """A server lets a password be changed once in five seconds."""
    until_s = time.monotonic() + BACK_S_MAX
    with session(options) as opened:
        while True:
            try:
                opened.execute(statement)
            except OverloadedErrorMessage:
                if time.monotonic() > until_s:
                    raise
                time.sleep(0.5)
            else:
                return
