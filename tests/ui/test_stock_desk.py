"""The page of stock, where a person approves what another one asked for, and receives what was ordered."""

import pytest
from playwright.async_api import Browser, expect

from tests.ui.conftest import SOON_MS
from travio_inventory.app.service import running
from travio_inventory.client import InventoryClient
from travio_inventory.client.stock import Contact, Site, StockLine, StockOrdered
from verification.kit.in_process import settings_of

pytestmark = pytest.mark.thorough


async def test_another_person_approves_and_receives_on_the_page(browser: Browser) -> None:
    settings = settings_of(http_host="127.0.0.1", http_port=0, stock_approval_above="5")
    async with running(settings) as app, InventoryClient(f"127.0.0.1:{app.port}", user="ann") as client:
        stock = client.stock
        await stock.add_warehouse("north", Site("The north"))
        await stock.add_supplier("acme", Contact("Acme"))
        cup = await stock.add("cup", "north", "p", quantity=25)
        for quantity, reason in ((8, "found"), (-9, "lost")):
            kind = "INBOUND" if quantity > 0 else "DAMAGE"
            await stock.update(StockLine(inventory_id=cup.id, quantity=quantity, type=kind, reason=reason))
        order = await stock.place_purchase("acme", [StockOrdered("cup", "north", 10)])
        page = await browser.new_page(base_url=f"http://127.0.0.1:{app.http_port}")
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.set_default_timeout(SOON_MS)
        await page.goto("/stock")
        waiting = page.get_by_role("table", name="Waiting for another person").locator("tbody tr")
        await expect(waiting).to_have_count(2, timeout=SOON_MS)
        await expect(waiting.nth(0)).to_contain_text("cupnorth8INBOUNDfoundann")
        notice = page.locator("travio-stock-desk [role=status]")
        for user, said in (("ann", "another person"), ("bob", "+8 of cup: approved.")):
            await page.get_by_label("You").fill(user)
            await page.get_by_role("button", name="Show").click()
            await page.get_by_role("button", name="approve +8 of cup").click()
            await expect(notice).to_contain_text(said, timeout=SOON_MS)
        await page.get_by_role("button", name="reject -9 of cup").click()
        await expect(page.get_by_text("No change waits for another person.")).to_be_visible(timeout=SOON_MS)
        assert (await stock.entry("cup", "north")).total == 33
        lines = page.get_by_role("table", name="Open purchase orders").locator("tbody tr")
        await expect(lines.nth(0)).to_contain_text("acmecupnorth10010")
        await page.get_by_label("how many of cup came").fill("4")
        await page.get_by_role("button", name="receive cup").click()
        await expect(lines.nth(0)).to_contain_text("acmecupnorth1046", timeout=SOON_MS)
        await expect(page.locator("travio-stock tbody tr").nth(0)).to_contain_text("cupnorth37", timeout=2 * SOON_MS)
        await page.get_by_role("button", name="cancel the order of cup").click()
        await expect(page.get_by_text("No purchase order is open.")).to_be_visible(timeout=SOON_MS)
        assert [line.received for line in (await stock.purchase(order.id)).lines] == [4]
        assert (await stock.movements(cup.id))[-1].by == "bob"
        assert faults == []
        await page.close()
