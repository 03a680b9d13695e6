"""Hot seat: round after round everyone asks for the same seat of a new trip at the same moment; one may win."""

from collections.abc import Callable
from contextlib import suppress
from threading import Barrier, BrokenBarrierError, Thread
from typing import ClassVar

from locust import constant, events, task
from locust.env import Environment
from locust.exception import StopUser

from load_test.shopper import Parser, Shopper
from load_test.trips import HOT_SEAT, WHOLE_JOURNEY, coach
from travio_inventory.seats.trip import Trip


class Rounds:
    """Lets everyone go at once, the next trip having just been opened. Under Locust, threads are greenlets."""

    def __init__(self, contenders: int, rounds_max: int, quit_test: Callable[[], None]) -> None:
        self._contenders = contenders
        self._rounds_max = rounds_max
        self._quit_test = quit_test
        self._barrier = Barrier(contenders, action=self._open)
        self._trips: list[Trip] = []

    def _open(self) -> None:
        """What the last to come does for all. After the last round it is the end of the test."""
        if len(self._trips) == self._rounds_max:
            Thread(target=self._quit_test).start()
            return
        trip = Shopper.shop.open("hot-seat", coach, hot_seat=HOT_SEAT, contenders=self._contenders)
        self._trips.append(trip)

    def next(self, played: int) -> Trip:
        """Wait for everyone else; the trip of the next round. Raises StopUser where there are no more rounds."""
        with suppress(BrokenBarrierError):
            self._barrier.wait()
        if played == len(self._trips):
            raise StopUser
        return self._trips[played]

    def end(self) -> None:
        """No more rounds; one whose trip is open is played by all, also by those who did not yet know."""
        self._barrier.abort()


class Contender(Shopper):
    """Asks once a round for the hot seat, for the whole journey."""

    rounds: ClassVar[Rounds]
    wait_time = constant(0)
    _played = 0

    @task
    def contend(self) -> None:
        """Play one round."""
        trip = self.rounds.next(self._played)
        self._played += 1
        self.hold(trip, [HOT_SEAT], WHOLE_JOURNEY)


@events.init_command_line_parser.add_listener
def _add_options(parser: Parser, **_: object) -> None:
    parser.add_argument("--rounds", type=int, default=-1, help="end after so many rounds; -1 = when the time is over")


@events.test_start.add_listener
def _begin(environment: Environment, **_: object) -> None:
    options, runner = environment.parsed_options, environment.runner
    assert options is not None  # noqa: S101 - Locust sets both before it starts
    assert runner is not None  # noqa: S101
    Contender.rounds = Rounds(options.num_users, options.rounds, runner.quit)


@events.test_stopping.add_listener
def _end(**_: object) -> None:
    Contender.rounds.end()
