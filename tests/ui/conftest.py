"""A browser, a service, and trips to sell in them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count

import pytest
from playwright.async_api import Browser, Locator, Page, Route, async_playwright

from travio_inventory.app.service import App, running
from travio_inventory.cli.trip_files import parse_trip
from travio_inventory.client import InventoryClient
from verification.kit.in_process import settings_of

COACH = """
[trip]
id = "coach"
vehicle = "Night coach"
asset = "seat"
vehicle_type = "coach"
currency = "EUR"
ahead = "first row"

[[stops]]
station = "harbour"
name = "Harbour"

[[stops]]
station = "old-town"

[[stops]]
station = "airport"
name = "Airport"

[[sections]]
id = "front"
class = "comfort"
rows = "1-2"
columns = "AB CD"
price_minor = 2_450
accessible = ["1A"]
power = true

[[sections]]
id = "rear"
class = "standard"
rows = "3-9"
columns = "AB CD"
price_minor = 1_600
exit = ["row 6"]
"""
TRAIN = """
[trip]
id = "train"
vehicle = "Two cars"
asset = "t"
vehicle_type = "train"
currency = "EUR"

[[stops]]
station = "harbour"

[[stops]]
station = "airport"

[[sections]]
id = "1"
label = "Car 1"
kind = "car"
class = "first"
rows = "1-4"
columns = "A BC"
price_minor = 4_900
features = [{ kind = "door", row = 0, column = 1, columns = 4, label = "Door" }]

[[sections]]
id = "2"
label = "Car 2"
kind = "car"
class = "second"
rows = "1-25"
columns = "ABC DE"
price_minor = 2_900
"""
CHROMIUM_OPTIONS = ("--no-sandbox", "--disable-features=LocalNetworkAccessChecks")
"""It runs as root in CI; and a shop that a test makes up may call this machine."""
SOON_MS = 30_000
"""Longer than anything takes that is shown at once, on a busy machine."""


@dataclass(frozen=True)
class Sale:
    """The service, and trips opened there."""

    app: App
    client: InventoryClient
    numbers: "count[int]"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.app.http_port}"

    async def open(self, text: str = COACH) -> str:
        """Open a new trip of that kind; its id."""
        trip = f"trip-{next(self.numbers)}"
        await self.client.open_trip(parse_trip(text, source="test", trip_id=trip))
        return trip

    async def taken(self, trip: str, *seats: str, user: str = "rival") -> str:
        """Hold the seats for another user, for the whole route; the id of the hold."""
        rival = self.client.acting_for(user)
        return (await rival.hold(trip, "harbour", "airport", list(seats))).id


@pytest.fixture(scope="module")
async def sale() -> AsyncIterator[Sale]:
    """The service on the store in memory, with both servers."""
    async with (
        running(settings_of(http_host="127.0.0.1", http_port=0, cors_origin="*")) as app,
        InventoryClient(f"127.0.0.1:{app.port}", user="seller") as client,
    ):
        yield Sale(app, client, count(1))


@pytest.fixture(scope="module")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """One browser; each visitor has a context of their own."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        yield started
        await started.close()


class Visitor:
    """Somebody at the page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []
        page.set_default_timeout(SOON_MS)
        page.on("pageerror", lambda error: self.faults.append(str(error)))

    @property
    def map(self) -> Locator:
        return self.page.locator("travio-seat-map")

    @property
    def notice(self) -> Locator:
        """What the page says above the map."""
        return self.map.locator(".notice")

    @property
    def said(self) -> Locator:
        """What a screen reader reads out."""
        return self.map.get_by_role("status")

    @property
    def timer(self) -> Locator:
        return self.map.get_by_role("timer")

    def seat(self, number: str) -> Locator:
        return self.map.get_by_role("gridcell").get_by_text(number, exact=True)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)

    async def state(self, number: str) -> str | None:
        """How the seat is drawn."""
        return await self.seat(number).get_attribute("data-state")

    async def sees(self, number: str, state: str) -> None:
        """Wait until the seat is drawn like that."""
        cell = self.map.locator(f'[role=gridcell][data-state="{state}"]').get_by_text(number, exact=True)
        await cell.wait_for(timeout=SOON_MS)

    async def reads(self, text: str) -> None:
        """Wait until the page says that above the map."""
        await self.notice.get_by_text(text).wait_for(timeout=SOON_MS)

    async def without_updates(self) -> None:
        """From the next visit on, the service has no stream of updates for this visitor."""

        async def refuse(route: Route) -> None:
            await route.fulfill(status=404, json={"reason": "NOT_FOUND"})

        await self.page.route("**/updates?*", refuse)


@dataclass(frozen=True)
class Visits:
    """Brings visitors to the page."""

    browser: Browser
    sale: Sale

    @asynccontextmanager
    async def at(self, trip: str, query: str = "", *, width: int = 1_280, height: int = 900) -> AsyncIterator[Visitor]:
        """A visitor who sees the trip, in a browser of their own."""
        context = await self.browser.new_context(viewport={"width": width, "height": height}, locale="en")
        visitor = Visitor(await context.new_page())
        try:
            await self.show(visitor, trip, query)
            yield visitor
            assert visitor.faults == []
        finally:
            await context.close()

    async def show(self, visitor: Visitor, trip: str, query: str = "") -> None:
        """Load the page, and wait for the seats."""
        await visitor.page.goto(f"{self.sale.http}/?trip={trip}{query}")
        await visitor.map.get_by_role("gridcell").first.wait_for(timeout=SOON_MS)


@pytest.fixture
def visits(browser: Browser, sale: Sale) -> Visits:
    return Visits(browser, sale)
