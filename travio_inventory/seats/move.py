"""Where a hold of seats is to be moved: which of its seats give way to which others, and on which journey."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from travio_inventory.kernel.refusals import Violation
from travio_inventory.protocol.refusals import HoldChanged
from travio_inventory.seats.hold import GIVEN_UP_MAX, Hold, base_id
from travio_inventory.seats.refusals import InvalidSeats
from travio_inventory.seats.swapping import has_place
from travio_inventory.seats.trip import Journey, Trip


@dataclass(frozen=True, slots=True)
class Move:
    """Implements `protocol.steps.move.Destination`: seats of a hold, each with the one that takes its place, and
    another journey, if any. With a version the hold must be as its caller saw it, unless it was moved so already.
    `period` is that of the trip's sale.
    """

    trip: Trip
    onto: Mapping[str, str]
    journey: Journey | None = None
    version: int | None = None
    period: int = 0

    def of(self, hold: Hold) -> Hold | None:
        """See Destination. Raises HoldChanged, InvalidSeats."""
        if self.is_done(hold):
            return None
        if unknown := [seat for seat in self.onto.values() if not self.trip.has_seat(seat)]:
            raise InvalidSeats([Violation("moves", f"this trip has no seat {unknown[0]!r}")])
        if self.version is not None and self.version != hold.extensions:
            raise HoldChanged(hold.extensions)
        if said := self._wrong(hold, {*self.onto}, {*self.onto.values()}):
            raise InvalidSeats([Violation("moves", said)])
        return hold.moved(self.onto, self.trip, self.journey or hold.journey).in_period(self.period)

    def is_done(self, hold: Hold) -> bool:
        """See Destination. It may have moved on from there since, by another move or with the vehicle, and given seats
        back. Of a seat that was left and taken by one move no trace is kept: those that were only left say it.
        """
        was_moved = hold.moves or hold.id != base_id(hold.id)  # a late booking does not say
        if self.journey not in (None, hold.journey) or not (hold.is_live or was_moved):
            return False
        seats, new, gone, replaced = {*hold.seats}, {*self.onto.values()}, {*self.onto}, dict(hold.replaced)
        gone -= new
        is_there = new <= seats and seats.isdisjoint(gone) and has_place(self.trip, hold)
        if is_there and all(replaced.get(seat, other) == other for seat, other in self.onto.items()):
            return {*hold.given_up}.issuperset(gone) or len(hold.given_up) == GIVEN_UP_MAX
        is_asked = bool(gone) or self.journey is not None
        was_there = new <= {*seats, *hold.given_up, *replaced.values()}
        return is_asked and was_there and all(replaced.get(seat) == self.onto[seat] for seat in gone)

    def _wrong(self, hold: Hold, old: Set[str], new: Set[str]) -> str:
        """What is wrong with the seats, "" if nothing."""
        stay = {*hold.seats} - old
        if lost := old - {*hold.seats}:
            return f"the hold has the seats {', '.join(hold.seats)}, not {', '.join(sorted(lost))}"
        if twice := new & stay:
            return f"the hold has {', '.join(sorted(twice))} already"
        if gone := [seat for seat in hold.seats if seat in stay and not self.trip.has_seat(seat)]:
            return f"the trip's vehicle has no seat {', '.join(gone)} any more: name others for them"
        return ""
