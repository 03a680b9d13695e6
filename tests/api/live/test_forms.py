"""What each protocol of live maps makes of the same messages."""

import json

import pytest

from tests.api.live.conftest import RULES
from travio_inventory.api.live.events_told import events_by_status, own_events
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.api.live.json_told import moment, native
from travio_inventory.api.live.showtimes_told import done_to, showtime_messages
from travio_inventory.api.live.told import NOWHERE, Delta, SeatChange, Told
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.seat import AVAILABLE, BLOCKED, SOLD, HeldUntil, SeatState
from travio_inventory.seats.trip import Journey
from verification.kit.clocks import START_MS
from verification.kit.sale import TTL_S, Sale
from verification.kit.trips import a_trip
from verification.kit.watching import Watcher

SEAT = Seat("A1", "1", row=1, column=1)
UNTIL = moment(START_MS + TTL_S * 1_000)


async def all_kinds(feeds: Feeds, sale: Sale) -> tuple[list[Told], list[Told]]:
    """What one watcher is told of a hold, a booking and a block, each after the other; and another that was lost."""
    async with Watcher(feeds, sale.trip.key).following() as ann:
        hold = await sale.hold("A1 A2")
        await ann.sees("A1 A2", "held")
        await sale.confirm(hold, seats="A2")
        await ann.sees("A1", "available")
        await sale.block("A3")
        await ann.sees("A3", "blocked")
        async with Watcher(feeds, sale.trip.key).following(NOWHERE) as bob:
            return ann.told, bob.told


def plain(events: bytes) -> list[dict[str, str]]:
    """The fields of each event of a stream."""
    return [
        dict(line.split(": ", 1) for line in event.split("\n") if not line.startswith(":"))
        for event in events.decode().split("\n\n")[:-1]
    ]


async def test_a_stream_of_our_own_has_each_message_with_its_position(feeds: Feeds, sale: Sale) -> None:
    told, _ = await all_kinds(feeds, sale)
    for message in told:
        [event] = plain(own_events(message))
        assert event["id"] == str(message.position)
        assert json.loads(event["data"]) == json.loads(native(message))
    snapshot, held, booked, _ = [json.loads(native(message)) for message in told]
    assert (snapshot["type"], snapshot["reason"], len(snapshot["seats"])) == ("snapshot", "begin", 18)
    assert snapshot["seats"][0] == {"seat_id": "A1", "status": "SEAT_STATUS_AVAILABLE", "version": 0}
    assert held["seats"] == [
        {"seat_id": seat, "status": "SEAT_STATUS_HELD", "hold_expires_at": UNTIL, "version": 1} for seat in ("A1", "A2")
    ]
    assert (held["after"], booked["after"]) == (snapshot["position"], held["position"])
    assert [seat["status"] for seat in booked["seats"]] == ["SEAT_STATUS_AVAILABLE", "SEAT_STATUS_BOOKED"]


async def test_a_stream_by_status_is_what_clients_of_old_know(feeds: Feeds, sale: Sale) -> None:
    told, lost = await all_kinds(feeds, sale)
    began, held, booked, blocked = [plain(events_by_status(message)) for message in told]
    assert began == [{"id": str(told[0].position)}]
    assert [json.loads(event["data"]) for event in held] == [
        {
            "type": "inventory.seats_held",
            "data": {"trip_id": "t1", "seat_ids": ["A1", "A2"], "status": "HELD", "updated_at": moment(START_MS)},
        }
    ]
    first, last = booked
    assert ("id" in first, last["id"]) == (False, str(told[2].position))
    assert [json.loads(event["data"])["type"] for event in booked + blocked] == [
        "inventory.seats_released",
        "inventory.seats_booked",
        "inventory.seats_blocked",
    ]
    resync, *all_seats = [json.loads(event["data"]) for event in plain(events_by_status(lost[0]))]
    assert resync == {"type": "inventory.resync", "data": {"trip_id": "t1", "reason": "gap"}}
    assert {event["data"]["status"]: len(event["data"]["seat_ids"]) for event in all_seats} == {
        "AVAILABLE": 16,
        "BOOKED": 1,
        "BLOCKED": 1,
    }


async def test_showtimes_are_told_what_was_done(feeds: Feeds, sale: Sale) -> None:
    told, lost = await all_kinds(feeds, sale)
    messages = [[json.loads(text) for text in showtime_messages(message)] for message in told]
    assert messages == [
        [],
        [{"type": "hold.created", "showtimeId": "t1", "seatIds": ["A1", "A2"], "expiresAt": UNTIL}],
        [
            {"type": "hold.released", "showtimeId": "t1", "seatIds": ["A1"]},
            {"type": "seats.purchased", "showtimeId": "t1", "seatIds": ["A2"]},
        ],
        [{"type": "seats.blocked", "showtimeId": "t1", "seatIds": ["A3"]}],
    ]
    [everything] = [json.loads(text) for text in showtime_messages(lost[0])]
    assert (everything["type"], len(everything["availability"])) == ("availability", 18)
    assert everything["availability"][1:3] == [
        {"seatId": "A2", "state": "purchased"},
        {"seatId": "A3", "state": "blocked"},
    ]


@pytest.mark.parametrize(
    ("before", "now", "done"),
    [
        (AVAILABLE, HeldUntil(5), "hold.created"),
        (HeldUntil(5), HeldUntil(9), "hold.extended"),
        (HeldUntil(5), AVAILABLE, "hold.released"),
        (HeldUntil(4), AVAILABLE, "hold.expired"),
        (HeldUntil(5), SOLD, "seats.purchased"),
        (SOLD, AVAILABLE, "purchase.cancelled"),
        (AVAILABLE, BLOCKED, "seats.blocked"),
        (BLOCKED, AVAILABLE, "seats.unblocked"),
    ],
)
def test_a_change_of_state_says_what_was_done(before: SeatState, now: SeatState, done: str) -> None:
    assert done_to(SeatChange(SEAT, now, before, 1), 4) == done


async def test_a_heartbeat_says_where_one_is(sale: Sale) -> None:
    feeds = Feeds(sale.inventory.follow_maps, sale.process.signals, sale.clock, RULES)
    async with Watcher(feeds, sale.trip.key).following() as ann:
        pass
    async with ann.following():
        beat = ann.told[-1]
    assert not isinstance(beat, Delta)
    assert json.loads(native(beat))["type"] == "heartbeat"
    assert events_by_status(beat) == f": heartbeat\nid: {beat.position}\n\n".encode()
    assert showtime_messages(beat) == ()
    await feeds.close()


def test_signs_that_end_lines_elsewhere_end_none_here() -> None:
    """U+2028 may be part of an id, and ends a line for some."""
    change = SeatChange(Seat("A\u2028B", "1", row=1, column=1), SOLD, AVAILABLE, 1)
    delta = Delta(NOWHERE, NOWHERE, a_trip(), Journey(0, 2), (change,), 0, 0)
    assert len(showtime_messages(delta)) == 1
