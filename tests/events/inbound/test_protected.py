"""Events from a broker that wants TLS, a certificate and a password: they wait until all three are right."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TypeAlias

import anyio
import pytest
from aiormq.exceptions import AMQPError, ChannelInvalidStateError

from tests.events.inbound.brokers import Broker, on_kafka, on_rabbitmq
from tests.events.inbound.test_brokers import is_all_booked_once, payments, taking
from travio_inventory.events.inbound.message import Message
from travio_inventory.store.memory import MemoryBatches
from verification.kit.sale import Market, Sale
from verification.servers.certificates import Certificates, make_certificates
from verification.servers.fixtures import need
from verification.servers.kafka import Account, Protection, kafka
from verification.servers.rabbitmq import USER, rabbit_server

SEATS = 4
TRIED_S_MAX = 120
TRIED = " is down: "
"""What the log says once of a source whose connections come to nothing."""


@dataclass
class Protected:
    """A broker that admits one user, and where it is without the files that this needs."""

    broker: Broker
    place: str
    password: str


MakeProtected: TypeAlias = Callable[[Path, Certificates], AbstractAsyncContextManager[Protected]]


@asynccontextmanager
async def protected_kafka(folder: Path, made: Certificates) -> AsyncIterator[Protected]:
    account = Account(name="ann")
    with kafka(folder, Protection(certificates=made, account=account)) as node:
        async with on_kafka(node) as opened:
            place = f"kafka://ann@{node.address}?topics={opened.name}&group={opened.name}"
            yield Protected(opened, place, account.password)


@asynccontextmanager
async def protected_rabbitmq(folder: Path, made: Certificates) -> AsyncIterator[Protected]:
    with rabbit_server(folder, made) as node:
        async with on_rabbitmq(node) as opened:
            options = opened.url.partition("?")[2]
            yield Protected(opened, f"amqps://{USER}@{node.address}/?{options}", node.password)


class Files:
    """What a source reads: who it trusts, what it shows, and its password."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.ca, self.cert, self.key, self.password = (folder / name for name in ("ca", "cert", "key", "password"))

    @property
    def options(self) -> str:
        """As an operator writes them."""
        shown = f"cert_file={self.cert}&key_file={self.key}"
        return f"&tls=on&ca_file={self.ca}&{shown}&password_file={self.password}"

    def write(self, *, trusts: Certificates, shows: Certificates, password: str) -> None:
        """All of them."""
        for file, text in {
            self.ca: trusts.authority.read_text(),
            self.cert: shows.certificate.read_text(),
            self.key: shows.key.read_text(),
            self.password: password,
        }.items():
            file.write_text(text)


@asynccontextmanager
async def small_sale() -> AsyncIterator[Sale]:
    async with Market(MemoryBatches(None, Random(1), asyncio.sleep)) as market:
        yield await market.open(seats_per_group=2, seats=SEATS)


def authorities(folder: Path, *names: str) -> list[Certificates]:
    """Certificates of several."""
    for name in names:
        (folder / name).mkdir()
    return [make_certificates(folder / name) for name in names]


async def until_tried(caplog: pytest.LogCaptureFixture) -> None:
    """Wait until the first connection came to nothing."""
    caplog.clear()
    with anyio.fail_after(TRIED_S_MAX):
        while TRIED not in caplog.text:  # noqa: ASYNC110 - a log tells nobody
            await anyio.sleep(0.05)


async def sent_in_the_end(broker: Broker, message: Message) -> None:
    """Sent again until whoever sends is connected again."""
    with anyio.fail_after(TRIED_S_MAX):
        while True:
            try:
                return await broker.send(message)
            except (AMQPError, ChannelInvalidStateError, OSError):
                await anyio.sleep(0.1)


@pytest.mark.once
@pytest.mark.parametrize(
    ("kind", "make"),
    [
        pytest.param("kafka", protected_kafka, id="kafka", marks=pytest.mark.kafka),
        pytest.param("rabbitmq", protected_rabbitmq, id="rabbitmq", marks=pytest.mark.rabbitmq),
    ],
)
async def test_events_are_taken_in_once_password_certificate_and_authority_are_right(
    kind: str, make: MakeProtected, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each of them alone is wrong first; the files are read at each connection, so no start is needed at the end."""
    need(kind)
    caplog.set_level(logging.WARNING)
    ours, others = authorities(tmp_path, "ours", "others")
    files = Files(tmp_path / "files")
    async with make(tmp_path, replace(ours, of_clients=True)) as there, small_sale() as sale:
        broker = replace(there.broker, url=f"{there.place}{files.options}")
        for each in await payments(sale, seats=SEATS):
            await broker.send(each)
        right = there.password
        for trusts, shows, password in ((others, ours, right), (ours, others, right), (ours, ours, "another")):
            files.write(trusts=trusts, shows=shows, password=password)
            async with taking(broker, sale):
                await until_tried(caplog)
                assert await broker.left() == SEATS
        async with taking(broker, sale):
            await until_tried(caplog)
            files.password.write_text(right)
            await broker.drained()
        assert there.password not in caplog.text
        await is_all_booked_once(sale, seats=SEATS)


@pytest.mark.once
@pytest.mark.rabbitmq
async def test_rabbitmq_is_reached_with_a_renewed_file_without_a_restart(tmp_path: Path) -> None:
    """The node shows a certificate of another authority from now on; whoever sends trusts both."""
    need("rabbitmq")
    first, then = authorities(tmp_path, "first", "then")
    only_first = first.authority.read_text()
    first.authority.write_text(only_first + then.authority.read_text())
    files = Files(tmp_path / "files")
    with rabbit_server(tmp_path, replace(first, of_clients=True)) as node:
        async with on_rabbitmq(node) as opened, small_sale() as sale:
            files.write(trusts=first, shows=first, password=node.password)
            files.ca.write_text(only_first)
            options = opened.url.partition("?")[2]
            broker = replace(opened, url=f"amqps://{USER}@{node.address}/?{options}{files.options}")
            came = await payments(sale, seats=2)
            async with taking(broker, sale):
                await broker.send(came[0])
                await broker.drained()
                node.kill()
                first.certificate.write_text(then.certificate.read_text())
                first.key.write_text(then.key.read_text())
                await anyio.to_thread.run_sync(node.start)
                await sent_in_the_end(broker, came[1])
                files.write(trusts=then, shows=then, password=node.password)
                await broker.drained()
            await is_all_booked_once(sale, seats=2)
