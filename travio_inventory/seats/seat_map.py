"""The seat map of a journey: each seat's state over all segments of the journey."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat
from struct import pack, unpack_from
from typing import assert_never

from travio_inventory.kernel.quick import quick
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.offer import SalesState
from travio_inventory.seats.seat import AVAILABLE, BLOCKED, SOLD, Available, Blocked, HeldUntil, SeatState, Sold
from travio_inventory.seats.trip import Journey, Trip

_FREE, _HELD, _SOLD, _BLOCKED = b"ahsb"
STALE_GROUPS = 512
STALE_TIMES_MAX = 15


def stale_ms(stale_ms_max: int, groups: int) -> int:
    """How old the map of a trip of so many seat groups may be: so old for each STALE_GROUPS of them that are begun, up
    to STALE_TIMES_MAX times, since a copy that is stale before the last seat group was read would never be used.
    """
    return stale_ms_max * min(-(-groups // STALE_GROUPS), STALE_TIMES_MAX)


@quick
@dataclass(frozen=True, slots=True)
class SeatMap:
    """A trip's seats for one journey: of a section, or all for "". `groups` are the snapshots of their seat groups:
    equal ones give equal maps. Where the journey is not sold, seats that nobody has are off sale. It has everything
    that was decided until `as_of_ms`, in Unix milliseconds.
    """

    trip: Trip
    journey: Journey
    groups: tuple[bytes, ...]
    section: str = ""
    as_of_ms: int = 0
    state: SalesState = SalesState.OPEN
    has_departed: bool = False

    @property
    def is_sold(self) -> bool:
        """Whether anybody can hold a seat of the journey now."""
        return self.state is SalesState.OPEN and not self.has_departed

    def states(self) -> Iterator[SeatState]:
        """Each seat's state in layout order: free only if it is free on every segment of a journey that is sold."""
        places, segments = self.trip.places_in(self.section), len(self.trip.segments)
        states = chain.from_iterable(self._shown(_states(group, segments, self.journey)) for group in self.groups)
        others_before = places.start % self.trip.seats_per_group
        return islice(states, others_before, others_before + len(places))

    def _shown(self, states: Iterator[SeatState]) -> Iterator[SeatState]:
        return states if self.is_sold else (BLOCKED if isinstance(state, Available) else state for state in states)

    def part(self, index: int) -> tuple[int, Sequence[SeatState]]:
        """Where the seats of one of the groups begin among the section's, and their states."""
        places, size = self.trip.places_in(self.section), self.trip.seats_per_group
        first = (places.start // size + index) * size - places.start
        states = list(self._shown(_states(self.groups[index], len(self.trip.segments), self.journey)))
        return max(first, 0), states[max(-first, 0) : len(places) - first]

    def seats(self) -> Iterator[tuple[Seat, SeatState]]:
        """Each seat with its state, in layout order."""
        places = self.trip.places_in(self.section)
        return zip(self.trip.seats[places.start : places.stop], self.states(), strict=True)


def encode_states(states: Sequence[SeatState]) -> bytes:
    """Write the states of a seat group's cells, seat by seat and segment by segment: two bytes of how many cells, one
    byte a cell, then the `until_ms` of each held one, in order.
    """
    if states.count(AVAILABLE) == len(states):
        return pack(">H", len(states)) + bytes([_FREE]) * len(states)
    letters = bytearray()
    untils: list[int] = []
    for state in states:
        match state:
            case Available():
                letters.append(_FREE)
            case HeldUntil(until_ms=until_ms):
                letters.append(_HELD)
                untils.append(until_ms)
            case Sold():
                letters.append(_SOLD)
            case Blocked():
                letters.append(_BLOCKED)
            case _:
                assert_never(state)
    return pack(">H", len(letters)) + letters + pack(f">{len(untils)}Q", *untils)


def _states(group: bytes, segments: int, journey: Journey) -> Iterator[SeatState]:
    """The states of one snapshot's seats for the journey."""
    cells_end = 2 + int.from_bytes(group[:2])
    if group.count(_FREE, 2, cells_end) == cells_end - 2:
        yield from repeat(AVAILABLE, (cells_end - 2) // segments)
        return
    held_before = 0
    for start in range(2, cells_end, segments):
        first, end = start + journey.first, start + journey.last + 1
        letters = group[first:end]
        if _BLOCKED in letters:
            yield BLOCKED
        elif _SOLD in letters:
            yield SOLD
        elif _HELD in letters:
            skipped = held_before + group.count(_HELD, start, first)
            yield HeldUntil(max(unpack_from(f">{letters.count(_HELD)}Q", group, cells_end + 8 * skipped)))
        else:
            yield AVAILABLE
        held_before += group.count(_HELD, start, start + segments)
