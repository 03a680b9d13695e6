"""How the page looks to those who see it otherwise: enlarged, from right to left, in the colours of a system, large."""

import re
from collections.abc import Awaitable, Callable
from typing import Literal

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.ui.conftest import COACH, TRAIN, Sale, Visitor, Visits
from tests.ui.test_look import TOO_WIDE, booked, choosing, half_sold, holding, listing, losing

pytestmark = pytest.mark.thorough
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
LONG_NAMES = (
    TRAIN.replace('"Car 1"', f'"{LONG}"')
    .replace('label = "Door"', f'label = "{LONG}"')
    .replace('class = "first"', f'class = "{LONG[:60]}"')
    .replace(
        'station = "harbour"', f'station = "harbour"\nname = "{LONG}"\n\n[[stops]]\nstation = "{LONG[:60].lower()}"'
    )
)
LARGE = """
[trip]
id = "stadium"
vehicle = "Stadium"
asset = "s"
currency = "EUR"

[[stops]]
station = "harbour"

[[stops]]
station = "airport"
"""
ROWS = """
[[sections]]
id = "block-{block}"
label = "block-{block}"
kind = "block"
class = "stand"
rows = "1-100"
columns = "ABCDEFGHIJKLMNOPQRSTUVWXY"
price_minor = 4_900
"""
LARGE += "".join(ROWS.format(block=block) for block in range(8))
LONG_MS = 30_000
"""Longer than 2,500 seats take to be drawn on a busy machine."""


async def unknown(visitor: Visitor) -> None:
    await choosing(visitor)
    await visitor.page.route("**/v1/holds", lambda route: route.abort())
    await visitor.button("Hold this seat").click()
    await visitor.reads("we do not know yet")


async def failed(visitor: Visitor) -> None:
    await visitor.map.evaluate("(map) => { map.trip = 'none-of-that-name'; }")
    await visitor.reads("There is no such trip.")


@pytest.mark.parametrize("state", [choosing, listing, holding, booked, losing, unknown, failed])
@pytest.mark.parametrize("colors", ["none", "active"])
async def test_axe_finds_nothing_in_any_state(
    sale: Sale, visits: Visits, state: Callable[[Visitor], Awaitable[None]], colors: Literal["none", "active"]
) -> None:
    async with half_sold(sale, visits, COACH, 1_280) as visitor:
        await visitor.page.emulate_media(forced_colors=colors, reduced_motion="reduce")
        await state(visitor)
        found = await Axe().run(visitor.page)
        assert [(each["id"], each["nodes"]) for each in found.response["violations"]] == []


@pytest.mark.parametrize("width", [320, 360, 640, 1_440])
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
@pytest.mark.parametrize("text", [LONG_NAMES, COACH], ids=["long names", "coach"])
async def test_nothing_is_wider_than_the_screen_in_either_direction(
    sale: Sale, visits: Visits, width: int, direction: str, text: str
) -> None:
    """640 is a screen of 1,280 that is enlarged to 200 %, 320 one that is enlarged to 400 %."""
    async with half_sold(sale, visits, text, width) as visitor:
        await visitor.page.evaluate("(direction) => { document.documentElement.dir = direction; }", direction)
        for state in (holding, listing):
            await state(visitor)
            assert await visitor.page.evaluate("document.documentElement.scrollWidth") == width
            assert await visitor.map.evaluate(TOO_WIDE) == []
            off = "(map) => [...map.shadowRoot.querySelectorAll('button')].filter((each) => each.checkVisibility() && "
            off += "!each.closest('.tabs') && each.getBoundingClientRect().left < 0).length"
            assert await visitor.map.evaluate(off) == 0


async def test_in_the_colours_of_a_system_what_is_chosen_differs(sale: Sale, visits: Visits) -> None:
    async with half_sold(sale, visits, TRAIN, 1_280) as visitor:
        await visitor.page.emulate_media(forced_colors="active")
        await choosing(visitor)
        style = "(each) => getComputedStyle(each).backgroundColor"
        tabs = [await tab.evaluate(style) for tab in await visitor.map.get_by_role("tab").all()]
        assert len(set(tabs)) == 2
        seats = {name: await visitor.seat(name).evaluate(style) for name in ("1A", "1B", "2A")}
        assert seats["1A"] not in (seats["1B"], seats["2A"])
        swatch = visitor.map.locator(".swatch").first
        assert await swatch.evaluate(style) not in ("rgba(0, 0, 0, 0)", "rgb(255, 255, 255)")


async def test_who_wants_no_motion_gets_none(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip) as visitor:
        await visitor.page.emulate_media(reduced_motion="reduce")
        await visitor.seat("1A").click()
        await sale.taken(trip, "seat-front-1-A")
        await visitor.sees("1A", "held")
        assert await visitor.map.evaluate("(map) => map.shadowRoot.getAnimations().length") == 0


