"""The element on a page of another origin, used as frameworks use it: properties early, callbacks, its own texts."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Route, expect

from tests.ui.conftest import SOON_MS, Sale, Visitor, Visits

SHOP = """<!doctype html>
<title>A shop</title>
<div id="here"><travio-seat-map trip="{trip}" from="harbour" to="airport" party-size="2"></travio-seat-map></div>
<div id="there"></div>
<script>
  const map = document.querySelector("travio-seat-map");
  const heard = [];
  map.token = async () => "a.b.c";
  map.user = "ann";
  map.messages = {{ hold: {{ one: "Reserve it", other: "Reserve {{n}}" }} }};
  map.priceFormatter = (minor, currency) => `${{minor}} cents of ${{currency}}`;
  map.isObjectSelectable = (seat) => seat.seatClass === "standard";
  for (const name of ["ObjectSelected", "SelectionValid", "HoldSucceeded", "Booked", "ChartRendered"]) {{
    map[`on${{name}}`] = (detail) => heard.push(name);
    map.addEventListener(name.toLowerCase(), () => heard.push(name.toLowerCase()));
  }}
</script>
<script type="module" src="{service}/ui/seat-map.js"></script>
"""


@asynccontextmanager
async def shop(sale: Sale, visits: Visits, trip: str) -> AsyncIterator[Visitor]:
    """A visitor at a shop that embeds the trip; the shop's origin is another one than the service's."""
    elsewhere = sale.http.replace("127.0.0.1", "localhost")

    async def serve(route: Route) -> None:
        await route.fulfill(body=SHOP.format(trip=trip, service=sale.http), content_type="text/html")

    context = await visits.browser.new_context(locale="en")
    visitor = Visitor(await context.new_page())
    await visitor.page.route(f"{elsewhere}/shop", serve)
    await visitor.page.goto(f"{elsewhere}/shop")
    await visitor.map.get_by_role("gridcell").first.wait_for(timeout=SOON_MS)
    try:
        yield visitor
        assert visitor.faults == []
    finally:
        await context.close()


async def test_a_shop_elsewhere_sells_with_its_own_texts_and_rules(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with shop(sale, visits, trip) as ann:
        await expect(ann.seat("1A")).to_have_attribute("aria-label", re.compile("2450 cents of EUR, not on sale$"))
        await ann.seat("1A").click(force=True)
        await ann.reads("1A is not on sale.")
        await ann.seat("3A").click()
        await ann.seat("3B").click()
        async with ann.page.expect_request("**/v1/holds") as asked:
            await ann.button("Reserve 2").click()
        assert (await (await asked.value).all_headers())["authorization"] == "Bearer a.b.c"
        await ann.sees("3A", "yours")
        booking = await ann.map.evaluate("(map) => map.book('order-1', [])")
        assert len(booking["tickets"]) == 2
        heard = await ann.page.evaluate("heard")
        assert heard[:2] == ["chartrendered", "ChartRendered"]
        assert heard.count("ObjectSelected") == heard.count("objectselected") == 2
        assert {"SelectionValid", "holdsucceeded", "Booked"} <= set(heard)


async def test_what_was_chosen_stays_when_a_framework_moves_the_element(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with shop(sale, visits, trip) as ann:
        await ann.seat("3A").click()
        await ann.page.evaluate("document.getElementById('there').append(map)")
        await ann.sees("3A", "selected")
        await sale.taken(trip, "seat-rear-3-B")
        await ann.sees("3B", "held")


async def test_a_booking_of_unknown_outcome_is_looked_up_when_its_time_is_over(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()

    async def lose(route: Route) -> None:
        await route.fetch()
        await route.abort()

    async with shop(sale, visits, trip) as ann:
        await ann.page.route("**/confirm", lose)
        await ann.map.evaluate("(map) => map.setAttribute('hold-seconds', 6)")
        await ann.seat("3A").click()
        await ann.button("Reserve it").click()
        await ann.sees("3A", "yours")
        unknown = await ann.map.evaluate("(map) => map.book('order-1').catch((error) => error.isUnknown)")
        assert unknown is True
        await ann.reads("we do not know yet whether your seats are booked")
        await ann.reads("Booked: 3A. Enjoy the trip!")
        await ann.sees("3A", "booked")


async def test_the_time_left_is_the_services_whatever_the_clock_of_the_device_says(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with shop(sale, visits, trip) as ann:
        await ann.page.evaluate("const now = Date.now; Date.now = () => now() + 3_600_000")
        await ann.seat("3A").click()
        await ann.button("Reserve it").click()
        await expect(ann.timer).to_have_text(re.compile(r"(9:5\d|10:00)$"))
