"""The limits of trips and holds that an operator chooses, within those of the format."""

from dataclasses import dataclass

from travio_inventory.kernel import limits
from travio_inventory.kernel.refusals import InvalidRequest, Violation
from travio_inventory.seats.refusals import InvalidSeats, InvalidTrip
from travio_inventory.seats.trip import Journey, Trip

SEATS_PER_HOLD_DEFAULT = 10


@dataclass(frozen=True, slots=True)
class SeatLimits:
    """What new trips and new holds may have at most; what stands already is not measured again."""

    seats_per_trip: int = limits.SEATS_MAX
    cells_per_trip: int = limits.CELLS_MAX
    segments_per_trip: int = limits.SEGMENTS_MAX
    seats_per_hold: int = SEATS_PER_HOLD_DEFAULT
    cells_per_hold: int = limits.CELLS_PER_HOLD_MAX

    def check_trip(self, trip: Trip) -> None:
        """Raises InvalidTrip."""
        seats, segments = len(trip.seats), len(trip.segments)
        wrong = [
            *_beyond("segments", "segments", segments, self.segments_per_trip),
            *self._of_seats(seats, segments),
        ]
        if wrong:
            raise InvalidTrip(wrong)

    def check_seats(self, seats: int, segments: int) -> None:
        """The seats of a vehicle. Raises InvalidTrip."""
        if wrong := self._of_seats(seats, segments):
            raise InvalidTrip(wrong)

    def _of_seats(self, seats: int, segments: int) -> list[Violation]:
        return [
            *_beyond("seat_config.seats", "seats", seats, self.seats_per_trip),
            *_beyond("seat_config", "cells (seats times segments)", seats * segments, self.cells_per_trip),
        ]

    def check_hold(self, seats: int, journey: Journey) -> None:
        """Raises InvalidSeats."""
        cells = seats * len(journey.segments)
        if seats > self.seats_per_hold:
            raise InvalidSeats(_beyond("seat_ids", "seats a hold", seats, self.seats_per_hold))
        if cells > self.cells_per_hold:
            raise InvalidSeats(_beyond("seat_ids", "cells a hold (seats times segments)", cells, self.cells_per_hold))

    def check_wait(self, seats: int) -> None:
        """Raises InvalidRequest: nobody could hold so many seats."""
        if wrong := _beyond("requested_seats", "seats a hold", seats, self.seats_per_hold):
            raise InvalidRequest(wrong)


def _beyond(field: str, what: str, count: int, most: int) -> list[Violation]:
    return [Violation(field, f"this service allows at most {most} {what}, not {count}")] if count > most else []
