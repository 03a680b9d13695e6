"""`map --watch`: the map drawn live on a terminal, line by line elsewhere, until it is interrupted."""

import asyncio
import io
import json
import os
import pty
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from travio_inventory.app.service import App, running
from travio_inventory.cli.live_maps import WatchedPart, show_live
from travio_inventory.cli.screen import Screen
from travio_inventory.client import InventoryClient, SeatMap
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
    async with asyncio.timeout(60):
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


async def test_a_line_tells_when_the_change_was_heard_and_no_time_before_it(app: App) -> None:
    out = io.StringIO()
    async with watched(app, Screen(out=out)) as client:
        await until(lambda: "Ctrl-C" in out.getvalue())
        began = datetime.now(UTC)
        await client.hold("t1", "A", "D", ["A2"])
        await until(lambda: "A2 held" in out.getvalue())
    seconds = range(int((datetime.now(UTC) - began).total_seconds()) + 2)
    (told,) = re.findall(r"^(\d\d:\d\d:\d\d)  A2 held$", out.getvalue(), re.MULTILINE)
    assert told in {f"{(began + timedelta(seconds=later)).astimezone():%H:%M:%S}" for later in seconds}


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


async def test_a_terminal_of_another_size_is_drawn_again(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    out = Terminal()
    async with watched(app, Screen(out=out)):
        await until(lambda: "Ctrl-C" in out.getvalue())
        signal.raise_signal(signal.SIGWINCH)
        await until(lambda: out.getvalue().count("Ctrl-C") == 2)
    drawn = out.getvalue().split("\x1b[H\x1b[2J")[1:]
    assert drawn[0] == drawn[1]


async def test_a_trip_that_changes_between_the_map_and_its_first_update_is_drawn_as_it_is(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, read, times = io.StringIO(), WatchedPart.map_of, count()

    def swap_after_the_first(part: WatchedPart, client: InventoryClient) -> "asyncio.Future[SeatMap]":
        async def swapped() -> SeatMap:
            found = await read(part, client)
            if next(times) == 0:
                await client.swap_vehicle("t1", a_trip(organization="default", seats=6))
            return found

        return asyncio.ensure_future(swapped())

    monkeypatch.setattr(WatchedPart, "map_of", swap_after_the_first)
    async with watched(app, Screen(out=out)):
        await until(lambda: "6 free" in out.getvalue())


@pytest.mark.once
@pytest.mark.parametrize("is_coloured", [True, False])
async def test_a_real_terminal_is_drawn_live_in_colours_unless_that_is_forbidden_and_may_be_interrupted(
    app: App, *, is_coloured: bool
) -> None:
    words = ["map", "t1", "A", "D", "--watch", "--target", f"127.0.0.1:{app.port}"]
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS"}}
    environment |= {"TERM": "xterm-256color"} | ({} if is_coloured else {"NO_COLOR": "1"})
    command = [sys.executable, "-m", "travio_inventory.cli", *words]
    typed = await asyncio.create_subprocess_exec(*command, stdout=theirs, env=environment)
    os.close(theirs)
    os.set_blocking(ours, False)
    seen = bytearray()

    def is_drawn(counted: bytes, last: bytes) -> bool:
        with suppress(BlockingIOError):
            seen.extend(os.read(ours, 65_536))
        return last in seen.rpartition(counted)[2]

    try:
        await until(lambda: is_drawn(b"4 free", b"Ctrl-C ends it"))
        async with InventoryClient(f"127.0.0.1:{app.port}", user="u1") as client:
            await client.hold("t1", "A", "D", ["A2"])
        await until(lambda: is_drawn(b"3 free", b"A2 held"))
        assert (re.search(rb"\x1b\[[0-9;]*3[0-9]m", seen) is not None) is is_coloured
        typed.send_signal(signal.SIGINT)
        async with asyncio.timeout(60):
            assert await typed.wait() == 0
    finally:
        if typed.returncode is None:
            typed.kill()
            await typed.wait()
        os.close(ours)


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
