"""Who takes what it is told at once is told all of it, once, and is not woken; who does not is told the same."""

import asyncio
import time
from dataclasses import replace

from tests.api.live.conftest import RULES, SELDOM_S
from travio_inventory.api.live import writing
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.api.live.told import Delta, Told
from travio_inventory.api.rest import callers
from travio_inventory.http_server import connection
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
        time.sleep(0.1)  # it is the telling that takes long
        return True

    feeds = Feeds(sale.inventory.follow_maps, sale.process.signals, sale.clock, replace(RULES, settle_s=SELDOM_S))
    async with Watcher(feeds, sale.trip.key, takes=slowly).following() as ann:
        for seat in ("A1", "A2", "A3", "A4"):
            await sale.hold(seat)
            await asyncio.sleep(0.01)
        await ann.sees("A1 A2 A3 A4", "held")
        assert len([told for told in ann.told if isinstance(told, Delta)]) <= 2
    await feeds.close()


def test_the_faces_find_what_the_server_leaves_them_under_its_names() -> None:
    """They may not import each other: with another name a face would wake everybody, and know no certificate."""
    looked_for = (writing.WRITE_NOW, writing.MAY_STAY, callers.CERTIFICATE)
    assert looked_for == (connection.WRITE_NOW, connection.MAY_STAY, connection.CERTIFICATE)
