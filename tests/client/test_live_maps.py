"""`watch`: a live map that goes on by itself after every loss."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from tests.client.service import Relay, ScriptedService, served, unavailable
from travio_inventory.app.service import running
from travio_inventory.bench.free_ports import free_port
from travio_inventory.client import (
    BackendUnavailable,
    BlockingInventoryClient,
    InvalidJourney,
    InventoryClient,
    MapUpdate,
    SeatStatus,
    TripNotFound,
    Unauthenticated,
    live_maps,
)
from travio_inventory.wire.inventory import v1 as wire
from verification.kit.in_process import settings_of
from verification.kit.trips import a_trip

TRIP = a_trip(organization="default", seats=4)
WHOLE, CHANGE = wire.WatchSeatMapKind.SNAPSHOT, wire.WatchSeatMapKind.CHANGE


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses as short as can be."""
    monkeypatch.setattr(live_maps, "PAUSE_S_MAX", 0.01)


@asynccontextmanager
async def selling(folder: Path | None = None, port: int = 0) -> AsyncIterator[int]:
    """A service with the trip on sale; its port."""
    async with running(settings_of(folder, grpc_port=port)) as app, client_of(app.port) as client:
        await client.open_trip(TRIP)
        yield app.port


def client_of(port: int, deadline_s: float = 5.0) -> InventoryClient:
    """A client of the service there, not yet open."""
    return InventoryClient(f"127.0.0.1:{port}", user="u1", deadline_s=deadline_s)


async def within(update: "asyncio.Future[MapUpdate] | AsyncIterator[MapUpdate]") -> MapUpdate:
    """The next update, soon."""
    async with asyncio.timeout(60):
        return await (anext(update) if isinstance(update, AsyncIterator) else update)


def seats_of(update: MapUpdate) -> dict[str, SeatStatus]:
    """The seats of the update and their states."""
    return {seat.seat: seat.status for seat in update.seats}


async def test_a_live_map_tells_all_seats_then_what_changes() -> None:
    async with selling() as port, client_of(port) as client, aclosing(client.watch("t1", "A", "D")) as updates:
        whole = await within(updates)
        assert (whole.is_whole, whole.trip_changed) == (True, False)
        assert seats_of(whole) == {f"A{number}": SeatStatus.AVAILABLE for number in range(1, 5)}
        hold = await client.hold("t1", "A", "D", ["A2", "A3"])
        held = await within(updates)
        assert (held.is_whole, seats_of(held)) == (False, dict.fromkeys(["A2", "A3"], SeatStatus.HELD))
        assert {seat.held_until for seat in held.seats} == {hold.expires_at}
        await hold.confirm("o1", seats=["A3"])
        sold = seats_of(await within(updates))
        assert sold == {"A2": SeatStatus.AVAILABLE, "A3": SeatStatus.BOOKED}


async def test_after_a_loss_it_goes_on_where_it_was() -> None:
    async with (
        selling() as port,
        Relay(port).opened() as relay,
        client_of(port) as other,
        client_of(relay.port) as client,
        aclosing(client.watch("t1", "A", "D")) as updates,
    ):
        before = await within(updates)
        relay.cut()
        await other.hold("t1", "A", "D", ["A1"])
        after = await within(updates)
        assert (after.is_whole, seats_of(after)) == (False, {"A1": SeatStatus.HELD})
        async with aclosing(client.watch("t1", "A", "D", position=before.position)) as again:
            assert seats_of(await within(again)) == {"A1": SeatStatus.HELD}


async def test_a_connection_that_is_silent_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_maps, "SILENT_S_MAX", 0.5)
    async with (
        selling() as port,
        Relay(port).opened() as relay,
        client_of(port) as other,
        client_of(relay.port, 1.0) as client,
        aclosing(client.watch("t1", "A", "D")) as updates,
    ):
        await within(updates)
        relay.freeze()
        await other.hold("t1", "A", "D", ["A1"])
        assert seats_of(await within(updates)) == {"A1": SeatStatus.HELD}


async def test_a_service_that_was_started_again_tells_everything(tmp_path: Path) -> None:
    port = free_port()
    async with client_of(port) as client, aclosing(client.watch("t1", "A", "D")) as updates:
        async with selling(tmp_path, port):
            first = await within(updates)
            following = asyncio.ensure_future(anext(updates))
            await asyncio.sleep(0)
        async with selling(tmp_path, port):
            second = await within(following)
    assert (first.is_whole, second.is_whole) == (True, True)
    assert first.position.partition("-")[0] != second.position.partition("-")[0]


async def test_who_reads_nothing_while_the_trip_changes_twice_ends_with_the_map_as_it_is() -> None:
    async with selling() as port, client_of(port) as client, aclosing(client.watch("t1", "A", "D")) as updates:
        shown, last = seats_of(await within(updates)), ""
        for seats in (6, 5):
            await client.swap_vehicle("t1", a_trip(organization="default", seats=seats))
            last = f"A{seats - 1}"
            await client.hold("t1", "A", "D", [last])
        expected = {seat.seat.id: seat.status for seat in (await client.seat_map("t1", "A", "D")).seats}
        was_changed = False
        while shown != expected:
            update = await within(updates)
            was_changed |= update.trip_changed
            shown = seats_of(update) if update.is_whole else shown | seats_of(update)
        assert (len(shown), shown[last], was_changed) == (5, SeatStatus.HELD, True)
        await client.cancel_trip("t1")
        while set(shown.values()) != {SeatStatus.BLOCKED}:
            shown |= seats_of(await within(updates))


