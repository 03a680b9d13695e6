"""A service that wants tokens: anybody sees the seats, who has signed in holds and books them."""

from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest
from playwright.async_api import Browser, Route, expect

from tests.ui.conftest import COACH, SOON_MS, Sale, Visitor
from travio_inventory.app.service import running
from travio_inventory.cli.trip_files import parse_trip
from travio_inventory.client import InventoryClient
from verification.kit.in_process import settings_of
from verification.kit.tokens import AUDIENCE, ISSUER, SECRET, token

SHOP = """<!doctype html>
<title>A shop</title>
<travio-seat-map trip="coach" from="harbour" to="airport" organization="acme"></travio-seat-map>
<script>document.querySelector("travio-seat-map").token = () => window.signedIn;</script>
<script type="module" src="/ui/seat-map.js"></script>
"""


@pytest.fixture(scope="module")
async def guarded() -> AsyncIterator[Sale]:
    """A service of which anybody may read maps, and nothing else."""
    tokens: dict[str, Any] = {"auth": "jwt", "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, "jwt_secret": SECRET}
    settings = settings_of(http_host="127.0.0.1", http_port=0, auth_anonymous="read", **tokens)
    admin = token(sub="seller", scope="read hold confirm admin")
    async with running(settings) as app, InventoryClient(f"127.0.0.1:{app.port}", token=admin) as client:
        yield Sale(app, client, count(1))


async def test_anybody_sees_seats_and_who_signs_in_books_them(guarded: Sale, browser: Browser) -> None:
    await guarded.client.open_trip(parse_trip(COACH, source="test", organization="acme"))

    async def serve(route: Route) -> None:
        await route.fulfill(body=SHOP, content_type="text/html")

    page = await browser.new_page()
    ann = Visitor(page)
    await page.route(f"{guarded.http}/shop", serve)
    await page.goto(f"{guarded.http}/shop")
    await ann.seat("1A").click(timeout=SOON_MS)
    await ann.button("Hold this seat").click()
    await ann.reads("Please sign in to hold seats.")
    await ann.sees("1A", "selected")
    await page.evaluate("(token) => { window.signedIn = token; }", token())
    await ann.button("Hold this seat").click()
    await ann.sees("1A", "yours")
    booking = await ann.map.evaluate("(map) => map.book('order-1')")
    assert booking["bookingId"]
    assert ann.faults == []
    await page.close()


async def test_the_page_of_the_service_says_that_it_cannot_sign_in(guarded: Sale, browser: Browser) -> None:
    page = await browser.new_page()
    await page.goto(guarded.http)
    await page.get_by_text("it cannot sign in").wait_for(timeout=SOON_MS)
    await expect(page.get_by_text("No trip is on sale here.")).to_be_hidden()
    await page.close()
