"""The element is used otherwise than by one careful visitor: by keys held down, by frameworks, many times on a page."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Request, Route, expect

from tests.ui.conftest import COACH, SOON_MS, TRAIN, Sale, Visitor, Visits
from tests.ui.test_signed_in import guarded
from tests.ui.test_what_it_says import holds
from travio_inventory.cli.trip_files import parse_trip
from verification.kit.tokens import token

pytestmark = pytest.mark.thorough
__all__ = ["guarded"]
REPEATED = """(cell) => { for (let at = 0; at < 6; at++) cell.dispatchEvent(new KeyboardEvent("keydown",
    { key: "Enter", bubbles: true, composed: true, cancelable: true, repeat: at > 0 })); }"""
FOCUSED = """() => {
    let at = document.activeElement;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    return at.ariaLabel || at.textContent || at.tagName;
}"""


@asynccontextmanager
async def page_with(sale: Sale, visits: Visits, body: str, **headers: str) -> AsyncIterator[Visitor]:
    """A visitor at a page of the service's own origin, which may load what it likes unless its headers forbid it."""
    context = await visits.browser.new_context(locale="en")
    visitor = Visitor(await context.new_page())
    module = '<script type="module" src="/ui/seat-map.js"></script>'

    async def serve(route: Route) -> None:
        text = f"<!doctype html><title>A shop</title>{body}{module}"
        await route.fulfill(body=text, headers={"content-type": "text/html", **headers})

    await visitor.page.route(f"{sale.http}/shop", serve)
    await visitor.page.goto(f"{sale.http}/shop")
    try:
        yield visitor
        assert visitor.faults == []
    finally:
        await context.close()


def element(trip: str, more: str = "") -> str:
    return f'<travio-seat-map trip="{trip}" from="harbour" to="airport" {more}></travio-seat-map>'


