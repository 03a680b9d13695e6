"""Visitors who click twice, come too late, lose their connection or leave a field empty are told what is so."""

import re

import pytest
from playwright.async_api import expect

from tests.ui.conftest import SOON_MS, Sale, Visitor, Visits
from tests.ui.test_what_it_says import holds, user_of
from travio_inventory.client import SalesAction


async def choice_says(visitor: Visitor, text: str) -> None:
    """Wait until that is said where the chosen seats would be."""
    choice = visitor.map.get_by_role("region", name="Your seats").get_by_role("paragraph")
    await expect(choice.get_by_text(text)).to_be_visible(timeout=SOON_MS)


async def test_a_double_click_counts_once(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        for _ in range(2):
            await ann.button("One seat more").click()
        await ann.button("One seat more").dblclick()
        await expect(ann.button("Choose 5 seats together for me")).to_be_visible()
        for number in ("3A", "3B", "3C"):
            await ann.seat(number).dblclick()
            await ann.sees(number, "selected")
        await ann.button("Remove 3A").dblclick()
        await ann.sees("3A", "available")
        await ann.sees("3B", "selected")
        await ann.button("Choose from a list").dblclick()
        await expect(ann.button("Show the map")).to_be_visible()
        await ann.button("Show the map").click()
        await ann.button("Hold these 2 seats").dblclick(no_wait_after=True)
        await ann.sees("3B", "yours")
        await ann.sees("3C", "yours")


async def test_where_no_seat_is_free_that_is_said(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    seats = [seat.id for seat in (await sale.client.trip(trip)).seats]
    await sale.client.block_seats(trip, seats[1:])
    async with visits.at(trip) as ann:
        await choice_says(ann, "Choose a seat on the map.")
        await sale.taken(trip, seats[0])
        await ann.sees("1A", "held")
        await choice_says(ann, "No seat is free on this journey.")
        await ann.button("Choose a seat for me").click()
        await ann.reads("No seat is free here.")


async def test_who_has_chosen_a_seat_of_a_trip_that_is_cancelled_is_told_so(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await ann.seat("1A").click()
        await sale.client.cancel_trip(trip)
        await ann.reads("1A is not on sale any more.")
        await ann.page.reload()
        await choice_says(ann, "This trip is cancelled.")


@pytest.mark.thorough
async def test_a_seat_that_is_blocked_is_not_said_to_be_taken_by_others(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await ann.seat("1A").click()
        await sale.client.block_seats(trip, ["seat-front-1-A"])
        await ann.reads("1A is not on sale any more.")
        await sale.client.control_sales(trip, SalesAction.CLOSE)
        await visits.show(ann, trip)
        await choice_says(ann, "This trip is not on sale now.")


async def test_a_release_of_unknown_outcome_is_looked_up_once_the_connection_is_back(
    sale: Sale, visits: Visits
) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        hold = await holds(ann)
        await ann.page.context.set_offline(True)
        await ann.reads("No connection.")
        await ann.button("Release and choose again").click()
        await ann.reads("we do not know yet whether that was done")
        await ann.page.context.set_offline(False)
        await ann.reads("Your seats are still held: 1A.")
        await ann.sees("1A", "yours")
        assert (await sale.client.acting_for(await user_of(ann)).find_hold(hold)).id == hold
        await ann.button("Release and choose again").click()
        await ann.sees("1A", "available")


async def test_a_passenger_has_a_name(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await holds(ann)
        name = ann.page.get_by_label("Name of the passenger in 1A")
        await name.fill("   ")
        await ann.button("Confirm and pay").click()
        assert await name.evaluate("(input) => input.validity.patternMismatch")
        await expect(ann.map).to_have_attribute("data-phase", "held")
        await name.fill("Ann")
        await ann.button("Confirm and pay").click()
        await ann.reads("Booked: 1A.")


async def test_whose_time_is_up_while_a_name_is_written_does_not_lose_the_focus(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip, "&hold=3") as ann:
        await holds(ann)
        await expect(ann.page.get_by_label("Name of the passenger in 1A")).to_be_focused()
        await ann.reads("Time is up")
        await expect(ann.page.get_by_role("heading", name=re.compile("Choose your seats"))).to_be_focused()
