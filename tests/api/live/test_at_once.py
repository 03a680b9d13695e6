"""Who takes what it is told at once is told all of it, once, and is not woken; who does not is told the same."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace

import pytest

from tests.api.live.conftest import RULES, SELDOM_S
from tests.api.live.serving import client_of, selling
from travio_inventory.api.auth.identity import EVERY_GRANT, Identity
from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.api.grpc.descriptors import message_type
from travio_inventory.api.grpc.service import SERVICE, InventoryService
from travio_inventory.api.live import writing
from travio_inventory.api.live.feed import Feed
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.api.live.told import Delta, Told
from travio_inventory.api.rest import callers, guard
from travio_inventory.grpc_server.handling import HandlerStream
from travio_inventory.grpc_server.lean.call import LeanCall
from travio_inventory.http_server import bodies, connection
from travio_inventory.wire.inventory import v1
from verification.kit.sale import Sale
from verification.kit.watching import Watcher


async def test_who_takes_what_comes_at_once_is_told_it_once_and_is_not_woken(feeds: Feeds, sale: Sale) -> None:
    ann = Watcher(feeds, sale.trip.key, takes=lambda _: True)
    async with ann.following(), Watcher(feeds, sale.trip.key).following() as bob:
        for seat in ("A1", "A2", "A3"):
            await sale.hold(seat)
            await bob.sees(seat, "held")
            await ann.catches_up(bob)
        assert (ann.woken, ann.shown(), ann.wrong) == (1, bob.shown(), [])
        assert [told.position for told in ann.told] == [told.position for told in bob.told]


async def test_who_cannot_take_it_at_once_is_woken_and_told_the_same(feeds: Feeds, sale: Sale) -> None:
    ann = Watcher(feeds, sale.trip.key, takes=lambda _: False)
    async with ann.following():
        await sale.hold("A1")
        await ann.sees("A1", "held")
        assert (ann.woken, ann.wrong) == (len(ann.told), [])


async def test_one_who_fails_to_take_it_holds_up_nobody(feeds: Feeds, sale: Sale) -> None:
    def fail(_: Told) -> bool:
        raise OSError("gone")

    ann, bob = Watcher(feeds, sale.trip.key, takes=fail), Watcher(feeds, sale.trip.key, takes=lambda _: True)
    async with ann.following(), bob.following():
        await sale.hold("A1")
        await bob.sees("A1", "held")
        await ann.sees("A1", "held")


async def test_few_who_watch_are_told_without_waiting_for_more_changes(sale: Sale) -> None:
    feeds = Feeds(sale.inventory.follow_maps, sale.process.signals, sale.clock, replace(RULES, settle_s=SELDOM_S))
    async with Watcher(feeds, sale.trip.key).following() as ann:
        await sale.hold("A1")
        await ann.sees("A1", "held")
    await feeds.close()


async def test_many_who_watch_are_told_of_changes_together(sale: Sale) -> None:
    """Telling took longer than a change takes: the next ones are gathered meanwhile."""

    def slowly(_: Told) -> bool:
        time.sleep(0.5)  # it is the telling that takes long
        return True

    feeds = Feeds(sale.inventory.follow_maps, sale.process.signals, sale.clock, replace(RULES, settle_s=SELDOM_S))
    async with Watcher(feeds, sale.trip.key, takes=slowly).following() as ann:
        for seat in ("A1", "A2", "A3", "A4"):
            await sale.hold(seat)
            await asyncio.sleep(0.01)
        await ann.sees("A1 A2 A3 A4", "held")
        assert len([told for told in ann.told if isinstance(told, Delta)]) <= 2
    await feeds.close()


async def test_a_look_that_finds_nothing_asks_nobody_who_watches(
    feeds: Feeds, sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell, told = Feed._tell, list[Feed]()

    async def tell_and_note(feed: Feed) -> None:
        told.append(feed)
        await tell(feed)

    monkeypatch.setattr(Feed, "_tell", tell_and_note)
    async with Watcher(feeds, sale.trip.key, takes=lambda _: True).following() as ann, asyncio.timeout(60):
        await sale.hold("A1")
        await ann.sees("A1", "held")
        (feed,) = set(told)
        before = len(told)
        for _ in range(3):
            done = feed._looks_done
            feed.signal()
            while feed._looks_done == done:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        assert len(told) == before


def test_the_faces_find_what_the_server_leaves_them_under_its_names() -> None:
    """They may not import each other: with another name a face would wake everybody, and know no certificate."""
    looked_for = (writing.WRITE_NOW, writing.MAY_STAY, callers.CERTIFICATE, guard.NO_ROOM)
    assert looked_for == (connection.WRITE_NOW, connection.MAY_STAY, connection.CERTIFICATE, bodies.NO_ROOM)
    assert all(hasattr(stream, writing.SEND_NOW) for stream in (LeanCall, HandlerStream))


@asynccontextmanager
async def watching_by_grpc(
    feeds: Feeds, sale: Sale, caller: Identity, send_now: Callable[[bytes], bool]
) -> AsyncGenerator[AsyncGenerator[bytes]]:
    """The messages for which the call of a watcher is woken."""
    service = InventoryService(
        sale.inventory, feeds, authentication=AuthenticationOff(), refusals="status", clock=sale.clock
    )
    _, watch = service.streams()["WatchSeatMap"]
    key = sale.trip.key
    request = message_type(f"{SERVICE.rpartition('.')[0]}.WatchSeatMapRequest")(
        trip_id=key.trip, organization_id=key.organization, from_station_id="A", to_station_id="D"
    )
    async with aclosing(watch(caller, request, send_now)) as told:
        yield told


async def test_a_call_that_takes_what_comes_at_once_is_not_woken(feeds: Feeds, sale: Sale) -> None:
    sent = asyncio.Queue[bytes]()

    def send_now(message: bytes) -> bool:
        sent.put_nowait(message)
        return True

    caller = Identity(EVERY_GRANT, organization=sale.trip.key.organization)
    async with watching_by_grpc(feeds, sale, caller, send_now) as told:
        snapshot = v1.WatchSeatMapResponse.parse(await anext(told))
        woken = asyncio.ensure_future(anext(told))
        position = snapshot.position
        for seat in ("A1", "A2"):
            await sale.hold(seat)
            async with asyncio.timeout(60):
                change = v1.WatchSeatMapResponse.parse(await sent.get())
            assert (change.after, [each.seat_id for each in change.seats]) == (position, [seat])
            position = change.position
        assert not woken.done()
        woken.cancel()
        await asyncio.wait([woken])


async def test_a_call_whose_token_has_expired_is_sent_nothing_at_once(feeds: Feeds, sale: Sale) -> None:
    """It is woken, and told why it ends."""
    expired = Identity(EVERY_GRANT, organization=sale.trip.key.organization, expires_at_s=1)

    sent = list[bytes]()

    def send_now(message: bytes) -> bool:
        sent.append(message)
        return False

    async with watching_by_grpc(feeds, sale, expired, send_now) as told:
        await anext(told)
        woken = asyncio.ensure_future(anext(told))
        await sale.hold("A1")
        async with asyncio.timeout(60):
            change = v1.WatchSeatMapResponse.parse(await woken)
        assert ([each.seat_id for each in change.seats], sent) == (["A1"], [])  # the server ends it: `while_known`


@pytest.mark.parametrize("server", ["lean", pytest.param("grpclib", marks=pytest.mark.once)])
async def test_both_servers_tell_calls_all_in_order(server: str) -> None:
    async with selling(server=server) as app, client_of(app) as client, AsyncExitStack() as leaving:
        watchers = [await leaving.enter_async_context(aclosing(client.watch("t1", "A", "D"))) for _ in range(3)]
        for told in watchers:
            assert (await anext(told)).is_whole
        for seat in ("A1", "A2", "A3", "A4"):
            await client.hold("t1", "A", "D", [seat])
            for told in watchers:
                async with asyncio.timeout(60):
                    assert [each.seat for each in (await anext(told)).seats] == [seat]
