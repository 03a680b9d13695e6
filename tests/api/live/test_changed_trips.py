"""A trip gets another vehicle, is cancelled, or closed and reopened while it is watched; some come back after it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any, TypeAlias

import pytest
from grpclib.client import Channel

from tests.api.live import test_sockets as on_sockets
from tests.api.live import test_streams as on_streams
from tests.api.live.conftest import RULES
from tests.api.live.serving import client_of, selling
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.api.live.showtimes_told import done_to
from travio_inventory.api.live.told import Because, Delta, Snapshot
from travio_inventory.app.service import App
from travio_inventory.client import SalesAction
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.wire.inventory import v1
from verification.kit.sale import TTL_S, Market, Sale
from verification.kit.trips import a_trip, train
from verification.kit.watching import Watcher


def told(watcher: Watcher) -> Snapshot:
    """The snapshot that it was told last."""
    last = watcher.told[-1]
    assert isinstance(last, Snapshot)
    return last


@pytest.fixture
async def car(market: Market) -> Sale:
    """A train of two cars."""
    sale = market.prepare(train())
    await sale.open_trip()
    return sale


async def test_who_watches_a_section_alone_that_a_new_vehicle_has_not_is_told_so(car: Sale) -> None:
    """Nobody watches another part, so nothing but the refusal says that the trip is another one."""
    feeds = Feeds(car.inventory.follow_maps, car.process.signals, car.clock, RULES)
    async with Watcher(feeds, car.trip.key, "A-C", section="c9").following() as ann:
        assert set(ann.shown().values()) == {"available"}
        await car.swap(seats=a_trip(stops="ABC", seats=4))
        await ann.until(lambda: ann.refusal is not None)
        assert isinstance(ann.refusal, InvalidRequest)
    await feeds.close()


async def test_who_comes_back_after_a_swap_is_told_everything_anew(feeds: Feeds, sale: Sale) -> None:
    ann = Watcher(feeds, sale.trip.key)
    async with ann.following(), Watcher(feeds, sale.trip.key).following() as bob:
        await sale.hold("A1")
        await ann.sees("A1", "held")
    async with bob.following():
        await sale.swap(seats=a_trip(seats=10))
        await bob.until(lambda: len(bob.states) == 10)
        assert told(bob).because is Because.TRIP_CHANGED
        async with ann.following():
            assert told(ann).because is Because.GAP
            assert ann.shown() == bob.shown() == await sale.map()
            await sale.hold("A9")
            await ann.sees("A9", "held")
            await bob.sees("A9", "held")
    assert ann.wrong == bob.wrong == []


async def test_a_cancelled_trip_shows_nothing_free_and_ends_what_was_held(feeds: Feeds, sale: Sale) -> None:
    await sale.hold("A1")
    await sale.confirm(await sale.hold("A2", by="bob"))
    async with Watcher(feeds, sale.trip.key).following() as ann:
        left = ann.position
        await sale.cancel_trip()
        await ann.until(lambda: set(ann.shown().values()) == {"blocked"})
        cara = Watcher(feeds, sale.trip.key)
        async with cara.following(left):
            assert cara.shown() == {seat: state for seat, state in (await sale.map()).items() if state == "blocked"}
    assert ann.wrong == cara.wrong == []


async def test_two_processes_whose_clocks_are_apart_tell_the_same(sale: Sale) -> None:
    there = sale.elsewhere(ahead_s=0.2)
    rules = replace(RULES, look_again_s=0.02)
    ours = Feeds(sale.inventory.follow_maps, sale.process.signals, sale.clock, rules)
    theirs = Feeds(there.inventory.follow_maps, there.process.signals, there.clock, rules)
    async with Watcher(ours, sale.trip.key).following() as ann, Watcher(theirs, sale.trip.key).following() as bob:
        hold = await there.hold("A1 A18")
        await sale.hold("A2", by="bob")
        sale.clock.pass_s(3)
        await ann.sees("A1 A2 A18", "held")
        await bob.sees("A1 A2 A18", "held")
        await there.confirm(hold)
        sale.clock.pass_s(3)
        await ann.sees("A1 A18", "sold")
        await bob.sees("A1 A18", "sold")
        assert ann.shown() == bob.shown() == await sale.map()
    assert ann.wrong == bob.wrong == []
    await ours.close()
    await theirs.close()


async def test_a_hold_that_a_process_with_a_clock_ahead_ends_is_told_as_expired(feeds: Feeds, sale: Sale) -> None:
    """It waits out the clock bound, so the time of the hold is over by every clock."""
    there = sale.elsewhere(ahead_s=0.2)
    async with Watcher(feeds, sale.trip.key).following() as ann:
        await sale.hold("A1")
        await ann.sees("A1", "held")
        sale.clock.pass_s(TTL_S)
        await there.sweep()
        assert await sale.seats("held") == "A1"
        sale.clock.pass_s(0.051)
        await there.sweep()
        sale.clock.pass_s(3)
        sale.process.signals.changed(sale.trip.key)
        await ann.sees("A1", "available")
        (change,) = [
            each for told in ann.told if isinstance(told, Delta) for each in told.changes if each.seat.id == "A1"
        ][1:]
        assert done_to(change, sale.clock.now_ms() - 3_000) == "hold.expired"


Tells: TypeAlias = Callable[[], Any]
"""What a face tells next, as JSON."""


@asynccontextmanager
async def a_stream(app: App, position: str = "") -> AsyncIterator[Tells]:
    async with on_streams.streaming(app, position=position) as stream:
        yield stream.next


@asynccontextmanager
async def a_native_stream(app: App, position: str = "") -> AsyncIterator[Tells]:
    async with on_streams.streaming(app, position=position, shape="native") as stream:
        yield stream.next


@asynccontextmanager
async def a_socket(app: App, position: str = "") -> AsyncIterator[Tells]:
    async with on_sockets.socket(app, f"/?tripId=t1&position={position}") as opened:
        assert (await on_sockets.next_of(opened))["type"] == "subscribed"
        yield lambda: on_sockets.next_of(opened)


@asynccontextmanager
async def a_showtime(app: App, position: str = "") -> AsyncIterator[Tells]:
    async with on_sockets.socket(app, f"/?showtimeId=t1&position={position}") as opened:
        assert (await on_sockets.next_of(opened))["type"] == "subscribed"
        yield lambda: on_sockets.next_of(opened)


@asynccontextmanager
async def a_call(app: App, position: str = "") -> AsyncIterator[Tells]:
    """Over gRPC."""
    channel = Channel("127.0.0.1", app.port)
    asked = v1.WatchSeatMapRequest(
        trip_id="t1", organization_id="default", from_station_id="A", to_station_id="D", position=position
    )
    told = v1.InventoryServiceStub(channel).watch_seat_map(asked)

    async def next_told() -> Any:  # noqa: ANN401 - JSON
        async with asyncio.timeout(60):
            return (await anext(told)).to_dict()

    yield next_told
    channel.close()


Face: TypeAlias = Callable[[App, str], AbstractAsyncContextManager[Tells]]


async def seats_told(tells: Tells, wanted: dict[str, str]) -> list[Any]:
    """What is told until it has these words of these seats, whatever the face calls them."""
    heard: list[Any] = []
    while any(not _says(heard, seat, word) for seat, word in wanted.items()):
        heard.append(await tells())
    return heard


def _says(heard: list[Any], seat: str, word: str) -> bool:
    return any(seat in (said := json.dumps(each)) and word in said.lower() for each in heard)


FACES = {a_stream: "booked", a_native_stream: "booked", a_socket: "booked", a_showtime: "purchased", a_call: "booked"}
"""Each with its word for a seat that is sold."""
each_face = pytest.mark.parametrize(("face", "booked"), FACES.items())


@each_face
async def test_over_each_face_a_new_vehicle_is_told_as_a_new_beginning(face: Face, booked: str) -> None:
    async with selling() as app, client_of(app) as client, face(app, "") as tells:
        hold = await client.hold("t1", "A", "D", ["A1"])
        await seats_told(tells, {"A1": HELD.get(face, "held")})
        await client.swap_vehicle("t1", a_trip(organization="default", seats=6))
        heard = await seats_told(tells, {"A6": "available"})
        anew = json.dumps(heard).lower()
        assert "trip_changed" in anew or '"type": "availability"' in anew
        assert _says(heard, "A1", "held")
        await client.confirm(hold.id, "order")
        await seats_told(tells, {"A1": booked})


@each_face
async def test_over_each_face_a_trip_that_is_closed_reopened_and_cancelled_is_told_so(face: Face, booked: str) -> None:
    async with selling() as app, client_of(app) as client, face(app, "") as tells:
        hold = await client.hold("t1", "A", "D", ["A1"])
        await client.confirm(hold.id, "order")
        await seats_told(tells, {"A1": booked})
        await client.control_sales("t1", SalesAction.CLOSE)
        await seats_told(tells, {"A2": "blocked"})
        await client.control_sales("t1", SalesAction.REOPEN)
        await seats_told(tells, {"A2": UNBLOCKED.get(face, "available")})
        await client.cancel_trip("t1")
        await seats_told(tells, {"A1": "blocked", "A2": "blocked"})


UNBLOCKED: dict[Face, str] = {a_showtime: "seats.unblocked"}
HELD: dict[Face, str] = {a_showtime: "hold.created"}


@each_face
async def test_over_each_face_who_comes_back_after_a_swap_is_told_everything(face: Face, booked: str) -> None:
    async with selling() as app, client_of(app) as client:
        async with a_native_stream(app) as tells:
            position = (await tells())["position"]
        await client.confirm((await client.hold("t1", "A", "D", ["A1"])).id, "order")
        await client.swap_vehicle("t1", a_trip(organization="default", seats=6))
        async with face(app, position) as tells:
            heard = json.dumps(await seats_told(tells, {"A1": booked, "A6": "available"})).lower()
            assert any(word in heard for word in ("gap", "trip_changed", '"type": "availability"'))
