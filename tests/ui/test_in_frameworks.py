"""The element in pages of React and Vue, built as their users build them: set, heard, taken away and there again."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, Request, expect

from tests.ui.conftest import SOON_MS, Sale, Visitor

FRAMEWORKS = ("React", "Vue")
PAGE = """<!doctype html>
<title>A shop</title>
<div id="here"></div>
<script type="module" src="{service}/ui/seat-map.js"></script>
"""
COUNTING = """
  globalThis.left = { timers: new Set(), listeners: new Set() };
  const [set, clear] = [setTimeout, clearTimeout];
  globalThis.setTimeout = (act, ms, ...given) => {
    const timer = set(() => (left.timers.delete(timer), act(...given)), ms);
    left.timers.add(timer);
    return timer;
  };
  globalThis.clearTimeout = (timer) => (left.timers.delete(timer), clear(timer));
  globalThis.setInterval = () => { throw new Error("nothing counts these"); };
  for (const target of [globalThis, document]) {
    const [add, remove] = [target.addEventListener.bind(target), target.removeEventListener.bind(target)];
    const isCounted = (name) => ["online", "offline", "visibilitychange"].includes(name);
    target.addEventListener = (name, hear, ...given) => {
      if (isCounted(name)) left.listeners.add(hear);
      add(name, hear, ...given);
    };
    target.removeEventListener = (name, hear, ...given) => {
      left.listeners.delete(hear);
      remove(name, hear, ...given);
    };
  }
"""
"""Counts what a page has set and not taken back."""
SHOWING = """given => {
  globalThis.heard ??= [];
  globalThis.show ??= pagesOf[given.framework](document.getElementById("here"));
  const usual = {
    from: undefined, to: undefined, party: 1, holdToken: undefined, choosesJourney: false,
    token: async () => "a.b.c",
    messages: { hold: { one: "Reserve it", other: "Reserve {n}" } },
    isObjectSelectable: (seat) => seat.seatClass === "standard",
    heard: (name, told) => heard.push([name, told]),
  };
  show({ ...usual, ...given });
}"""


@dataclass
class Shop:
    """The page of one framework."""

    visitor: Visitor
    framework: str
    streams: set[Request] = field(default_factory=set)

    def begins(self, asked: Request) -> None:
        """Count a stream of updates."""
        if "/updates?" in asked.url:
            self.streams.add(asked)

    def ends(self, asked: Request) -> None:
        """It is one no more."""
        self.streams.discard(asked)

    async def show(self, trip: str, **given: object) -> None:
        """Let the framework show the trip; "": no map."""
        await self.visitor.page.evaluate(SHOWING, {"framework": self.framework, "trip": trip, **given})

    async def heard(self, name: str) -> list[str]:
        """What was told with the events of that name."""
        every: list[tuple[str, str]] = await self.visitor.page.evaluate("heard")
        return [told for event, told in every if event == name]

    async def left(self) -> Mapping[str, int]:
        """What the page has set and not taken back."""
        counted: Mapping[str, int] = await self.visitor.page.evaluate(
            "({ timers: left.timers.size, listeners: left.listeners.size })"
        )
        return {**counted, "streams": len(self.streams)}

    async def leaves_nothing(self) -> None:
        """Wait until all is taken back."""
        async with asyncio.timeout(SOON_MS / 1_000):
            while any((await self.left()).values()):  # noqa: ASYNC110 - a page tells no event loop
                await asyncio.sleep(0.05)


@pytest.fixture(params=FRAMEWORKS)
async def shop(request: pytest.FixtureRequest, sale: Sale, browser: Browser, web_client: str) -> AsyncIterator[Shop]:
    """A visitor at a shop that is built with the framework; its origin is another one than the service's."""
    async with _visiting(browser, sale) as visitor:
        shop = Shop(visitor, request.param)
        visitor.page.on("request", shop.begins)
        visitor.page.on("requestfailed", shop.ends)
        visitor.page.on("requestfinished", shop.ends)
        await visitor.page.add_script_tag(content=web_client)
        yield shop


@asynccontextmanager
async def _visiting(browser: Browser, sale: Sale) -> AsyncIterator[Visitor]:
    context = await browser.new_context(locale="en")
    visitor = Visitor(await context.new_page())
    await visitor.page.add_init_script(COUNTING)
    where = sale.http.replace("127.0.0.1", "localhost") + "/shop"
    await visitor.page.route(
        where, lambda route: route.fulfill(body=PAGE.format(service=sale.http), content_type="text/html")
    )
    await visitor.page.goto(where)
    try:
        yield visitor
        assert visitor.faults == []
    finally:
        await context.close()


