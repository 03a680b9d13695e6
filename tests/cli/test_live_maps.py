"""`map --watch`: the map drawn live on a terminal, line by line elsewhere, until it is interrupted."""

import asyncio
import io
import json
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from travio_inventory.app.service import App, running
from travio_inventory.cli.live_maps import WatchedPart, show_live
from travio_inventory.cli.screen import Screen
from travio_inventory.client import InventoryClient
from verification.kit.child_process import child
from verification.kit.in_process import settings_of
from verification.kit.trips import a_trip

PART = WatchedPart("t1", "A", "D", None, "")
DRAWN = "4 free"


class Terminal(io.StringIO):
    """Standard output as a person has it."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
async def app() -> AsyncIterator[App]:
    """A service with a trip of four seats on sale."""
    async with running(settings_of()) as app, InventoryClient(f"127.0.0.1:{app.port}") as client:
        await client.open_trip(a_trip(organization="default", seats=4))
        yield app


@asynccontextmanager
async def watched(app: App, screen: Screen) -> AsyncIterator[InventoryClient]:
    """One who watches the trip, and a client that changes it."""
    async with InventoryClient(f"127.0.0.1:{app.port}", user="u1") as client:
        watching = asyncio.ensure_future(show_live(client, screen, PART))
        yield client
        watching.cancel()
        await watching  # an interruption is the usual end


async def until(seen: Callable[[], bool]) -> None:
    """Return when it is to be seen."""
    async with asyncio.timeout(30):
        while not seen():  # noqa: ASYNC110 - a stream tells nobody
            await asyncio.sleep(0.01)


async def test_a_pipe_gets_the_map_once_and_a_line_for_each_change(app: App) -> None:
    out = io.StringIO()
    async with watched(app, Screen(out=out)) as client:
        await until(lambda: "Ctrl-C" in out.getvalue())
        hold = await client.hold("t1", "A", "D", ["A2", "A3"])
        await until(lambda: bool(re.search(r"^\d\d:\d\d:\d\d  A2 held, A3 held$", out.getvalue(), re.MULTILINE)))
        await hold.release()
        await until(lambda: "  A2 free, A3 free\n" in out.getvalue())
    assert out.getvalue().count(DRAWN) == 1


async def test_a_terminal_is_drawn_again_at_each_change(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    out = Terminal()
    async with watched(app, Screen(out=out)) as client:
        await until(lambda: DRAWN in out.getvalue())
        await client.hold("t1", "A", "D", ["A2"])
        await until(lambda: out.getvalue().endswith("A2 held\n"))
    first, second = out.getvalue().split("\x1b[H\x1b[2J")[1:]
    assert (DRAWN in first, "3 free" in second, "1 held" in second) == (True, True, True)


async def test_in_json_each_update_is_a_line(app: App) -> None:
    out = io.StringIO()
    async with watched(app, Screen(as_json=True, out=out)) as client:
        await until(lambda: out.getvalue().count("\n") == 1)
        await client.hold("t1", "A", "D", ["A2"])
        await until(lambda: out.getvalue().count("\n") == 2)
    whole, change = map(json.loads, out.getvalue().splitlines())
    assert [whole["kind"], change["kind"]] == ["snapshot", "change"]
    assert [seat["seat"] for seat in whole["seats"]] == ["A1", "A2", "A3", "A4"]
    [seat] = change["seats"]
    assert (seat["seat"], seat["status"], seat["version"]) == ("A2", "held", 1)
    assert seat["held_until"] > whole["as_of"]


@pytest.mark.once
async def test_an_interruption_is_no_failure(app: App) -> None:
    words = ["map", "t1", "A", "D", "--watch", "--json", "--target", f"127.0.0.1:{app.port}"]
    async with child([sys.executable, "-m", "travio_inventory.cli", *words]) as typed, asyncio.timeout(40):
        assert typed.stdout is not None
        assert json.loads(await typed.stdout.readline())["kind"] == "snapshot"
        typed.send_signal(signal.SIGINT)
        assert await typed.wait() == 0
