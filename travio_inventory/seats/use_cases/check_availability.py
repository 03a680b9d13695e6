"""Whether a party finds seats on a journey, and what they cost."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.clock import Clock
from travio_inventory.seats.commands import AvailabilityQuery, SeatMapQuery
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.offer import SalesState
from travio_inventory.seats.refusals import NotOnSale
from travio_inventory.seats.seat import Available
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.use_cases.hold_seats import HoldTimes
from travio_inventory.seats.use_cases.read_seat_map import ReadSeatMap
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog


@dataclass(frozen=True, slots=True)
class Availability:
    """The seats of one class ("" = of all) for one journey, as `seat_map` has them, for so many passengers; and whether
    the journey is sold.
    """

    seat_map: SeatMap
    seat_class: str
    passengers: int
    is_sold: bool = True

    def free(self) -> Iterator[Sequence[Seat]]:
        """The free seats, seat group by seat group in layout order, whether the journey is sold or not."""
        seat_map = replace(self.seat_map, state=SalesState.OPEN, has_departed=False)
        places = seat_map.trip.places_in(seat_map.section)
        for index in range(len(seat_map.groups)):
            start, states = seat_map.part(index)
            first = places.start + start
            seats = seat_map.trip.seats[first : first + len(states)]
            yield [
                seat
                for seat, state in zip(seats, states, strict=True)
                if isinstance(state, Available) and self.seat_class in ("", seat.seat_class)
            ]

    def price_minor(self, prices: Iterable[int]) -> int:
        """What the cheapest of the free seats, which have these prices, cost the party; 0 if there are not enough."""
        cheapest = sorted(prices)[: self.passengers]
        return sum(cheapest) if len(cheapest) == self.passengers else 0


class CheckAvailability:
    """Answers from the cached seat map; only a hold decides whether a seat is free."""

    def __init__(self, read_seat_map: ReadSeatMap, trips: TripCatalog, times: HoldTimes, clock: Clock) -> None:
        self._read_seat_map = read_seat_map
        self._trips = trips
        self._times = times
        self._clock = clock

    async def __call__(self, actor: Actor, query: AvailabilityQuery) -> Availability:
        """Raises what ReadSeatMap raises."""
        seat_map = await self._read_seat_map(
            actor, SeatMapQuery(trip_id=query.trip_id, ends=query.ends, section=query.section)
        )
        return Availability(seat_map, query.seat_class, max(query.passengers, 1), await self._sells(seat_map))

    async def _sells(self, seat_map: SeatMap) -> bool:
        """Whether the journey is sold, as far as this process knows."""
        offer = await self._trips.shown(seat_map.trip.key)
        try:
            offer.check_sale(seat_map.journey, self._clock.now_ms(), sells_departed=self._times.sells_departed)
        except NotOnSale:
            return False
        return True