async def test_in_a_text_from_right_to_left_arrows_move_as_they_point(sale: Sale, visits: Visits) -> None:
    trip = await sale.open(TRAIN)
    async with visits.at(trip) as visitor:
        await visitor.page.evaluate("document.documentElement.dir = 'rtl'")
        await visitor.seat("1B").focus()
        places = [
            await visitor.page.evaluate("document.activeElement.shadowRoot.activeElement.getBoundingClientRect().x")
        ]
        await visitor.page.keyboard.press("ArrowRight")
        await expect(visitor.seat("1C")).to_be_focused()
        places.append(
            await visitor.page.evaluate("document.activeElement.shadowRoot.activeElement.getBoundingClientRect().x")
        )
        assert places[0] < places[1]
        await visitor.page.get_by_role("tab", name="Car 1").focus()
        await visitor.page.keyboard.press("ArrowLeft")
        await expect(visitor.page.get_by_role("tab", name="Car 2")).to_be_focused()


STREAM = """(perSecond) => {
    const usual = window.fetch;
    window.told = 0;
    window.longest = 0;
    new PerformanceObserver((list) => {
        for (const each of list.getEntries()) longest = Math.max(longest, each.duration);
    }).observe({ type: "longtask" });
    window.fetch = (url, options) => {
        if (!String(url).includes("/updates")) return usual(url, options);
        const write = (status, ids) => `data: ${JSON.stringify({ type: "x", data: { seat_ids: ids, status } })}\\n\\n`;
        const body = new ReadableStream({
            start(stream) {
                const timer = setInterval(() => {
                    let text = "";
                    for (let at = 0; at < perSecond / 50; at++, told++) {
                        const column = String.fromCharCode(65 + Math.floor(told / 100) % 25);
                        const id = `s-block-0-${told % 100 + 1}-${column}`;
                        text += write(told % 5000 < 2500 ? "HELD" : "AVAILABLE", [id]);
                    }
                    stream.enqueue(new TextEncoder().encode(text));
                    if (told < 7500) return;
                    clearInterval(timer);
                    document.title = "all are told";
                }, 20);
            },
        });
        return Promise.resolve(new Response(body, { headers: { "content-type": "text/event-stream" } }));
    };
}"""


@pytest.mark.parametrize("is_list", [False, True])
async def test_a_hall_of_20_000_seats_is_usable_while_a_thousand_change_each_second(
    sale: Sale, visits: Visits, *, is_list: bool
) -> None:
    trip = await sale.open(LARGE)
    async with visits.at(await sale.open()) as visitor:
        visitor.page.set_default_timeout(LONG_MS)
        await visitor.page.add_init_script(f"({STREAM})(1000)")
        await visitor.page.goto(f"{sale.http}/?trip={trip}")
        await visitor.map.get_by_role("gridcell").first.wait_for()
        await expect(visitor.map.get_by_role("tab")).to_have_count(8)
        if is_list:
            await visitor.button("Choose from a list").click()
        else:
            await expect(visitor.map.get_by_role("gridcell")).to_have_count(2_500)
        await visitor.page.get_by_role("tab", name="block-3").click()
        await expect(visitor.map.get_by_role("gridcell", include_hidden=True).first).to_have_attribute(
            "aria-label", re.compile("^block-3, row 1, seat 1A"), timeout=LONG_MS
        )
        await expect(visitor.page).to_have_title("all are told", timeout=4 * LONG_MS)
        await visitor.page.get_by_role("tab", name="block-0").click()
        await visitor.button("Choose a seat for me").click()
        await visitor.button("Hold this seat").click()
        await expect(visitor.map).to_have_attribute("data-phase", "held", timeout=LONG_MS)
        print("longest task, ms:", await visitor.page.evaluate("longest"))  # noqa: T201 - a figure for who looks


async def test_seats_without_places_can_each_be_chosen(sale: Sale, visits: Visits) -> None:
    """As those of a trip that is opened over HTTP by the ids of its seats alone: they all are in row 0 and column 0."""
    trip, seats = f"nowhere-{next(sale.numbers)}", [f"A{at}" for at in range(1, 13)]
    segment = {"from_station_id": "harbour", "to_station_id": "airport"}
    opening = {
        "trip_id": trip,
        "currency": "EUR",
        "segments": [segment],
        "seat_config": {"seats": [{"seat_id": seat, "price_paisa": 100} for seat in seats]},
    }
    async with httpx.AsyncClient(base_url=sale.http) as client:
        assert (await client.post("/v1/trips", json=opening)).status_code == 201
    async with visits.at(trip, "&seats=2") as ann:
        places = [await ann.seat(seat).bounding_box() for seat in seats]
        assert len({(box["x"], box["y"]) for box in places if box}) == len(seats)
        for seat in ("A1", "A12"):
            await ann.seat(seat).click()
            await ann.sees(seat, "selected")
