"""Metrics and health at a port of their own: every metric is there, and moves with what it tells of."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from pathlib import Path
from random import Random

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from travio_inventory.app.backends import StartFailed, Store
from travio_inventory.app.backends.opening import Edge
from travio_inventory.app.background import dead_letters
from travio_inventory.app.background.unchecked import What
from travio_inventory.app.letter_desk import open_letter_desk
from travio_inventory.app.service import App, running, working
from travio_inventory.app.told_figures import OF_STORE, VISITS, count_visits, tell_backends, tell_calls
from travio_inventory.bench.free_ports import free_port
from travio_inventory.client import InventoryClient
from travio_inventory.edge.absent import AbsentGate, AbsentSeatMapCache, AbsentTakenSeats
from travio_inventory.edge.local_rates import LocalRates
from travio_inventory.events.inbound.letters import SourceLetters
from travio_inventory.events.inbound.message import Message, Unfit
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.refusals import BackendUnavailable, Refusal
from travio_inventory.protocol.batches import Kind, Outcome, Unknown
from travio_inventory.seats.audit.findings import Fault
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases.visited import Visited
from travio_inventory.settings import Settings
from travio_inventory.stock.audit.findings import StockFault
from travio_inventory.stock.commands import AddEntry, AddWarehouse
from travio_inventory.stock.purchase import Ordered, PlaceOrder, ReceiveOrder
from travio_inventory.stock.reservation import Item, OfReservation, Reserve
from travio_inventory.stock.supplier import AddSupplier, Contact
from travio_inventory.stock.warehouse import Site
from travio_inventory.store.memory import MemoryBatches
from travio_inventory.store.sqlite import SqliteBatches
from travio_inventory.telemetry import families
from travio_inventory.telemetry.families import FAMILIES
from travio_inventory.telemetry.meters import Meters
from travio_inventory.telemetry.metrics import Figures
from verification.kit.asking import open_trip
from verification.kit.in_process import settings_of
from verification.kit.passing import Batch, Send
from verification.kit.service_process import ORGANIZATION, eventually, serving
from verification.kit.trips import a_trip, trip_of
from verification.pages.metrics_page import DOCUMENT, rewrite
from verification.servers.redis import RedisServer
from verification.simulation.broken import send_through

WITHIN_S = 60
TRIP = "watched"
CONSTANT = {families.INFO, families.STARTED, families.WORKER_UP}
"""The same while a process runs and answers."""
OF_A_PROCESS = {families.TURN, families.BUSY, families.LOG_LINES}
"""Only of a service that is a process."""
OF_OTHERS = {
    families.EVENTS_IN, families.EVENTS_IN_WAITING, families.AUDIT_FAULTS, families.NOT_CHECKED, families.TRIP_VISITS
}  # fmt: skip
OF_BACKENDS = {*OF_STORE.values(), families.EDGE_UP, families.RELAY_MISSED, *OF_OTHERS}
"""Read from figures of store, edge and relay that have tests of their own."""


def with_metrics(folder: Path | None = None, **changed: object) -> Settings:
    """The service in this process, with metrics and HTTP at any free ports."""
    ports = {"metrics_host": "127.0.0.1", "metrics_port": 0, "http_host": "127.0.0.1", "http_port": 0}
    return settings_of(folder, **ports | changed)


@asynccontextmanager
async def asking(port: int) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that port."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=WITHIN_S) as client:
        yield client


async def figures(client: httpx.AsyncClient) -> Mapping[str, float]:
    """All that is told, by name and labels."""
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for metric in text_string_to_metric_families(answer.text)
        for sample in metric.samples
    }


def moved(before: Mapping[str, float], after: Mapping[str, float]) -> set[families.Family]:
    """The families of which some figure is new and not 0, or another one."""
    names = {name.partition("[")[0] for name, value in after.items() if value != before.get(name, 0)}
    ends = ("", "_bucket", "_count", "_sum")
    return {family for family in FAMILIES if any(f"{family.name}{end}" in names for end in ends)}


class Sold:
    """What callers do, so that every figure moves."""

    def __init__(self, app: App, client: InventoryClient, web: httpx.AsyncClient) -> None:
        self.app = app
        self._client = client
        self._web = web

    async def everything(self) -> None:
        """Hold, contend, book, release, and let a hold lapse; read maps; and be not ready for a moment."""
        client = self._client
        held = await client.hold(TRIP, "S0", "S2", ["seat-1"])
        async with InventoryClient(f"127.0.0.1:{self.app.port}", organization=ORGANIZATION, user="bob") as bob:
            with suppress(Refusal):
                await bob.hold(TRIP, "S0", "S2", ["seat-1"])
        await client.confirm(held.id, "order")
        await client.release((await client.hold(TRIP, "S0", "S1", ["seat-2"])).id)
        await client.hold(TRIP, "S0", "S1", ["seat-3"], seconds=1)
        await client.hold(TRIP, "S0", "S1", ["seat-4"])
        for _ in range(2):
            await client.seat_map(TRIP, "S0", "S3")
            await self._web.get(f"/v1/trips/{TRIP}", params={"org_id": ORGANIZATION})
        await self._purchases()
        self.app.readiness.note("store", "no answer")

    async def _purchases(self) -> None:
        """Order cups, which come, and are too few still, so that more are ordered by the house."""
        stock, ann = self.app.stock, Actor(ORGANIZATION, "ann")
        assert stock is not None
        north = await stock.warehouses.add(ann, AddWarehouse("north", Site("North")))
        await stock.keep.add(ann, AddEntry("cup", north.id, "cup"))
        supplier = await stock.suppliers.add(ann, AddSupplier("acme", Contact("Acme")))
        cups = [Ordered("cup", north.id, 3)]
        order = await stock.purchases.place(ann, PlaceOrder(supplier.id, cups))
        await stock.purchases.receive(ann, ReceiveOrder(order.id, cups))
        reserved = await stock.reserve.reserve(ann, Reserve("first", [Item("cup", 3)]))
        with suppress(Refusal):
            await stock.reserve.reserve(ann, Reserve("second", [Item("cup", 1)]))
        await stock.reserve.commit(ann, OfReservation(reserved.id))


def lost_once(patch: pytest.MonkeyPatch, seen: asyncio.Event) -> None:
    """The first batch of a hold is not answered, and never applied; the next one waits until that was seen."""
    lost: list[Batch] = []

    async def first_lost(_store: SqliteBatches, batch: Batch, send: Send) -> Outcome:
        if any(write.key.kind is Kind.HOLD for write in batch.writes):
            lost.append(batch)
            if len(lost) == 1:
                return Unknown("no answer")
            await seen.wait()
        return await send(batch)

    send_through(patch, SqliteBatches, first_lost)


@pytest.fixture
async def doubt_seen() -> asyncio.Event:
    """Whether the metrics have told of a batch without an answer."""
    return asyncio.Event()


@pytest.fixture
async def told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, doubt_seen: asyncio.Event
) -> AsyncIterator[tuple[App, httpx.AsyncClient]]:
    """A service with a sink that works and one that refuses everything; and a client of its metrics."""
    lost_once(monkeypatch, doubt_seen)
    monkeypatch.setattr(dead_letters, "COUNT_EVERY_S", 0.5)
    settings = with_metrics(
        tmp_path,
        events=f"good=json-lines:{tmp_path}/events,bad=json-lines:/dev/full",
        watched_trips=f"{ORGANIZATION}/{TRIP},{ORGANIZATION}/nowhere",
        watch_seconds=1,
        stock_automatic_orders_seconds="1",
    )
    async with running(settings) as app, asking(app.metrics_port) as client:
        yield app, client


async def test_every_metric_is_told_and_moves(
    told: tuple[App, httpx.AsyncClient], doubt_seen: asyncio.Event, tmp_path: Path
) -> None:
    app, metrics = told
    before = await figures(metrics)
    async with open_letter_desk(with_metrics(tmp_path), writes=True) as desk:
        await SourceLetters(desk.letters, "shop", SystemClock()).put(
            Message("t", "t/0@1", b"{"), Unfit("NOT_JSON", "no")
        )
    found = moved({}, before) & CONSTANT
    async with AsyncExitStack() as open_ones:
        client = await open_ones.enter_async_context(
            InventoryClient(f"127.0.0.1:{app.port}", organization=ORGANIZATION, user="ann")
        )
        web = await open_ones.enter_async_context(asking(app.http_port))
        await client.open_trip(trip_of(TRIP, seats=8))
        feed = await open_ones.enter_async_context(aclosing(client.watch(TRIP, "S0", "S3")))
        assert (await anext(feed)).is_whole
        path = f"/v1/trips/{TRIP}/updates?org_id={ORGANIZATION}&from=S0&to=S3"
        stream = await open_ones.enter_async_context(web.stream("GET", path))
        assert stream.status_code == 200
        selling = asyncio.ensure_future(Sold(app, client, web).everything())

        async def all_have_moved() -> bool:
            nonlocal found
            found |= moved(before, await figures(metrics))
            if families.UNSETTLED in found:
                doubt_seen.set()
            return found >= {*FAMILIES} - OF_A_PROCESS - OF_BACKENDS

        with suppress(TimeoutError):
            await eventually(all_have_moved, within_s=WITHIN_S)
        await selling
    assert {*FAMILIES} - found - OF_A_PROCESS - OF_BACKENDS == set()
    now = await figures(metrics)
    of_trip = [("organization", ORGANIZATION), ("state", "sold"), ("trip", TRIP)]
    assert now[f"travio_trip_seats{of_trip}"] == 1
    assert (now[f"{families.STOCK_RECEIPTS.name}[]"], now[f"{families.UNITS_RECEIVED.name}[]"]) == (1, 3)
    told_of_stock = {f"inventory.{kind}": 1 for kind in ("reserved", "committed", "out_of_stock")}
    recorded = {kind: now[f"{families.RECORDED.name}{[('type', kind)]}"] for kind in told_of_stock}
    assert recorded == told_of_stock
    refused = [("outcome", "INSUFFICIENT_STOCK"), ("use_case", "reserve_stock.reserve")]
    assert now[f"{families.USE_CASE.name}_count{refused}"] == 1
    assert not any("nowhere" in name for name in now)


def test_events_in_and_faults_are_told() -> None:
    figures, meters = Figures(), Meters()
    tell_calls(meters, figures)
    figures.gauge("events_in.shop waiting", lambda: 3)
    figures.gauge("another one", lambda: 4)
    for outcome in ("done", "dead letter", "done"):
        figures.add("events_in.shop", outcome, 1_000_000)
    figures.add("audit", "leftover", 0)
    figures.not_checked[What.EDGE] += 7
    for visited in (Visited(5, {TripKey("acme", "t1"): BackendUnavailable()}, over=1), Visited(2, over=2)):
        count_visits(figures, visited)
    found = {(name, *labels): numbers for name, labels, numbers in meters.snapshot()}
    assert found.keys() == {
        (families.EVENTS_IN.name, "shop", "done"), (families.EVENTS_IN.name, "shop", "dead letter"),
        (families.EVENTS_IN_WAITING.name, "shop"),
        *((families.TRIP_VISITS.name, what) for what in VISITS),
        *((families.AUDIT_FAULTS.name, fault) for fault in (*Fault, *StockFault)),
        *((families.NOT_CHECKED.name, what) for what in What),
    }  # fmt: skip
    assert sum(found[families.EVENTS_IN.name, "shop", "done"][1:]) == 2
    assert found[families.EVENTS_IN_WAITING.name, "shop"] == [3]
    assert [found[families.TRIP_VISITS.name, what] for what in ("forgotten", "kept", "failed")] == [[3], [3], [1]]
    assert {fault: found[families.AUDIT_FAULTS.name, fault] for fault in Fault} == {
        fault: [int(fault is Fault.LEFTOVER)] for fault in Fault
    }


@pytest.mark.once
async def test_what_the_auditor_cannot_see_of_the_edge_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody is at the address of Redis. Each round is about one of sixty shards of the list of trips."""
    monkeypatch.setattr("travio_inventory.app.background.audits.LOOK_EVERY_MS", 10)
    async with (
        running(with_metrics(edge="redis", redis_addr="127.0.0.1:1", audit_seconds=1)) as app,
        asking(app.metrics_port) as metrics,
    ):
        await open_trip(app.inventory, a_trip(organization=ORGANIZATION))

        async def is_told() -> bool:
            return (await figures(metrics))[f"{families.NOT_CHECKED.name}{[('what', 'edge')]}"] > 1

        await eventually(is_told, within_s=2 * WITHIN_S)
        now = await figures(metrics)
    assert [now[f"{families.NOT_CHECKED.name}{[('what', what.value)]}"] for what in (What.GROUP, What.STOCK)] == [0, 0]
    told = [record.getMessage() for record in caplog.records if "audit: " in record.getMessage()]
    assert told == [f"audit: cannot check: trip t1 of {ORGANIZATION}: the edge does not say what it remembers"]


