"""What a page has not asked for happens while it is watched: the trip changes, a token expires, an answer is late."""

import asyncio
import time
from asyncio import Event

import pytest
from playwright.async_api import Browser, Response, Route, expect

from tests.ui.conftest import COACH, SOON_MS, Sale, Visitor, Visits
from tests.ui.test_signed_in import SHOP, guarded
from travio_inventory.cli.trip_files import parse_trip
from travio_inventory.client import SalesAction
from verification.kit.tokens import token

pytestmark = pytest.mark.thorough
__all__ = ["guarded"]
SHORTER = COACH.replace('rows = "3-9"', 'rows = "3-5"').replace('exit = ["row 6"]', "")


async def test_a_map_that_was_asked_for_before_a_change_was_told_does_not_undo_it(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await ann.seat("1A").wait_for()
        await sale.taken(trip, "seat-front-2-A")
        await ann.sees("2A", "held")
        was_read, goes_on = Event(), Event()

        async def delay(route: Route) -> None:
            answer = await route.fetch()
            was_read.set()
            await goes_on.wait()
            await route.fulfill(response=answer)

        await ann.page.route("**/seatmap?*", delay)
        refreshing = asyncio.ensure_future(ann.map.evaluate("(map) => map.refresh()"))
        await asyncio.wait_for(was_read.wait(), SOON_MS / 1_000)
        await sale.taken(trip, "seat-front-1-A")
        await ann.sees("1A", "held")
        goes_on.set()
        await refreshing
        assert [await ann.state(number) for number in ("1A", "1B", "2A")] == ["held", "available", "held"]


async def test_a_chosen_seat_that_another_vehicle_has_not_is_given_up(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip, "&seats=2") as ann:
        for number in ("3A", "8A"):
            await ann.seat(number).click()
        await sale.client.swap_vehicle(trip, parse_trip(SHORTER, source="test", trip_id=trip))
        await ann.reads("The trip has changed: 8A is not there any more.")
        await expect(ann.seat("8A")).to_have_count(0)
        await ann.sees("3A", "selected")
        await ann.seat("5D").click()
        await ann.button("Hold these 2 seats").click()
        await ann.sees("5D", "yours")
        assert ann.faults == []


async def test_a_trip_that_is_frozen_shows_nothing_to_choose_until_it_is_sold_again(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await ann.seat("1A").wait_for()
        await sale.client.control_sales(trip, SalesAction.FREEZE)
        await ann.sees("1A", "blocked")
        await sale.client.control_sales(trip, SalesAction.UNFREEZE)
        await ann.sees("1A", "available")
        await sale.client.cancel_trip(trip)
        await ann.sees("1A", "blocked")
        assert ann.faults == []


async def test_who_signs_in_again_after_the_token_has_expired_goes_on_live(guarded: Sale, browser: Browser) -> None:
    await guarded.client.open_trip(parse_trip(COACH, source="test", organization="acme"))

    async def serve(route: Route) -> None:
        await route.fulfill(body=SHOP, content_type="text/html")

    page = await browser.new_page()
    ann, streams = Visitor(page), list[int]()

    def note(answer: Response) -> None:
        if "/updates" in answer.url:
            streams.append(answer.status)

    page.on("response", note)
    await page.route(f"{guarded.http}/shop", serve)
    await page.add_init_script(f"window.signedIn = '{token(exp=int(time.time()) + 6)}';")
    await page.goto(f"{guarded.http}/shop")
    await ann.seat("1A").wait_for(timeout=SOON_MS)
    await ann.notice.get_by_text("Please sign in again.").wait_for(timeout=40_000)
    await page.evaluate("(token) => { window.signedIn = token; }", token())
    await expect(ann.notice).to_be_hidden(timeout=40_000)
    async with asyncio.timeout(40):
        while streams[-1:] != [200]:  # noqa: ASYNC110 - the page says nothing of it
            await asyncio.sleep(0.05)
    assert ann.faults == []
    await page.close()
