"""What a watcher is told: everything, in order, from wherever it was."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from traceback import walk_tb

import pytest

from tests.api.live.conftest import RULES
from travio_inventory.api.live.feed import FeedRules
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.api.live.told import NOWHERE, Because, Delta, Heartbeat, Position, Snapshot, parse_position
from travio_inventory.app.service import running
from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.refusals import BackendUnavailable, Overloaded, PermissionDenied, WrongRequest
from travio_inventory.protocol.batches import Kind
from travio_inventory.seats.commands import SalesAction, SeatMapQuery
from travio_inventory.seats.refusals import InvalidJourney, TripNotFound
from travio_inventory.seats.seat import HeldUntil
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.trip import Ends, TripKey
from travio_inventory.seats.use_cases.follow_maps import MapPart
from verification.kit.asking import control_sales
from verification.kit.in_process import settings_of
from verification.kit.sale import Sale
from verification.kit.trips import SEATS
from verification.kit.watching import Watcher, crowd

WATCHERS = 200


def watcher(feeds: Feeds, sale: Sale, ends: str = "A-D") -> Watcher:
    """One who watches the sale."""
    return Watcher(feeds, sale.trip.key, ends)


# ---- what is told


async def test_a_watcher_is_told_everything_then_what_changes(feeds: Feeds, sale: Sale) -> None:
    await sale.hold("A1 A18")
    async with watcher(feeds, sale).following() as ann:
        assert ann.shown() == await sale.map()
        booked, released = await sale.hold("A2 A3"), await sale.hold("A4")
        await ann.sees("A2 A3 A4", "held")
        assert ann.states["A4"] == HeldUntil(sale.clock.at_ms + 60_000)
        await sale.confirm(booked)
        await sale.release(released)
        await sale.block("A5")
        await ann.sees("A2 A3", "sold")
        await ann.sees("A4", "available")
        await ann.sees("A5", "blocked")
        assert ann.shown() == await sale.map()
    assert [type(told) for told in ann.told[:2]] == [Snapshot, Delta]
    assert ann.wrong == []


async def test_who_watches_another_journey_is_told_of_that_one_alone(feeds: Feeds, sale: Sale) -> None:
    async with (
        watcher(feeds, sale, "A-B").following() as ann,
        watcher(feeds, sale, "B-D").following() as bob,
        watcher(feeds, sale).following() as cem,
    ):
        await sale.hold("A1", "C-D")
        await sale.hold("A2", "A-B")
        await ann.sees("A2", "held")
        await bob.sees("A1", "held")
        await cem.sees("A1 A2", "held")
    assert (ann.shown()["A1"], bob.shown()["A2"]) == ("available", "available")
    assert [each.wrong for each in (ann, bob, cem)] == [[], [], []]


async def test_what_a_caller_has_done_is_in_the_snapshot(feeds: Feeds, sale: Sale) -> None:
    async with watcher(feeds, sale).following():
        for number in range(1, 10):
            await sale.hold(f"A{number}")
            async with watcher(feeds, sale).following() as late:
                assert late.shown()[f"A{number}"] == "held"


async def test_a_change_while_the_state_is_read_is_told(feeds: Feeds, sale: Sale) -> None:
    """The look has read the seat's group already when the change comes, and nothing else makes it look again."""
    async with watcher(feeds, sale).following() as ann:
        in_hand = sale.store.stall_reads()
        await sale.hold("A1")
        await in_hand.reached.wait()
        sale.store.mend()
        await sale.hold("A18")
        in_hand.go.set()
        await ann.sees("A1 A18", "held")
    assert ann.wrong == []


async def test_what_another_process_did_is_told_without_a_message(sale: Sale) -> None:
    feeds = Feeds(sale.inventory.follow_maps, sale.process.signals, sale.clock, replace(RULES, look_again_s=0.02))
    async with watcher(feeds, sale).following() as ann:
        await sale.elsewhere().hold("A1")
        sale.clock.pass_s(3)  # what is cached goes stale
        await ann.sees("A1", "held")
    await feeds.close()


async def test_a_trip_that_is_closed_shows_no_free_seat(feeds: Feeds, sale: Sale) -> None:
    await sale.hold("A1")
    async with watcher(feeds, sale).following() as ann:
        await control_sales(sale.inventory, sale.trip.key, SalesAction.CLOSE)
        await ann.sees("A2 A18", "blocked")
        assert ann.shown()["A1"] == "held"
        await control_sales(sale.inventory, sale.trip.key, SalesAction.REOPEN)
        await ann.sees("A2 A18", "available")
    assert ann.wrong == []


