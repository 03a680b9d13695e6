"""Flash sale: a few come early, then everyone at once for one train, then a tail that picks up what comes back."""

from math import inf

from locust import LoadTestShape, between, task

from load_test.shopper import Shopper, Whim
from load_test.trips import WHOLE_JOURNEY, train

FRONT_SEATS = 24
"""Everyone wants some of the first so many free seats."""
SEATS_AT_ONCE_MAX = 3
WHIMS = (Whim.CONFIRM, Whim.CONFIRM, Whim.CONFIRM, Whim.RELEASE, Whim.LAPSE)
STAGES = ((0.2, 0.1, 5), (0.6, 1.0, 100), (1.0, 0.25, 100))
"""Ramp, spike, tail: until this part of the time, this part of the users, so many more or fewer of them a second."""


class Buyer(Shopper):
    """Looks at the map, asks for seats near the front, and mostly buys what it gets."""

    wait_time = between(0.1, 0.6)

    @task
    def shop_around(self) -> None:
        """One look, and one try where there is something left."""
        trip = self.shop.on_sale("flash-sale", train, seconds=inf)
        wanted = self.free_seats(trip, WHOLE_JOURNEY)[:FRONT_SEATS]
        if wanted:
            seats = self.random.sample(wanted, min(len(wanted), self.random.randint(1, SEATS_AT_ONCE_MAX)))
            self.follow(self.random.choice(WHIMS), trip, seats, WHOLE_JOURNEY)


class FlashSale(LoadTestShape):
    """STAGES within Locust's --run-time, up to its --users."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        """How many users there should be now, and how fast to get there; None at the end."""
        assert self.runner is not None  # noqa: S101 - Locust sets both before it asks
        options = self.runner.environment.parsed_options
        assert options is not None  # noqa: S101
        gone = self.get_run_time() / options.run_time
        for until, part, per_second in STAGES:
            if gone < until:
                return max(1, round(options.num_users * part)), per_second
        return None
