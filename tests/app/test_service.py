"""The service as a whole: what it acknowledged outlives it, what runs in it, whom it serves."""

import asyncio
import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from grpclib.health.v1.health_grpc import HealthStub
from grpclib.health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from travio_inventory.api.grpc.descriptors import pool
from travio_inventory.api.grpc.service import BACKGROUND, LIVENESS, SERVICE
from travio_inventory.app.background import VisitJob, pace
from travio_inventory.app.listening import ADMIN_METHODS
from travio_inventory.app.service import App, open_inventory, running, working
from travio_inventory.edge.local import LocalSeatMapCache
from travio_inventory.kernel.actor import Actor, house_of
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.protocol.batches import Kind, Outcome
from travio_inventory.seats.commands import BlockSeatsCommand, HoldsQuery, SeatUpdate, hold_ref
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.refusals import TripNotFound
from travio_inventory.seats.seat import Available, Blocked, SeatState
from travio_inventory.seats.trip import OUR_CHOICE, Ends
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.settings import Settings
from travio_inventory.store.sqlite import SqliteBatches
from travio_inventory.wire.inventory.v1 import HoldSeatsRequest, InventoryServiceStub
from verification.kit.asking import hold_seats, open_trip
from verification.kit.asking import seat_map as seat_map_of
from verification.kit.in_process import settings_of
from verification.kit.passing import Batch, Send
from verification.kit.trips import a_trip
from verification.servers.certificates import make_certificates
from verification.servers.redis import RedisServer
from verification.simulation.broken import send_through

TRIP = a_trip(organization="acme", stops="ABC", seats=100, seats_per_group=OUR_CHOICE)
RIDER = Actor("acme", "u1")
READY_SECONDS_MAX = 60
"""On a busy machine; `bench start` measures the time on a quiet one."""


async def hold(inventory: Inventory, seat: str = "A1", *, ttl_s: int = 0) -> Hold:
    return await hold_seats(inventory, RIDER, "t1", Ends("A", "C"), [seat], ttl_s=ttl_s, key=None)


async def test_an_operator_may_keep_the_nearest_journey_of_a_loop() -> None:
    async with open_inventory(settings_of(ambiguous_journeys="nearest")) as inventory:
        await open_trip(inventory, a_trip(organization="acme", stops="ABCAC", seats=2))
        assert (await hold(inventory)).journey == (0, 1)
        assert (await seat_map_of(inventory, TRIP.key, Ends("A", "C"))).journey == (0, 1)


async def states(inventory: Inventory) -> dict[str, SeatState]:
    """The seats as the map shows them."""
    seat_map = await seat_map_of(inventory, TRIP.key, Ends("A", "C"))
    return {seat.id: state for seat, state in seat_map.seats()}


def published(settings: Settings, file: str = "events.jsonl") -> list[tuple[str, str]]:
    """Type and hold of each event in that file of the data folder."""
    path = settings.store.data / file
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [(line["type"], line["subject"]) for line in lines]


async def until(is_so: Callable[[], bool]) -> None:
    with anyio.fail_after(60):
        while not is_so():  # noqa: ASYNC110 - a file tells nobody that it grew
            await anyio.sleep(0.01)


async def until_published(settings: Settings, event: tuple[str, str]) -> None:
    await until(lambda: event in published(settings))


@contextmanager
def channel_to(app: App, tls: ssl.SSLContext | None = None) -> Iterator[Channel]:
    channel = Channel("127.0.0.1", app.port, ssl=tls)
    try:
        yield channel
    finally:
        channel.close()


async def test_what_was_acknowledged_is_there_after_a_restart(settings: Settings) -> None:
    async with open_inventory(settings) as inventory:
        await open_trip(inventory, TRIP)
        held = await hold(inventory)
    async with open_inventory(settings) as inventory:
        assert (await inventory.read_holds.one(RIDER, hold_ref(held.id))).seats == ("A1",)


