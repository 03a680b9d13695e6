"""Each attribute that docs/seat-map.md has does what it says."""

import re
from collections.abc import Awaitable, Callable, Mapping

import pytest
from playwright.async_api import expect

from tests.ui.conftest import SOON_MS, TRAIN, Sale, Visitor, Visits
from tests.ui.test_documented import attributes
from tests.ui.test_used_otherwise import page_with

pytestmark = pytest.mark.thorough
Check = Callable[[Visitor], Awaitable[None]]


def is_drawn(number: str, state: str) -> Check:
    """1A is held from the first stop to the second, 1B from there to the last."""
    return lambda visitor: visitor.sees(number, state)


async def hold(visitor: Visitor) -> None:
    await visitor.seat("2A").click()
    await visitor.button("Hold this seat").click()
    await visitor.sees("2A", "yours")


async def offers_stops(visitor: Visitor) -> None:
    await expect(visitor.map.get_by_label("From")).to_be_visible(timeout=SOON_MS)
    await expect(visitor.map.get_by_label("From")).to_have_value("harbour")


async def shows_car_2(visitor: Visitor) -> None:
    await expect(visitor.map.get_by_role("tab", name="Car 2")).to_have_attribute("aria-selected", "true")
    await visitor.sees("25E", "available")


async def wants_three(visitor: Visitor) -> None:
    await visitor.button("Choose 3 seats together for me").click()
    await expect(visitor.button("Hold these 3 seats")).to_be_enabled()


async def wants_two_at_most(visitor: Visitor) -> None:
    await expect(visitor.button("Choose 2 seats together for me")).to_be_visible(timeout=SOON_MS)
    await expect(visitor.button("One seat more")).to_be_disabled()


async def holds_briefly(visitor: Visitor) -> None:
    await hold(visitor)
    await expect(visitor.timer).to_have_text(re.compile(r"1:[0-3]\d$"))


async def goes_on_with_a_hold(visitor: Visitor) -> None:
    await visitor.sees("4C", "yours")
    await expect(visitor.timer).to_be_visible()


async def is_another_organizations(visitor: Visitor) -> None:
    await visitor.reads("There is no such trip.")


async def holds_as_ann(visitor: Visitor) -> None:
    async with visitor.page.expect_request("**/v1/holds") as asked:
        await hold(visitor)
    assert (await (await asked.value).all_headers())["x-user-id"] == "ann"


async def asks_elsewhere(visitor: Visitor) -> None:
    async with visitor.page.expect_request("http://localhost:1/v1/**"):
        await visitor.map.evaluate("(map) => { map.service = 'http://localhost:1'; }")


async def asks_often(visitor: Visitor) -> None:
    await visitor.page.route("**/updates?*", lambda route: route.fulfill(status=404, json={"reason": "NOT_FOUND"}))
    await visitor.page.reload()
    async with visitor.page.expect_response(lambda answer: answer.status == 304):
        pass


async def speaks_german(visitor: Visitor) -> None:
    await expect(visitor.seat("2A")).to_have_attribute("aria-label", re.compile("49\\s€"))


GIVEN: Mapping[str, tuple[str, Check]] = {
    "trip": ("", is_drawn("1A", "held")),
    "from": ('from="old-town"', is_drawn("1A", "available")),
    "to": ('to="old-town"', is_drawn("1B", "available")),
    "choose-journey": ("choose-journey", offers_stops),
    "section": ('section="2"', shows_car_2),
    "party-size": ('section="2" party-size="3"', wants_three),
    "party-size-max": ('party-size="7" party-size-max="2"', wants_two_at_most),
    "hold-seconds": ('hold-seconds="95"', holds_briefly),
    "hold-token": ('user="carol" hold-token="{hold}"', goes_on_with_a_hold),
    "organization": ('organization="another"', is_another_organizations),
    "user": ('user="ann"', holds_as_ann),
    "service": ("", asks_elsewhere),
    "poll-seconds": ('poll-seconds="2"', asks_often),
    "lang": ('lang="de"', speaks_german),
}


def test_none_is_left_out() -> None:
    assert GIVEN.keys() == attributes()


@pytest.mark.parametrize("attribute", GIVEN)
async def test_it_does_what_it_says(sale: Sale, visits: Visits, attribute: str) -> None:
    stop = '\n[[stops]]\nstation = "old-town"\n'
    trip = await sale.open(TRAIN.replace('station = "harbour"\n', f'station = "harbour"\n{stop}'))
    rival, carol = sale.client.acting_for("rival"), sale.client.acting_for("carol")
    await rival.hold(trip, "harbour", "old-town", ["t-1-1-A"])
    await rival.hold(trip, "old-town", "airport", ["t-1-1-B"])
    held = await carol.hold(trip, "harbour", "airport", ["t-1-4-C"])
    given, is_so = GIVEN[attribute]
    body = f'<travio-seat-map trip="{trip}" {given.format(hold=held.id)}></travio-seat-map>'
    async with page_with(sale, visits, body) as ann:
        await is_so(ann)
