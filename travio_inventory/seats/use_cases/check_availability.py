"""Whether a party finds seats on a journey, and what they cost."""

from collections.abc import Iterator
from dataclasses import dataclass

from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.commands import AvailabilityQuery, SeatMapQuery
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.seat import Available, SeatState
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.use_cases.read_seat_map import ReadSeatMap


@dataclass(frozen=True, slots=True)
class Availability:
    """The seats of one class ("" = of all) for one journey, as `seat_map` has them, for so many passengers."""

    seat_map: SeatMap
    seat_class: str
    passengers: int

    def seats(self) -> Iterator[tuple[Seat, SeatState]]:
        """The class's seats with their states, in layout order."""
        return (pair for pair in self.seat_map.seats() if self.seat_class in ("", pair[0].seat_class))

    def price_minor(self) -> int:
        """The price of the cheapest free seats for the party, 0 if there are not enough; in minor units."""
        prices = sorted(seat.price_minor for seat, state in self.seats() if isinstance(state, Available))
        return sum(prices[: self.passengers]) if len(prices) >= self.passengers else 0


class CheckAvailability:
    """Answers from the cached seat map; only a hold decides whether a seat is free."""

    def __init__(self, read_seat_map: ReadSeatMap) -> None:
        self._read_seat_map = read_seat_map

    async def __call__(self, actor: Actor, query: AvailabilityQuery) -> Availability:
        """Raises what ReadSeatMap raises."""
        seat_map = await self._read_seat_map(
            actor, SeatMapQuery(trip_id=query.trip_id, ends=query.ends, section=query.section)
        )
        return Availability(seat_map, query.seat_class, max(query.passengers, 1))
