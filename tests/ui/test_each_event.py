"""Each event that docs/seat-map.md has is sent, and called back, with the members that it says."""

from typing import Any

from playwright.async_api import Route

from tests.ui.conftest import Sale, Visits
from tests.ui.test_documented import events, seat_members
from tests.ui.test_used_otherwise import element, page_with

LISTEN = """(map, names) => {
    window.heard = [];
    for (const name of names) {
        map.addEventListener(name.toLowerCase(), ({ detail }) => heard.push(["event", name, detail]));
        map[`on${name}`] = (detail) => heard.push(["callback", name, detail]);
    }
}"""
"""Times and errors are told as objects of their own: JSON makes texts of them."""


class Heard:
    """What was told, in order."""

    def __init__(self, told: list[tuple[str, str, dict[str, Any]]]) -> None:
        self.events = [(name, detail) for how, name, detail in told if how == "event"]
        self.callbacks = [(name, detail) for how, name, detail in told if how == "callback"]

    def last(self, name: str) -> dict[str, Any]:
        """The detail of the last event of that name."""
        return [detail for told, detail in self.events if told == name][-1]

    def members(self, name: str) -> set[frozenset[str]]:
        """Those of each detail of the events of that name."""
        return {frozenset(detail) for told, detail in self.events if told == name}


async def test_each_event_is_sent_and_called_back_as_it_is_documented(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()

    async with page_with(sale, visits, element("", 'party-size="2"')) as ann:

        async def outrun(route: Route) -> None:
            await sale.taken(trip, "seat-rear-4-B", user="faster")
            await route.continue_()

        async def when(name: str) -> None:
            await ann.page.wait_for_function("(name) => heard.some((told) => told[1] === name)", arg=name)

        await ann.map.evaluate(LISTEN, list(events()))
        await ann.map.evaluate("(map) => { map.trip = 'none-of-that-name'; }")
        await when("ChartFailed")
        await ann.map.evaluate("(map, trip) => { map.trip = trip; }", trip)
        await when("ChartRendered")
        await ann.seat("3A").click()
        await ann.seat("3B").click()
        await sale.taken(trip, "seat-rear-3-B")
        await when("Conflict")
        await ann.seat("4B").click()
        await ann.page.route("**/v1/holds", outrun, times=1)
        await ann.map.evaluate("(map) => map.holdSelected()")
        await when("HoldFailed")
        await ann.map.evaluate("(map) => { map.holdSeconds = 2; map.holdSelected(); }")
        await when("HoldTokenExpired")
        await ann.map.evaluate("(map) => { map.holdSeconds = 28; }")
        await ann.sees("3A", "available")
        await ann.seat("3A").click()
        await ann.map.evaluate("async (map) => { await map.holdSelected(); await map.extendHold(200); }")
        await ann.map.evaluate("(map) => map.releaseHold()")
        await ann.sees("3A", "available")
        await ann.seat("3A").click()
        await ann.map.evaluate("async (map) => { await map.holdSelected(); await map.book('order-1'); }")
        await ann.page.context.set_offline(True)
        await when("ConnectionChanged")
        heard = Heard(await ann.page.evaluate("JSON.parse(JSON.stringify(heard))"))
    assert {name: heard.members(name) for name in events()} == {name: {frozenset(of)} for name, of in events().items()}
    assert heard.callbacks == heard.events
    for name, detail in heard.events:
        assert all(set(seat) == seat_members() for seat in detail.get("seats", ())), name
    lost = [seat["label"] for name, detail in heard.events if name == "Conflict" for seat in detail["seats"]]
    assert lost == ["3B", "4B"]
    failed, expired, booked = (heard.last(name) for name in ("HoldFailed", "HoldTokenExpired", "Booked"))
    assert (failed["reason"], [seat["label"] for seat in failed["seats"]]) == ("SEAT_HELD", ["4B"])
    assert [seat["label"] for seat in expired["seats"]] == ["3A"]
    assert [seat["status"] for seat in booked["seats"]] == ["booked"]
    assert heard.last("ObjectSelected")["status"] == "selected"
    assert {detail["status"] for name, detail in heard.events if name == "ObjectStatusChanged"} >= {"held"}
