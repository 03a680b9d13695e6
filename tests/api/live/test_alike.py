"""Over each protocol a watcher goes on from where it was: it misses nothing, hears nothing twice, and of each gap."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from tests.api.live.serving import TRIP, client_of, selling
from tests.api.live.test_sockets import next_of, socket
from tests.api.live.watched_over import BEAT, CHANGE, FACES, TRIP_ID, WHOLE, Seen, Watch
from travio_inventory.api.live.feed import FeedRules
from travio_inventory.app.service import App
from verification.kit.trips import a_trip

OFTEN = FeedRules(heartbeat_s=0.1)
SELDOM = FeedRules(heartbeat_s=600)
"""No watcher is told of its place but because it asks for that."""

each_face = pytest.mark.parametrize("watch", FACES.values(), ids=FACES)


def rules(monkeypatch: pytest.MonkeyPatch, chosen: FeedRules) -> None:
    monkeypatch.setattr("travio_inventory.api.live.feeds.FeedRules", lambda: chosen)


async def soon(told: AsyncGenerator[Seen]) -> Seen:
    async with asyncio.timeout(60):
        return await anext(told)


async def first(app: App, watch: Watch, position: str = "") -> Seen:
    """What a watcher is told first who was there."""
    async with aclosing(watch(app, position)) as told:
        return await soon(told)


@each_face
async def test_a_watcher_goes_on_from_where_it_was(monkeypatch: pytest.MonkeyPatch, watch: Watch) -> None:
    rules(monkeypatch, SELDOM)
    async with selling() as app, client_of(app) as client, aclosing(watch(app, "")) as told:
        began = await soon(told)
        assert (began.kind, began.reason, began.seats) == (WHOLE, "begin", frozenset())
        seen = []
        for seat in ("A1", "A2", "A3"):
            await client.hold(TRIP_ID, "A", "D", [seat])
            seen.append(await soon(told))
        assert [(each.kind, each.seats) for each in seen] == [(CHANGE, {"A1"}), (CHANGE, {"A2"}), (CHANGE, {"A3"})]
        for at, each in enumerate([began, *seen]):
            missed = {f"A{number}" for number in range(at + 1, 4)}
            again = await first(app, watch, each.position)
            assert again == Seen(CHANGE if missed else BEAT, seen[-1].position, frozenset(missed))


@each_face
async def test_a_position_that_no_feed_of_now_has_told_is_a_gap(monkeypatch: pytest.MonkeyPatch, watch: Watch) -> None:
    rules(monkeypatch, SELDOM)
    async with selling() as app, client_of(app) as client, aclosing(watch(app, "")) as told:
        await soon(told)
        await client.hold(TRIP_ID, "A", "D", ["A1"])
        last = (await soon(told)).position
        epoch, _, offset = last.rpartition("-")
        for unknown in (f"{'0' * len(epoch)}-{offset}", f"{epoch}-{int(offset) + 1}", epoch, "nonsense"):
            assert await first(app, watch, unknown) == Seen(WHOLE, last, frozenset({"A1"}), "gap"), unknown


@each_face
async def test_a_position_of_before_a_restart_is_a_gap(monkeypatch: pytest.MonkeyPatch, watch: Watch) -> None:
    rules(monkeypatch, SELDOM)
    async with selling() as app:
        before = await first(app, watch)
    async with selling() as app:
        after = await first(app, watch, before.position)
    assert (after.kind, after.reason) == (WHOLE, "gap")
    assert after.position != before.position


@each_face
async def test_while_nothing_changes_a_watcher_hears_that_it_is_connected(
    monkeypatch: pytest.MonkeyPatch, watch: Watch
) -> None:
    rules(monkeypatch, OFTEN)
    async with selling() as app, client_of(app) as client, aclosing(watch(app, "")) as told:
        began = await soon(told)
        assert [await soon(told) for _ in range(3)] == [Seen(BEAT, began.position)] * 3
        await client.hold(TRIP_ID, "A", "D", ["A1"])
        while (seen := await soon(told)).kind == BEAT:
            pass
        assert (seen.kind, seen.seats) == (CHANGE, {"A1"})
        assert await soon(told) == Seen(BEAT, seen.position)


@each_face
async def test_another_vehicle_is_told_with_all_of_its_seats(monkeypatch: pytest.MonkeyPatch, watch: Watch) -> None:
    rules(monkeypatch, SELDOM)
    async with selling() as app, client_of(app) as client, aclosing(watch(app, "")) as told:
        began = await soon(told)
        await client.hold(TRIP_ID, "A", "D", ["A1"])
        assert (await soon(told)).kind == CHANGE
        await client.swap_vehicle(TRIP_ID, a_trip(organization=TRIP.key.organization, seats=6))
        while (changed := await soon(told)).kind == CHANGE:
            pass  # of the period of sale before it
        assert (changed.kind, changed.reason, changed.seats) == (WHOLE, "trip_changed", {"A1"})
        assert changed.position.partition("-")[0] != began.position.partition("-")[0]


async def test_showtimes_are_told_what_was_missed_and_of_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not told where they are: from where a watcher of another shape was."""
    rules(monkeypatch, SELDOM)
    async with selling() as app, client_of(app) as client, aclosing(FACES["SSE"](app, "")) as told:
        began = await soon(told)
        await client.hold(TRIP_ID, "A", "D", ["A1"])
        held = await soon(told)
        for position, seats in ((began.position, ["A1"]), (held.position, ["A2"]), ("nonsense", ["A1", "A2"])):
            async with socket(app, f"/?showtimeId={TRIP_ID}&position={position}") as opened:
                assert (await next_of(opened))["type"] == "subscribed"
                if position == held.position:
                    await client.hold(TRIP_ID, "A", "D", ["A2"])
                said = await next_of(opened)
            assert said["type"] == ("availability" if position == "nonsense" else "hold.created")
            held_now = [each["seatId"] for each in said.get("availability", []) if each["state"] == "held"]
            assert said.get("seatIds", held_now) == seats