async def test_redis_is_up_or_down_and_its_copies_are_told(redis_node: RedisServer) -> None:
    async with (
        running(with_metrics(edge="redis", redis_addr=redis_node.address)) as app,
        asking(app.metrics_port) as metrics,
        InventoryClient(f"127.0.0.1:{app.port}", organization=ORGANIZATION, user="ann") as client,
    ):

        async def is_up() -> bool:
            return (await figures(metrics))["travio_edge_up[]"] == 1

        await eventually(is_up, within_s=WITHIN_S)
        before = await figures(metrics)
        await client.open_trip(trip_of(TRIP, seats=2))
        await client.hold(TRIP, "S0", "S2", ["seat-1"])

        async def copies_are_used() -> bool:
            await client.seat_map(TRIP, "S0", "S3")
            now = await figures(metrics)
            return now["travio_cache_lookups_total[('cache', 'map_copies'), ('result', 'hit')]"] > 0

        await eventually(copies_are_used, within_s=WITHIN_S)
        assert families.GATE in moved(before, await figures(metrics))
        redis_node.pause()
        try:

            async def is_down() -> bool:
                await client.seat_map(TRIP, "S0", "S3")
                return not await is_up()

            await eventually(is_down, within_s=WITHIN_S)
        finally:
            redis_node.resume()
        await eventually(is_up, within_s=WITHIN_S)


