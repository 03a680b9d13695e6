"""What every SeatMapCache promises: `edge` is each of them, `present_edge` those that remember."""

from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.edge.edges import EdgeUnderTest
from travio_inventory.seats.trip import TripKey

MARGIN_MS = 20


async def fill(edge: EdgeUnderTest, trip: TripKey, contents: dict[int, bytes]) -> None:
    """Lease the seat groups and fill them at once."""
    leases = await edge.seat_maps.lease(trip, contents.keys())
    await edge.seat_maps.fill(trip, {group: (leases[group], content) for group, content in contents.items()})


# ---- every edge, the absent one too


async def test_nothing_is_read_that_was_not_filled(edge: EdgeUnderTest) -> None:
    trip = edge.trip()
    await edge.seat_maps.lease(trip, [0, 1])
    assert dict(await edge.seat_maps.read(trip)) == {}


async def test_a_lease_is_given_for_each_requested_seat_group_and_no_other(edge: EdgeUnderTest) -> None:
    trip = edge.trip()
    await edge.seat_maps.lease(trip, [3])
    assert (await edge.seat_maps.lease(trip, [0, 2, 4])).keys() == {0, 2, 4}


async def test_an_invalidated_seat_group_is_not_read(edge: EdgeUnderTest) -> None:
    trip = edge.trip()
    await fill(edge, trip, {0: b"old", 1: b"old"})
    await edge.seat_maps.invalidate(trip, [0, 1])
    assert dict(await edge.seat_maps.read(trip)) == {}


async def test_a_slow_reader_does_not_put_old_data_back(edge: EdgeUnderTest) -> None:
    """It leased, read the store, and slept; the seat was sold and the seat group invalidated; then it woke."""
    trip = edge.trip()
    leases = await edge.seat_maps.lease(trip, [0])
    await edge.seat_maps.invalidate(trip, [0])
    await edge.seat_maps.fill(trip, {0: (leases[0], b"old")})
    assert dict(await edge.seat_maps.read(trip)) == {}


async def test_a_void_lease_stays_void_when_others_have_a_new_one(edge: EdgeUnderTest) -> None:
    trip = edge.trip()
    void = await edge.seat_maps.lease(trip, [0])
    await edge.seat_maps.invalidate(trip, [0])
    await edge.seat_maps.lease(trip, [0])
    await edge.seat_maps.fill(trip, {0: (void[0], b"old")})
    assert dict(await edge.seat_maps.read(trip)) == {}


async def test_a_lease_fills_its_own_seat_group_and_trip_only(edge: EdgeUnderTest) -> None:
    trip, other = edge.trip(), edge.trip()
    leases = await edge.seat_maps.lease(trip, [0])
    await edge.seat_maps.lease(trip, [1])
    await edge.seat_maps.lease(other, [0])
    await edge.seat_maps.fill(trip, {1: (leases[0], b"of another block")})
    await edge.seat_maps.fill(other, {0: (leases[0], b"of another trip")})
    assert dict(await edge.seat_maps.read(trip)) == {}
    assert dict(await edge.seat_maps.read(other)) == {}


async def test_an_invented_lease_fills_nothing(edge: EdgeUnderTest) -> None:
    trip = edge.trip()
    await edge.seat_maps.fill(trip, {0: ("", b"made up")})
    await edge.seat_maps.lease(trip, [0])
    await edge.seat_maps.fill(trip, {0: ("", b"made up")})
    assert dict(await edge.seat_maps.read(trip)) == {}


async def test_a_stale_seat_group_is_not_read(edge: EdgeUnderTest) -> None:
    """An invalidation can be lost; this limits the time for which that matters."""
    trip = edge.trip()
    await fill(edge, trip, {0: b"old"})
    await edge.wait(edge.stale_ms_max + MARGIN_MS)
    assert dict(await edge.seat_maps.read(trip)) == {}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a:b", "c"), ("a", "b:c")),
        (("a", "b}{c"), ("a}{b", "c")),
        (("a", "b%3Ac"), ("a", "b:c")),
    ],
)
async def test_trips_with_similar_names_are_kept_apart(
    edge: EdgeUnderTest, one: tuple[str, str], other: tuple[str, str]
) -> None:
    ours = edge.trip().trip
    first, second = (TripKey(ours + organization, trip) for organization, trip in (one, other))
    await fill(edge, first, {0: b"map"})
    assert dict(await edge.seat_maps.read(second)) == {}


# ---- an edge that is there


async def test_what_was_filled_is_read(present_edge: EdgeUnderTest) -> None:
    """Any bytes, none included."""
    trip = present_edge.trip()
    contents = {0: b"", 1: bytes(range(256)), 7: b"\r\n\x00"}
    await fill(present_edge, trip, contents)
    assert dict(await present_edge.seat_maps.read(trip)) == contents


