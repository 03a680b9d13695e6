"""Keeps seat maps as they were written, in the form of one face, while they are asked for."""

from collections.abc import Callable
from typing import Final, Generic, TypeAlias, TypeVar

from travio_inventory.api.map_sizes import REPLY_BYTES_MAX, fits, too_large
from travio_inventory.api.memo import Memo
from travio_inventory.api.written_maps import MapLayout, WrittenMap
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.trip import Journey, Trip, TripKey

LAYOUT_BYTES_PER_SEAT: Final = 1_024
"""Approximate size of a layout: eight short texts per seat."""
SIZE_BYTES: Final = 256
"""Of what is remembered of a map's size."""
ENTRIES_MAX: Final = 4_096
BYTES_MAX: Final = 64 * 1024 * 1024

L = TypeVar("L", bound=MapLayout)
M = TypeVar("M", bound=WrittenMap)
Part: TypeAlias = tuple[TripKey, str]
"""A section of a trip, or all of it for ""."""


def part_of(seat_map: SeatMap) -> Part:
    return seat_map.trip.key, seat_map.section


class KeptMaps(Generic[L, M]):
    """The maps that were asked for last, and the layouts from which they are made: of each kind `entries_max`, and
    `bytes_max` together. `lay_out` makes the layout of a section of a trip, `begin` an empty map of so many seat
    groups, with the fields that say whether it is sold.
    """

    def __init__(
        self,
        lay_out: Callable[[Trip, str], L],
        begin: Callable[[L, int, bytes], M],
        *,
        entries_max: int = ENTRIES_MAX,
        bytes_max: int = BYTES_MAX,
        reply_bytes_max: int = REPLY_BYTES_MAX,
    ) -> None:
        self._lay_out = lay_out
        self._begin = begin
        self._maps: Memo[tuple[Part, Journey, bytes], M] = Memo(entries_max=entries_max, bytes_max=bytes_max)
        self._sizes: Memo[Part, tuple[Trip, bool]] = Memo(entries_max=entries_max, bytes_max=bytes_max)
        self._layouts: Memo[Part, L] = Memo(entries_max=entries_max, bytes_max=bytes_max)
        self._reply_bytes_max = reply_bytes_max

    def check(self, trip: Trip, section: str) -> None:
        """Raises ReplyTooLarge for the map of a section that clients might not accept."""
        known = self._sizes.get((trip.key, section))
        if known is None or known[0] is not trip:
            known = trip, fits(trip, section, self._reply_bytes_max)
            self._sizes.put((trip.key, section), known, SIZE_BYTES)
        if not known[1]:
            raise too_large(trip, section, self._reply_bytes_max)

    async def written(self, seat_map: SeatMap, sale: bytes) -> tuple[M, bytes]:
        """The map, and what is written of it; `check` has admitted it. Other calls go on while much is written, and
        those for the same map share it.
        """
        asked = part_of(seat_map), seat_map.journey, sale
        written = self._maps.get(asked)
        if written is None or written.layout.trip is not seat_map.trip:
            written = self._begin(self.layout(seat_map), len(seat_map.groups), sale)
            self._maps.put(asked, written, written.size_bytes)
        before = written.size_bytes
        data = await written.write(seat_map)
        if written.size_bytes != before and self._maps.get(asked) is written:
            self._maps.put(asked, written, written.size_bytes)
        return written, data

    def layout(self, seat_map: SeatMap) -> L:
        """The parts that the maps of its section share."""
        part = part_of(seat_map)
        layout = self._layouts.get(part)
        if layout is None or layout.trip is not seat_map.trip:
            layout = self._lay_out(seat_map.trip, seat_map.section)
            self._layouts.put(part, layout, LAYOUT_BYTES_PER_SEAT * len(layout.seats))
        return layout
