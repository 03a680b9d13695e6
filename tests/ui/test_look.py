"""How the page looks: accessible in each state, nothing wider than the screen, as the docs show it."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.ui.conftest import COACH, TRAIN, Sale, Visitor, Visits

PICTURES = "DOCS_PICTURES"
"""The folder where pictures for the docs are to be written: docs/pictures."""
PICTURES_BYTES_MAX = 150_000
TOO_WIDE = """(map) => [...map.shadowRoot.querySelectorAll("*")]
    .filter((each) => !each.closest(".scroll, .tabs, .unseen") && each.getBoundingClientRect().right > innerWidth)
    .map((each) => each.className)"""
DOCS = Path(__file__).parent.parent.parent / "docs"


async def choosing(visitor: Visitor) -> None:
    await visitor.seat("1A").click()
    await visitor.sees("1A", "selected")


async def listing(visitor: Visitor) -> None:
    await visitor.button("Choose from a list").click()


async def holding(visitor: Visitor) -> None:
    await choosing(visitor)
    await visitor.button("One seat more").click()
    await visitor.seat("1B").click()
    await visitor.button("Hold these 2 seats").click()
    await visitor.sees("1A", "yours")


async def booked(visitor: Visitor) -> None:
    await holding(visitor)
    for name in await visitor.page.get_by_role("textbox").all():
        await name.fill("Ann")
    await visitor.button("Confirm and pay").click()
    await visitor.sees("1A", "booked")


async def losing(visitor: Visitor) -> None:
    await choosing(visitor)
    await visitor.page.context.set_offline(True)
    await visitor.reads("No connection.")


@asynccontextmanager
async def half_sold(sale: Sale, visits: Visits, text: str, width: int, query: str = "") -> AsyncIterator[Visitor]:
    """A visitor at a trip of which some seats are held, booked and blocked."""
    trip = await sale.open(text)
    seats = [seat.id for seat in (await sale.client.trip(trip)).seats]
    await sale.taken(trip, *seats[2:4])
    hold = await sale.taken(trip, *seats[5:7], seats[-2], user="other")
    await sale.client.acting_for("other").confirm(hold, "order-1")
    await sale.client.block_seats(trip, [seats[7]])
    async with visits.at(trip, query, width=width) as visitor:
        yield visitor


@pytest.mark.parametrize(
    ("state", "scheme", "width"),
    [
        (choosing, "light", 1_440),
        pytest.param(choosing, "light", 360, marks=pytest.mark.thorough),
        (listing, "light", 360),
        pytest.param(listing, "light", 1_440, marks=pytest.mark.thorough),
        pytest.param(holding, "light", 1_440, marks=pytest.mark.thorough),
        (holding, "dark", 360),
        pytest.param(booked, "light", 360, marks=pytest.mark.thorough),
        pytest.param(booked, "light", 1_440, marks=pytest.mark.thorough),
        (losing, "light", 1_440),
        pytest.param(losing, "dark", 360, marks=pytest.mark.thorough),
    ],
)
async def test_axe_finds_nothing(
    sale: Sale,
    visits: Visits,
    state: Callable[[Visitor], Awaitable[None]],
    scheme: Literal["light", "dark"],
    width: int,
) -> None:
    async with half_sold(sale, visits, TRAIN, width) as visitor:
        await visitor.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        await state(visitor)
        found = await Axe().run(visitor.page)
        assert [(each["id"], each["nodes"]) for each in found.response["violations"]] == []


SHAPES = """(map) => Object.fromEntries([...map.shadowRoot.querySelectorAll("[role=gridcell]")].map((cell) => {
    const [box, mark] = [getComputedStyle(cell), getComputedStyle(cell, "::after")];
    const isReadable = box.color.match(/[\\d.]+/g)[3] !== "0";
    return [cell.dataset.state, [box.borderRadius, box.borderStyle, mark.content, isReadable].join(" ")];
}))"""
"""Of each state that is to be seen, all that differs where there are no colours."""
FILLS = """(map) => Object.fromEntries([...map.shadowRoot.querySelectorAll("[role=gridcell]")].map((cell) => {
    const box = getComputedStyle(cell);
    return [cell.dataset.state, [box.backgroundColor, box.backgroundImage, box.borderColor].join(" ")];
}))"""


async def test_states_differ_in_shape_and_in_colour(sale: Sale, visits: Visits) -> None:
    async with half_sold(sale, visits, COACH, 1_280) as visitor:
        await visitor.page.emulate_media(reduced_motion="reduce")
        for chosen, choose in (("selected", choosing), ("yours", holding)):
            await choose(visitor)
            for look in (SHAPES, FILLS):
                seen = await visitor.map.evaluate(look)
                assert seen.keys() == {"available", chosen, "held", "booked", "blocked"}
                assert len(set(seen.values())) == len(seen), seen
            if chosen == "selected":
                await visitor.button("Remove 1A").click()


@pytest.mark.parametrize("width", [360, 1_440])
@pytest.mark.parametrize("text", [COACH, TRAIN], ids=["coach", "train"])
async def test_nothing_is_wider_than_the_screen(sale: Sale, visits: Visits, width: int, text: str) -> None:
    async with half_sold(sale, visits, text, width) as visitor:
        for state in (holding, listing):
            await state(visitor)
            assert await visitor.page.evaluate("document.documentElement.scrollWidth") == width
            assert await visitor.map.evaluate(TOO_WIDE) == []


async def test_on_a_phone_what_was_chosen_is_one_tap_away(sale: Sale, visits: Visits) -> None:
    async with half_sold(sale, visits, TRAIN, 360, "&section=2") as visitor:
        await visitor.page.set_viewport_size({"width": 360, "height": 640})
        await choosing(visitor)
        jump, hold = visitor.button("1 of 1 chosen · €29"), visitor.button("Hold this seat")
        await expect(jump).to_be_in_viewport(ratio=1)
        await expect(hold).not_to_be_in_viewport()
        await jump.click()
        await expect(hold).to_be_in_viewport(ratio=1)


def pictures(folder: Path) -> dict[str, int]:
    """The pictures of the seat map there, with their sizes."""
    return {path.name: path.stat().st_size for path in folder.glob("seat-map*.png")}


async def test_the_pictures_of_the_docs_are_made_here(sale: Sale, visits: Visits, tmp_path: Path) -> None:
    folder = Path(os.environ.get(PICTURES) or tmp_path)
    async with half_sold(sale, visits, COACH, 920, "&seats=2") as visitor:
        await visitor.page.emulate_media(reduced_motion="reduce")
        await visitor.seat("4B").click()
        await visitor.seat("4C").hover()
        await visitor.page.screenshot(path=folder / "seat-map.png", full_page=True)
        await visitor.seat("4C").click()
        await visitor.page.set_viewport_size({"width": 360, "height": 640})
        await visitor.button("Hold these 2 seats").click()
        await visitor.sees("4C", "yours")
        await visitor.page.get_by_label("Name of the passenger in 4B").fill("Ann Example")
        await visitor.map.get_by_text("Your seats", exact=True).evaluate("(title) => title.parentNode.scrollIntoView()")
        await visitor.page.screenshot(path=folder / "seat-map-held.png")
    async with half_sold(sale, visits, TRAIN, 360, "&seats=2") as visitor:
        await listing(visitor)
        await visitor.page.set_viewport_size({"width": 360, "height": 640})
        await visitor.page.screenshot(path=folder / "seat-map-list.png")
    made = pictures(folder)
    assert sum(made.values()) < PICTURES_BYTES_MAX
    assert made.keys() == pictures(DOCS / "pictures").keys()
