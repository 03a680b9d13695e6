"""The page on which each call can be tried, in a browser: it lists all, sends what is typed, and shows what comes."""

from playwright.async_api import Browser

from tests.ui.conftest import SOON_MS, Sale


async def test_a_call_is_tried_as_it_stands(browser: Browser, sale: Sale) -> None:
    page = await browser.new_page(base_url=sale.http)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.set_default_timeout(SOON_MS)
    await page.goto("/docs")
    await page.get_by_label("User", exact=True).fill("rahima")
    await page.locator("main[aria-busy=false]").wait_for()
    assert await page.locator("summary").count() > 40

    async def tried(path: str, method: str) -> str:
        call = page.locator("details").filter(has_text=f"{method}{path} ").first
        await call.locator("summary").click()
        await call.get_by_role("button", name="Send").click()
        shown = call.locator("pre")
        await page.wait_for_function("pre => pre.textContent.includes('\\n')", arg=await shown.element_handle())
        return await shown.inner_text()

    assert (await tried("/v1/trips", "POST")).startswith("201 Created")
    held = await tried("/v1/holds", "POST")
    assert held.startswith("201 Created\nlocation: /v1/holds/dhaka-chattogram-0605~")
    assert '"success": true' in held
    assert faults == []
    await page.close()
