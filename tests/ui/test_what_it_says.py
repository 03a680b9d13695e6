"""What the page says of holds and bookings is so, whatever happens elsewhere, to its clock or to its connection."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.ui.conftest import SOON_MS, Sale, Visitor, Visits
from travio_inventory.api.refusals import TABLE
from travio_inventory.ui import MODULE, web_files

SOURCE = web_files()[MODULE].data.decode()


async def holds(visitor: Visitor, number: str = "1A") -> str:
    """Let the visitor hold that seat; the hold."""
    await visitor.seat(number).click()
    await visitor.button("Hold this seat").click()
    await visitor.sees(number, "yours")
    return str(await visitor.map.evaluate("(map) => map.holdToken"))


async def user_of(visitor: Visitor) -> str:
    return str(await visitor.page.evaluate("sessionStorage.getItem('user')"))


async def lose(route: Route) -> None:
    """The service does it, and the answer is lost."""
    await route.fetch()
    await route.abort()


def refuse(status: int, reason: str) -> Callable[[Route], Awaitable[None]]:
    async def answer(route: Route) -> None:
        await route.fulfill(status=status, json={"reason": reason, "detail": f"{reason} it is", "metadata": {}})

    return answer


async def another_tab(visits: Visits, visitor: Visitor, trip: str) -> Visitor:
    """A second tab of the same buyer, made by "duplicate tab", which copies the storage of the first."""
    kept = await visitor.page.evaluate("JSON.stringify(sessionStorage)")
    page: Page = await visitor.page.context.new_page()
    await page.add_init_script(f"for (const [name, value] of Object.entries({kept})) sessionStorage[name] ??= value;")
    tab = Visitor(page)
    await visits.show(tab, trip)
    return tab


def test_each_reason_that_has_words_is_one_that_the_service_gives() -> None:
    start = SOURCE.index("const REFUSALS")
    named = set(
        re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", SOURCE[start : SOURCE.index("];", SOURCE.index("const NOT_HELD"))])
    )
    assert "HOLD_LIMIT" in named
    assert named - {"NOTHING_DONE", "NOT_HELD", "NO_TOKEN"} <= {refusal.reason for refusal in TABLE}


async def test_what_one_tab_does_the_other_of_the_same_buyer_shows(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        hold = await holds(ann)
        other = await another_tab(visits, ann, trip)
        await other.sees("1A", "yours")
        await ann.button("Release and choose again").click()
        await other.reads("Your seats are not held any more.")
        await expect(other.page.locator("#passengers")).to_be_hidden()
        await other.sees("1A", "available")
        assert hold != await holds(other)
        await ann.sees("1A", "held")


@pytest.mark.thorough
async def test_who_books_in_one_tab_is_told_so_in_the_other(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await holds(ann)
        other = await another_tab(visits, ann, trip)
        await other.sees("1A", "yours")
        await ann.page.get_by_label("Name of the passenger in 1A").fill("Ann")
        await ann.button("Confirm and pay").click()
        await other.reads("Booked: 1A.")
        await other.page.get_by_text("You are booked").wait_for(timeout=SOON_MS)


@pytest.mark.thorough
@pytest.mark.parametrize("does", ["release", "extend", "confirm"])
async def test_a_hold_that_is_changed_while_the_page_sees_nothing_is_looked_up_at_its_end(
    sale: Sale, visits: Visits, does: str
) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await ann.without_updates()
        await visits.show(ann, trip, "&hold=4")
        await ann.map.evaluate("(map) => map.setAttribute('poll-seconds', 60)")
        hold, buyer = await holds(ann), sale.client.acting_for(await user_of(ann))
        match does:
            case "release":
                await buyer.release(hold)
                await ann.reads("Your seats are not held any more.")
            case "extend":
                await buyer.extend(hold, 300)
                await expect(ann.timer).to_have_text(re.compile(r"[45]:\d\d$"), timeout=SOON_MS)
                await ann.sees("1A", "yours")
            case _:
                await buyer.confirm(hold, "order-1")
                await ann.reads("Booked: 1A.")


@pytest.mark.thorough
async def test_a_booked_hold_is_not_said_to_be_released(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await ann.without_updates()
        await visits.show(ann, trip)
        hold = await holds(ann)
        await sale.client.acting_for(await user_of(ann)).confirm(hold, "order-1")
        await ann.button("Release and choose again").click()
        await ann.reads("Booked: 1A.")
        await expect(ann.seat("1A")).to_have_attribute("data-state", "booked")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [
        (401, "UNAUTHENTICATED", "Please sign in"),
        (429, "RATE_LIMITED", "Very many people"),
        (500, "", "do not know yet"),
    ],
)
async def test_a_release_that_was_refused_is_not_said_to_be_done(
    sale: Sale, visits: Visits, status: int, reason: str, told: str
) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        hold = await holds(ann)
        await ann.page.route("**/v1/holds/*", refuse(status, reason))
        await ann.button("Release and choose again").click()
        await ann.reads(told)
        await ann.sees("1A", "yours")
        assert (await sale.client.acting_for(await user_of(ann)).find_hold(hold)).id == hold


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [
        (429, "HOLD_LIMIT", "You hold as many seats as one person may."),
        (429, "OVERLOADED", "Very many people are buying right now"),
        (503, "BACKEND_UNAVAILABLE", "Very many people are buying right now"),
        (503, "OUTCOME_UNKNOWN", "we do not know yet whether your seats are held"),
        (502, "", "we do not know yet whether your seats are held"),
        (409, "TRIP_CANCELLED", "This trip is cancelled."),
    ],
)
async def test_a_refusal_is_told_as_one_and_what_is_unknown_as_unknown(
    sale: Sale, visits: Visits, status: int, reason: str, told: str
) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await ann.page.route("**/v1/holds", refuse(status, reason))
        await ann.seat("1A").click()
        await ann.button("Hold this seat").click()
        await ann.reads(told)
        await ann.page.unroute("**/v1/holds")
        await ann.button("Ask again" if "do not know" in told else "Hold this seat").click()
        await ann.sees("1A", "yours")


@pytest.mark.thorough
async def test_a_hold_that_is_unknown_is_settled_once_the_connection_is_back(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await ann.page.route("**/v1/holds", lose)
        await ann.seat("1A").click()
        await ann.button("Hold this seat").click()
        await ann.reads("we do not know yet whether your seats are held")
        await ann.page.context.set_offline(True)
        await expect(ann.map.locator(".main")).to_have_class(re.compile("away"))
        await ann.reads("we do not know yet whether your seats are held")
        await ann.page.unroute("**/v1/holds")
        await ann.page.context.set_offline(False)
        await ann.sees("1A", "yours")
        assert len(await sale.client.acting_for(await user_of(ann)).list_holds(trip=trip)) == 1


@pytest.mark.thorough
@pytest.mark.parametrize("is_reloaded", [False, True])
async def test_a_booking_that_is_unknown_is_settled_once_the_connection_is_back(
    sale: Sale, visits: Visits, *, is_reloaded: bool
) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await holds(ann)

        async def lose_and_break(route: Route) -> None:
            await ann.page.context.set_offline(True)
            await lose(route)

        await ann.page.route("**/confirm", lose_and_break)
        await ann.page.get_by_label("Name of the passenger in 1A").fill("Ann")
        await ann.button("Confirm and pay").click()
        await ann.reads("we do not know yet whether your seats are booked")
        await ann.page.context.set_offline(False)
        if is_reloaded:
            await ann.page.reload()
        await ann.reads("Booked: 1A.")
        await ann.page.get_by_text("You are booked").wait_for(timeout=SOON_MS)


@pytest.mark.thorough
async def test_a_seat_cannot_be_released_while_it_is_booked(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    goes_on = asyncio.Event()

    async def wait(route: Route) -> None:
        await goes_on.wait()
        await route.continue_()

    async with visits.at(trip) as ann:
        await holds(ann)
        await ann.page.route("**/confirm", wait)
        await ann.page.get_by_label("Name of the passenger in 1A").fill("Ann")
        await ann.button("Confirm and pay").click()
        await expect(ann.button("Release and choose again")).to_be_disabled()
        goes_on.set()
        await ann.reads("Booked: 1A.")


@pytest.mark.thorough
async def test_a_reload_while_the_service_is_overloaded_forgets_no_hold(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await holds(ann)
        await ann.page.route("**/v1/holds/*", refuse(429, "OVERLOADED"))
        await ann.page.reload()
        await ann.reads("No connection.")
        await ann.page.unroute("**/v1/holds/*")
        await ann.sees("1A", "yours")


@pytest.mark.thorough
async def test_a_hold_that_ended_while_the_page_was_away_is_told(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip, "&hold=2") as ann:
        await holds(ann)
        await ann.page.goto("about:blank")
        await asyncio.sleep(2.5)
        await visits.show(ann, trip)
        await ann.reads("Time is up: 1A is on sale again.")
        assert await ann.page.evaluate("Object.keys(sessionStorage)") == ["user"]


@pytest.mark.thorough
async def test_a_hold_of_one_trip_is_not_shown_on_another(sale: Sale, visits: Visits) -> None:
    trip, other = await sale.open(), await sale.open()
    async with visits.at(trip) as ann:
        await holds(ann)
        await visits.show(ann, other)
        await ann.sees("1A", "available")
        await expect(ann.timer).to_be_hidden()
        await ann.page.go_back()
        await ann.sees("1A", "yours")


@pytest.mark.thorough
async def test_a_reload_before_the_answer_finds_the_hold(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    is_held = asyncio.Event()

    async def hold_back(route: Route) -> None:
        await route.fetch()
        is_held.set()

    async with visits.at(trip) as ann:
        await ann.page.route("**/v1/holds", hold_back, times=1)
        await ann.seat("1A").click()
        await ann.button("Hold this seat").click()
        await is_held.wait()
        await ann.page.reload()
        await ann.sees("1A", "yours")
        await expect(ann.page.get_by_label("Name of the passenger in 1A")).to_be_visible(timeout=SOON_MS)


async def test_what_the_page_around_it_throws_changes_no_outcome(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await ann.map.evaluate(
            """(map) => {
                const fail = () => { throw new Error("a fault of the shop"); };
                for (const name of ["HoldSucceeded", "ObjectSelected", "HoldReleased"]) map[`on${name}`] = fail;
                map.priceFormatter = map.isObjectSelectable = fail;
            }"""
        )
        await holds(ann)
        await ann.button("Release and choose again").click()
        await ann.sees("1A", "available")
        assert {fault.split("\n")[0] for fault in ann.faults} == {"a fault of the shop"}
        ann.faults.clear()


SET_CLOCK: dict[str, Any] = {"back": -7_200_000, "ahead": 7_200_000}


@pytest.mark.thorough
@pytest.mark.parametrize("way", ["back", "ahead"])
async def test_a_clock_that_is_set_while_seats_are_held_changes_nothing(sale: Sale, visits: Visits, way: str) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await holds(ann)
        await ann.page.evaluate("(ms) => { const now = Date.now; Date.now = () => now() + ms; }", SET_CLOCK[way])
        async with ann.page.expect_response("**/v1/holds/*"):
            pass
        await expect(ann.timer).to_have_text(re.compile(r"9:\d\d$"))
        await ann.sees("1A", "yours")
        await ann.page.evaluate("(ms) => { const now = Date.now; Date.now = () => now() - ms; }", SET_CLOCK[way])
        await expect(ann.timer).to_have_text(re.compile(r"9:\d\d$"))


@pytest.mark.thorough
async def test_who_wakes_after_the_end_of_a_hold_is_told_that_it_is_over(sale: Sale, visits: Visits) -> None:
    """While a device sleeps, neither its timers run nor the time that a page measures."""
    trip = await sale.open()
    async with visits.at(trip) as ann:
        hold = await holds(ann)
        await ann.page.evaluate("const slept = performance.now(); performance.now = () => slept;")
        buyer = sale.client.acting_for(await user_of(ann))
        await ann.page.context.set_offline(True)
        await buyer.release(hold)
        await ann.page.context.set_offline(False)
        await ann.reads("Your seats are not held any more.")
