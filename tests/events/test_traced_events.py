"""The trace of a call goes on with its events: to consumers in every shape, and from other services' events to ours."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import aio_pika
import anyio
import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.app.collector import WITHIN_S, Collector, collector, traced
from tests.events.brokers import in_nats, in_queue, in_redis, nats_sink, own_name, rabbit_queue, rabbit_sink, redis_sink
from tests.events.described import must_be_as_described
from tests.events.events import event
from tests.events.kept_letters import SHOP_OUT, in_memory, whole
from tests.events.test_shapes import example
from travio_inventory.app.service import App, running
from travio_inventory.client import InventoryClient
from travio_inventory.events.choice import parse_sink
from travio_inventory.events.shapes import SHAPES, Shape
from travio_inventory.events.sinks.dead_letters import Letter, SinkLetters, event_of
from travio_inventory.events.sinks.webhook import Webhook
from travio_inventory.events.targets.webhook import WebhookUrl
from travio_inventory.seats.events import EventType
from travio_inventory.wire.inventory.v1 import HoldSeatsRequest, HoldSeatsResponse, InventoryServiceStub
from verification.kit.service_process import ORGANIZATION
from verification.kit.trips import trip_of
from verification.servers.kafka import Kafka
from verification.servers.nats import NatsServer
from verification.servers.rabbitmq import RabbitServer
from verification.servers.redis import RedisServer
from verification.servers.webhook_receiver import SECRET, WebhookReceiver, webhook_receiver

__all__ = ["collector"]
TRACE, SPAN, STATE = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "vendor=opaque,other@a=1 2%3"
PARENT = f"00-{TRACE}-{SPAN}-01"
NOBODY = "http://127.0.0.1:1"
"""Where no collector listens."""
CONTEXT = {"traceparent": PARENT, "tracestate": STATE}
TRACED = replace(event("traced"), traceparent=PARENT, tracestate=STATE)


async def hold(app: App, seat: str, context: Mapping[str, str] | None = None) -> HoldSeatsResponse:
    """Hold it over gRPC; these headers are with the call."""
    asked = HoldSeatsRequest(
        trip_id="t", from_station_id="S0", to_station_id="S1", seat_ids=[seat], user_id="ann",
        organization_id=ORGANIZATION,
    )  # fmt: skip
    async with Channel("127.0.0.1", app.port) as channel:
        return await InventoryServiceStub(channel).hold_seats(asked, metadata=context)


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebhookReceiver]:
    with webhook_receiver(tmp_path_factory.mktemp("receiver")) as started:
        yield started


def secret_in(folder: Path) -> Path:
    """A file with the receiver's secret."""
    (folder / "secret").write_text(f"{SECRET}\n")
    return folder / "secret"


def hook_at(url: str, folder: Path, shape: Shape) -> WebhookUrl:
    made = parse_sink(f"{url}#secret_file={secret_in(folder)}&shape={shape}").target
    assert isinstance(made, WebhookUrl)
    return made


async def on_sale(app: App) -> None:
    async with InventoryClient(f"127.0.0.1:{app.port}", organization=ORGANIZATION, user="ann") as client:
        await client.open_trip(trip_of("t", seats=4))


def headers_of(record: ConsumerRecord) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers}


async def of_seats(node: Kafka, topic: str, *, most: int) -> dict[str, ConsumerRecord]:
    """The events in the topic by the first of their seats and their type, once there are so many."""
    found: list[ConsumerRecord] = []
    with anyio.fail_after(WITHIN_S):
        while len(found) < most:
            await anyio.sleep(0.05)
            found = await node.records(topic)
    said = [(json.loads(record.value), record) for record in found]
    return {f"{data['seats'][0]} {headers_of(record)['ce_type'].split('.')[3]}": record for data, record in said}


def described(shape: Shape, kind: str) -> list[dict[str, str]]:
    messages = SHAPES[shape](replace(example(kind), traceparent=PARENT, tracestate=STATE))
    for message in messages:
        must_be_as_described(shape, message)
    return [{**message.headers, **message.attributes} for message in messages]


@pytest.mark.parametrize("shape", [Shape.NATIVE, Shape.CLOUDEVENTS, Shape.TRIPS, Shape.SHOWTIMES])
def test_every_message_of_an_event_names_its_trace(shape: Shape) -> None:
    told = described(shape, EventType.BOOKING_CHANGED)
    assert told
    assert all(each.items() >= CONTEXT.items() for each in told)


@pytest.mark.parametrize("shape", Shape)
def test_of_an_event_without_a_trace_nothing_is_said(shape: Shape) -> None:
    for kind in EventType:
        for message in SHAPES[shape](example(kind)):
            assert not {*message.headers, *message.attributes} & {*CONTEXT}