async def test_a_step_that_its_caller_left_is_finished_before_the_end(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seats = [seat.id for seat in TRIP.seats]
    updates = tuple(SeatUpdate(seat, is_blocked=True, reason="broken") for seat in seats)
    command = BlockSeatsCommand(trip_id=TRIP.key.trip, updates=updates)
    begun = asyncio.Event()

    async def seen(_store: SqliteBatches, batch: Batch, send: Send) -> Outcome:
        if any(write.key.kind is Kind.CELL for write in batch.writes):
            begun.set()
        return await send(batch)

    send_through(monkeypatch, SqliteBatches, seen)
    async with open_inventory(settings) as inventory:
        await open_trip(inventory, TRIP)
        begun.clear()
        async with anyio.create_task_group() as caller:
            caller.start_soon(inventory.block_seats, house_of(TRIP.key.organization), command)
            await begun.wait()
            caller.cancel_scope.cancel()
    async with open_inventory(settings) as inventory:
        assert await states(inventory) == {seat: Blocked() for seat in seats}


async def test_the_seat_map_shows_at_once_what_this_process_did(settings: Settings) -> None:
    async with open_inventory(settings) as inventory:
        await open_trip(inventory, TRIP)
        assert (await states(inventory))["A1"] == Available()
        await hold(inventory)
        assert (await states(inventory))["A1"] != Available()


async def test_the_seat_map_shows_it_even_if_the_cache_gets_no_message(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_is_heard(*_: object) -> bool:
        return False

    monkeypatch.setattr(LocalSeatMapCache, "invalidate", nothing_is_heard)
    async with open_inventory(settings) as inventory:
        await open_trip(inventory, TRIP)
        assert (await states(inventory))["A1"] == Available()
        await hold(inventory)
        assert (await states(inventory))["A1"] != Available()


@pytest.mark.parametrize("store", ["embedded", "memory"])
async def test_two_services_on_one_redis_sell_each_their_own_trips(
    tmp_path: Path, redis_node: RedisServer, store: str
) -> None:
    """Even with trips of the same names."""
    one, other = (
        settings_of(tmp_path / name, store=store, edge="redis", redis_addr=redis_node.address)
        for name in ("one", "other")
    )
    async with open_inventory(one) as here, open_inventory(other) as there:
        for inventory in (here, there):
            await open_trip(inventory, TRIP)
            assert (await states(inventory))["A1"] == Available()
            assert (await hold(inventory)).seats == ("A1",)


async def test_events_are_relayed_while_the_service_runs(settings: Settings) -> None:
    async with running(settings) as app:
        await open_trip(app.inventory, TRIP)
        held = await hold(app.inventory)
        await until_published(settings, ("hold.created", held.id))


async def test_events_of_the_last_moment_are_relayed_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay has looked, and looks again in a minute."""
    monkeypatch.setattr(pace, "GATHER_S", 60.0)
    settings = settings_of(tmp_path, relay_interval_ms=60_000)
    async with running(settings) as app:
        await open_trip(app.inventory, TRIP)
        await until(lambda: any(each.use_case.startswith("relay_events") for each in app.figures.snapshot()))
        held = await hold(app.inventory)
        assert published(settings) == []
    assert published(settings) == [("hold.created", held.id)]


async def test_a_sink_that_accepts_nothing_delays_no_other_and_has_every_event_after_the_next_start(
    tmp_path: Path,
) -> None:
    settings = settings_of(tmp_path, events="json-lines,audit=json-lines:audit.jsonl", relay_interval_ms=20)
    audit = settings.store.data / "audit.jsonl"
    async with running(settings) as app:
        audit.unlink()
        audit.mkdir()
        await open_trip(app.inventory, TRIP)
        held = await hold(app.inventory)
        await until_published(settings, ("hold.created", held.id))
        await until(lambda: app.figures.gauges()["relay_events.json-lines lag_ms"] == 0)
        await until(lambda: app.figures.gauges()["relay_events.audit lag_ms"] > 0)
        assert app.figures.gauges()["relay_events.audit missed_s"] == app.figures.gauges()["store.forgotten rows"] == 0
        kept_s = settings.retention.events_seconds
        assert app.figures.gauges()["relay_events.json-lines forgotten_in_s"] == kept_s
        assert 0 < app.figures.gauges()["relay_events.audit forgotten_in_s"] <= kept_s
    audit.rmdir()
    async with running(settings):
        pass
    assert published(settings, "audit.jsonl") == [("hold.created", held.id)]


async def test_a_hold_that_runs_out_is_swept(settings: Settings) -> None:
    async with working(settings) as app:
        await open_trip(app.inventory, TRIP)
        held = await hold(app.inventory, ttl_s=1)
        await until_published(settings, ("hold.expired", held.id))


async def test_without_background_jobs_nothing_goes_on_by_itself(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, background=False)
    async with running(settings) as app:
        await open_trip(app.inventory, TRIP)
        await hold(app.inventory, ttl_s=1)
        await anyio.sleep(1.3)
    assert published(settings) == []


async def test_in_memory_and_without_events_nothing_is_written(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, store="memory", events="none")
    async with running(settings) as app:
        await open_trip(app.inventory, TRIP)
        await hold(app.inventory)
    assert not settings.store.data.exists()


async def test_the_settings_reach_what_they_set(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, hold_ttl_seconds=7, hold_ttl_seconds_max=9, holds_per_holder_max=1, edge="absent")
    async with open_inventory(settings) as inventory:
        await open_trip(inventory, TRIP)
        with pytest.raises(InvalidRequest, match="at most 9 seconds"):
            await hold(inventory, ttl_s=10)
        began_ms = time.time_ns() // 1_000_000
        await hold(inventory)
        (listed,) = (await inventory.read_holds.page(RIDER, HoldsQuery())).holds
        assert listed.state.expires_at_ms - began_ms == pytest.approx(7_000, abs=3_000)  # type: ignore[union-attr]
        with pytest.raises(Exception, match="maximum concurrent holds exceeded: 1"):
            await hold(inventory, "A2")


async def test_a_call_is_answered_counted_and_limited(tmp_path: Path) -> None:
    async with running(settings_of(tmp_path, message_bytes_max=1_024)) as app:
        await open_trip(app.inventory, TRIP)
        with channel_to(app) as channel:
            service, health = InventoryServiceStub(channel), HealthStub(channel)
            request = HoldSeatsRequest(
                organization_id="acme", user_id="u1", trip_id="t1", from_station_id="A", to_station_id="C"
            )
            request.seat_ids = ["A1"]
            assert (await service.hold_seats(request)).success
            request.seat_ids = ["A1" * 1_000]
            with pytest.raises(GRPCError) as refused:
                await service.hold_seats(request)
            assert refused.value.status is Status.RESOURCE_EXHAUSTED
            assert (await health.Check(HealthCheckRequest())).status == HealthCheckResponse.SERVING
        counts = {f"{figure.use_case} {figure.outcome}": figure.calls for figure in app.figures.snapshot()}
        assert counts["hold_seats ok"] == 1


@pytest.mark.breakdown
async def test_a_background_job_that_broke_down_is_seen_in_health_and_calls_are_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broke_down = asyncio.Event()

    async def run(_self: VisitJob[object]) -> None:
        broke_down.set()
        raise ZeroDivisionError

    monkeypatch.setattr(VisitJob, "run", run)
    async with running(settings_of(tmp_path)) as app:
        with channel_to(app) as channel:
            health = HealthStub(channel)
            await broke_down.wait()
            jobs = await health.Check(HealthCheckRequest(service=BACKGROUND))
            assert jobs.status == HealthCheckResponse.NOT_SERVING
            assert (await health.Check(HealthCheckRequest())).status == HealthCheckResponse.NOT_SERVING
            assert (await health.Check(HealthCheckRequest(service=SERVICE))).status == HealthCheckResponse.NOT_SERVING
            assert (await health.Check(HealthCheckRequest(service=LIVENESS))).status == HealthCheckResponse.SERVING
            await open_trip(app.inventory, TRIP)
            await hold(app.inventory)
    monkeypatch.undo()
    async with running(settings_of(tmp_path)) as app:
        with channel_to(app) as channel:
            jobs = await HealthStub(channel).Check(HealthCheckRequest(service=BACKGROUND))
            assert jobs.status == HealthCheckResponse.SERVING
    async with running(settings_of(tmp_path, background=False)) as app:
        with channel_to(app) as channel:
            with pytest.raises(GRPCError) as refused:
                await HealthStub(channel).Check(HealthCheckRequest(service=BACKGROUND))
            assert refused.value.status is Status.NOT_FOUND


async def test_legacy_refusals_are_answers(tmp_path: Path) -> None:
    async with running(settings_of(tmp_path, refusals="legacy")) as app:
        await open_trip(app.inventory, TRIP)
        await hold(app.inventory)
        with channel_to(app) as channel:
            answer = await InventoryServiceStub(channel).hold_seats(
                HoldSeatsRequest(
                    organization_id="acme",
                    user_id="u2",
                    trip_id="t1",
                    from_station_id="A",
                    to_station_id="C",
                    seat_ids=["A1"],
                )
            )
        assert (answer.success, answer.failed_seat_ids) == (False, ["A1"])


async def test_every_call_at_the_end_is_answered_and_the_events_of_what_was_granted_are_published(
    settings: Settings,
) -> None:
    """A hundred callers at once; the service is told to stop meanwhile."""
    granted: list[str] = []
    refused: list[Status] = []

    async def call(service: InventoryServiceStub, seat: str) -> None:
        request = HoldSeatsRequest(
            organization_id="acme", user_id="u1", trip_id="t1", from_station_id="A", to_station_id="C", seat_ids=[seat]
        )
        try:
            granted.append((await service.hold_seats(request)).hold_id)
        except GRPCError as refusal:
            refused.append(refusal.status)

    async with anyio.create_task_group() as calling, running(settings) as app:
        await open_trip(app.inventory, TRIP)
        channel = Channel("127.0.0.1", app.port)
        await call(InventoryServiceStub(channel), "A100")
        for n in range(1, 100):
            calling.start_soon(call, InventoryServiceStub(channel), f"A{n}")
        await anyio.sleep(0.02)
    channel.close()
    assert len(granted) + len(refused) == 100
    assert set(refused) <= {Status.UNAVAILABLE}
    assert sorted(hold_id for _, hold_id in published(settings)) == sorted(granted)
    async with open_inventory(settings) as inventory:
        assert {(await inventory.read_holds.one(RIDER, hold_ref(hold_id))).is_live for hold_id in granted} == {True}


async def test_an_unknown_trip_is_not_logged_as_an_error(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    async with open_inventory(settings) as inventory:
        with pytest.raises(TripNotFound):
            await hold(inventory)
    assert caplog.records == []


async def test_with_a_certificate_it_speaks_tls(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    async with running(settings_of(tmp_path, tls_cert=made.certificate, tls_key=made.key)) as app:
        trusting = ssl.create_default_context(cafile=made.authority)
        trusting.set_alpn_protocols(["h2"])
        with channel_to(app, trusting) as channel:
            answer = await HealthStub(channel).Check(HealthCheckRequest())
    assert answer.status == HealthCheckResponse.SERVING


def test_every_call_that_may_name_all_seats_of_a_trip_may_be_large() -> None:
    """One with seats in its message, or with something for each of them."""
    large = {
        method.name
        for method in pool().FindServiceByName(SERVICE).methods
        for field in method.input_type.fields
        if (kind := field.message_type)
        and (kind.name in ("SeatConfiguration", "SeatUpdate") or kind.GetOptions().map_entry)
    }
    assert large == {*ADMIN_METHODS}
