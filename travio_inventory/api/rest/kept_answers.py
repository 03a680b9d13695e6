"""Answers about all seats of a trip, as they were written last: while nothing changes they are not written again."""

from collections.abc import Callable
from typing import NamedTuple

from travio_inventory.api.memo import Memo
from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.trip import TripKey


class KeptAnswers:
    """One for each trip, which `write` makes of its whole map."""

    def __init__(
        self, write: Callable[[SeatMap], bytes], *, entries_max: int = 4_096, bytes_max: int = 64 * 1024 * 1024
    ) -> None:
        self._write = write
        self._kept: Memo[TripKey, _Kept] = Memo(entries_max=entries_max, bytes_max=bytes_max)

    async def of(self, seat_map: SeatMap) -> bytes:
        """The answer. Other calls go on while a long one is written."""
        kept = self._kept.get(seat_map.trip.key)
        if kept is not None and kept.says(seat_map):
            return kept.data
        data = await off_loop(len(seat_map.trip.seats), self._write, seat_map)
        self._kept.put(seat_map.trip.key, _Kept(seat_map, data), len(data))
        return data


class _Kept(NamedTuple):
    """An answer, and what it was made from."""

    seat_map: SeatMap
    data: bytes

    def says(self, now: SeatMap) -> bool:
        """Whether it would be written so again."""
        then = self.seat_map
        is_sold_so = (then.state, then.has_departed) == (now.state, now.has_departed)
        return then.trip is now.trip and is_sold_so and then.groups == now.groups
