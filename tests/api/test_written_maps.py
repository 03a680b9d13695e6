"""A map that changes is written in part; while much is written other calls go on, and share what is made."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from typing import Any

import pytest

from tests.api.test_maps import written_by
from travio_inventory.api.grpc import map_layouts
from travio_inventory.api.grpc.maps import MapReplies
from travio_inventory.api.written_maps import SEATS_AT_ONCE
from travio_inventory.bench.bench_trips import wide
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.seat import AVAILABLE, SOLD, HeldUntil, SeatState
from travio_inventory.seats.seat_map import SeatMap, encode_states
from travio_inventory.seats.trip import Journey
from travio_inventory.seats.use_cases.check_availability import Availability
from travio_inventory.wire.inventory.v1 import GetSeatMapResponse

SEATS, SEGMENTS = 500, 5
TRIP = wide(SEATS, segments=SEGMENTS)
ONE_GROUP = replace(TRIP, seats_per_group=SEATS)


def map_with(*, sold: Iterable[int] = (), held: int = 0) -> SeatMap:
    """The map of a large trip, with the first seat of some seat groups sold, or held until then."""
    groups = []
    for group in range(TRIP.group_count):
        first: SeatState = SOLD if group in sold else HeldUntil(held) if held else AVAILABLE
        others = (len(TRIP.seats_in(group)) * SEGMENTS - 1) * [AVAILABLE]
        groups.append(encode_states([first, *others]))
    return SeatMap(TRIP, Journey(0, SEGMENTS - 1), tuple(groups))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The seats that were written, in any state."""
    seats: list[str] = []
    write = map_layouts._SeatFields.write

    def noted(self: map_layouts._SeatFields, pairs: Iterable[tuple[Seat, SeatState]]) -> list[bytes]:
        pairs = list(pairs)
        seats.extend(seat.id for seat, _ in pairs)
        return write(self, pairs)

    monkeypatch.setattr(map_layouts._SeatFields, "write", noted)
    return seats


def test_only_the_seat_group_that_changed_is_written_again(written: list[str]) -> None:
    replies = MapReplies()
    written_by(replies, map_with())
    assert len(written) == SEATS
    written.clear()
    changed = map_with(sold=[3])
    assert written_by(replies, changed) == written_by(MapReplies(), changed)
    assert written[:-SEATS] == [seat.id for seat in TRIP.seats_in(3)]


async def test_calls_for_a_map_that_is_being_made_share_it(written: list[str]) -> None:
    replies, same = MapReplies(), map_with()
    maps = await asyncio.gather(*(replies.seat_map(same) for _ in range(20)))
    assert all(each is maps[0] for each in maps)
    assert len(written) == SEATS


async def test_maps_of_the_same_second_are_one_reply_and_each_says_as_of_when_it_is() -> None:
    replies, seen = MapReplies(), [replace(map_with(), as_of_ms=at_ms) for at_ms in (5_000, 5_999, 6_000, 5_001)]
    maps = [await replies.seat_map(each) for each in seen]
    assert maps[0] is maps[1]
    assert [GetSeatMapResponse.parse(each).as_of for each in maps] == [5, 5, 6, 5]


async def test_calls_that_saw_the_trip_in_other_states_each_get_theirs() -> None:
    replies, seen = MapReplies(), [map_with(sold=range(number)) for number in range(8)]
    maps = await asyncio.gather(*(replies.seat_map(each) for each in (*seen, *reversed(seen))))
    assert maps == [written_by(MapReplies(), each) for each in (*seen, *reversed(seen))]


async def test_a_caller_who_leaves_while_a_map_is_made_leaves_no_wrong_one() -> None:
    replies = MapReplies()
    for steps in range(1, 6):
        gone = asyncio.ensure_future(replies.seat_map(map_with(held=1_000 * steps)))
        for _ in range(steps):
            await asyncio.sleep(0)
        gone.cancel()
        now = map_with(sold=[steps], held=5_000)
        assert await replies.seat_map(now) == written_by(MapReplies(), now)


def availability_of(seat_map: SeatMap) -> Coroutine[Any, Any, bytes]:
    return MapReplies().availability(Availability(seat_map, "", 1), checked_at_s=1)


@pytest.mark.parametrize(
    ("write", "seat_map"),
    [
        (MapReplies().seat_map, map_with()),
        (availability_of, map_with()),
        (availability_of, SeatMap(ONE_GROUP, Journey(0, 4), (encode_states([AVAILABLE] * SEATS * SEGMENTS),))),
    ],
    ids=["map", "availability", "availability of one seat group"],
)
async def test_others_go_on_while_much_is_written(
    write: Callable[[SeatMap], Coroutine[Any, Any, bytes]], seat_map: SeatMap
) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    going_on = asyncio.ensure_future(others())
    await write(seat_map)
    going_on.cancel()
    assert turns >= SEATS // (2 * SEATS_AT_ONCE)
