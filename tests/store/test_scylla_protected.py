"""The store on a server that asks for TLS and a password."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.store.partitions import index_entry, new_partition
from travio_inventory.app.backends.certificates import trusting
from travio_inventory.protocol.batches import ABSENT, Applied, Index, Kind, Refused, RowKey, StoreUnavailable, Write
from travio_inventory.store.scylla import ScyllaBatches, ScyllaOptions
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
    context = trusting(protected.shape.protected_by.authority)
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
        "authority": replace(known, tls=trusting(make_certificates(tmp_path).authority)),
        "tls": replace(known, tls=None),
    }
    with pytest.raises(StoreUnavailable, match="no session with"):
        async with ScyllaBatches.connect(wrong[without]):
            pass
