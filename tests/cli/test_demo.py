"""The demo that stays: its page sells, and Ctrl-C ends all of it."""

import asyncio
import re
import signal
import sys

import httpx
import pytest

from verification.kit.child_process import child

SECONDS_MAX = 200.0


@pytest.mark.once
@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
async def test_the_demo_stays_for_a_browser_until_it_is_told_to_stop(told: signal.Signals) -> None:
    words = [sys.executable, "-m", "travio_inventory.cli", "demo", "--stay"]
    async with child(words) as demo, asyncio.timeout(SECONDS_MAX):
        assert demo.stdout is not None
        said = await demo.stdout.readuntil(b"Ctrl-C")
        address = re.search(r"http://localhost:\d+/", said.decode())
        assert address is not None
        async with httpx.AsyncClient(base_url=address[0]) as web:
            assert "travio-seat-map" in (await web.get("/")).text
            query = {"from": "dhaka", "to": "coxs-bazar"}
            seats = (await web.get("/v1/trips/coach-dhaka-coxs-bazar/seatmap", params=query)).json()
            assert seats["rows"][0]["seats"][0]["status"] == "SEAT_STATUS_BOOKED"
        demo.send_signal(told)
        assert await demo.wait() == 0
    async with httpx.AsyncClient() as nobody:
        with pytest.raises(httpx.ConnectError):
            await nobody.get(address[0])
