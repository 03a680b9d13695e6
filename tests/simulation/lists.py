"""Follows the waiting lists in the store, and judges what their callers were told by who stood where when."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf

from tests.simulation.history import Answer, Call, Place
from tests.simulation.oracle import Violated
from travio_inventory.store.batches import Kind, Partition, Row
from travio_inventory.store.memory import Change
from travio_inventory.store.rows import SEPARATOR


@dataclass(slots=True, eq=False)
class Stay:
    """From when to when somebody was on a list, in seconds since the run began; `sequence` says before whom."""

    seat_class: str
    holder: str
    sequence: int
    seats: int
    joined_ms: int
    from_s: float
    to_s: float = inf

    def is_at(self, from_s: float, to_s: float) -> bool:
        """Whether it was so at some moment of these."""
        return self.from_s <= to_s and self.to_s >= from_s

    def __str__(self) -> str:
        return f"{self.holder}'s place {self.sequence} from {self.from_s:.2f} to {self.to_s:.2f}"

    __repr__ = __str__


@dataclass
class Lists:
    """All waiting lists. `applied` and `judge` raise Violated."""

    stays: dict[str, list[Stay]] = field(default_factory=lambda: defaultdict(list))
    effects: list[tuple[float, Call, Stay]] = field(default_factory=list)
    """When which call began or ended which stay."""

    def applied(self, at_s: float, call: Call | None, partition: Partition, changes: Sequence[Change]) -> None:
        """One batch on a list took effect: who waits is never moved, and who joins is behind all that ever did."""
        seat_class = partition.name.split(SEPARATOR)[1]
        for key, before, after in changes:
            if key.kind is not Kind.ENTRY or before == after:
                continue
            assert call is not None, "no worker joins or leaves a list"
            op = "leave" if before.get("status") == "waiting" else "join"
            if (call.op, call.subject, call.holder) != (op, seat_class, key.id):
                raise Violated(f"I4 {key.id} on list {seat_class!r} went from {before} to {after} by {call}")
            stays = self.stays[seat_class]
            if op == "join":
                stays.append(_stay(seat_class, key.id, after, at_s))
                if any(other.sequence >= stays[-1].sequence for other in stays[:-1]):
                    raise Violated(f"I7 {stays[-1]} is not behind all who joined before: {stays[:-1]}")
            else:
                self._standing(seat_class, key.id).to_s = at_s
            self.effects.append((at_s, call, self._last(seat_class, key.id)))

    def _last(self, seat_class: str, holder: str) -> Stay:
        return next(stay for stay in reversed(self.stays[seat_class]) if stay.holder == holder)

    def _standing(self, seat_class: str, holder: str) -> Stay:
        stay = self._last(seat_class, holder)
        assert stay.to_s == inf, "the row says waiting"
        return stay

    # ---- in hindsight

    def judge(self, calls: Sequence[Call]) -> None:
        """Judge all calls about lists."""
        self._judge_effects()
        for call in calls:
            match call.op, call.answer:
                case "join", Answer.OK:
                    self._judge_place(call, call.places[0])
                case "leave", Answer.OK:
                    if not any(call.invoked_s <= stay.to_s <= call.returned_s for stay in self._stays_of(call)):
                        raise Violated(f"I3 left, and never did: {call} {list(self._stays_of(call))}")
                case "leave", Answer.NO:
                    self._judge_absent(call, call.subject)
                case "waits", Answer.OK:
                    self._judge_waits(call)
                case _:
                    pass

    def _judge_effects(self) -> None:
        """A call does at most one thing (I4), and nothing after a definite answer (I5)."""
        for call, times in Counter(call for _, call, _ in self.effects).items():
            if times > 1:
                stays = [stay for _, by, stay in self.effects if by is call]
                raise Violated(f"I4 one call took effect {times} times: {call} {stays}")
        for at_s, call, stay in self.effects:
            if call.answer is Answer.UNKNOWN:
                continue
            if call.answer is not Answer.OK or at_s > call.returned_s:
                raise Violated(f"I5 {call}, yet at {at_s:.2f} {stay}")

    def _judge_waits(self, call: Call) -> None:
        """What was told stood, each at some moment of the look; what was not told did not."""
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
        """The caller had such a place (I3), and so many stood before it at some moment of the call (I7)."""
        ends_s = call.returned_s
        alike = [
            stay
            for stay in self.stays[place.seat_class]
            if stay.holder == call.holder and (stay.seats, stay.joined_ms) == (place.seats, place.joined_ms)
            if stay.is_at(call.invoked_s, ends_s)
        ]
        if not alike:
            raise Violated(f"I3 told of a place that never was: {call} {self.stays[place.seat_class]}")
        if not any(
            place.position == position for stay in alike for position in self._positions(stay, call.invoked_s, ends_s)
        ):
            raise Violated(f"I7 told of another place than {alike}: {call} {self.stays[place.seat_class]}")

    def _positions(self, stay: Stay, from_s: float, to_s: float) -> Iterator[int]:
        """Which place it was at the moments of these."""
        before = [other for other in self.stays[stay.seat_class] if other.sequence < stay.sequence]
        from_s = max(from_s, stay.from_s)
        for at_s in (from_s, *(other.to_s for other in before if from_s <= other.to_s <= to_s)):
            left = [other.to_s for other in before if other.to_s >= at_s]
            yield from range(1 + len(left) - left.count(at_s), 2 + len(left))

    def _stays_of(self, call: Call) -> Iterator[Stay]:
        return (stay for stay in self.stays[call.subject] if stay.holder == call.holder)


def _stay(seat_class: str, holder: str, row: Row, at_s: float) -> Stay:
    sequence, seats, joined_ms = (int(row.get(name) or 0) for name in ("sequence", "requested", "created_at"))
    return Stay(seat_class, holder, sequence, seats, joined_ms, at_s)
