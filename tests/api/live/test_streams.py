"""Live maps as streams of events, over a real connection."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect as connect_socket
from websockets.exceptions import InvalidStatus

from tests.api.live.serving import browser_of, client_of, selling
from travio_inventory.app.service import App

PATH = "/v1/trips/t1/updates"


class Stream:
    """The events of a stream as a browser has them."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()
        self.last_id = ""
        self.retry_ms = 0

    async def next(self) -> Any:  # noqa: ANN401 - what JSON says
        """The data of the next event that has any."""
        name, data = "message", ""
        async with asyncio.timeout(60):
            async for line in self._lines:
                field, _, value = line.partition(": ")
                match field:
                    case "id":
                        self.last_id = value
                    case "retry":
                        self.retry_ms = int(value)
                    case "event":
                        name = value
                    case "data":
                        data = value
                    case "" if data:
                        return {**json.loads(data), **({"event": name} if name != "message" else {})}
        return None


@asynccontextmanager
async def streaming(
    app: App, headers: Mapping[str, str] | None = None, *, journey: str = "", **params: str
) -> AsyncIterator[Stream]:
    """A stream of the trip."""
    asked = {**params, **(dict(zip(("from", "to"), journey.split("-"), strict=True)) if journey else {})}
    async with browser_of(app) as browser, browser.stream("GET", PATH, params=asked, headers=headers) as response:
        yield Stream(response)


async def until_nobody_watches(app: App) -> None:
    """Return when the service has noticed that its watchers have left."""
    async with asyncio.timeout(60):
        while app.feeds.watchers:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)


async def test_a_stream_tells_what_changes_in_the_words_of_old() -> None:
    async with selling() as app, client_of(app) as client, streaming(app) as stream:
        assert (stream.response.status_code, stream.response.headers["content-type"]) == (
            200,
            "text/event-stream; charset=utf-8",
        )
        hold = await client.hold("t1", "A", "B", ["A2"])
        held = await stream.next()
        assert (held["type"], held["data"]["trip_id"], held["data"]["seat_ids"], held["data"]["status"]) == (
            "inventory.seats_held", "t1", ["A2"], "HELD",
        )  # fmt: skip
        assert 1_000 <= stream.retry_ms <= 5_000
        await hold.confirm("o1")
        assert (await stream.next())["type"] == "inventory.seats_booked"
        await client.cancel(hold.id)
        assert (await stream.next())["type"] == "inventory.seats_released"
    assert app.feeds.watchers == 0


async def test_watchers_do_not_come_back_all_at_once() -> None:
    """Each is told another time to wait: that twenty are told the same one by chance happens to nobody."""
    waits_ms = set()
    async with selling() as app:
        for _ in range(20):
            async with streaming(app, shape="native") as stream:
                await stream.next()
                waits_ms.add(stream.retry_ms)
    assert len(waits_ms) > 1
    assert all(1_000 <= each <= 5_000 for each in waits_ms)


async def test_a_watcher_that_leaves_is_noticed() -> None:
    async with selling() as app:
        async with streaming(app, shape="native") as stream:
            assert (await stream.next())["type"] == "snapshot"
            assert app.feeds.watchers == 1
        await until_nobody_watches(app)


async def test_who_asks_for_the_head_alone_watches_nothing() -> None:
    async with selling() as app, browser_of(app) as browser:
        answer = await browser.head(PATH)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        await until_nobody_watches(app)
        assert (await browser.get("/livez")).status_code == 200


async def test_a_stream_goes_on_from_the_last_event() -> None:
    async with selling() as app, client_of(app) as client:
        async with streaming(app) as stream:
            await client.hold("t1", "A", "D", ["A1"])
            await stream.next()
        await client.hold("t1", "A", "D", ["A3"])
        async with streaming(app, {"last-event-id": stream.last_id}) as again:
            assert (await again.next())["data"]["seat_ids"] == ["A3"]
        async with streaming(app, position=stream.last_id, shape="native") as again:
            delta = await again.next()
            assert (delta["type"], delta["after"], [seat["seat_id"] for seat in delta["seats"]]) == (
                "delta", stream.last_id, ["A3"],
            )  # fmt: skip
        at_end = {"last-event-id": again.last_id}
        async with streaming(app, at_end, position=stream.last_id, shape="native") as again:
            assert (await again.next())["type"] == "heartbeat"  # a browser comes back to the address it had at first
        async with streaming(app, {"last-event-id": "of another process-3"}) as lost:
            assert await lost.next() == {"type": "inventory.resync", "data": {"trip_id": "t1", "reason": "gap"}}
            states = [(await lost.next())["data"] for _ in range(2)]
            assert [(each["status"], each["seat_ids"]) for each in states] == [
                ("HELD", ["A1", "A3"]),
                ("AVAILABLE", ["A2", "A4"]),
            ]


async def test_a_stream_of_a_journey_tells_of_that_one_alone() -> None:
    async with selling() as app, client_of(app) as client, streaming(app, journey="B-C") as stream:
        await client.hold("t1", "A", "B", ["A1"])
        await client.hold("t1", "A", "C", ["A2"])
        assert (await stream.next())["data"]["seat_ids"] == ["A2"]


async def test_what_cannot_be_watched_is_a_problem() -> None:
    async with selling() as app, browser_of(app) as browser:
        for path, status, reason in [
            ("/v1/trips/none/updates", 404, "TRIP_NOT_FOUND"),
            (f"{PATH}?from=D&to=A", 422, "INVALID_JOURNEY"),
            (f"{PATH}?from=A", 422, "INVALID_REQUEST"),
            (f"{PATH}?section_id=none", 422, "INVALID_REQUEST"),
        ]:
            refused = await browser.get(path)
            assert (refused.status_code, refused.json()["reason"]) == (status, reason)
            assert refused.headers["content-type"] == "application/problem+json"


async def test_a_stop_ends_a_stream_with_the_reason() -> None:
    async with selling() as app, streaming(app, shape="native") as stream:
        await stream.next()
        await app.feeds.close()
        assert await stream.next() == {
            "type": "refused",
            "event": "refused",
            "reason": "BACKEND_UNAVAILABLE",
            "detail": "the service is stopping; retry",
        }
        assert await stream.next() is None


async def test_who_watches_leaves_room_for_requests() -> None:
    """Streams, also over Connect, and sockets may take three of four connections."""
    asked = b'{"trip_id":"t1"}'
    connect = {"content-type": "application/connect+json", "connect-protocol-version": "1"}
    watch = ("POST", "/inventory.v1.InventoryService/WatchSeatMap")
    async with selling(http_connections_max=8) as app, browser_of(app) as browser, AsyncExitStack() as watching:
        for _ in range(6):
            stream = await watching.enter_async_context(streaming(app))
            assert stream.response.status_code == 200
        refused = await browser.get(PATH)
        assert (refused.status_code, refused.json()["reason"]) == (429, "OVERLOADED")
        body = bytes(1) + len(asked).to_bytes(4, "big") + asked
        async with asyncio.timeout(60):
            assert b'"resource_exhausted"' in (await browser.request(*watch, content=body, headers=connect)).content
        with pytest.raises(InvalidStatus, match="503"):
            await connect_socket(f"ws://127.0.0.1:{app.http_port}/?showtimeId=t1")
        assert (await browser.get("/v1/trips/t1/availability?from=A&to=D")).status_code == 200
    async with selling(http_connections_max=8) as app, browser_of(app) as browser:
        for _ in range(7):
            assert (await browser.head(PATH)).status_code == 200
