"""Traces, sent to a real receiver of OTLP: of whole calls, sampled, and never in anybody's way."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.proto.trace.v1.trace_pb2 import Status as OtlpStatus

from tests.app.collector import WITHIN_S, Collector, collector, traced
from travio_inventory.app.service import App, running
from travio_inventory.app.traces import brokers
from travio_inventory.bench.free_ports import free_port
from travio_inventory.client import InventoryClient
from travio_inventory.client.stock import InsufficientStock, Site
from travio_inventory.kernel.trace_context import TraceParent, read_trace_parent
from travio_inventory.telemetry.sampling import Sampling, sampling
from travio_inventory.wire.inventory.v1 import GetTripRequest, HoldSeatsRequest, InventoryServiceStub
from verification.kit.in_process import settings_of
from verification.kit.service_process import ORGANIZATION
from verification.kit.trips import trip_of

__all__ = ["collector"]
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{CALLER}-01"
UNSAMPLED = f"00-{TRACE}-{CALLER}-00"
HOLD = "inventory.v1.InventoryService/HoldSeats"
LOG = "travio_inventory.telemetry.span_exports"


@asynccontextmanager
async def client_of(app: App) -> AsyncIterator[InventoryClient]:
    async with InventoryClient(f"127.0.0.1:{app.port}", organization=ORGANIZATION, user="ann") as client:
        yield client


async def ask_with(app: App, traceparent: str) -> None:
    """A call over gRPC within the caller's own trace."""
    channel = Channel("127.0.0.1", app.port)
    metadata = {"traceparent": traceparent}
    await InventoryServiceStub(channel).get_trip(
        GetTripRequest(trip_id="t", organization_id=ORGANIZATION), metadata=metadata
    )
    channel.close()


def attributes(span: Span) -> dict[str, object]:
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


async def test_a_call_is_one_trace_down_to_the_store(collector: Collector, tmp_path: Path) -> None:
    async with running(traced(collector.address, tmp_path, otel_service_name="seats")) as app, client_of(app) as client:
        await client.open_trip(trip_of("t", seats=2))
        await client.hold("t", "S0", "S1", ["seat-1"])
    (hold,) = collector.named(HOLD)
    of_hold = {span.name: span for span in collector.spans if span.trace_id == hold.trace_id}
    assert {"gate.enter", "store.apply"} < of_hold.keys()
    assert all(span.parent_span_id == hold.span_id for name, span in of_hold.items() if name == "gate.enter")
    assert hold.kind == Span.SPAN_KIND_SERVER
    assert attributes(hold) == {
        "rpc.system": "grpc",
        "rpc.service": "inventory.v1.InventoryService",
        "rpc.method": "HoldSeats",
        "rpc.grpc.status_code": 0,
    }
    assert of_hold["store.apply"].kind == Span.SPAN_KIND_CLIENT
    assert attributes(of_hold["store.apply"]) == {
        "db.system.name": "sqlite",
        "db.operation.name": "apply",
        "travio.port": "store",
        "travio.answer": "Applied",
    }
    assert collector.services == {"seats"}
    sent = collector.named("send json-lines")[0]
    assert sent.kind == Span.SPAN_KIND_PRODUCER
    assert attributes(sent) == {
        "messaging.system": "json_lines",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "json-lines",
        "messaging.batch.message_count": 1,
    }


def test_each_sink_and_source_is_of_a_system_as_the_standard_names_it() -> None:
    events = "json-lines,kafka://a,two=amqp://a,nats://a,redis://a,https://a/b#secret_file=/s"
    systems = brokers(settings_of(events=events, events_in="kafka://a,two=amqp://a"))
    assert systems == {
        "send json-lines": "json_lines",
        "send kafka": "kafka",
        "send two": "rabbitmq",
        "send nats": "nats",
        "send redis": "redis",
        "send https": "webhook",
        "process kafka": "kafka",
        "process two": "rabbitmq",
    }


