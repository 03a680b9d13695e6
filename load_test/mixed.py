"""Mixed: many look at maps and ask what is free, some buy; every minute a train leaves and the next goes on sale."""

from locust import between, task

from load_test.shopper import Shopper, Whim
from load_test.trips import WHOLE_JOURNEY, train
from travio_inventory.seats.trip import Journey, Trip

DEPARTURE_SECONDS = 60
SEATS_AT_ONCE_MAX = 4
WHIMS = tuple(Whim)


class Visitor(Shopper):
    """Mostly looks; buys seats of some journey now and then, and confirms, releases or forgets them alike."""

    wait_time = between(0.1, 0.5)

    @task(6)
    def look_at_map(self) -> None:
        """Which seats are free."""
        self.free_seats(*self._wish())

    @task(3)
    def ask_availability(self) -> None:
        """Whether a party finds seats."""
        self.check_availability(*self._wish(), passengers=self.random.randint(1, SEATS_AT_ONCE_MAX))

    @task(3)
    def buy(self) -> None:
        """Neighbouring free seats, and one of the things one can do with them."""
        trip, journey = self._wish()
        if free := self.free_seats(trip, journey):
            first = self.random.randrange(len(free))
            seats = free[first : first + self.random.randint(1, SEATS_AT_ONCE_MAX)]
            self.follow(self.random.choice(WHIMS), trip, seats, journey)

    def _wish(self) -> tuple[Trip, Journey]:
        first = self.random.randint(WHOLE_JOURNEY.first, WHOLE_JOURNEY.last)
        return self.shop.on_sale("mixed", train, seconds=DEPARTURE_SECONDS), Journey(
            first, self.random.randint(first, WHOLE_JOURNEY.last)
        )