def test_the_figures_of_backends_are_told() -> None:
    meters, is_up = Meters(), True
    edge = Edge(
        AbsentGate(), AbsentTakenSeats(), AbsentSeatMapCache(), LocalRates(lambda: 0, names_max=1), None, lambda: is_up
    )
    batches = MemoryBatches(None, Random(0), asyncio.sleep)
    gauges = {name: (lambda at=at: at) for at, name in enumerate(OF_STORE, start=1)}
    tell_backends(meters, Store(batches, "here", gauges=gauges), edge)
    expected = {family.name: at for at, family in enumerate(OF_STORE.values(), start=1)}
    assert {name: figure for name, _, (figure,) in meters.snapshot()} == {**expected, families.EDGE_UP.name: 1}
    is_up = False
    assert [figure for name, _, (figure,) in meters.snapshot() if name == families.EDGE_UP.name] == [0]


@pytest.mark.once
async def test_a_process_tells_its_event_loop_and_its_log(tmp_path: Path) -> None:
    port = free_port()
    async with serving(tmp_path, TRAVIO_METRICS_PORT=str(port)) as service, asking(port) as client:
        before = await figures(client)
        assert before["travio_log_lines_total[('level', 'INFO')]"] >= 1
        service.tell(signal.SIGUSR1)

        async def has_moved() -> bool:
            return moved(before, await figures(client)) >= {families.BUSY, families.LOG_LINES, families.CPU}

        await eventually(has_moved, within_s=WITHIN_S)
        assert (await figures(client))["travio_event_loop_longest_turn_seconds[('worker', '0')]"] > 0
        assert await service.stop() == 0


