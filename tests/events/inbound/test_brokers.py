"""Events from real brokers: poison stops nothing, consumers come and go, and each event takes effect once."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import anyio
import pytest

from tests.events.inbound.arriving import Arrivals, message
from tests.events.inbound.brokers import Broker, broker, on_kafka, on_rabbitmq
from travio_inventory.events.inbound.envelope import BYTES_MAX
from travio_inventory.events.inbound.message import Message
from travio_inventory.store.memory import MemoryBatches
from verification.kit.faulty_batches import Spoil
from verification.kit.sale import Market, Sale
from verification.servers.certificates import make_certificates
from verification.servers.fixtures import need
from verification.servers.kafka import Protection, kafka
from verification.servers.rabbitmq import RabbitServer

__all__ = ["broker"]

SEATS = 48


@pytest.fixture
async def sale() -> AsyncIterator[Sale]:
    """Many seats, in memory."""
    async with Market(MemoryBatches(None, Random(1), asyncio.sleep)) as market:
        yield await market.open(seats_per_group=6, seats=SEATS)


@asynccontextmanager
async def taking(broker: Broker, sale: Sale) -> AsyncIterator[None]:
    """A process takes events in, until it is killed."""
    running = asyncio.ensure_future(broker.consumer(Arrivals(sale.elsewhere())).run())
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def keyed(came: Message, key: int) -> Message:
    """The message with that key."""
    return replace(came, key=str(key).encode())


async def payments(sale: Sale, *, seats: int = SEATS) -> list[Message]:
    """A payment for each seat, held before."""
    arrivals = Arrivals(sale)
    return [keyed(arrivals.paid(await sale.hold(f"A{n}"), f"order-{n}"), n) for n in range(1, seats + 1)]


async def is_all_booked_once(sale: Sale, *, seats: int = SEATS) -> None:
    await sale.relay_all()
    told = list({event.id: event for event in sale.told}.values())
    orders = Counter(json.loads(event.data)["order"] for event in told if event.type == "seats.purchased")
    assert orders == {f"order-{n}": 1 for n in range(1, seats + 1)}
    assert [event.id for event in told if event.type == "payment.refund_required"] == []
    await sale.assert_legal()


async def test_poison_of_every_sort_stops_nothing(broker: Broker, sale: Sale) -> None:
    """All of one key, so that what is good is behind what is not."""
    arrivals = Arrivals(sale)
    hold = await sale.hold("A1")
    paid = arrivals.paid(hold, "order-1", event_id="the-one")
    poison = [
        message(b"\xff{"),
        message(b"x" * (BYTES_MAX + 1)),
        message({"type": "payment.failed", "time": "2027-01-15T08:00:00Z"}),
        arrivals.event("payment.failed", hold_id=7, order_id="o"),
        arrivals.event("payment.failed", hold_id="no hold", order_id="o"),
        arrivals.paid(hold, organization_id=""),
        arrivals.event("nobody.knows"),
        arrivals.created("t9"),
        paid,
        arrivals.paid(hold, "order-2", event_id="the-one"),
        paid,
    ]
    for each in poison:
        await broker.send(keyed(each, 7))
    async with taking(broker, sale):
        await broker.drained()
    assert await broker.reasons() == sorted(
        ["NOT_JSON", "TOO_LARGE", "NO_ID", "EVENT_ID_REUSED", "SEAT_PLAN_NOT_FOUND", *["INVALID_REQUEST"] * 3]
    )
    await is_all_booked_once(sale, seats=1)


async def test_consumers_come_and_go_and_each_event_takes_effect_once(broker: Broker, sale: Sale) -> None:
    """Every event is sent twice; three processes one after the other are killed with some of them under way."""
    came = await payments(sale)
    for each in [*came, *came]:
        await broker.send(each)
    async with taking(broker, sale):
        for _ in range(2):
            async with taking(broker, sale):
                await anyio.sleep(0.4)
        await broker.drained()
    assert await broker.left() == 0
    await is_all_booked_once(sale)


async def test_while_the_store_is_down_events_wait_and_none_is_lost(broker: Broker, sale: Sale) -> None:
    came = await payments(sale, seats=8)
    down = sale.elsewhere()
    down.store.spoil(Spoil.NOT_DONE)
    running = asyncio.ensure_future(broker.consumer(Arrivals(down)).run())
    for each in came:
        await broker.send(each)
    with anyio.fail_after(60):
        while down.store.spoiled < 8:  # noqa: ASYNC110 - the store is asked, it tells nobody
            await anyio.sleep(0.05)
    assert await broker.left() == 8
    down.store.mend()
    await broker.drained()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await is_all_booked_once(sale, seats=8)


async def test_a_megabyte_of_poison_first_in_its_partition_stops_nothing(broker: Broker, sale: Sale) -> None:
    """As large as a broker takes it: it is kept, cut where it is too long, and what is behind it takes effect."""
    came = await payments(sale, seats=4)
    for each in (message(b"x" * 1_000_000), message(b"\x00" * 600_000), *came):
        await broker.send(keyed(each, 7))
    async with taking(broker, sale):
        await broker.drained()
    assert await broker.reasons() == ["TOO_LARGE", "TOO_LARGE"]
    await is_all_booked_once(sale, seats=4)


@pytest.mark.thorough
async def test_a_broker_that_stands_still_loses_nothing(
    broker: Broker, sale: Sale, request: pytest.FixtureRequest
) -> None:
    """SIGSTOP, again and again, while events are sent and taken in: connections stay open and nothing answers."""
    kind = "kafka" if broker.url.startswith("kafka") else "rabbitmq"
    node = request.getfixturevalue(f"{kind}_node")
    came = await payments(sale)
    async with taking(broker, sale), anyio.create_task_group() as working:
        working.start_soon(send_slowly, broker, [*came, message(b"poison"), *came])
        for _ in range(3):
            await anyio.sleep(0.5)
            node.pause()
            await anyio.sleep(2)
            node.resume()
    async with taking(broker, sale):
        await broker.drained(within_s=120)
    assert set(await broker.reasons()) == {"NOT_JSON"}
    await is_all_booked_once(sale)


async def send_slowly(broker: Broker, messages: Sequence[Message]) -> None:
    """Each once it was acknowledged that the last one arrived."""
    for each in messages:
        await broker.send(each)
        await anyio.sleep(0.02)


@pytest.mark.thorough
@pytest.mark.rabbitmq
async def test_a_rabbitmq_short_of_memory_hands_over_what_it_has(rabbitmq_node: RabbitServer, sale: Sale) -> None:
    """Its alarm stops those who publish; events in, which have connections of their own, go on."""
    async with on_rabbitmq(rabbitmq_node) as broker:
        came = await payments(sale, seats=8)
        for each in came:
            await broker.send(each)
        with rabbitmq_node.short_of_memory():
            async with taking(broker, sale):
                await broker.drained()
            await is_all_booked_once(sale, seats=8)
            with pytest.raises(TimeoutError), anyio.fail_after(2):
                await broker.send(message(b"waits"))
        async with taking(broker, sale), anyio.create_task_group() as working:
            working.start_soon(send_slowly, broker, [message(b"poison")])
            with anyio.fail_after(60):
                while "NOT_JSON" not in await broker.reasons():  # noqa: ASYNC110 - the store has to be asked
                    await anyio.sleep(0.1)


@pytest.mark.once
@pytest.mark.kafka
async def test_kafka_is_reached_with_a_renewed_file_without_a_restart(
    sale: Sale, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node shows a certificate of another authority from now on: the library would go by the old one for ever."""
    need("kafka")
    monkeypatch.setattr("travio_inventory.events.inbound.kafka.LOOK_EVERY_S", 0.2)
    for name in ("first", "then"):
        (tmp_path / name).mkdir()
    first, then = (make_certificates(tmp_path / name) for name in ("first", "then"))
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(first.authority.read_bytes())
    came = await payments(sale, seats=2)
    with kafka(tmp_path, Protection(certificates=first)) as node:
        async with on_kafka(node) as opened:
            protected = replace(opened, url=f"{opened.url}&tls=on&ca_file={trusted}")
            async with taking(protected, sale):
                await opened.send(came[0])
                await opened.drained()
                shown = tmp_path / "kafka" / "server.pem"
                shown.write_text(then.key.read_text() + then.certificate.read_text())
                node.restart()
                trusted.write_bytes(then.authority.read_bytes())
                await opened.send(came[1])
                await opened.drained()
    await is_all_booked_once(sale, seats=2)
