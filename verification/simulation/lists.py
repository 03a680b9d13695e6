"""Follows the waiting lists in the store, and judges the answers by the places that holders had."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TypeAlias

from travio_inventory.protocol.batches import Kind, Partition, Row
from travio_inventory.protocol.rows import SEPARATOR
from travio_inventory.store.memory import Change
from verification.simulation.history import Call, CallOutcome, Place
from verification.simulation.oracle import Violated

Asked: TypeAlias = tuple[str, str, str]
"""The request: to join or to leave, which list, and for whom."""
RECENT_S_MAX = 60.0
"""The maximum age of the place that a user who joins again is told."""


@dataclass(slots=True, eq=False)
class Stay:
    """The time in which a user was on a list, in seconds since the run began; `sequence` says before whom."""

    seat_class: str
    holder: str
    sequence: int
    seats: int
    joined_ms: int
    from_s: float
    to_s: float = inf

    def is_at(self, from_s: float, to_s: float) -> bool:
        """Whether it overlaps these moments."""
        return self.from_s <= to_s and self.to_s >= from_s

    def __str__(self) -> str:
        return f"{self.holder}'s place {self.sequence} from {self.from_s:.2f} to {self.to_s:.2f}"

    __repr__ = __str__


@dataclass
class Lists:
    """All waiting lists. `applied` and `judge` raise Violated."""

    stays: dict[str, list[Stay]] = field(default_factory=lambda: defaultdict(list))
    effects: dict[Asked, list[float]] = field(default_factory=lambda: defaultdict(list))
    """When stays began and ended, by request: one batch serves many callers, whichever process sends it."""
    calls: Sequence[Call] = ()
    recent_s_max: float = RECENT_S_MAX

    def applied(self, at_s: float, partition: Partition, changes: Sequence[Change]) -> None:
        """One batch on a list took effect: waiting users are never moved, and new ones are behind all earlier ones."""
        seat_class = partition.name.split(SEPARATOR)[1]
        for key, before, after in changes:
            if key.kind is not Kind.ENTRY or before == after:
                continue
            op = "leave" if before.get("status") == "waiting" else "join"
            if after.get("status") != ("left" if op == "leave" else "waiting"):
                raise Violated(f"I4 {key.id} on list {seat_class!r} went from {before} to {after}")
            stays = self.stays[seat_class]
            if op == "join":
                stays.append(_stay(seat_class, key.id, after, at_s))
                if any(other.sequence >= stays[-1].sequence for other in stays[:-1]):
                    raise Violated(f"I7 {stays[-1]} is not behind all who joined before: {stays[:-1]}")
            else:
                self._standing(seat_class, key.id).to_s = at_s
            self.effects[op, seat_class, key.id].append(at_s)

    def _last(self, seat_class: str, holder: str) -> Stay:
        return next(stay for stay in reversed(self.stays[seat_class]) if stay.holder == holder)

    def _standing(self, seat_class: str, holder: str) -> Stay:
        stay = self._last(seat_class, holder)
        assert stay.to_s == inf, "the row says waiting"
        return stay

    # ---- in hindsight

    def judge(self, calls: Sequence[Call], *, are_counted: bool = True) -> None:
        """Judge all calls about lists, which can be counted at any time if `are_counted`."""
        self.calls = calls
        self.recent_s_max = RECENT_S_MAX if are_counted else inf
        self._judge_effects()
        for call in calls:
            match call.op, call.answer:
                case "join", CallOutcome.OK:
                    self._judge_place(call, call.places[0])
                case "leave", CallOutcome.OK:
                    if not any(call.invoked_s <= stay.to_s <= call.returned_s for stay in self._stays_of(call)):
                        raise Violated(f"I3 left, and never did: {call} {list(self._stays_of(call))}")
                case "leave", CallOutcome.NO:
                    self._judge_absent(call, call.subject)
                case "waits", CallOutcome.OK:
                    self._judge_waits(call)
                case _:
                    pass

    def _judge_effects(self) -> None:
        """Every effect has its own call that requested it: a call does at most one thing (I4), and nothing after a
        definite answer (I5).
        """
        for asked, moments in self.effects.items():
            calls = [call for call in self.calls if _asked(call) == asked]
            by: dict[Call, float] = {}
            for at_s in moments:
                if not _find_cause(at_s, calls, by, set()):
                    raise Violated(f"I4 I5 nobody can have asked for what was done at {at_s:.2f}: {calls} {moments}")

    def _judge_waits(self, call: Call) -> None:
        """Every reported place existed at some moment of the read, and no other did at all of them."""
        told = [place.seat_class for place in call.places]
        if len(set(told)) != len(told):
            raise Violated(f"I6 one list told twice: {call}")
        for place in call.places:
            self._judge_place(call, place)
        for seat_class in self.stays:
            if seat_class not in told:
                self._judge_absent(call, seat_class)

    def _judge_absent(self, call: Call, seat_class: str) -> None:
        for stay in self.stays[seat_class]:
            if stay.holder == call.holder and stay.from_s < call.invoked_s and stay.to_s > call.returned_s:
                raise Violated(f"I7 said not to wait, yet {stay}: {call}")

    def _judge_place(self, call: Call, place: Place) -> None:
        """The caller had such a place (I3), and was told it correctly (I7): exactly if this call took it, and never
        further ahead than it is.
        """
        ends_s = call.returned_s
        alike = [
            stay
            for stay in self.stays[place.seat_class]
            if stay.holder == call.holder and (stay.seats, stay.joined_ms) == (place.seats, place.joined_ms)
            if stay.is_at(call.invoked_s, ends_s)
        ]
        if not alike:
            raise Violated(f"I3 told of a place that never was: {call} {self.stays[place.seat_class]}")
        if not any(place.position in self._positions(stay, call) for stay in alike):
            raise Violated(f"I7 told of another place than {alike}: {call} {self.stays[place.seat_class]}")

    def _positions(self, stay: Stay, call: Call) -> range:
        """The positions that the call may report: the one when the place was taken or, for a user who joins again, a
        minute ago, if it can be counted, and the one when the call ends; only the first if nobody else can have taken
        it.
        """
        taken_s = stay.from_s
        if call.op == "join" and taken_s >= call.invoked_s and len(self._joining(call)) == 1:
            return range(self._least(stay, taken_s), self._most(stay, taken_s) + 1)
        known_s = max(taken_s, call.invoked_s - self.recent_s_max) if call.op == "join" else taken_s
        return range(self._least(stay, call.returned_s), self._most(stay, known_s) + 1)

    def _least(self, stay: Stay, at_s: float) -> int:
        """How many are waiting up to this one, itself included, after those who leave at that moment."""
        before = (other for other in self.stays[stay.seat_class] if other.sequence < stay.sequence)
        return 1 + sum(1 for other in before if other.to_s > at_s)

    def _most(self, stay: Stay, at_s: float) -> int:
        """The same before they go."""
        before = (other for other in self.stays[stay.seat_class] if other.sequence < stay.sequence)
        return 1 + sum(1 for other in before if other.to_s >= at_s)

    def _joining(self, call: Call) -> list[Call]:
        """The calls that may have taken the place: those for it that were not over."""
        alike = (other for other in self.calls if (other.op, other.subject, other.holder) == _asked(call))
        return [
            other
            for other in alike
            if other.invoked_s <= call.returned_s
            and (other.answer is CallOutcome.UNKNOWN or other.returned_s >= call.invoked_s)
        ]

    def _stays_of(self, call: Call) -> Iterator[Stay]:
        return (stay for stay in self.stays[call.subject] if stay.holder == call.holder)


def _asked(call: Call) -> Asked:
    return call.op, call.subject, call.holder


def _find_cause(at_s: float, calls: Sequence[Call], by: dict[Call, float], tried: set[Call]) -> bool:
    """Find a call for this effect that no other effect needs, moving other effects to other calls if necessary."""
    for call in calls:
        ends_s = {CallOutcome.OK: call.returned_s, CallOutcome.UNKNOWN: inf}.get(call.answer, -inf)
        if call in tried or not call.invoked_s <= at_s <= ends_s:
            continue
        tried.add(call)
        if call not in by or _find_cause(by[call], calls, by, tried):
            by[call] = at_s
            return True
    return False


def _stay(seat_class: str, holder: str, row: Row, at_s: float) -> Stay:
    sequence, seats, joined_ms = (int(row.get(name) or 0) for name in ("sequence", "requested_seats", "joined_at_ms"))
    return Stay(seat_class, holder, sequence, seats, joined_ms, at_s)
