"""Turns away at once whom the gate would turn away: nothing is asked, and nobody waits."""

from typing import Final, Protocol, assert_never

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.seats.commands import HoldSeatsCommand
from travio_inventory.seats.gate_recall import GateRecall, Recalled
from travio_inventory.seats.hold import holder_of
from travio_inventory.seats.limits import SeatLimits
from travio_inventory.seats.offer import Offer, SalesState
from travio_inventory.seats.ports import Cell, Locked, SeatGroupKey, Taken
from travio_inventory.seats.refusals import SeatTaken
from travio_inventory.seats.trip import Journey, TripKey
from travio_inventory.seats.use_cases.guarded_steps import GuardedSteps
from travio_inventory.seats.use_cases.hold_seats import HoldTimes, cells_by_group
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog

WISHES_MAX: Final = 4_096
"""How many different wishes are remembered: seats of a journey, whoever has them."""


class RefusesAtOnce(Protocol):
    """What is asked before HoldSeats is."""

    def __call__(self, actor: Actor, command: HoldSeatsCommand) -> Refusal | None:
        """A refusal that is known at once, None where none is: then HoldSeats says what becomes of the command."""
        ...


class TurnAway:
    """Refuses what HoldSeats would refuse, in the same words: a command without a key, for seats of one seat group of
    which the gate remembers that another has them. It raises nothing, and knows nothing that it would have to ask for.
    """

    def __init__(
        self,
        *,
        trips: TripCatalog,
        memory: GateRecall | None,
        guarded: GuardedSteps,
        times: HoldTimes,
        limits: SeatLimits,
        clock: Clock,
    ) -> None:
        self._trips = trips
        self._memory = memory
        self._guarded = guarded
        self._times = times
        self._limits = limits
        self._clock = clock
        self._wishes: dict[tuple[str, HoldSeatsCommand], _Wish] = {}

    def __call__(self, actor: Actor, command: HoldSeatsCommand) -> Refusal | None:
        """See RefusesAtOnce. A key may stand for a hold that was made before, and only the store knows that."""
        if self._memory is None or command.key is not None or Scope.SEATS_HOLD not in actor.scopes:
            return None
        asked = actor.organization, command
        wish = self._wishes.get(asked)
        offer = self._trips.at_hand(wish.trip if wish else TripKey(actor.organization, command.trip_id))
        if offer is None:
            return None
        if wish is None or wish.offer is not offer:
            wish = self._wish(offer, command)
            if wish is None:
                return None
            self._remember(asked, wish)
        if offer.has_departed(wish.journey, self._clock.now_ms(), sells_departed=self._times.sells_departed):
            return None
        recalled = self._memory.recall(wish.group, wish.cells, wish.recalled)
        if recalled is None:
            return None
        answer = recalled.answer
        match answer:
            case Taken():
                return self._taken(wish, recalled, answer, actor)
            case Locked(seats=seats):
                return self._guarded.contended(seats)
        assert_never(answer)

    def _taken(self, wish: "_Wish", recalled: Recalled, answer: Taken, actor: Actor) -> SeatTaken:
        """All others are told the same for as long as the gate says the same."""
        if wish.refusal is None or wish.recalled is not recalled:
            wish.recalled, wish.refusal = recalled, self._guarded.taken([answer], "")
            wish.holders = {cell.claimant.partition("-")[0] for cell in answer.cells}
        holder = holder_of(actor)
        return self._guarded.taken([answer], holder) if holder in wish.holders else wish.refusal

    def _wish(self, offer: Offer, command: HoldSeatsCommand) -> "_Wish | None":
        """None for what HoldSeats refuses for another reason, or what more than one seat group decides."""
        trip = offer.trip
        if offer.state is not SalesState.OPEN or not all(map(trip.has_seat, command.seat_ids)):
            return None
        try:
            journey = self._trips.journey(trip, command.ends)
            self._limits.check_hold(len(command.seat_ids), journey)
            seats = trip.in_layout_order(command.seat_ids)
            self._times.ttl_s(command.ttl_s)
        except Refusal:
            return None
        cells = cells_by_group(trip, journey, seats)
        if len(cells) != 1:
            return None
        [(group, wanted)] = cells.items()
        return _Wish(offer, journey, group, wanted)

    def _remember(self, asked: tuple[str, HoldSeatsCommand], wish: "_Wish") -> None:
        if len(self._wishes) >= WISHES_MAX:
            self._wishes.clear()
        self._wishes[asked] = wish


class _Wish:
    """Seats of a journey of a trip as it is offered, what the gate last said of them, and how that is told."""

    __slots__ = ("cells", "group", "holders", "journey", "offer", "recalled", "refusal", "trip")

    def __init__(self, offer: Offer, journey: Journey, group: SeatGroupKey, cells: list[Cell]) -> None:
        self.offer = offer
        self.trip = offer.trip.key
        self.journey = journey
        self.group = group
        self.cells = cells
        self.recalled: Recalled | None = None
        """Of seats that others have."""
        self.refusal: SeatTaken | None = None
        """How it is told to all who hold none of the cells."""
        self.holders: set[str] = set()
        """Who holds them."""
