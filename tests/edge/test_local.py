"""What the edge in process promises beyond the contracts: exact times, bounded memory, the same bytes."""

from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from tests.edge.edges import HandMovedClock, who_has
from travio_inventory.edge.local import LocalGate, LocalSeatMapCache
from travio_inventory.seats.ports import Attempt, Cell, GateAnswer, Locked, Occupancy, Passed, SeatGroupKey
from travio_inventory.seats.trip import TripKey

TRIP = TripKey("local-tests", "trip")
SEATS = ("A1", "A2", "A3", "A4", "A5")


class Sale:
    """A local gate with room for `entries_max` entries, one cell a seat."""

    def __init__(self, *, entries_max: int, taken_ttl_ms: int = 2_000) -> None:
        self.clock = HandMovedClock()
        self.gate = LocalGate(
            lambda: self.clock.now_ms, lambda: self.clock.now_ms, entries_max=entries_max, taken_ttl_ms=taken_ttl_ms
        )

    async def enter(self, claimant: str, seats: str, *, ttl_ms: int = 1_000) -> GateAnswer:
        """Try to pass."""
        wanted = [Cell(seat, 0) for seat in seats.split()]
        return await self.gate.enter(SeatGroupKey(TRIP, 0), wanted, Attempt(claimant, claimant), ttl_ms=ttl_ms)

    async def leave(self, claimant: str, seats: str) -> None:
        """Unlock."""
        await self.gate.leave(SeatGroupKey(TRIP, 0), [Cell(seat, 0) for seat in seats.split()], token=claimant)

    async def mark(self, claimant: str, seats: str) -> None:
        """The seats are taken."""
        occupancy = Occupancy(f"hold-{claimant}", claimant, "sold", 0, self.clock.now_ms)
        await self.gate.mark(SeatGroupKey(TRIP, 0), [Cell(seat, 0) for seat in seats.split()], occupancy)


async def test_a_lock_and_a_taken_entry_end_to_the_millisecond() -> None:
    sale = Sale(entries_max=10, taken_ttl_ms=300)
    await sale.enter("ann", "A1", ttl_ms=200)
    await sale.mark("ann", "A2")
    await sale.clock.wait(199)
    assert await sale.enter("bob", "A1") == Locked(("A1",))
    await sale.clock.wait(1)
    assert await sale.enter("bob", "A1") == Passed()
    await sale.clock.wait(99)
    assert who_has(await sale.enter("bob", "A2")) == {"A2": "sold"}
    await sale.clock.wait(1)
    assert await sale.enter("bob", "A2") == Passed()


async def test_locks_beyond_the_limit_are_not_remembered() -> None:
    """All cells of an attempt or none: with room for one more, two are not remembered, and one is."""
    sale = Sale(entries_max=3)
    await sale.enter("ann", "A1 A2")
    assert await sale.enter("ann", "A3 A4") == Passed()
    assert await sale.enter("bob", "A3") == Passed()
    assert await sale.enter("eve", "A4") == Passed()
    assert await sale.enter("eve", "A1 A3") == Locked(("A1", "A3"))


async def test_taken_entries_beyond_the_limit_are_not_remembered() -> None:
    sale = Sale(entries_max=2)
    await sale.mark("ann", "A1 A2")
    await sale.mark("ann", "A3")
    assert await sale.enter("bob", "A3") == Passed()
    assert [*who_has(await sale.enter("bob", "A2 A1"))] == ["A2", "A1"]


async def test_a_crowd_at_the_limit_displaces_nothing() -> None:
    """However often it tries, existing entries are not pushed out."""
    sale = Sale(entries_max=2)
    await sale.enter("ann", "A1 A2")
    for _ in range(20):
        await sale.enter("bob", "A3")
    assert await sale.enter("eve", "A1 A2") == Locked(("A1", "A2"))
    assert await sale.enter("eve", "A3") == Passed()


async def test_lapsed_locks_make_room_behind_one_that_stands() -> None:
    sale = Sale(entries_max=4)
    await sale.enter("ann", "A1", ttl_ms=60_000)
    await sale.enter("ann", "A2 A3 A4", ttl_ms=100)
    await sale.clock.wait(100)
    await sale.enter("bob", "A5")
    assert await sale.enter("eve", "A1 A5") == Locked(("A1", "A5"))


async def test_attempts_that_come_and_go_do_not_fill_the_memory() -> None:
    """Their locks are left long before they would lapse."""
    sale = Sale(entries_max=4)
    for _ in range(100):
        await sale.enter("ann", "A1", ttl_ms=60_000)
        await sale.leave("ann", "A1")
    await sale.enter("ann", "A1 A2")
    assert await sale.enter("bob", "A1 A2") == Locked(("A1", "A2"))


Turn: TypeAlias = tuple[str, str, int]

turns = st.tuples(st.sampled_from(["ann", "bob"]), st.sampled_from(SEATS), st.integers(1, 50))


