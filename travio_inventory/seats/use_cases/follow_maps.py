"""Reads several parts of a trip's map at once, as live feeds do each time something may have changed."""

from collections.abc import Sequence

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import WrongRequest
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.use_cases.read_seat_map import MapPart, ReadSeatMap


class FollowMaps:
    """Counted apart from the maps that callers ask for."""

    def __init__(self, maps: ReadSeatMap) -> None:
        self._maps = maps

    async def __call__(self, actor: Actor, trip_id: str, parts: Sequence[MapPart]) -> Sequence[SeatMap | WrongRequest]:
        """See ReadSeatMap.several."""
        return await self._maps.several(actor, trip_id, parts)