async def test_a_dead_letter_keeps_the_trace() -> None:
    letters = in_memory()
    await SinkLetters(letters, "shop").add(Letter(TRACED, 5, 410, "gone"))
    assert [event_of(letter) for letter in await whole(letters, SHOP_OUT)] == [TRACED]


async def test_rabbitmq_carries_the_trace(rabbitmq_node: RabbitServer) -> None:
    exchange = own_name()
    async with (
        rabbit_queue(rabbitmq_node, exchange) as queue,
        rabbit_sink(rabbitmq_node, rabbitmq_node.port, f"exchange={exchange}&shape=cloudevents") as sink,
    ):
        await sink.publish([TRACED])
        (message,) = await in_queue(rabbitmq_node, queue)
    told = {f"cloudEvents:{name}": value for name, value in CONTEXT.items()} | CONTEXT
    assert message.headers.items() >= told.items()


async def test_nats_carries_the_trace(nats_node: NatsServer) -> None:
    stream = own_name()
    async with nats_sink(nats_node, nats_node.port, f"stream={stream}&subject={stream}&create=on") as sink:
        await sink.publish([TRACED])
    (message,) = await in_nats(nats_node, stream)
    assert (message.headers or {}).items() >= CONTEXT.items()


async def test_redis_carries_the_trace(redis_node: RedisServer) -> None:
    stream = own_name()
    async with redis_sink(redis_node.port, f"stream={stream}") as sink:
        await sink.publish([TRACED])
    (fields,) = in_redis(redis_node, stream)
    assert fields.items() >= CONTEXT.items()


@pytest.mark.parametrize("shape", [Shape.NATIVE, Shape.CLOUDEVENTS, Shape.TRIPS, Shape.SHOWTIMES])
async def test_a_webhook_carries_the_trace_as_it_is_written(
    shape: Shape, receiver: WebhookReceiver, tmp_path: Path
) -> None:
    """Where the receiver's own instruments look, unquoted; an event in no trace has no such header."""
    plain = replace(TRACED, id="plain", subject="other", traceparent="", tracestate="")
    async with Webhook(hook_at(f"{receiver.url}/{shape}", tmp_path, shape), SinkLetters(in_memory(), "shop")) as sink:
        await sink.publish([TRACED, plain])
    told = {got["id"]: got["headers"] for got in receiver.got(f"/{shape}")}
    assert len(told) == 2
    traced_headers, plain_headers = (told[name] for name in sorted(told, key=lambda name: name.startswith("plain")))
    assert traced_headers.items() >= CONTEXT.items()
    assert not {name for name in plain_headers if "trace" in name}
    if shape is Shape.CLOUDEVENTS:
        assert unquote(traced_headers["ce-traceparent"]) == PARENT
        assert unquote(traced_headers["ce-tracestate"]) == STATE


async def test_a_payment_by_rabbitmq_goes_on_in_its_sender_s_trace_to_a_webhook(
    rabbitmq_node: RabbitServer, receiver: WebhookReceiver, tmp_path: Path
) -> None:
    """Also where nothing is recorded here: then the sender's own span is what the event names."""
    chosen = {
        "events": f"shop={receiver.url}/paid#secret_file={secret_in(tmp_path)}",
        "events_in": f"payments={rabbitmq_node.url.rstrip('/')}?queue={(queue := own_name())}&bind={queue}.events:%23",
        "otel_traces_sampler": "parentbased_always_off",
    }
    async with await aio_pika.connect(rabbitmq_node.url) as connection:
        exchange = await (await connection.channel()).declare_exchange(f"{queue}.events", "topic", durable=True)
        async with running(traced(NOBODY, tmp_path, **chosen)) as app:
            await on_sale(app)
            held = await hold(app, "seat-1")
            data = {"organization_id": ORGANIZATION, "hold_id": held.hold_id, "order_id": "order-1"}
            paid = {"eventId": "p", "type": "payment.successful", "timestamp": held.expires_at - 1_000, "data": data}
            unrecorded = {"traceparent": f"{PARENT[:-2]}00", "tracestate": STATE}
            await exchange.publish(aio_pika.Message(json.dumps(paid).encode(), headers={**unrecorded}), "any.key")
            with anyio.fail_after(WITHIN_S):
                while len(receiver.got("/paid")) < 2:  # noqa: ASYNC110 - the receiver is another process
                    await anyio.sleep(0.05)
    told = {got["headers"]["event-type"]: got["headers"] for got in receiver.got("/paid")}
    assert told["seats.purchased"].items() >= unrecorded.items()
    assert "traceparent" not in told["hold.created"]