async def test_heartbeats_come_while_nothing_changes(sale: Sale) -> None:
    feeds = Feeds(
        sale.inventory.follow_maps,
        sale.process.signals,
        sale.clock,
        replace(RULES, look_again_s=0.01, heartbeat_s=0.02),
    )
    async with watcher(feeds, sale).following() as ann:
        sale.clock.pass_s(30)
        await ann.until(lambda: len(ann.told) > 3)
    assert {type(told) for told in ann.told[1:]} == {Heartbeat}
    assert ann.told[-1].as_of_ms == sale.clock.at_ms - 2_000
    assert ann.wrong == []
    await feeds.close()


def test_a_service_looks_again_each_2_s_and_says_that_it_is_there_each_15() -> None:
    """Clients of streams of old expect a comment each 30 s at least."""
    assert (FeedRules().look_again_s, FeedRules().heartbeat_s) == (2.0, 15.0)


async def test_a_service_has_those_rules() -> None:
    async with running(settings_of(), only="grpc") as app:
        assert app.feeds._rules == FeedRules()


async def test_a_heartbeat_needs_no_look(sale: Sale) -> None:
    """Large trips are looked at more seldom than watchers want to hear that they are connected."""
    feeds = Feeds(sale.inventory.follow_maps, sale.process.signals, sale.clock, replace(RULES, heartbeat_s=0.02))
    async with watcher(feeds, sale).following() as ann:
        before = sale.store.reads[Kind.CELL]
        await ann.until(lambda: len(ann.told) > 3)
        assert sale.store.reads[Kind.CELL] == before
    assert {type(told) for told in ann.told[1:]} == {Heartbeat}
    await feeds.close()


# ---- from where it was


async def test_who_missed_nothing_is_told_so(feeds: Feeds, sale: Sale) -> None:
    async with watcher(feeds, sale).following() as ann:
        await sale.hold("A1")
        await ann.sees("A1", "held")
    async with ann.following():
        assert isinstance(ann.told[-1], Heartbeat)
    assert ann.wrong == []


async def test_who_missed_something_is_told_what(feeds: Feeds, sale: Sale) -> None:
    async with watcher(feeds, sale).following() as ann:
        await sale.hold("A1")
        await ann.sees("A1", "held")
    hold = await sale.hold("A2 A3")
    await sale.hold("A18")
    await sale.release(hold, "A3")
    async with ann.following():
        assert isinstance(ann.told[-1], Delta)
        assert {change.seat.id for change in ann.told[-1].changes} <= {"A2", "A3", "A18"}
        assert ann.shown() == await sale.map()
    assert ann.wrong == []


@pytest.mark.parametrize("position", [NOWHERE, Position("other", 0), None])
async def test_whose_position_is_not_known_is_told_so_and_everything(
    feeds: Feeds, sale: Sale, position: Position | None
) -> None:
    async with watcher(feeds, sale).following() as ann:
        await sale.hold("A1")
        await ann.sees("A1", "held")
        ahead = ann.position and ann.position._replace(offset=ann.position.offset + 1)
        async with watcher(feeds, sale).following(position or ahead) as bob:
            assert isinstance(bob.told[0], Snapshot)
            assert bob.told[0].because is Because.GAP
            assert bob.shown() == await sale.map()


async def test_a_part_that_nobody_watched_for_long_knows_nothing_of_before(sale: Sale) -> None:
    """Others watch the trip all the while, so the epoch goes on: what is trimmed is what this part has missed."""
    feeds = Feeds(
        sale.inventory.follow_maps, sale.process.signals, sale.clock, replace(RULES, look_again_s=0.01, linger_s=0.0)
    )
    async with watcher(feeds, sale, "A-D").following() as ann:
        async with watcher(feeds, sale, "A-B").following() as bob:
            (feed,) = feeds._feeds.values()
            assert len(feed._parts) == 2
        async with asyncio.timeout(60):
            while len(feed._parts) == 2:  # noqa: ASYNC110 - nobody is told when a part is forgotten
                await asyncio.sleep(0.01)
        await sale.hold("A1")
        await ann.sees("A1", "held")
        async with bob.following():
            assert isinstance(bob.told[-1], Snapshot)
            assert bob.told[-1].because is Because.GAP
            assert bob.told[-1].position.epoch == ann.told[-1].position.epoch
            assert bob.shown() == await sale.map("A-B")
    await feeds.close()


