"""The demo that stays: its page sells, and Ctrl-C ends all of it."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from verification.kit.child_process import child

SECONDS_MAX = 200.0


def ctrl_c(demo: asyncio.subprocess.Process) -> None:
    """A terminal tells the service, which the demo has started, as well."""
    os.killpg(demo.pid, signal.SIGINT)


def in_it(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.mark.once
@pytest.mark.parametrize("stop", [ctrl_c, asyncio.subprocess.Process.terminate])
async def test_the_demo_stays_for_a_browser_until_it_is_told_to_stop(
    tmp_path: Path, stop: Callable[[asyncio.subprocess.Process], None]
) -> None:
    words = [sys.executable, "-m", "travio_inventory.cli", "demo", "--stay"]
    async with child(words, {**os.environ, "TMPDIR": str(tmp_path)}) as demo, asyncio.timeout(SECONDS_MAX):
        assert demo.stdout is not None
        said = await demo.stdout.readuntil(b"Ctrl-C")
        address = re.search(r"http://localhost:\d+/", said.decode())
        assert address is not None
        async with httpx.AsyncClient(base_url=address[0]) as web:
            assert "travio-seat-map" in (await web.get("/")).text
            query = {"from": "dhaka", "to": "coxs-bazar"}
            seats = (await web.get("/v1/trips/coach-dhaka-coxs-bazar/seatmap", params=query)).json()
            assert seats["rows"][0]["seats"][0]["status"] == "SEAT_STATUS_BOOKED"
            where = {"from_station_id": "dhaka", "to_station_id": "coxs-bazar"}
            body = {"trip_id": "coach-dhaka-coxs-bazar", "seat_ids": ["seat-A2"], **where}
            assert (await web.post("/v1/holds", json=body, headers={"x-user-id": "ann"})).status_code == 201
        assert in_it(tmp_path) != []
        stop(demo)
        assert await demo.wait() == 0
        with pytest.raises(ProcessLookupError):
            os.killpg(demo.pid, 0)
    assert in_it(tmp_path) == []
    async with httpx.AsyncClient() as nobody:
        with pytest.raises(httpx.ConnectError):
            await nobody.get(address[0])