@given(st.lists(turns, max_size=40))
async def test_with_room_for_all_no_lock_is_lost_before_its_time(script: list[Turn]) -> None:
    """Up to 25 ms pass between attempts, so that locks of different lengths lapse in any order."""
    sale, locks = Sale(entries_max=1_000), dict[str, tuple[str, int]]()
    for claimant, seat, ttl_ms in script:
        await sale.clock.wait(ttl_ms // 2)
        owner, until_ms = locks.get(seat, (claimant, 0))
        stands = until_ms > sale.clock.now_ms
        answer = await sale.enter(claimant, seat, ttl_ms=ttl_ms)
        assert answer == (Locked((seat,)) if stands and owner != claimant else Passed())
        if not stands:
            locks[seat] = (claimant, sale.clock.now_ms + ttl_ms)


class Shelf:
    """A local seat-map cache with room for `trips_max` trips."""

    def __init__(self, *, trips_max: int) -> None:
        self.clock = HandMovedClock()
        self.cache = LocalSeatMapCache(lambda: self.clock.now_ms, trips_max=trips_max)

    async def fill(self, content: bytes, trip: TripKey = TRIP) -> None:
        """Lease seat group 0 and fill it."""
        lease = await self.cache.lease(trip, [0])
        await self.cache.fill(trip, {0: (lease[0], content)})

    async def read(self, trip: TripKey = TRIP) -> bytes | None:
        """Seat group 0, None if it is not cached."""
        return (await self.cache.read(trip)).get(0)


def fresh_copy(content: bytes) -> bytes:
    """Equal bytes in another object, as a store returns them."""
    return bytes(bytearray(content))


async def test_equal_bytes_filled_again_are_the_same_object() -> None:
    """While fresh, when stale, and after an invalidation, so that readers can compare maps by identity."""
    shelf = Shelf(trips_max=1)
    first = fresh_copy(b"map of seats")
    await shelf.fill(first)
    await shelf.fill(fresh_copy(first))
    assert await shelf.read() is first
    await shelf.clock.wait(2_001)
    assert await shelf.read() is None
    await shelf.fill(fresh_copy(first))
    assert await shelf.read() is first
    await shelf.cache.invalidate(TRIP, [0])
    assert await shelf.read() is None
    await shelf.fill(fresh_copy(first))
    assert await shelf.read() is first


async def test_other_bytes_filled_again_are_the_new_ones() -> None:
    shelf = Shelf(trips_max=1)
    await shelf.fill(b"old")
    await shelf.fill(b"new")
    assert await shelf.read() == b"new"


async def test_a_seat_group_goes_stale_to_the_millisecond_even_if_it_is_read_all_the_time() -> None:
    shelf = Shelf(trips_max=1)
    await shelf.fill(b"map")
    for _ in range(2_000):
        await shelf.clock.wait(1)
        assert await shelf.read() == b"map"
    await shelf.clock.wait(1)
    assert await shelf.read() is None


async def test_what_was_read_slowly_is_as_old_as_its_lease() -> None:
    """Whoever is shown it may be told that nothing is missing from before `stale_ms_max`."""
    shelf = Shelf(trips_max=1)
    lease = await shelf.cache.lease(TRIP, [0])
    await shelf.clock.wait(999)
    assert await shelf.cache.lease(TRIP, [0]) == lease, "who comes meanwhile joins the same read"
    await shelf.cache.fill(TRIP, {0: (lease[0], b"slow")})
    await shelf.clock.wait(1_001)
    assert await shelf.read() == b"slow"
    await shelf.clock.wait(1)
    assert await shelf.read() is None
    later = await shelf.cache.lease(TRIP, [0])
    assert later != lease, "another read, since the old one is too old to be filled again"
    await shelf.cache.fill(TRIP, {0: (lease[0], b"slow")})
    assert await shelf.read() is None
    await shelf.cache.fill(TRIP, {0: (later[0], b"new")})
    assert await shelf.read() == b"new"


async def test_a_large_trip_whose_reading_takes_long_is_cached_for_longer() -> None:
    shelf, groups = Shelf(trips_max=1), range(1_025)
    leases = await shelf.cache.lease(TRIP, groups)
    for group in groups:
        await shelf.cache.fill(TRIP, {group: (leases[group], b"map")})
        await shelf.clock.wait(5)
    assert (await shelf.cache.read(TRIP)).keys() == {*groups}
    await shelf.clock.wait(6_001)
    assert await shelf.cache.read(TRIP) == {}


async def test_an_answer_is_the_same_object_until_something_changes() -> None:
    """So reading a trip of a hundred seat groups is as cheap as reading one."""
    shelf = Shelf(trips_max=1)
    await shelf.fill(b"map")
    answer = await shelf.cache.read(TRIP)
    assert await shelf.cache.read(TRIP) is answer


async def test_the_trip_read_longest_ago_makes_room() -> None:
    shelf = Shelf(trips_max=2)
    one, two, three = (TripKey("local-tests", name) for name in ("one", "two", "three"))
    await shelf.fill(b"one", one)
    await shelf.fill(b"two", two)
    await shelf.read(one)
    await shelf.fill(b"three", three)
    assert [await shelf.read(trip) for trip in (one, two, three)] == [b"one", None, b"three"]


async def test_a_trip_that_was_forgotten_takes_no_fill_under_an_old_lease() -> None:
    """The cache does not know what was invalidated while the trip was forgotten."""
    shelf = Shelf(trips_max=1)
    old = await shelf.cache.lease(TRIP, [0])
    await shelf.fill(b"other", TripKey("local-tests", "other"))
    await shelf.cache.invalidate(TRIP, [0])
    await shelf.cache.fill(TRIP, {0: (old[0], b"old")})
    assert await shelf.read() is None
    await shelf.cache.lease(TRIP, [0])
    await shelf.cache.fill(TRIP, {0: (old[0], b"old")})
    assert await shelf.read() is None
