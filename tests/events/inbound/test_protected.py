"""Events from a broker that wants TLS, a certificate and a password: they wait until all three are right."""

import asyncio
from dataclasses import replace
from pathlib import Path
from random import Random

import anyio
import pytest

from tests.events.inbound.brokers import on_kafka
from tests.events.inbound.test_brokers import is_all_booked_once, payments, taking
from travio_inventory.store.memory import MemoryBatches
from verification.kit.sale import Market
from verification.servers.certificates import make_certificates
from verification.servers.fixtures import need
from verification.servers.kafka import Account, Protection, kafka

SEATS = 4
WRONG_S = 3


@pytest.mark.kafka
async def test_events_are_taken_in_once_the_password_is_right(tmp_path: Path) -> None:
    """The file of the password is read at each connection, so no start is needed."""
    need("kafka")
    made, account = replace(make_certificates(tmp_path), of_clients=True), Account(name="ann")
    secret = tmp_path / "password"
    secret.write_text("another")
    shown = f"tls=on&ca_file={made.authority}&cert_file={made.certificate}&key_file={made.key}"
    with kafka(tmp_path, Protection(certificates=made, account=account)) as node:
        async with on_kafka(node) as opened, Market(MemoryBatches(None, Random(1), asyncio.sleep)) as market:
            sale = await market.open(seats_per_group=2, seats=SEATS)
            place = f"kafka://ann@{node.address}?topics={opened.name}&group={opened.name}"
            broker = replace(opened, url=f"{place}&password_file={secret}&{shown}")
            for each in await payments(sale, seats=SEATS):
                await broker.send(each)
            async with taking(broker, sale):
                await anyio.sleep(WRONG_S)
                assert await broker.left() == SEATS
                secret.write_text(account.password)
                await broker.drained()
            await is_all_booked_once(sale, seats=SEATS)
