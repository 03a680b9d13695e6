"""A user of Locust who shops for seats, and what all shoppers of a run share."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum, auto
from itertools import count
from pathlib import Path
from random import Random
from secrets import token_hex
from threading import Lock
from time import monotonic, sleep
from typing import Any, ClassVar, Protocol, assert_never

from locust import User, events
from locust.env import Environment
from locust.stats import CSV_STATS_INTERVAL_SEC

from load_test.calls import CONFIRM, HOLD, RELEASE, Connection, write
from load_test.record import RECORD_FILE, Attempt, Opened, Outcome, Recorder, Step, StepKind
from load_test.trips import ORGANIZATION, ends
from travio_inventory.client.messages import trip_request
from travio_inventory.seats.trip import Journey, Trip

CONNECTIONS = 8
LAPSE_SECONDS = 3
"""What is forgotten is held for so long."""
AVAILABLE = 1
"""Of SeatStatus."""

Draw = Callable[[str], Trip]
"""Makes the trip of that id."""


class TripNotOpened(Exception):
    """The service did not open the trip; Locust shows why under InitializeTripInventory."""


class Shop:
    """Connections to the service, the trip on sale, and the record of one run."""

    def __init__(self, connections: Sequence[Connection], recorder: Recorder) -> None:
        self.connections = connections
        self.record = recorder.write
        self._recorder = recorder
        self._run = token_hex(4)
        self._opened = count(1)
        self._lock = Lock()
        self._on_sale: Trip | None = None
        self._leaves = 0.0

    def open(self, kind: str, draw: Draw, *, hot_seat: str = "", contenders: int = 0) -> Trip:
        """Open a trip that no run had before. Raises TripNotOpened."""
        trip = draw(f"{kind}-{self._run}-{next(self._opened)}")
        answer = self.connections[0].call("InitializeTripInventory", bytes(trip_request(trip)))
        if answer.outcome is not Outcome.DONE:
            raise TripNotOpened(trip.key.trip)
        self.record(Opened(trip.key.organization, trip.key.trip, hot_seat, contenders))
        return trip

    def on_sale(self, kind: str, draw: Draw, *, seconds: float) -> Trip:
        """The trip to buy seats of now: every so many seconds it leaves and the next one is opened.

        Raises TripNotOpened.
        """
        with self._lock:
            if self._on_sale is None or monotonic() >= self._leaves:
                self._on_sale = self.open(kind, draw)
                self._leaves = monotonic() + seconds
            return self._on_sale

    def close(self) -> None:
        """Close the connections and end the record."""
        for connection in self.connections:
            connection.close()
        self._recorder.close()


class Whim(Enum):
    """What a shopper does with a hold."""

    CONFIRM = auto()
    RELEASE = auto()
    LAPSE = auto()


class Shopper(User):
    """Asks for maps, holds seats, and does something about its holds. Notes every answer in the record."""

    abstract = True
    shop: ClassVar[Shop]
    _numbers: ClassVar = count()

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Locust's own
        super().__init__(*args, **kwargs)
        number = next(self._numbers)
        self._name = f"shopper-{number}"
        self._keys = (f"{token_hex(4)}-{attempt}" for attempt in count(1))
        self._connection = self.shop.connections[number % CONNECTIONS]
        self.random = Random()  # noqa: S311 - draws wishes and whims, guards nothing

    def follow(self, whim: Whim, trip: Trip, seats: Sequence[str], journey: Journey) -> None:
        """Hold the seats and do with them as the whim says."""
        hold_id = self.hold(trip, seats, journey, seconds=LAPSE_SECONDS if whim is Whim.LAPSE else 0)
        if not hold_id:
            return
        match whim:
            case Whim.CONFIRM:
                self.confirm(hold_id)
            case Whim.RELEASE:
                self.release(hold_id)
            case Whim.LAPSE:
                pass
            case _:
                assert_never(whim)

    def hold(self, trip: Trip, seats: Sequence[str], journey: Journey, *, seconds: int = 0) -> str:
        """Ask once for the seats, for so many seconds (0 = the service's default); the hold's id, "" for a no."""
        origin, destination = ends(journey)
        attempt = Attempt(trip.key.trip, self._name, next(self._keys), tuple(seats), *journey)
        request = write(
            "HoldSeatsRequest",
            trip_id=attempt.trip,
            from_station_id=origin,
            to_station_id=destination,
            seat_ids=seats,
            user_id=self._name,
            organization_id=ORGANIZATION,
            hold_duration_seconds=seconds,
            idempotency_key=attempt.key,
        )
        try:
            answer = self._connection.call(HOLD, request)
            won = answer.outcome is Outcome.DONE
            attempt = replace(attempt, outcome=answer.outcome, hold=answer.reply.hold_id if won else "")
        finally:  # a shopper whom Locust ends within the call has asked all the same
            self.shop.record(attempt)
        return attempt.hold

    def confirm(self, hold_id: str) -> None:
        """Buy what is held."""
        named = {"hold_id": hold_id, "user_id": self._name, "organization_id": ORGANIZATION}
        request = write("ConfirmBookingRequest", order_id=f"order-{hold_id[-32:]}", **named)
        self._step(hold_id, StepKind.CONFIRM, CONFIRM, request)

    def release(self, hold_id: str) -> None:
        """Give back what is held."""
        named = {"hold_id": hold_id, "user_id": self._name, "organization_id": ORGANIZATION}
        self._step(hold_id, StepKind.RELEASE, RELEASE, write("ReleaseSeatsRequest", **named))

    def _step(self, hold_id: str, kind: StepKind, method: str, request: bytes) -> None:
        step = Step(hold_id, kind)
        try:
            step = replace(step, outcome=self._connection.call(method, request).outcome)
        finally:
            self.shop.record(step)

    def free_seats(self, trip: Trip, journey: Journey) -> list[str]:
        """The seats that the map shows as free on the whole journey, in layout order; none where there is no map."""
        answer = self._connection.call("GetSeatMap", _about("GetSeatMapRequest", trip, journey))
        if answer.outcome is not Outcome.DONE:
            return []
        return [cell.seat_id for row in answer.reply.rows for cell in row.seats if cell.status == AVAILABLE]

    def check_availability(self, trip: Trip, journey: Journey, *, passengers: int) -> None:
        """Ask whether so many find seats."""
        request = _about("CheckAvailabilityRequest", trip, journey, passengers=passengers)
        self._connection.call("CheckAvailability", request)


def _about(message: str, trip: Trip, journey: Journey, **fields: int) -> bytes:
    origin, destination = ends(journey)
    return write(
        message,
        trip_id=trip.key.trip,
        from_station_id=origin,
        to_station_id=destination,
        organization_id=ORGANIZATION,
        **fields,
    )


class Parser(Protocol):
    """What Locust hands over for options of our own."""

    def add_argument(self, *names: str, **about: object) -> object:
        """See argparse."""


@events.init_command_line_parser.add_listener
def _add_options(parser: Parser, **_: object) -> None:
    default = f"data/load_test/{RECORD_FILE}"
    parser.add_argument("--record", default=default, help="where to write what everyone was told, for the verdict")


@events.init.add_listener
def _let_the_loop_look_at_its_clock(**_: object) -> None:
    """Nothing else does while modules are imported, and --run-time would count that time as gone."""
    sleep(0.001)


@events.test_start.add_listener
def _open_shop(environment: Environment, **_: object) -> None:
    options = environment.parsed_options
    assert options is not None  # noqa: S101 - Locust sets both before it starts
    assert environment.host is not None  # noqa: S101
    connections = [Connection(environment.host, environment.events.request) for _ in range(CONNECTIONS)]
    Shopper.shop = Shop(connections, Recorder(Path(options.record)))


@events.test_stop.add_listener
def _close_shop(**_: object) -> None:
    Shopper.shop.close()


@events.quitting.add_listener
def _let_figures_be_written(**_: object) -> None:
    """Locust writes its CSV files every so often and not in the end: without this they lack the last second."""
    sleep(1.5 * CSV_STATS_INTERVAL_SEC)