async def test_a_hold_within_a_trace_leads_to_an_event_of_that_trace_on_kafka(
    collector: Collector, kafka_node: Kafka, tmp_path: Path
) -> None:
    """The event names the span of the call, whose parent is the caller's; the span of sending it is linked to it. A
    caller that is not recorded has its trace passed on as it is, and one in no trace leaves none.
    """
    topic = own_name()
    await kafka_node.create(topic)
    unrecorded = f"{PARENT[:-2]}00"
    shop = f"json-lines,shop=kafka://{kafka_node.address}?topic={topic}&shape=cloudevents"
    async with running(
        traced(collector.address, tmp_path, events=shop, otel_traces_sampler="parentbased_always_off")
    ) as app:
        await on_sale(app)
        await hold(app, "seat-1", CONTEXT)
        await hold(app, "seat-2", {"traceparent": unrecorded})
        await hold(app, "seat-3")
        with pytest.raises(GRPCError) as refused:
            await hold(app, "seat-1", CONTEXT)
        assert refused.value.status is Status.FAILED_PRECONDITION
        told = await of_seats(kafka_node, topic, most=3)
    traced_hold, passed_on, plain = (headers_of(told[f"seat-{number} created"]) for number in (1, 2, 3))
    (call, _) = collector.named("inventory.v1.InventoryService/HoldSeats")
    assert (call.trace_id.hex(), call.parent_span_id.hex(), call.trace_state) == (TRACE, SPAN, STATE)
    own = f"00-{TRACE}-{call.span_id.hex()}-01"
    expected = {"traceparent": own, "ce_traceparent": own, "tracestate": STATE, "ce_tracestate": STATE}
    assert traced_hold.items() >= expected.items()
    assert (passed_on["traceparent"], passed_on["ce_traceparent"]) == (unrecorded, unrecorded)
    assert "tracestate" not in passed_on
    assert not {name for name in plain if "trace" in name}
    for name in ("send shop", "send json-lines"):
        (sent,) = collector.named(name)
        assert [(link.trace_id.hex(), link.span_id.hex()) for link in sent.links] == [(TRACE, call.span_id.hex())]
    lines = [json.loads(line) for line in (tmp_path / "data" / "events.jsonl").read_text().splitlines()]
    assert [line.get("traceparent") for line in lines] == [own, unrecorded, None]


async def test_an_event_that_comes_in_goes_on_in_its_sender_s_trace(
    collector: Collector, kafka_node: Kafka, tmp_path: Path
) -> None:
    """From the payment by Kafka, by a span of its own, to the purchase on Kafka."""
    payments, topic = own_name(), own_name()
    await kafka_node.create(payments)
    await kafka_node.create(topic)
    chosen = {
        "events": f"shop=kafka://{kafka_node.address}?topic={topic}&shape=cloudevents",
        "events_in": f"payments=kafka://{kafka_node.address}?topics={payments}&group={payments}",
        "otel_traces_sampler": "parentbased_always_off",
    }
    async with running(traced(collector.address, tmp_path, **chosen)) as app:
        await on_sale(app)
        held = await hold(app, "seat-1")
        data = {"organization_id": ORGANIZATION, "hold_id": held.hold_id, "order_id": "order-1"}
        paid = {"eventId": "paid-1", "type": "payment.successful", "timestamp": held.expires_at - 1_000, "data": data}
        await send(kafka_node, payments, paid)
        told = await of_seats(kafka_node, topic, most=2)
    (taken,) = collector.named("process payments")
    assert (taken.trace_id.hex(), taken.parent_span_id.hex()) == (TRACE, SPAN)
    assert taken.kind == Span.SPAN_KIND_CONSUMER
    assert {each.key: each.value.string_value for each in taken.attributes} == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "payments",
    }
    of_taking = {span.name for span in collector.spans if span.parent_span_id == taken.span_id}
    assert "store.apply" in of_taking
    headers = headers_of(told["seat-1 purchased"])
    assert headers["traceparent"] == f"00-{TRACE}-{taken.span_id.hex()}-01"
    assert headers["tracestate"] == STATE


async def send(node: Kafka, topic: str, body: object) -> None:
    """A message within the trace."""
    producer = AIOKafkaProducer(bootstrap_servers=node.address)
    await producer.start()
    try:
        headers = [(name, value.encode()) for name, value in CONTEXT.items()]
        await producer.send_and_wait(topic, json.dumps(body).encode(), key=b"one", headers=headers)
    finally:
        await producer.stop()
        await asyncio.sleep(0)
