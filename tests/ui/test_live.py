"""The page is live: what others do is seen at once, who loses is told, a hold ends, a connection breaks and is back."""

import re
from asyncio import sleep, timeout

from playwright.async_api import Route, expect

from tests.ui.conftest import SOON_MS, Sale, Visits


async def test_two_want_one_seat_one_wins_and_the_other_is_told_at_once(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann, visits.at(trip) as ben:
        await ann.seat("1A").click()
        await ben.seat("1A").click()
        await ann.button("Hold this seat").click()
        await ann.sees("1A", "yours")
        await ben.sees("1A", "held")
        await ben.reads("Someone else was faster: 1A has just been taken.")
        await expect(ben.map.get_by_role("alert")).to_have_text(re.compile("^Someone else was faster"))
        await expect(ben.button("Hold this seat")).to_be_disabled()
        await ann.button("Release and choose again").click()
        await ben.sees("1A", "available")


async def test_who_asks_for_a_seat_that_is_taken_is_told_kindly(sale: Sale, visits: Visits) -> None:
    """Without updates nothing warns before the service refuses."""
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await ann.without_updates()
        await visits.show(ann, trip, "&seats=2")
        await ann.seat("1A").click()
        await ann.seat("1B").click()
        await sale.taken(trip, "seat-front-1-B")
        await ann.button("Hold these 2 seats").click()
        await ann.reads("Someone else was faster: 1B has just been taken.")
        await ann.sees("1B", "held")
        await ann.sees("1A", "selected")


async def test_a_hold_ends_before_the_eyes(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip, "&hold=2") as ann, visits.at(trip) as ben:
        await ann.seat("1A").click()
        await ann.button("Hold this seat").click()
        await ben.sees("1A", "held")
        await expect(ann.timer).to_have_text(re.compile(r"0:0[12]$"))
        await ann.reads("Time is up: 1A is on sale again.")
        await expect(ann.timer).to_be_hidden()
        await expect(ann.page.locator("#passengers")).to_be_hidden()
        await ben.sees("1A", "available")
        await ann.sees("1A", "available")


async def test_a_lost_connection_is_told_and_once_it_is_back_the_map_is_right(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await ann.seat("1A").click()
        await ann.page.context.set_offline(True)
        await ann.reads("No connection.")
        await sale.taken(trip, "seat-front-1-A", "seat-rear-3-A")
        await ann.page.context.set_offline(False)
        await ann.sees("3A", "held")
        await ann.sees("1A", "held")
        await ann.reads("Someone else was faster: 1A has just been taken.")
        await sale.taken(trip, "seat-rear-4-A")
        await ann.sees("4A", "held")


async def test_without_a_stream_the_map_is_read_again_and_again(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await ann.without_updates()
        await visits.show(ann, trip)
        await ann.map.evaluate("(map) => map.setAttribute('poll-seconds', 2)")
        await sale.taken(trip, "seat-front-1-A")
        await ann.sees("1A", "held")


async def test_a_hold_whose_answer_is_lost_is_asked_for_again_and_held_once(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    lost: list[str] = []

    async def lose_the_first(route: Route) -> None:
        answer = await route.fetch()
        lost.append((await answer.json())["hold_id"])
        await (route.abort() if len(lost) == 1 else route.fulfill(response=answer))

    async with visits.at(trip) as ann:
        await ann.page.route("**/v1/holds", lose_the_first)
        await ann.seat("1A").click()
        await ann.button("Hold this seat").click()
        await ann.sees("1A", "yours")
        assert len(lost) == 2
        assert lost[0] == lost[1] == await ann.map.evaluate("(map) => map.holdToken")


async def test_an_outcome_that_stays_unknown_is_told_as_unknown(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()

    async def lose(route: Route) -> None:
        await route.fetch()
        await route.abort()

    async with visits.at(trip) as ann:
        await ann.page.route("**/v1/holds", lose)
        await ann.seat("1A").click()
        await ann.button("Hold this seat").click()
        await ann.reads("we do not know yet whether your seats are held")
        await ann.page.unroute("**/v1/holds")
        await ann.button("Ask again").click()
        await ann.sees("1A", "yours")


async def test_a_hold_outlives_a_reload(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await ann.seat("1A").click()
        await ann.button("Hold this seat").click()
        await ann.sees("1A", "yours")
        await ann.page.reload()
        await ann.sees("1A", "yours")
        await expect(ann.timer).to_have_text(re.compile(r"(9:5\d|10:00)$"))
        await expect(ann.page.get_by_label("Name of the passenger in 1A")).to_be_visible(timeout=SOON_MS)


HIDE = """(isHidden) => {
    Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


async def watched_by(sale: Sale, watchers: int) -> None:
    """Wait until so many pages have a stream."""
    async with timeout(SOON_MS / 1_000):
        while sale.app.feeds.watchers != watchers:  # noqa: ASYNC110 - a number tells no event loop
            await sleep(0.02)


async def test_a_page_that_nobody_sees_has_no_stream_until_it_is_seen(sale: Sale, visits: Visits) -> None:
    trip = await sale.open()
    async with visits.at(trip) as ann:
        await ann.page.clock.install()
        await visits.show(ann, trip)
        await watched_by(sale, 1)
        await ann.page.evaluate(HIDE, True)
        await ann.page.clock.fast_forward(11_000)
        await watched_by(sale, 0)
        await sale.taken(trip, "seat-front-1-A")
        assert await ann.state("1A") == "available"
        await ann.page.evaluate(HIDE, False)
        await ann.sees("1A", "held")
        await watched_by(sale, 1)
