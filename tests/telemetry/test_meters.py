"""What a process tells of itself, and what the figures of several are together."""

import asyncio
import json
import logging
from functools import partial
from pathlib import Path
from types import MappingProxyType

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics_in
from prometheus_client.parser import text_string_to_metric_families as metrics_in

from travio_inventory.kernel.tally import BUCKETS_MS, Tally
from travio_inventory.telemetry import families, telling
from travio_inventory.telemetry.exposition import exposed, together
from travio_inventory.telemetry.families import FAMILIES, Kind
from travio_inventory.telemetry.grpc_calls import CODES, GrpcCalls
from travio_inventory.telemetry.http_requests import HttpRequests, Message, Receive, Scope, Send
from travio_inventory.telemetry.meters import Meters, Snapshot
from travio_inventory.telemetry.telling import ProcessTold, asked
from travio_inventory.telemetry.telling import telling as telling_at

SERVICE = "inventory.v1.InventoryService"
STOCK_SERVICE = "stock.v1.StockService"
MS = 1_000_000


def snapshot_of(**figures: float) -> Snapshot:
    """Figures without labels, by the names of families in `families`."""
    meters = Meters()
    for name, figure in figures.items():
        meters.read_one(getattr(families, name), partial(float, figure))
    read: Snapshot = json.loads(json.dumps(meters.snapshot()))  # as it comes from another process
    return read


def samples(snapshots: dict[int, Snapshot | None]) -> dict[str, float]:
    """By name and labels, as Prometheus reads them."""
    text, media_type = exposed(snapshots, "")
    assert media_type.startswith("text/plain")
    return {
        ",".join([sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))]): sample.value
        for metric in metrics_in(text.decode())
        for sample in metric.samples
    }


def test_names_and_labels_are_those_of_prometheus_and_no_two_are_alike() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    for family in FAMILIES:
        assert family.name.islower()
        assert family.name.endswith("_total") == (family.kind is Kind.COUNTER), family.name
        assert family.name.endswith("_seconds") or family.kind is not Kind.HISTOGRAM, family.name
        assert not {"le", "worker"} & {*family.labels}


def test_figures_of_several_processes_are_added_compared_or_told_apart() -> None:
    told = samples(
        {
            0: snapshot_of(WATCHERS=3, EDGE_UP=1, MEMORY=1_000, EXPIRED=5),
            1: snapshot_of(WATCHERS=4, EDGE_UP=0, MEMORY=2_000, EXPIRED=6),
            2: None,
        }
    )
    assert (told["travio_live_watchers"], told["travio_expired_holds_total"], told["travio_edge_up"]) == (7, 11, 0)
    assert [told[f"process_resident_memory_bytes,worker={number}"] for number in (0, 1)] == [1_000, 2_000]
    assert [told[f"travio_worker_up,worker={number}"] for number in (0, 1, 2)] == [1, 1, 0]


def test_the_lag_of_a_sink_is_that_of_the_process_that_is_furthest_behind() -> None:
    snapshots: dict[int, Snapshot | None] = {
        number: [(families.RELAY_LAG.name, ["kafka"], [lag]), (families.RELAY_LEFT.name, ["kafka"], [100 - lag])]
        for number, lag in enumerate((2.5, 40.0, 0.0))
    }
    told = samples(snapshots)
    assert told["travio_relay_lag_seconds,sink=kafka"] == 40
    assert told["travio_relay_forgotten_in_seconds,sink=kafka"] == 60


def test_a_histogram_is_told_in_seconds_with_all_that_took_less_in_each_bucket() -> None:
    tally, other, meters = Tally(), Tally(), Meters()
    for elapsed_ms in (0.1, 40, 40, 600, 20_000):
        tally.add(round(elapsed_ms * MS))
    other.add(3 * MS)
    meters.read(families.BATCH, lambda: {("applied",): tally})
    meters.read(families.BATCH, lambda: {("refused",): other})
    told = samples({0: meters.snapshot(), 1: meters.snapshot()})
    buckets = [
        told[f"travio_store_batch_duration_seconds_bucket,le={bound / 1_000},outcome=applied"] for bound in BUCKETS_MS
    ]
    assert buckets == [2, 2, 2, 2, 2, 2, 2, 6, 6, 6, 6, 8, 8, 8, 8]
    assert told["travio_store_batch_duration_seconds_bucket,le=+Inf,outcome=applied"] == 10
    assert told["travio_store_batch_duration_seconds_count,outcome=applied"] == 10
    assert told["travio_store_batch_duration_seconds_sum,outcome=applied"] == pytest.approx(2 * 20.6801)
    assert told["travio_store_batch_duration_seconds_count,outcome=refused"] == 2


def test_whoever_asks_for_open_metrics_gets_that() -> None:
    accept = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
    text, media_type = exposed({0: snapshot_of(WATCHERS=3, EXPIRED=5)}, accept)
    assert media_type.startswith("application/openmetrics-text")
    found = open_metrics_in(text.decode())  # type: ignore[no-untyped-call]  # the library leaves it so
    assert {metric.name for metric in found} == {
        "travio_live_watchers", "travio_expired_holds", "travio_worker_up",
    }  # fmt: skip