async def test_a_call_about_stock_is_one_trace_down_to_the_store_whatever_its_face(
    collector: Collector, tmp_path: Path
) -> None:
    """Over gRPC and over HTTP, done and refused; over HTTP within the caller's own trace."""
    async with running(traced(collector.address, tmp_path)) as app, client_of(app) as client:
        await client.stock.add_warehouse("west", Site("West"))
        await client.stock.add("cup", "west", "cup", quantity=5)
        await client.stock.reserve("o1", [("cup", 2)])
        with pytest.raises(InsufficientStock):
            await client.stock.reserve("o2", [("cup", 9)])
        headers = {"traceparent": PARENT, "x-organization-id": ORGANIZATION}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{app.http_port}", headers=headers) as web:
            asked = {"orderId": "o3", "items": [{"sku": "cup", "quantity": 1}]}
            assert (await web.post("/api/v1/reservations", json=asked)).status_code == 201
    reserved, refused = collector.named("stock.v1.StockService/ReserveStock")
    [over_http] = collector.named("POST /api/v1/reservations")
    assert (over_http.trace_id.hex(), over_http.parent_span_id.hex()) == (TRACE, CALLER)
    assert attributes(refused)["rpc.grpc.status_code"] == Status.FAILED_PRECONDITION.value
    for call in (reserved, over_http):
        steps = [span for span in collector.spans if span.trace_id == call.trace_id and span.name == "store.apply"]
        assert call.kind == Span.SPAN_KIND_SERVER
        assert steps
        assert {span.parent_span_id for span in steps} == {call.span_id}
        assert {attributes(span)["db.system.name"] for span in steps} == {"sqlite"}


@pytest.mark.parametrize(("ratio", "spans"), [("0", 0), ("1", 3)])
async def test_a_refusal_before_a_handler_is_started_is_one_span(collector: Collector, ratio: str, spans: int) -> None:
    """It asks no gate, so there is nothing within it; what is not refused so is its handler's, and has one span too."""
    chosen = {"otel_traces_sampler": "parentbased_traceidratio", "otel_traces_sampler_arg": ratio}
    async with running(traced(collector.address, None, **chosen)) as app, client_of(app) as client:
        await client.open_trip(trip_of("t", seats=2))
        await client.hold("t", "S0", "S1", ["seat-1"])
        asked = HoldSeatsRequest(  # without a key, so that it need not be asked what that stands for
            trip_id="t", from_station_id="S0", to_station_id="S1", seat_ids=["seat-1"], user_id="bob",
            organization_id=ORGANIZATION,
        )  # fmt: skip
        async with Channel("127.0.0.1", app.port) as channel:
            for _ in range(2):
                with pytest.raises(GRPCError):
                    await InventoryServiceStub(channel).hold_seats(asked)
    calls = sorted(collector.named(HOLD), key=lambda span: span.start_time_unix_nano)
    assert len(calls) == spans
    for refused in calls[2:]:  # who comes first asks the gate, which is remembered
        assert attributes(refused)["rpc.grpc.status_code"] == 9
        assert [span.name for span in collector.spans if span.trace_id == refused.trace_id] == [HOLD]
        assert refused.end_time_unix_nano > refused.start_time_unix_nano


async def test_a_caller_s_trace_goes_on_here(collector: Collector) -> None:
    async with running(traced(collector.address)) as app, client_of(app) as client:
        await client.open_trip(trip_of("t", seats=2))
        await ask_with(app, PARENT)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{app.http_port}") as web:
            await web.get("/livez", headers={"traceparent": PARENT})
            await web.request("PURGE", "/livez", headers={"traceparent": PARENT})
            app.readiness.note("store", "no answer")
            assert (await web.get("/readyz", headers={"traceparent": PARENT})).status_code == 503
            await web.get("/v1/trips/nowhere", headers={"traceparent": UNSAMPLED})
        await ask_with(app, UNSAMPLED)
    (asked,) = collector.named("inventory.v1.InventoryService/GetTrip")
    (alive,) = collector.named("GET /livez")
    for span in (asked, alive):
        assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, CALLER)
    of_livez = {"url.scheme": "http", "url.path": "/livez", "http.route": "/livez"}
    assert attributes(alive) == {**of_livez, "http.request.method": "GET", "http.response.status_code": 200}
    assert (alive.kind, alive.status.code) == (Span.SPAN_KIND_SERVER, OtlpStatus.STATUS_CODE_UNSET)
    (odd,) = [span for span in collector.spans if "http.request.method_original" in attributes(span)]
    said = {"http.request.method": "_OTHER", "http.request.method_original": "PURGE", "url.path": "/livez"}
    assert odd.name.split()[0] == "HTTP"
    assert attributes(odd).items() > said.items()
    (away,) = collector.named("GET /readyz")
    assert attributes(away).items() > {"http.response.status_code": 503, "error.type": "503"}.items()
    assert away.status.code == OtlpStatus.STATUS_CODE_ERROR