@pytest.mark.parametrize("text", ["", "x", "-", "-1", "a-", "a-b", "a-1.5", "a-\u0661", "a" * 100 + "-1", "a--1"])
def test_what_is_no_position_is_nowhere(text: str) -> None:
    assert parse_position(text) in (None if not text else NOWHERE, Position("a-", 1))


def test_a_position_is_read_as_it_was_written() -> None:
    assert parse_position(str(Position("0a1b", 17))) == Position("0a1b", 17)


# ---- who is slow, and who comes all at once


async def test_who_is_slow_is_told_each_seat_once_and_ends_equal_to_the_map(feeds: Feeds, sale: Sale) -> None:
    async with watcher(feeds, sale).following() as ann, watcher(feeds, sale).following() as slow:
        slow.stop_reading()
        for _ in range(20):
            hold = await sale.hold("A1 A2")
            await ann.sees("A1 A2", "held")
            await sale.release(hold)
            await ann.sees("A1 A2", "available")
        await sale.hold("A2")
        await ann.sees("A2", "held")
        slow.read_on()
        await slow.catches_up(ann)
        assert slow.shown() == await sale.map()
    assert len(ann.told) > 40
    assert len(slow.told) <= 3
    assert (ann.wrong, slow.wrong) == ([], [])


async def test_however_many_come_back_the_store_is_read_once(feeds: Feeds, sale: Sale) -> None:
    before = sale.store.reads[Kind.CELL]
    async with crowd(feeds, sale.trip.key, WATCHERS, Position("of before the restart", 7)) as watchers:
        assert sale.store.reads[Kind.CELL] - before == sale.trip.group_count
        assert {id(each.told[0]) for each in watchers} == {id(watchers[0].told[0])}, "one object, so it is written once"
        await sale.hold("A1")
        for each in watchers:
            await each.sees("A1", "held")
        assert sale.store.reads[Kind.CELL] - before == sale.trip.group_count + 1
        assert {id(each.told[1]) for each in watchers} == {id(watchers[0].told[1])}
    assert feeds.watchers == 0


async def test_what_many_are_told_is_written_once(feeds: Feeds, sale: Sale) -> None:
    async with watcher(feeds, sale).following() as ann:
        written = [ann.told[0].written("text", lambda _: b"once"), ann.told[0].written("text", lambda _: b"twice")]
    assert written == [b"once", b"once"]


async def test_every_change_of_a_fast_sale_is_told_in_order(feeds: Feeds, sale: Sale) -> None:
    """A watcher that reads sees each state of each seat: none is lost, none twice, and none out of order."""
    changes = 100
    async with crowd(feeds, sale.trip.key, 20) as watchers:
        last = watchers[-1]
        for at in range(changes):
            seat = f"A{1 + at % SEATS}"
            if last.shown()[seat] == "available":
                await sale.hold(seat)
                await last.sees(seat, "held")
            else:
                await sale.release(next(each for each in await sale.holds(include_ended=False) if seat in each.seats))
                await last.sees(seat, "available")
        for each in watchers:
            await each.catches_up(last)
            deltas = [told for told in each.told if isinstance(told, Delta)]
            assert [change.version for delta in deltas for change in delta.changes] == list(range(1, changes + 1))
            assert (each.wrong, each.shown()) == ([], await sale.map())


# ---- who may watch, and until when


async def test_a_feed_that_nobody_watches_ends(sale: Sale) -> None:
    feeds = Feeds(
        sale.inventory.follow_maps, sale.process.signals, sale.clock, replace(RULES, look_again_s=0.01, linger_s=0.02)
    )
    async with watcher(feeds, sale).following() as ann:
        assert (feeds.trips, feeds.watchers) == (1, 1)
    async with asyncio.timeout(60):
        while feeds.trips:  # noqa: ASYNC110 - nobody is told when a feed ends
            await asyncio.sleep(0.01)
    before = sale.store.reads[Kind.CELL]
    await sale.hold("A1")
    await asyncio.sleep(0.05)
    assert sale.store.reads[Kind.CELL] == before
    async with ann.following():
        assert isinstance(ann.told[-1], Snapshot)
        assert ann.told[-1].because is Because.GAP
    await feeds.close()