async def test_health_is_answered_beside_the_metrics() -> None:
    async with running(with_metrics()) as app, asking(app.metrics_port) as client:
        assert (await client.get("/livez")).json() == {"status": "alive"}
        assert (await client.get("/readyz")).json() == {"status": "ready", "problems": {}}
        app.readiness.note("store", "no answer")
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "problems": {"store": "no answer"}})
        assert (await client.get("/livez")).status_code == 200
        assert (await client.post("/metrics")).status_code == 405
        assert (await client.get("/nothing")).status_code == 404
        assert (await client.head("/metrics")).content == b""


@pytest.mark.once
async def test_background_jobs_alone_tell_their_metrics_too() -> None:
    async with working(with_metrics()) as app, asking(app.metrics_port) as client:

        async def has_swept() -> bool:
            return "travio_cleanup_duration_seconds_count[('outcome', 'ok')]" in await figures(client)

        await eventually(has_swept, within_s=WITHIN_S)


async def test_metrics_can_be_off_and_a_port_in_use_is_told_of() -> None:
    async with running(with_metrics(metrics_port="off")) as app:
        assert app.metrics_port == 0
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = with_metrics(metrics_port=taken.getsockname()[1])
        with pytest.raises(StartFailed, match=r"Address already in use: .* in TRAVIO_METRICS_PORT$"):
            async with running(settings):
                pass


def test_the_document_names_every_metric() -> None:
    assert rewrite(DOCUMENT.read_text()) == DOCUMENT.read_text(), "run `make docs`"