@pytest.mark.parametrize(("ratio", "share"), [("0", 0), ("1", 1)])
async def test_of_the_traces_that_begin_here_so_many_are_recorded(collector: Collector, ratio: str, share: int) -> None:
    chosen = {"otel_traces_sampler": "parentbased_traceidratio", "otel_traces_sampler_arg": ratio}
    async with running(traced(collector.address, None, **chosen)) as app, client_of(app) as client:
        await client.open_trip(trip_of("t", seats=2))
        for _ in range(5):
            await client.trip("t")
    assert len(collector.named("inventory.v1.InventoryService/GetTrip")) == 5 * share


@pytest.mark.parametrize(
    ("sampler", "unsampled", "sampled", "root"),
    [
        ("always_on", True, True, True),
        ("always_off", False, False, False),
        ("parentbased_always_on", False, True, True),
        ("parentbased_always_off", False, True, False),
        ("parentbased_traceidratio", False, True, True),
    ],
)
def test_samplers_are_those_of_the_standard(sampler: str, unsampled: bool, sampled: bool, root: bool) -> None:
    chosen = sampling(sampler, 0.5)._replace(draw=lambda: 0.4)  # type: ignore[arg-type]
    parents = [read_trace_parent(text) for text in (UNSAMPLED, PARENT)]
    assert [chosen.is_sampled(parent) for parent in (*parents, None)] == [unsampled, sampled, root]


def test_a_ratio_decides_alike_in_every_process() -> None:
    low, high = (
        TraceParent("1" * 16 + "0" * 16, CALLER, is_sampled=False),
        TraceParent("1" * 16 + "f" * 16, CALLER, True),
    )
    assert [Sampling(0.5, heeds_parent=False).is_sampled(parent) for parent in (low, high)] == [True, False]


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", f"ff-{TRACE}-{CALLER}-01", f"00-{'0' * 32}-{CALLER}-01", f"00-{TRACE}-{'0' * 16}-01",
     f"00-{TRACE.upper()}-{CALLER}-01", f"{PARENT}-more", PARENT + "\n"],
)  # fmt: skip
def test_a_wrong_trace_parent_is_none(text: str) -> None:
    assert read_trace_parent(text) is None


def test_a_later_version_of_trace_parents_is_read_as_far_as_it_is_known() -> None:
    assert str(read_trace_parent(f"01-{TRACE}-{CALLER}-03-more")) == PARENT


@pytest.mark.once
async def test_a_collector_that_is_away_costs_nothing_but_spans(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", LOG)
    began_s = time.monotonic()
    async with running(traced(f"http://127.0.0.1:{free_port()}")) as app, client_of(app) as client:
        await client.open_trip(trip_of("t", seats=2))
        await client.hold("t", "S0", "S1", ["seat-1"])
    assert time.monotonic() - began_s < WITHIN_S
    assert len([record for record in caplog.records if record.name == LOG]) <= 1


@pytest.mark.once
async def test_a_collector_that_does_not_answer_holds_up_neither_calls_nor_the_stop(collector: Collector) -> None:
    collector.go_on.clear()
    async with asyncio.timeout(WITHIN_S / 2), running(traced(collector.address)) as app, client_of(app) as client:
        await client.open_trip(trip_of("t", seats=2))
        for _ in range(20):
            await client.trip("t")
    assert collector.spans == []


@pytest.mark.once
def test_nothing_of_it_is_imported_unless_it_is_on() -> None:
    program = (
        "import sys; from travio_inventory.cli import server; from travio_inventory.app import service, web;"
        "unwanted = 'opentelemetry.sdk', 'opentelemetry.exporter', 'prometheus_client';"
        "print([name for name in sys.modules if name.startswith(unwanted)])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