async def test_a_seat_group_is_read_until_it_is_stale(present_edge: EdgeUnderTest) -> None:
    trip = present_edge.trip()
    await fill(present_edge, trip, {0: b"map"})
    await present_edge.wait(present_edge.stale_ms_max // 2)
    assert dict(await present_edge.seat_maps.read(trip)) == {0: b"map"}


async def test_each_seat_group_goes_stale_by_itself(present_edge: EdgeUnderTest) -> None:
    trip = present_edge.trip()
    await fill(present_edge, trip, {0: b"first", 1: b"first"})
    await present_edge.wait(present_edge.stale_ms_max * 3 // 4)
    await fill(present_edge, trip, {1: b"second", 2: b"second"})
    assert dict(await present_edge.seat_maps.read(trip)) == {0: b"first", 1: b"second", 2: b"second"}
    await present_edge.wait(present_edge.stale_ms_max // 2)
    assert dict(await present_edge.seat_maps.read(trip)) == {1: b"second", 2: b"second"}


async def test_an_invalidation_leaves_the_other_seat_groups_and_trips(present_edge: EdgeUnderTest) -> None:
    trip, other = present_edge.trip(), present_edge.trip()
    await fill(present_edge, trip, {0: b"a", 1: b"b"})
    await fill(present_edge, other, {0: b"c"})
    await present_edge.seat_maps.invalidate(trip, [0])
    assert dict(await present_edge.seat_maps.read(trip)) == {1: b"b"}
    assert dict(await present_edge.seat_maps.read(other)) == {0: b"c"}


async def test_every_reader_gets_the_same_lease_until_it_is_void(present_edge: EdgeUnderTest) -> None:
    """A fill does not void it: another reader who read the store at the same time has the same content."""
    trip = present_edge.trip()
    first = await present_edge.seat_maps.lease(trip, [0, 1])
    await present_edge.seat_maps.fill(trip, {0: (first[0], b"map")})
    assert await present_edge.seat_maps.lease(trip, [0, 1]) == first
    await present_edge.seat_maps.invalidate(trip, [0])
    second = await present_edge.seat_maps.lease(trip, [0, 1])
    assert second[0] != first[0]
    assert second[1] == first[1]


async def test_a_fill_keeps_the_seat_groups_with_a_valid_lease(present_edge: EdgeUnderTest) -> None:
    trip = present_edge.trip()
    leases = await present_edge.seat_maps.lease(trip, [0, 1])
    await present_edge.seat_maps.invalidate(trip, [0])
    await present_edge.seat_maps.fill(trip, {group: (leases[group], b"map") for group in (0, 1)})
    assert dict(await present_edge.seat_maps.read(trip)) == {1: b"map"}


async def test_an_answer_does_not_change_after_it_was_given(present_edge: EdgeUnderTest) -> None:
    trip = present_edge.trip()
    await fill(present_edge, trip, {0: b"map"})
    answer = await present_edge.seat_maps.read(trip)
    await present_edge.seat_maps.invalidate(trip, [0])
    await fill(present_edge, trip, {1: b"other"})
    assert dict(await present_edge.seat_maps.read(trip)) == {1: b"other"}
    assert dict(answer) == {0: b"map"}


@pytest.mark.parametrize("count", [1, 500, 501, 5_000])
async def test_a_trip_may_have_very_many_seat_groups(lasting_edge: EdgeUnderTest, count: int) -> None:
    """As many as it may have seats, each in its own seat group."""
    trip = lasting_edge.trip()
    contents = {group: b"%d" % group for group in range(count)}
    await fill(lasting_edge, trip, contents)
    assert dict(await lasting_edge.seat_maps.read(trip)) == contents
    await lasting_edge.seat_maps.invalidate(trip, range(1, count))
    assert dict(await lasting_edge.seat_maps.read(trip)) == {0: b"0"}
    assert len(await lasting_edge.seat_maps.lease(trip, range(count))) == count


# ---- any order of readers and writers

Step: TypeAlias = tuple[str, int]

steps = st.tuples(st.sampled_from(["look", "look", "fill", "fill", "write"]), st.integers(0, 2))


@given(st.lists(steps, max_size=40))
async def test_no_order_of_readers_and_writers_brings_old_data_back(edge: EdgeUnderTest, script: list[Step]) -> None:
    """What is cached is always what the store says.

    Readers lease, look at the store and fill when they come to it, some twice; writers write and invalidate.
    """
    trip = edge.trip()
    store = dict.fromkeys(range(3), b"0")
    readers: list[tuple[int, str, bytes]] = []
    for number, (step, at) in enumerate(script, start=1):
        if step == "look":
            lease = (await edge.seat_maps.lease(trip, [at]))[at]
            readers.append((at, lease, store[at]))
        elif step == "write":
            store[at] = str(number).encode()
            await edge.seat_maps.invalidate(trip, [at])
        elif readers:
            group, lease, seen = readers[at % len(readers)]
            await edge.seat_maps.fill(trip, {group: (lease, seen)})
        cached = await edge.seat_maps.read(trip)
        assert dict(cached) == {group: store[group] for group in cached}