async def test_a_question_that_is_wrong_is_refused_and_harms_no_other(feeds: Feeds, sale: Sale) -> None:
    async with watcher(feeds, sale).following() as ann:
        async with watcher(feeds, sale, "D-A").following() as wrong:
            assert isinstance(wrong.refusal, InvalidJourney)
        await sale.hold("A1")
        await ann.sees("A1", "held")
    missing = Watcher(feeds, TripKey(sale.trip.key.organization, "missing"))
    async with missing.following():
        assert isinstance(missing.refusal, TripNotFound)
    query = SeatMapQuery(trip_id=sale.trip.key.trip, ends=Ends("A", "D"))
    with pytest.raises(PermissionDenied):
        await anext(feeds.subscribe(Actor("org", "ann", frozenset({Scope.SEATS_HOLD})), query))


async def test_while_the_store_does_not_answer_watchers_wait_and_new_ones_are_refused(sale: Sale) -> None:
    feeds = Feeds(sale.inventory.follow_maps, sale.process.signals, sale.clock, replace(RULES, look_again_s=0.02))
    async with watcher(feeds, sale).following() as ann:
        sale.store.cannot_read(sale.group_partition("A1"))
        await sale.hold("A1")
        async with watcher(feeds, sale).following() as late:
            assert isinstance(late.refusal, BackendUnavailable)
        assert (len(ann.told), ann.refusal) == (1, None)
        sale.store.mend()
        await ann.sees("A1", "held")
        async with watcher(feeds, sale).following() as late:
            assert late.shown() == await sale.map()
    assert ann.wrong == []
    await feeds.close()


async def test_there_are_so_many_watchers_parts_and_trips_at_most(sale: Sale) -> None:
    rules = replace(RULES, watchers_max=2, parts_max=1, trips_max=1)
    feeds = Feeds(sale.inventory.follow_maps, sale.process.signals, sale.clock, rules)
    async with watcher(feeds, sale).following():
        for other in (watcher(feeds, sale, "A-B"), Watcher(feeds, TripKey(sale.trip.key.organization, "other"))):
            async with other.following():
                assert isinstance(other.refusal, Overloaded)
        async with watcher(feeds, sale).following(), watcher(feeds, sale).following() as third:
            assert isinstance(third.refusal, Overloaded)
        assert feeds.watchers == 1
    await feeds.close()


async def test_watchers_are_told_that_the_service_stops(feeds: Feeds, sale: Sale) -> None:
    async with watcher(feeds, sale).following() as ann:
        await feeds.close()
        await ann.until(lambda: ann.refusal is not None)
        assert isinstance(ann.refusal, BackendUnavailable)
    assert feeds.trips == 0
    async with watcher(feeds, sale).following() as late:
        assert isinstance(late.refusal, BackendUnavailable)


async def test_a_feed_that_fails_tells_its_watchers(sale: Sale, caplog: pytest.LogCaptureFixture) -> None:
    looks = count(1)

    async def fails_once(actor: Actor, trip_id: str, parts: Sequence[MapPart]) -> Sequence[SeatMap | WrongRequest]:
        if next(looks) == 2:
            raise ZeroDivisionError
        return await sale.inventory.follow_maps(actor, trip_id, parts)

    feeds = Feeds(fails_once, sale.process.signals, sale.clock, RULES)
    async with watcher(feeds, sale).following() as ann:
        sale.process.signals.changed(sale.trip.key)
        await ann.until(lambda: ann.refusal is not None)
        assert isinstance(ann.refusal, BackendUnavailable)
    assert "failed" in caplog.text
    async with ann.following():
        assert ann.shown() == await sale.map()
    await feeds.close()


async def test_a_refusal_that_many_are_told_does_not_grow(sale: Sale) -> None:
    feeds = Feeds(sale.inventory.follow_maps, sale.process.signals, sale.clock, RULES)
    async with watcher(feeds, sale).following() as ann:
        await feeds.close()
        await ann.until(lambda: ann.refusal is not None)
        for _ in range(3):
            async with watcher(feeds, sale).following() as late:
                assert late.refusal is not None
                assert len(list(walk_tb(late.refusal.__traceback__))) < 8


async def test_a_stop_waits_for_no_store(feeds: Feeds, sale: Sale) -> None:
    async with watcher(feeds, sale).following() as ann:
        in_hand = sale.store.stall_reads()
        await sale.hold("A1")
        await in_hand.reached.wait()
        async with asyncio.timeout(60):
            await feeds.close()
            await ann.until(lambda: ann.refusal is not None)
        sale.store.mend()
        in_hand.go.set()