async def test_whatever_position_it_is_given_nothing_is_missed() -> None:
    async with selling() as port, client_of(port) as client, aclosing(client.watch("t1", "A", "D")) as updates:
        epoch = (await within(updates)).position.partition("-")[0]
        await client.hold("t1", "A", "D", ["A1"])
        await within(updates)
        for position in ("no position", "0" * 12 + "-1", f"{epoch}-9999", f"{epoch}-{'9' * 40}", "\u0661-1", "x" * 200):
            async with aclosing(client.watch("t1", "A", "D", position=position)) as others:
                first = await within(others)
            assert (first.is_whole, seats_of(first)["A1"]) == (True, SeatStatus.HELD), position


async def test_a_change_that_does_not_follow_is_not_told_but_everything_is(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    seat = wire.WatchedSeat(seat_id="1A", status=wire.SeatStatus.HELD, version=3)
    service.updates.append([wire.WatchSeatMapResponse(kind=WHOLE, position="e-1")])
    service.updates[0].append(wire.WatchSeatMapResponse(kind=CHANGE, after="e-2", position="e-3", seats=[seat]))
    service.updates.append([wire.WatchSeatMapResponse(kind=WHOLE, position="e-3", seats=[seat])])
    async with aclosing(inventory.watch("t1", "A", "D")) as updates:
        told = [await within(updates), await within(updates)]
    assert [(update.is_whole, update.position) for update in told] == [(True, "e-1"), (True, "e-3")]
    assert [request.position for request in service.seen(wire.WatchSeatMapRequest)] == ["", ""]


async def test_what_passes_is_waited_for_and_what_does_not_is_raised(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    service.next(wire.WatchSeatMapRequest, unavailable(), BackendUnavailable())
    service.updates.append([wire.WatchSeatMapResponse(kind=WHOLE, position="e-1")])
    service.updates.append([])
    async with aclosing(inventory.watch("t1", "A", "D")) as updates:
        assert (await within(updates)).position == "e-1"
        service.next(wire.WatchSeatMapRequest, TripNotFound())
        with pytest.raises(TripNotFound):
            await within(updates)


@pytest.mark.parametrize("renews", [False, True], ids=["fixed", "renewed"])
async def test_a_token_that_has_expired_is_renewed_if_the_client_can(service: ScriptedService, *, renews: bool) -> None:
    service.updates.append([wire.WatchSeatMapResponse(kind=WHOLE, position="e-1"), Unauthenticated("invalid_token")])
    seat = wire.WatchedSeat(seat_id="1A", status=wire.SeatStatus.HELD, version=2)
    service.updates.append([wire.WatchSeatMapResponse(kind=CHANGE, after="e-1", position="e-2", seats=[seat])])
    service.updates.append([Unauthenticated("invalid_token")])
    shown = iter(["first", "second", "third"])
    async with served(service) as port:
        asks = InventoryClient(f"127.0.0.1:{port}", token=(lambda: next(shown)) if renews else "only")
        async with asks as client, aclosing(client.watch("t1", "A", "D")) as updates:
            assert (await within(updates)).is_whole
            if renews:
                assert seats_of(await within(updates)) == {"1A": SeatStatus.HELD}
            with pytest.raises(Unauthenticated):
                await within(updates)


async def test_who_never_answers_is_not_waited_for_long() -> None:
    async with client_of(free_port(), 0.3) as client, aclosing(client.watch("t1", "A", "D")) as updates:
        with pytest.raises(BackendUnavailable):
            await within(updates)


async def test_who_does_not_come_back_is_given_up(service: ScriptedService) -> None:
    async with served(service) as port, client_of(port, 1.0) as client:
        service.updates.append([wire.WatchSeatMapResponse(kind=WHOLE, position="e-1")])
        async with aclosing(client.watch("t1", "A", "D", give_up_s=0.2)) as updates:
            await within(updates)
            service.next(wire.WatchSeatMapRequest, *[unavailable() for _ in range(1_000)])
            with pytest.raises(BackendUnavailable):
                await within(updates)


async def test_a_question_that_is_wrong_is_refused() -> None:
    async with selling() as port, client_of(port) as client, aclosing(client.watch("t1", "D", "A")) as updates:
        with pytest.raises(InvalidJourney):
            await within(updates)


@pytest.fixture
def port() -> Iterator[int]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(selling()) as port:
        yield port


def test_programs_without_asyncio_watch_too(port: int) -> None:
    with BlockingInventoryClient(f"127.0.0.1:{port}", user="u1") as inventory:
        updates = inventory.watch("t1", "A", "D")
        assert next(updates).is_whole
        inventory.hold("t1", "A", "D", ["A4"])
        assert seats_of(next(updates)) == {"A4": SeatStatus.HELD}
        updates.close()
