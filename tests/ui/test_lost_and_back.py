"""The service is killed and comes back, the visitor leaves the page and comes back: nothing is lost or done twice."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.ui.conftest import COACH, SOON_MS, Sale, Visitor, Visits
from tests.ui.test_what_it_says import holds, user_of
from travio_inventory.bench.free_ports import free_port
from travio_inventory.cli.trip_files import parse_trip
from verification.kit.service_process import ORGANIZATION, serving

pytestmark = pytest.mark.thorough
BACK_MS = 40_000
"""Longer than a service needs to start, and a page to find it."""


async def test_a_service_that_is_killed_and_started_again_loses_nothing_of_a_purchase(
    browser: Browser, tmp_path: Path
) -> None:
    async with serving(tmp_path, TRAVIO_HTTP_PORT=str(free_port())) as service:
        async with service.client("seller") as seller:
            await seller.open_trip(parse_trip(COACH, source="test", organization=ORGANIZATION, trip_id="coach"))
        context = await browser.new_context(locale="en")
        ann = Visitor(await context.new_page())
        await ann.page.goto(f"http://127.0.0.1:{service.web_port}/?trip=coach&org={ORGANIZATION}")
        hold = await holds(ann)
        service.kill()
        await expect(ann.notice).to_have_text(re.compile("No connection."), timeout=BACK_MS)
        await ann.page.get_by_label("Name of the passenger in 1A").fill("Ann")
        await ann.button("Confirm and pay").click()
        await ann.notice.get_by_text("we do not know yet whether your seats are booked").wait_for(timeout=BACK_MS)
        await service.start()
        await expect(ann.map.locator(".main")).not_to_have_class(re.compile("away"), timeout=BACK_MS)
        await ann.sees("1A", "yours")
        await ann.button("Confirm and pay").click()
        await ann.reads("Booked: 1A.")
        async with service.client(await user_of(ann)) as buyer:
            (booked,) = await buyer.list_holds(trip="coach")
            assert (booked.id, booked.booking is not None) == (hold, True)
        async with service.client("rival") as rival:
            await rival.hold("coach", "harbour", "airport", ["seat-rear-3-A"])
        await ann.map.locator('[data-state="held"]').get_by_text("3A", exact=True).wait_for(timeout=BACK_MS)
        assert ann.faults == []
        await context.close()


@pytest.mark.parametrize("cached", [False, True])
async def test_who_goes_back_and_forward_in_a_purchase_finds_it_as_it_is(
    sale: Sale, chromium: str, browser: Browser, *, cached: bool
) -> None:
    trip = await sale.open()
    own = ["--disable-back-forward-cache"] if cached else None
    started = await browser.browser_type.launch(
        executable_path=chromium, args=["--no-sandbox"], ignore_default_args=own
    )
    try:
        visits = Visits(started, sale)
        async with visits.at(trip) as ann:
            await holds(ann)
            await ann.page.goto(f"{sale.http}/stock")
            await ann.page.go_back(wait_until="commit")
            await ann.sees("1A", "yours")
            await ann.page.get_by_label("Name of the passenger in 1A").fill("Ann")
            await ann.page.go_forward(wait_until="commit")
            await ann.page.go_back(wait_until="commit")
            await ann.page.get_by_label("Name of the passenger in 1A").fill("Ann")
            await ann.button("Confirm and pay").click()
            await ann.reads("Booked: 1A.")
            await ann.page.go_forward(wait_until="commit")
            await ann.page.go_back(wait_until="commit")
            await ann.sees("1A", "booked")
            await sale.taken(trip, "seat-rear-3-A")
            await ann.sees("3A", "held")
            await expect(ann.page.locator("#passengers")).to_be_hidden(timeout=SOON_MS)
            assert len(await sale.client.acting_for(await user_of(ann)).list_holds(trip=trip)) == 1
    finally:
        await started.close()
