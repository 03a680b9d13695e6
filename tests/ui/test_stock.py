"""The page that shows stock and movements by warehouse, in a browser."""

from playwright.async_api import Browser, expect

from tests.ui.conftest import SOON_MS, Sale
from travio_inventory.client.stock import Site, StockLine


async def test_stock_and_its_movements_are_shown_by_warehouse_and_follow_what_happens(
    browser: Browser, sale: Sale
) -> None:
    stock = sale.client.stock
    for code in ("north", "south"):
        await stock.add_warehouse(code, Site(f"The {code}"))
    cup = await stock.add("cup", "north", "p", quantity=25)
    await stock.add("<b>jug</b>", "south", "p", quantity=4)
    await stock.add("pan", "south", "p")
    page = await browser.new_page(base_url=sale.http)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.set_default_timeout(SOON_MS)
    await page.goto("/stock")
    rows = page.locator("travio-stock tbody tr")
    await expect(page.get_by_text("No change waits for another person.")).to_be_visible()
    await expect(rows).to_have_count(3, timeout=SOON_MS)
    await expect(rows.nth(0)).to_have_text("<b>jug</b>south40410low")
    await expect(rows.nth(2)).to_have_text("pansouth00010out")
    await page.get_by_label("Warehouse").select_option("south: The south")
    await expect(rows).to_have_count(2, timeout=SOON_MS)
    await page.get_by_label("Warehouse").select_option("all")
    await page.get_by_label("Stock keeping unit").fill("cup")
    await page.get_by_label("Stock keeping unit").press("Enter")
    await expect(rows).to_have_count(1, timeout=SOON_MS)
    await page.get_by_role("button", name="cup").click()
    movements = page.get_by_role("table", name="Movements of cup in north, newest first").locator("tbody tr")
    await expect(movements).to_have_count(1, timeout=SOON_MS)
    await stock.update(StockLine(inventory_id=cup.id, quantity=-20, type="DAMAGE", reason="a flood"))
    await expect(movements.nth(0)).to_contain_text("DAMAGE-205a flood", timeout=2 * SOON_MS)
    await expect(rows.nth(0)).to_have_text("cupnorth50510low")
    in_transit = page.get_by_role("table", name="In transit").locator("tbody tr")
    await expect(in_transit).to_have_count(0)
    await stock.add("cup", "south", "p")
    transfer = await stock.ship_transfer((await stock.draft_transfer("cup", "north", "south", 3, reason="a fair")).id)
    await expect(in_transit).to_contain_text("cupnorthsouth33a fair", timeout=2 * SOON_MS)
    await stock.receive_transfer(transfer.id, 3)
    await expect(in_transit).to_have_count(0, timeout=2 * SOON_MS)
    seen = await stock.entry("cup", "north")
    await stock.change(cup.id, version=seen.version, shards=3)
    await expect(rows.nth(0)).to_have_text("cupnorth20210low in 3 shards", timeout=2 * SOON_MS)
    shards = page.get_by_role("table", name="Shards of cup in north").locator("tbody tr")
    await expect(shards).to_have_text(["1200", "2000", "3000"], timeout=2 * SOON_MS)
    assert faults == []
    await page.close()


async def test_a_preview_shows_where_an_order_would_come_from_and_why(browser: Browser, sale: Sale) -> None:
    stock = sale.client.stock
    for code, region, mugs in (("east", "eu", 2), ("west", "us", 3)):
        await stock.add_warehouse(code, Site(f"The {code}", region=region))
        await stock.add("mug", code, "p", quantity=mugs)
    page = await browser.new_page(base_url=sale.http)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.set_default_timeout(SOON_MS)
    await page.goto("/stock")
    preview = page.locator("travio-stock-preview")
    for order, region, served in (("mug=4", "us", ["mugwest3", "mugeast1"]), ("mug", "eu", ["mugeast1"])):
        await preview.get_by_label("An order of").fill(order)
        await preview.get_by_label("to the region").fill(region)
        await preview.get_by_role("button", name="Preview").click()
        lines = preview.get_by_role("table", name="It would come from").locator("tbody tr")
        await expect(lines).to_have_text(served, timeout=SOON_MS)
    why = preview.get_by_role("table", name="Why")
    await expect(why).to_contain_text("1 parcel: fewer are not enough.")
    await expect(why).to_contain_text("west is not used: it would be a further parcel, or others come first.")
    await preview.get_by_label("An order of").fill("mug=6")
    await preview.get_by_role("button", name="Preview").click()
    await expect(preview.get_by_role("status")).to_contain_text("only 5 of mug are available", timeout=SOON_MS)
    await expect(why).to_have_count(0)
    assert faults == []
    await page.close()
