"""What docs/seat-map.md says of methods, events and styles is so."""

import re

import pytest
from playwright.async_api import expect

from tests.ui.conftest import COACH, Sale, Visits
from tests.ui.test_used_otherwise import element, page_with

pytestmark = pytest.mark.thorough
NOTE = """(map) => {
    window.heard = [];
    const names = ["ObjectSelected", "ObjectDeselected", "SelectionValid", "SelectionInvalid", "HoldExtended",
        "HoldTokenExpiring", "HoldReleased", "ConnectionChanged"];
    for (const name of names)
        map[`on${name}`] = (detail) => heard.push([name, detail]);
}"""


async def test_methods_do_and_events_tell_what_is_documented(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with page_with(sale, visits, element(trip, 'party-size="2" hold-seconds="28"')) as ann:
        await ann.seat("1A").wait_for()
        await ann.map.evaluate(NOTE)
        await ann.map.evaluate("(map) => map.selectObjects(['seat-front-1-A', 'seat-front-1-B'])")
        await ann.map.evaluate("(map) => map.deselectObjects(['seat-front-1-B'])")
        await ann.map.evaluate("(map) => map.clearSelection()")
        names = await ann.page.evaluate("heard.map(([name]) => name)")
        chosen = ["ObjectSelected", "ObjectSelected", "SelectionValid"]
        assert names == [*chosen, "ObjectDeselected", "SelectionInvalid", "ObjectDeselected"]
        assert await ann.map.evaluate("(map) => map.selectBestAvailable()") is True
        held = await ann.map.evaluate("(map) => map.holdSelected()")
        assert [seat["label"] for seat in held["seats"]] == ["1A", "1B"]
        assert await ann.map.evaluate("(map) => [map.phase, map.holdToken]") == ["held", held["holdToken"]]
        told = await ann.page.evaluate("heard.filter(([name]) => name === 'HoldTokenExpiring')")
        assert told == [["HoldTokenExpiring", {"holdToken": held["holdToken"], "seconds": 30}]]
        assert await ann.map.evaluate("(map) => map.extendHold(120)") is True
        await expect(ann.timer).to_have_text(re.compile(r"[12]:\d\d$"))
        assert "HoldExtended" in await ann.page.evaluate("heard.map(([name]) => name)")
        await ann.map.evaluate("(map) => map.releaseHold()")
        assert await ann.page.evaluate("heard.at(-1)") == ["HoldReleased", {"holdToken": held["holdToken"]}]
        await ann.page.context.set_offline(True)
        await ann.reads("No connection.")
        assert await ann.page.evaluate("heard.at(-1)") == ["ConnectionChanged", {"isConnected": False}]


async def test_a_page_that_wants_it_light_gets_it_light(sale: Sale, visits: Visits) -> None:
    trip = await sale.open(COACH)
    async with page_with(sale, visits, element(trip, 'theme="light"') + element(trip)) as ann:
        await ann.page.emulate_media(color_scheme="dark")
        style = "(map) => getComputedStyle(map).backgroundColor"
        light, dark = [await each.evaluate(style) for each in await ann.map.all()]
        assert (light, dark) == ("rgb(255, 255, 255)", "rgb(23, 27, 40)")