async def watched_by(sale: Sale, watchers: int) -> None:
    """Wait until so many follow a trip, as the service sees it."""
    async with asyncio.timeout(SOON_MS / 1_000):
        while sale.app.feeds.watchers != watchers:  # noqa: ASYNC110 - a number tells no event loop
            await asyncio.sleep(0.02)


async def test_properties_go_in_and_events_come_out(sale: Sale, shop: Shop) -> None:
    ann, trip = shop.visitor, await sale.open()
    await shop.show(trip, party=2)
    await ann.seat("3A").click()
    await ann.seat("1A").click(force=True)
    await ann.reads("1A is not on sale.")
    assert await shop.heard("objectselected") == ["3A"]
    await expect(ann.map.get_by_text("Party of 2")).to_be_visible()
    await ann.seat("3B").click()
    async with ann.page.expect_request("**/v1/holds") as asked:
        await ann.button("Reserve 2").click()
    assert (await (await asked.value).all_headers())["authorization"] == "Bearer a.b.c"
    await ann.sees("3A", "yours")
    assert len(await shop.heard("holdsucceeded")) == 1


async def test_what_a_framework_leaves_out_is_not_set(sale: Sale, shop: Shop) -> None:
    ann, trip = shop.visitor, await sale.open()
    await shop.show(trip, **{"from": "old-town", "choosesJourney": True})
    begin = ann.map.locator("select[part=journey]").first
    await expect(begin).to_have_value("old-town", timeout=SOON_MS)
    await expect(begin).to_be_visible()
    await shop.show(trip)
    await expect(begin).to_be_hidden(timeout=SOON_MS)
    await expect(ann.map).to_have_attribute("from", "harbour", timeout=SOON_MS)
    await ann.seat("3A").click()
    assert await ann.map.get_attribute("hold-token") is None


async def test_another_trip_is_shown_and_watched_in_place_of_the_first(sale: Sale, shop: Shop) -> None:
    ann, first, second = shop.visitor, await sale.open(), await sale.open()
    await sale.taken(second, "seat-rear-4-A")
    await shop.show(first)
    await ann.seat("3A").click()
    await shop.show(second)
    await ann.sees("4A", "held")
    await ann.sees("3A", "available")
    await watched_by(sale, 1)
    await sale.taken(second, "seat-rear-3-B")
    await ann.sees("3B", "held")
    await shop.show("")
    await watched_by(sale, 0)


async def test_a_map_that_is_taken_away_leaves_nothing_running(sale: Sale, shop: Shop) -> None:
    """Each time while it has a hold, whose time is counted down."""
    ann, trip = shop.visitor, await sale.open()
    token = None
    for seat in ("3B", "3C", "3D"):
        await shop.show(trip, holdToken=token)
        if token is None:
            await ann.seat("3A").click()
            await ann.button("Reserve it").click()
        await ann.sees("3A", "yours")
        [token] = await shop.heard("holdsucceeded") if token is None else [token]
        await watched_by(sale, 1)
        await sale.taken(trip, f"seat-rear-3-{seat[-1]}")
        await ann.sees(seat, "held")
        assert (await shop.left())["streams"] == 1
        assert (await shop.left())["timers"] > 0
        await shop.show("")
        await expect(ann.map).to_have_count(0)
        await watched_by(sale, 0)
        await shop.leaves_nothing()


async def test_a_map_that_comes_and_goes_while_it_begins_leaves_nothing_running(sale: Sale, shop: Shop) -> None:
    trips = [await sale.open(), "nowhere", await sale.open()]
    for trip in trips * 3:
        await shop.show(trip)
        await shop.show("")
    await shop.show(trips[0])
    await shop.visitor.sees("3A", "available")
    await watched_by(sale, 1)
    await shop.show("")
    await watched_by(sale, 0)
    await shop.leaves_nothing()


async def test_every_attribute_is_a_property_that_can_be_taken_back(shop: Shop) -> None:
    """`undefined` is how a framework says that."""
    wrong = await shop.visitor.page.evaluate(
        """async () => {
          const map = document.createElement("travio-seat-map");
          await customElements.whenDefined("travio-seat-map");
          customElements.upgrade(map);
          const wrong = [];
          for (const name of map.constructor.observedAttributes) {
            const property = name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
            if (name === "lang") continue;  // the browser's own
            const before = map[property];
            map[property] = "7";
            if (!map.hasAttribute(name)) wrong.push(`${name} is not set`);
            map[property] = undefined;
            if (map[property] !== before) wrong.push(`${name} stays ${map[property]}`);
          }
          return wrong;
        }"""
    )
    assert wrong == []
