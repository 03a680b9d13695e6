"""A trip is sold on the page: seats are chosen, held, named and booked, by mouse, by keyboard and from a list."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Route, expect

from tests.ui.conftest import SOON_MS, TRAIN, Sale, Visitor, Visits

LONG_MS = 30_000
"""Longer than 5,000 seats take to be drawn on a busy machine."""
HOSTILE = "<img src=x onerror=\"document.title='hacked'\">"


async def test_a_trip_is_sold_from_end_to_end(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip, "&seats=2") as ann:
        await ann.seat("3A").click()
        await ann.seat("3B").click()
        await ann.button("Hold these 2 seats").click()
        await ann.sees("3A", "yours")
        await ann.page.get_by_label("Name of the passenger in 3A").fill("Ann")
        await ann.page.get_by_label("Name of the passenger in 3B").fill("Ben")
        await ann.button("Confirm and pay").click()
        await ann.sees("3A", "booked")
        (booked,) = await sale.client.acting_for(await user_of(ann)).list_holds(trip=trip)
        assert booked.booking == await ann.page.locator("#booking").inner_text()
        assert [passenger.name for passenger in booked.passengers] == ["Ann", "Ben"]
        await ann.button("Buy another seat").click()
        await ann.seat("4A").click()
        await ann.sees("4A", "selected")


async def user_of(visitor: Visitor) -> str:
    return str(await visitor.page.evaluate("sessionStorage.getItem('user')"))


async def test_the_keyboard_is_enough_to_hold_a_seat(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip, "&seats=2") as ann:
        keys = ann.page.keyboard
        await ann.button("Choose from a list").focus()
        await keys.press("Tab")
        await expect(ann.seat("1A")).to_be_focused()
        for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowUp", "Space"):
            await keys.press(key)
        await ann.sees("1B", "selected")
        await keys.press("Control+End")
        await expect(ann.seat("9D")).to_be_focused()
        for key in ("PageUp", "Home", "Enter"):
            await keys.press(key)
        await ann.sees("4A", "selected")
        only_one = ann.map.locator("[role=gridcell][tabindex='0']")
        await expect(only_one).to_have_count(1)
        await keys.press("Tab")
        await expect(ann.button("Remove 1B")).to_be_focused()
        for _ in range(2):
            await keys.press("Tab")
        await keys.press("Enter")
        await ann.sees("4A", "yours")


async def test_a_screen_reader_is_told_what_a_seat_is_and_what_has_changed(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    await sale.taken(trip, "seat-front-1-B")
    async with visits.at(trip) as ann:
        words = await ann.seat("1A").get_attribute("aria-label")
        assert words == "1A, comfort, power socket, wheelchair space, €24.50, free"
        taken = ann.seat("1B")
        await expect(taken).to_have_attribute("aria-disabled", "true")
        await expect(taken).to_have_attribute("aria-label", re.compile("someone is buying it$"))
        await ann.seat("1A").click()
        await expect(ann.seat("1A")).to_have_attribute("aria-selected", "true")
        await expect(ann.said).to_have_text(re.compile(r"^1A, .* chosen\. 1 of 1\.$"))
        await taken.click(force=True)
        await expect(ann.said).to_have_text(re.compile("^Someone is buying 1B right now"))


async def test_seats_are_chosen_from_a_list(sale: Sale, visits: Visits) -> None:
    trip = await sale.open(TRAIN)
    async with visits.at(trip, "&section=2&seats=2") as ann:
        await ann.button("Choose from a list").click()
        boxes = ann.map.get_by_role("checkbox")
        await expect(boxes).to_have_count(60)
        await ann.button("Show more seats").click()
        await expect(boxes).to_have_count(120)
        await ann.map.get_by_role("checkbox", name="seat 2B").check()
        await ann.button("Show the map").click()
        await ann.sees("2B", "selected")


async def test_sections_are_switched_and_what_was_chosen_stays(sale: Sale, visits: Visits) -> None:
    trip = await sale.open(TRAIN)
    async with visits.at(trip, "&seats=2") as ann:
        await ann.seat("1A").click()
        await ann.page.get_by_role("tab", name="Car 1").focus()
        await ann.page.keyboard.press("ArrowRight")
        await expect(ann.page.get_by_role("tab", name="Car 2 125 free")).to_be_focused()
        await ann.seat("25E").click()
        chosen = ann.map.locator(".chosen li")
        await expect(chosen).to_have_text([re.compile("Car 1"), re.compile("Car 2")])
        await ann.button("Hold these 2 seats").click()
        await ann.sees("25E", "yours")


async def test_another_journey_shows_other_free_seats(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    await (sale.client.acting_for("rival")).hold(trip, "harbour", "old-town", ["seat-front-1-A"])
    async with visits.at(trip) as ann:
        await ann.sees("1A", "held")
        await ann.map.get_by_label("From").select_option("Old Town")
        await ann.sees("1A", "available")


async def test_neighbours_are_chosen_for_a_party(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    await sale.taken(trip, *(f"seat-front-{row}-{column}" for row in (1, 2) for column in "AC"))
    async with visits.at(trip) as ann:
        await ann.button("One seat more").click()
        await ann.button("Choose 2 seats together for me").click()
        await ann.sees("3A", "selected")
        await ann.sees("3B", "selected")
        for _ in range(3):
            await ann.button("One seat more").click()
        await ann.button("Choose 5 seats together for me").click()
        await ann.reads("There are no 5 free seats next to one another here.")


async def test_the_page_offers_the_trips_that_are_on_sale(sale: Sale, visits: Visits) -> None:
    untimed = await sale.open()
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    leaves = TRAIN.replace('station = "harbour"', f'station = "harbour"\ndeparts = {tomorrow}')
    arrives = leaves.replace('station = "airport"', f'station = "airport"\narrives = {tomorrow}')
    first = await sale.open(arrives)
    async with visits.at("") as ann:
        chosen = ann.page.get_by_label("Trip")
        await expect(chosen).to_have_value(first)
        await expect(ann.page.locator("#when")).to_have_text(re.compile(r"^Leaves \w+, \w+ \d"))
        await chosen.select_option(untimed)
        await ann.sees("9D", "available")


@pytest.mark.thorough
async def test_a_list_of_trips_that_cannot_be_read_is_not_said_to_be_empty(sale: Sale, visits: Visits) -> None:
    async with visits.at(await sale.open()) as ann:
        await ann.page.route("**/v1/trips?*", lambda route: route.fulfill(status=503, body=""))
        await ann.page.goto(sale.http)
        await ann.page.get_by_text("does not say now which trips there are").wait_for(timeout=SOON_MS)
        await expect(ann.page.get_by_text("No trip is on sale here.")).to_be_hidden()


async def test_whatever_a_service_says_is_shown_as_text(sale: Sale, visits: Visits) -> None:
    trip = await sale.open(TRAIN)

    async def spoil(route: Route) -> None:
        answer = await route.fetch(headers={**route.request.headers, "if-none-match": ""})
        said = await answer.json()
        said |= {"class_colors": {"first": "red;background:url(//evil.example)"}, "currency": HOSTILE, "features": 7}
        seats = said["rows"][0]["seats"]
        many = [seats[0] | {"seat_id": f"s-{at}"} for at in range(9_000)]
        seats[0] |= {"seat_number": HOSTILE, "label": HOSTILE * 100, "column": -1e300, "price_paisa": "9e999"}
        seats[1] |= {"seat_id": {"no": "text"}, "status": "__proto__"}
        said["rows"] += [None, {"seats": "none"}, {"row_number": 10**9, "seats": many}]
        await route.fulfill(response=answer, json=said)

    async with visits.at(trip) as ann:
        there_are_more = ann.map.get_by_text("There are more seats than can be shown here: these are the first 5000.")
        assert await there_are_more.is_hidden()
        await ann.page.route("**/seatmap?*", spoil)
        await ann.page.reload()
        await ann.map.locator("[role=gridcell]").first.wait_for(timeout=LONG_MS)
        words = await ann.map.evaluate(
            "(map) => [...map.shadowRoot.querySelectorAll('[role=gridcell]')].map((cell) => cell.ariaLabel)"
        )
        assert len(words) == 5_000
        assert await there_are_more.is_visible()
        assert words[0].startswith(HOSTILE)
        assert max(map(len, words)) < 500
        assert await ann.map.locator("img").count() == 0
        assert await ann.page.title() == "Choose your seats"