async def test_a_key_that_is_held_down_acts_once(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    asked: list[str] = []
    async with visits.at(trip) as ann:
        ann.page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
        await ann.seat("1A").evaluate(REPEATED)
        await ann.sees("1A", "selected")
        await ann.button("Hold this seat").focus()
        for _ in range(8):
            await ann.page.keyboard.down("Enter")
        await ann.sees("1A", "yours")
        await ann.page.keyboard.up("Enter")
        await ann.sees("1A", "yours")
        assert len(asked) == 1


async def test_a_button_that_is_pressed_many_times_holds_once(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    asked: list[str] = []
    async with visits.at(trip) as ann:
        ann.page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
        await ann.seat("1A").click()
        await ann.button("Hold this seat").evaluate("(button) => { for (let at = 0; at < 9; at++) button.click(); }")
        await ann.sees("1A", "yours")
        await ann.page.get_by_label("Name of the passenger in 1A").fill("Ann")
        await ann.button("Confirm and pay").evaluate("(button) => { for (let at = 0; at < 9; at++) button.click(); }")
        await ann.reads("Booked: 1A.")
        assert [url.rpartition("/")[2] for url in asked] == ["holds", "confirm"]


async def test_the_keyboard_is_enough_from_the_first_seat_to_the_booking(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip, "&seats=2") as ann:
        keys = ann.page.keyboard
        await ann.seat("1A").focus()
        for key in ("Enter", "ArrowRight", "Enter", "Tab"):
            await keys.press(key)
        assert await ann.page.evaluate(FOCUSED) == "Remove 1A"
        await keys.press("Enter")
        assert await ann.page.evaluate(FOCUSED) == "Remove 1B"
        await keys.press("Enter")
        assert await ann.page.evaluate(FOCUSED) == "Your seats"
        await ann.seat("1B").focus()
        for key in ("Enter", "ArrowLeft", "Enter", "Tab", "Tab", "Tab", "Enter"):
            await keys.press(key)
        await ann.sees("1A", "yours")
        await expect(ann.page.get_by_label("Name of the passenger in 1B")).to_be_focused()
        await keys.type("Ben")
        await keys.press("Tab")
        await keys.type("Ann")
        await keys.press("Enter")
        await ann.reads("Booked: 1B; 1A.")
        await expect(ann.button("Buy another seat")).to_be_focused()
        await keys.press("Enter")
        await ann.sees("1A", "booked")
        await ann.sees("2A", "available")


async def test_the_focus_is_never_lost(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with page_with(sale, visits, element(trip)) as ann:
        await ann.seat("1A").click()
        await ann.button("Hold this seat").focus()
        await sale.taken(trip, "seat-rear-3-A")
        await ann.page.keyboard.press("Enter")
        await ann.sees("1A", "yours")
        assert await ann.page.evaluate(FOCUSED) == "Your seats"
        await ann.button("Release and choose again").focus()
        await ann.page.keyboard.press("Enter")
        await ann.sees("1A", "available")
        assert await ann.page.evaluate(FOCUSED) == "Your seats"
        await ann.button("One seat more").focus()
        for _ in range(9):
            await ann.page.keyboard.press("Enter")
        assert await ann.page.evaluate(FOCUSED) == "One seat more"
        await ann.button("Choose from a list").click()
        box = ann.map.locator("input[value=seat-front-1-B]")
        await box.focus()
        await sale.taken(trip, "seat-front-1-B")
        await expect(box).to_have_count(0)
        assert await ann.page.evaluate("document.activeElement.shadowRoot.activeElement.value") == "seat-front-1-C"


async def test_what_is_said_in_one_moment_is_spoken_together(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip, "&seats=2") as ann:
        await ann.button("Choose 2 seats together for me").click()
        await expect(ann.said).to_have_text(re.compile(r"1 of 2\. .*2 of 2\.$"))


async def test_a_sale_to_others_is_not_read_out(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await ann.seat("9D").click()
        await expect(ann.said).to_have_text(re.compile("chosen"))
        await ann.map.evaluate(
            """(map) => {
                window.spoken = [];
                const note = (all) => all.forEach((each) => spoken.push(each.target.textContent));
                const watch = new MutationObserver(note);
                for (const each of map.shadowRoot.querySelectorAll("[role=status], [role=alert]"))
                    watch.observe(each, { childList: true, characterData: true, subtree: true });
            }"""
        )
        for column in "ABCD":
            await sale.taken(trip, *(f"seat-rear-{row}-{column}" for row in range(3, 9)), user=f"rival {column}")
        await ann.sees("8D", "held")
        assert await ann.page.evaluate("spoken") == []
        await sale.taken(trip, "seat-rear-9-D", user="rival of all")
        await ann.reads("Someone else was faster: 9D")
        assert [said for said in await ann.page.evaluate("spoken") if said] == [await ann.notice.inner_text()]


async def test_while_there_is_no_connection_that_stays_said(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip, "&seats=2") as ann:
        await ann.page.context.set_offline(True)
        await ann.reads("No connection.")
        await ann.seat("1A").click()
        await ann.sees("1A", "selected")
        await ann.reads("No connection.")


async def test_many_maps_on_a_page_leave_room_for_a_hold(sale: Sale, visits: Visits) -> None:
    trips = [await sale.open() for _ in range(9)]
    async with page_with(sale, visits, "".join(map(element, trips))) as ann:
        last = ann.map.last
        await last.get_by_role("gridcell").get_by_text("1A", exact=True).click()
        await last.get_by_role("button", name="Hold this seat").click()
        await expect(last).to_have_attribute("data-phase", "held", timeout=SOON_MS)
        first = ann.map.first
        await sale.taken(trips[0], "seat-front-1-B")
        await first.locator('[data-state="held"]').get_by_text("1B", exact=True).wait_for(timeout=SOON_MS)
        users = await ann.page.evaluate("Object.entries(sessionStorage)")
        (held,) = await sale.client.acting_for(users[0][1]).list_holds(trip=trips[-1])
        assert users[0][0] == "travio-visitor"
        assert held.seats


async def test_a_page_that_was_opened_behind_another_keeps_no_stream(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await ann.page.clock.install()
        await ann.page.add_init_script(
            'Object.defineProperty(document, "hidden", { value: true, configurable: true });'
        )
        async with ann.page.expect_request("**/updates?*") as asked:
            await visits.show(ann, trip)
        stream: Request = await asked.value
        async with ann.page.expect_event("requestfailed", lambda failed: failed == stream):
            await ann.page.clock.fast_forward(11_000)


async def test_a_framework_removes_the_element_and_adds_it_again(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with page_with(sale, visits, element(trip)) as ann:
        hold = await holds(ann)
        await ann.page.evaluate(
            """async () => {
                window.map = document.querySelector("travio-seat-map");
                map.remove();
                await new Promise((resolve) => setTimeout(resolve, 100));
                document.body.append(map);
            }"""
        )
        await ann.sees("1A", "yours")
        assert await ann.map.evaluate("(map) => map.holdToken") == hold


async def test_a_hold_whose_element_has_gone_is_released(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with page_with(sale, visits, element(trip, 'user="ann"')) as ann:
        await ann.seat("1A").click()

        async def remove_first(route: Route) -> None:
            await ann.page.evaluate("document.querySelector('travio-seat-map').remove()")
            await route.continue_()

        await ann.page.route("**/v1/holds", remove_first)
        async with ann.page.expect_response(lambda answer: answer.request.method == "DELETE" and answer.status == 204):
            await ann.button("Hold this seat").click(no_wait_after=True)
        assert not await sale.client.acting_for("ann").list_holds(trip=trip)


async def test_a_framework_says_again_what_it_has_been_told(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    reads: list[str] = []
    async with page_with(sale, visits, element(trip)) as ann:
        await ann.map.evaluate(
            """(map) => {
                map.onHoldSucceeded = ({ holdToken }) => { map.holdToken = holdToken; };
                map.onHoldReleased = () => { map.holdToken = ""; };
            }"""
        )
        ann.page.on("request", lambda request: reads.append(request.url))
        await holds(ann)
        await expect(ann.map).to_have_attribute("hold-token", re.compile("."))
        await ann.button("Release and choose again").click()
        await ann.sees("1A", "available")
        await expect(ann.map).not_to_have_attribute("hold-token", re.compile("."))
        assert [url for url in reads if "/summary" in url] == []


async def test_another_trip_is_shown_whole_though_the_page_names_no_journey(sale: Sale, visits: Visits) -> None:
    coach = await sale.open()
    bus = await sale.open(COACH.replace("harbour", "market").replace("airport", "beach"))
    async with page_with(sale, visits, f'<travio-seat-map trip="{coach}" choose-journey></travio-seat-map>') as ann:
        await ann.map.get_by_label("From").select_option("Old Town")
        await ann.sees("9D", "available")
        await ann.map.evaluate("(map, trip) => { map.trip = trip; }", bus)
        await expect(ann.map).to_have_attribute("from", "market", timeout=SOON_MS)
        await ann.sees("9D", "available")
        await ann.map.evaluate("(map) => map.removeAttribute('trip')")
        await expect(ann.map.get_by_role("gridcell")).to_have_count(0)
        await ann.map.evaluate("(map, trip) => { map.trip = trip; }", coach)
        await ann.sees("9D", "available")


@pytest.mark.parametrize("changed", [("party-size", "3"), ("section", "2"), ("lang", "de"), ("party-size-max", "x")])
async def test_attributes_change_while_it_loads(sale: Sale, visits: Visits, changed: Sequence[str]) -> None:
    trip = await sale.open(TRAIN)
    async with page_with(sale, visits, element(trip)) as ann:
        await ann.seat("1A").wait_for()

        async def change_first(route: Route) -> None:
            await ann.map.evaluate("(map, [name, value]) => map.setAttribute(name, value)", changed)
            await route.continue_()

        await ann.page.route("**/seatmap?*", change_first, times=1)
        await ann.map.evaluate("(map) => map.setAttribute('organization', 'default')")
        await expect(ann.map).to_have_attribute("data-phase", "choosing")
        await ann.sees("25A" if changed[0] == "section" else "1A", "available")


async def test_it_works_in_a_shadow_root_where_nothing_inline_may_run(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    policy = "default-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
    inside = f'<div lang="de"><template shadowrootmode="open">{element(trip)}</template></div>'
    async with page_with(sale, visits, inside, **{"content-security-policy": policy}) as ann:
        await expect(ann.seat("1A")).to_have_attribute("aria-label", re.compile("24,50"))
        await holds(ann)
        await ann.button("Release and choose again").click()
        await ann.sees("1A", "available")


async def test_who_has_no_token_at_first_goes_on_once_there_is_one(guarded: Sale, browser: Browser) -> None:
    await guarded.client.open_trip(parse_trip(COACH, source="test", organization="acme"))
    visits = Visits(browser, guarded)
    async with page_with(guarded, visits, element("coach", 'poll-seconds="2"')) as ann:
        await ann.map.evaluate("(map) => { map.token = () => window.signedIn ?? 'a.b.c'; }")
        await ann.map.evaluate("(map) => map.setAttribute('organization', 'acme')")
        await ann.reads("Please sign in again.")
        await ann.page.evaluate("(token) => { window.signedIn = token; }", token())
        await ann.sees("1A", "available")
        await ann.map.evaluate("(map) => { map.token = () => { throw new Error('no network'); }; }")
        await ann.seat("1A").click()
        await ann.button("Hold this seat").click()
        await ann.reads("Please sign in")
        await ann.sees("1A", "selected")