def test_a_figure_that_cannot_be_read_hides_no_other_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    meters = Meters()
    meters.read_one(families.STEPS, lambda: 1 // 0)
    meters.read_one(families.WATCHERS, lambda: 3)
    for _ in range(3):
        assert meters.snapshot() == [("travio_live_watchers", (), [3])]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_figure_that_this_release_does_not_know_is_left_out() -> None:
    assert together({0: [("travio_of_tomorrow", [], [1])]}).keys() == {"travio_worker_up"}


async def test_a_process_is_asked_at_its_socket(tmp_path: Path) -> None:
    told = ProcessTold(snapshot_of(WATCHERS=3), {"store": "no answer"})
    async with telling_at(tmp_path / "one", lambda: told):
        assert await asked(tmp_path / "one") == told
    assert await asked(tmp_path / "nobody") is None
    async with telling_at(tmp_path / "one", lambda: told):  # what is left over of a killed one is in nobody's way
        assert await asked(tmp_path / "one") == told


async def test_a_process_that_says_nothing_or_nonsense_or_too_much_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "ANSWER_SECONDS_MAX", 0.2)
    monkeypatch.setattr(telling, "ANSWER_BYTES_MAX", 100)
    ended = asyncio.Event()

    async def answer(said: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        if not said:
            await ended.wait()
        writer.close()

    for name, said in MappingProxyType({"silent": b"", "nonsense": b"{", "endless": b"[" * 101}).items():
        async with await asyncio.start_unix_server(partial(answer, said), tmp_path / name):
            assert await asked(tmp_path / name) is None
            ended.set()
        ended.clear()


def test_calls_are_told_by_method_and_status_and_those_of_inventory_and_stock_together() -> None:
    hold, watch = f"/{SERVICE}/HoldSeats", f"/{SERVICE}/WatchSeatMap"
    calls, meters = GrpcCalls(services=(SERVICE, STOCK_SERVICE), streams={watch}), Meters()
    calls.tell(meters)
    for path, status, elapsed_ms in [(hold, 0, 3), (hold, 9, 1), (hold, 9, 1), (watch, 1, 9_000), ("", 12, 0)]:
        calls.ended(path, status, elapsed_ms * MS)
    calls.ended("/grpc.health.v1.Health/Check", 0, MS)
    calls.ended(f"/{STOCK_SERVICE}/ReserveStock", 0, 7 * MS)
    told = samples({0: meters.snapshot()})
    of_hold = f"grpc_method=HoldSeats,grpc_service={SERVICE},grpc_type=unary"
    assert told[f"grpc_server_handled_total,grpc_code=OK,{of_hold}"] == 1
    assert told[f"grpc_server_handled_total,grpc_code=FailedPrecondition,{of_hold}"] == 2
    assert told[f"grpc_server_handling_seconds_count,{of_hold}"] == 3
    assert told[f"grpc_server_handling_seconds_sum,{of_hold}"] == pytest.approx(0.005)
    unknown = "grpc_code=Unimplemented,grpc_method=unknown,grpc_service=unknown,grpc_type=unary"
    assert told[f"grpc_server_handled_total,{unknown}"] == 1
    watched = f"grpc_code=Canceled,grpc_method=WatchSeatMap,grpc_service={SERVICE},grpc_type=server_stream"
    assert told[f"grpc_server_handled_total,{watched}"] == 1
    assert told["grpc_request_duration_seconds_count"] == 4
    assert told["grpc_request_duration_seconds_sum"] == pytest.approx(0.012)
    assert len(CODES) == 17


async def test_requests_are_told_by_method_route_and_status() -> None:
    asked_for, left = asyncio.Event(), asyncio.Event()

    async def application(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/feed":
            asked_for.set()
            await left.wait()
            return
        scope["route"] = type("Route", (), {"path": "/v1/trips/{trip_id:id}/map"})
        await send({"type": "http.response.start", "status": 409})

    async def sent(_message: Message) -> None: ...

    async def received() -> Message:
        raise AssertionError

    requests, meters = HttpRequests(application), Meters()
    requests.tell(meters)
    for method in ("GET", "GET", "BREW"):
        await requests({"type": "http", "method": method, "path": "/"}, received, sent)
    await requests({"type": "websocket", "path": "/"}, received, sent)
    feed = asyncio.ensure_future(requests({"type": "http", "method": "GET", "path": "/feed"}, received, sent))
    await asked_for.wait()
    assert samples({0: meters.snapshot()})["http_server_active_requests"] == 1
    left.set()
    await feed
    told = samples({0: meters.snapshot()})
    named = (
        "http_server_request_duration_seconds_count,http_request_method={},http_response_status_code={},http_route={}"
    )
    assert told[named.format("GET", 409, "/v1/trips/{trip_id}/map")] == 2
    assert told[named.format("_OTHER", 409, "/v1/trips/{trip_id}/map")] == 1
    assert told[named.format("GET", 499, "")] == 1
    assert told["http_server_active_requests"] == 0
